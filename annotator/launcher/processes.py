"""The web server and the worker as child processes: started, watched, stopped together."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from annotator.launcher.house import Watchdog
from annotator.launcher.installation import MANAGE, PYTHON
from annotator.launcher.options import ROOT, Options
from annotator.launcher.private import PRIVATE_UMASK, open_private
from annotator.launcher.problems import LaunchError

READY_WITHIN_S = 180.0
STOP_WITHIN_S = 10.0
POLL_S = 0.2
# A child that lived for less than this is started again only after a pause, which doubles each time.
SHORT_LIFE_S = 15.0
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
LOG_BYTES = 10 * 1024 * 1024
LOGS_KEPT = 3
HTTP_PROTOCOL = "annotator.http.request_heads:BoundedHeads"  # by name: the launcher runs without the product's packages


class Child:
    """One child process in a group of its own, so that Ctrl-C reaches it only through stop()."""

    def __init__(self, name: str, command: Sequence[str], options: Options) -> None:
        self.name = name
        self.command = list(command)
        self.options = options
        self.log_file = options.log_dir / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self._pause_s = 0.0

    def start(self) -> None:
        """Start the process; what it writes goes to its log, the logs before are kept beside it."""
        if self.process is None and self.log_file.exists():
            self._shift_logs()
            self.log_file.replace(self._kept_log(1))
        with open_private(self.log_file, "a") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self.options.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=PRIVATE_UMASK,
            )
        self.started_at = time.monotonic()

    def starts_again_in_s(self) -> float:
        """Return how long to wait before an ended process is started again; 0 after a long life."""
        if time.monotonic() - self.started_at >= SHORT_LIFE_S:
            self._pause_s = 0.0
            return 0.0
        self._pause_s = min(max(FIRST_PAUSE_S, 2 * self._pause_s), LONGEST_PAUSE_S)
        return self._pause_s

    def rotate_log(self) -> None:
        """Keep the log within LOG_BYTES: its content moves on, the process goes on writing to the same file."""
        if self.log_file.stat().st_size < LOG_BYTES:
            return
        self._shift_logs()
        shutil.copyfile(self.log_file, self._kept_log(1))
        self._kept_log(1).chmod(0o600)
        os.truncate(self.log_file, 0)

    def _shift_logs(self) -> None:
        for number in range(LOGS_KEPT - 1, 0, -1):
            if self._kept_log(number).exists():
                self._kept_log(number).replace(self._kept_log(number + 1))

    def _kept_log(self, number: int) -> Path:
        return self.log_file.with_suffix(f".log.{number}")

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
    web += ["--http", HTTP_PROTOCOL]
    if not options.is_behind_proxy:
        web += ["--no-proxy-headers"]  # or anybody here could claim any address
    worker = [str(PYTHON), *MANAGE, "run_worker"]
    return [Child("web", web, options), Child("worker", worker, options)]


class Supervisor:
    """Keeps the children running until somebody asks to stop."""

    def __init__(self, children: Sequence[Child], options: Options) -> None:
        self.children = children
        self.options = options
        self.is_stopping = False
        self._watchdog = Watchdog()
        self._due: dict[str, float] = {}

    def listen(self) -> None:
        """Stop on Ctrl-C and on SIGTERM."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask_to_stop)

    def start(self) -> None:
        """Start every child and wait until the page answers and the worker beats; raise LaunchError otherwise."""
        for child in self.children:
            self._start(child)
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
        """Return when asked to stop; until then start again whatever ends, and keep the logs short."""
        while not self.is_stopping:
            for child in self.children:
                if child.has_ended() and not self.is_stopping:
                    self._replace(child)
                child.rotate_log()
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
        self._watchdog.dismiss()

    def _start(self, child: Child) -> None:
        child.signal(signal.SIGKILL)  # what an ended process left in its group
        child.start()
        if child.process is not None:
            self._watchdog.note(child.process.pid)

    def _replace(self, child: Child) -> None:
        """Start an ended child again, at once or once its pause is over. One that fails for ever stops no other."""
        now = time.monotonic()
        if child.name not in self._due:
            pause_s = child.starts_again_in_s()
            self._due[child.name] = now + pause_s
            when = f"in {pause_s:.0f} s" if pause_s else "now"
            words = f"The {child.name} process ended: {child.last_words()} (its log is {child.log_file})."
            print(f"{words} It is started again {when}; nothing that was saved is lost.", flush=True)
        if now >= self._due[child.name]:
            del self._due[child.name]
            self._start(child)

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
