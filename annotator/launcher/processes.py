"""The web server and the worker as child processes: started, watched, stopped together."""

import contextlib
import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from types import FrameType

from annotator.launcher.installation import PYTHON
from annotator.launcher.options import ROOT, Options
from annotator.launcher.problems import LaunchError

READY_WITHIN_S = 180.0
STOP_WITHIN_S = 10.0
POLL_S = 0.2
SHORT_LIFE_S = 15.0


class Child:
    """One child process in a group of its own, so that Ctrl-C reaches it only through stop()."""

    def __init__(self, name: str, command: Sequence[str], options: Options) -> None:
        self.name = name
        self.command = list(command)
        self.options = options
        self.log_file = options.log_dir / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0

    def start(self) -> None:
        """Start the process; what it writes goes to its log, the log of the run before is kept beside it."""
        if self.process is None and self.log_file.exists():
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self.options.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started_at = time.monotonic()

    def has_ended(self) -> bool:
        """Say whether the process is gone."""
        return self.process is not None and self.process.poll() is not None

    def signal(self, number: int) -> None:
        """Send a signal to the process and whatever it started."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)

    def last_words(self) -> str:
        """Return the last line of the log, or the message in it where it is JSON."""
        lines = [line for line in self.log_file.read_text(errors="replace").splitlines() if line.strip()]
        if not lines:
            return "it said nothing"
        with contextlib.suppress(ValueError, TypeError, KeyError):
            return str(json.loads(lines[-1])["message"])[:300]
        return lines[-1][:300]


def make_children(options: Options) -> list[Child]:
    """Return the web server and the worker, not started yet."""
    web = [str(PYTHON), "-m", "uvicorn", "annotator.asgi:application", "--host", options.host]
    web += ["--port", str(options.port), "--no-access-log", "--timeout-graceful-shutdown", "5", "--lifespan", "off"]
    worker = [str(PYTHON), "manage.py", "run_worker"]
    return [Child("web", web, options), Child("worker", worker, options)]


class Supervisor:
    """Keeps the children running until somebody asks to stop."""

    def __init__(self, children: Sequence[Child], options: Options) -> None:
        self.children = children
        self.options = options
        self.is_stopping = False

    def listen(self) -> None:
        """Stop on Ctrl-C and on SIGTERM."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask_to_stop)

    def start(self) -> None:
        """Start every child and wait until the page answers and the worker beats; raise LaunchError otherwise."""
        for child in self.children:
            child.start()
        deadline = time.monotonic() + READY_WITHIN_S
        while not self.is_stopping:
            self._refuse_dead_children()
            reason = ask_ready(self.options)
            if reason == "":
                return
            if time.monotonic() > deadline:
                raise LaunchError(f"The server did not get ready: {reason} (logs are in {self.options.log_dir}).")
            time.sleep(POLL_S)

    def watch(self) -> None:
        """Return when asked to stop; start a worker again that was killed; raise LaunchError when that is hopeless."""
        while not self.is_stopping:
            for child in self.children:
                if child.has_ended() and not self.is_stopping:
                    self._replace(child)
            time.sleep(POLL_S)

    def stop(self) -> None:
        """Ask every child to end, wait, and end what did not."""
        for child in self.children:
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_WITHIN_S
        while time.monotonic() < deadline and not all(
            child.process is None or child.has_ended() for child in self.children
        ):
            time.sleep(0.05)
        for child in self.children:
            child.signal(signal.SIGKILL)
            if child.process is not None:
                child.process.wait()

    def _replace(self, child: Child) -> None:
        if child.name == "web" or time.monotonic() - child.started_at < SHORT_LIFE_S:
            raise LaunchError(f"The {child.name} process ended: {child.last_words()} (its log is {child.log_file}).")
        print("The worker ended and is started again; nothing is lost.", flush=True)
        child.start()

    def _refuse_dead_children(self) -> None:
        for child in self.children:
            if child.has_ended():
                raise LaunchError(
                    f"The {child.name} process could not start: {child.last_words()} (its log is {child.log_file})."
                )

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        self.is_stopping = True


def ask_ready(options: Options) -> str:
    """Return why the server is not ready, or an empty string."""
    host = "127.0.0.1" if options.host == "0.0.0.0" else options.host  # noqa: S104
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{host}:{options.port}/health/ready", timeout=5):
            return ""
    except urllib.error.HTTPError as error:
        with contextlib.suppress(ValueError, AttributeError):
            checks = json.loads(error.read())["checks"]
            return "; ".join(value for value in checks.values() if value != "ok")
        return f"it answers with {error.code}"
    except OSError as error:
        return f"the page does not answer ({error})"
