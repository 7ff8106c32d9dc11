"""One launcher a data directory: a lock that ends with its process, and a watchdog that clears up after it."""

import fcntl
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from annotator.launcher.machine import check_port
from annotator.launcher.options import ROOT, Options
from annotator.launcher.problems import LaunchError

LOCK_NAME = "launcher.lock"
# A launcher that was killed is outlived by its children for this long at most (annotator/launcher/watchdog.py).
LEFTOVERS_END_WITHIN_S = 20.0
POLL_S = 0.2


class House:
    """The lock on DATA_DIR. It holds for as long as this process lives, and says who holds it."""

    def __init__(self, options: Options) -> None:
        """Take the lock; raise LaunchError naming its holder."""
        self._file = _open_lock(options.data_dir / LOCK_NAME)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LaunchError(_describe_holder(self._file.read(), options)) from error
        self.was_left_behind = self._file.read() != ""
        started = datetime.now(UTC).isoformat(timespec="seconds")
        self._write(json.dumps({"pid": os.getpid(), "address": options.address, "started": started}))

    def check_port(self, options: Options) -> None:
        """Raise LaunchError when nothing can listen there; wait for what a killed launcher left to end."""
        deadline = time.monotonic() + (LEFTOVERS_END_WITHIN_S if self.was_left_behind else 0)
        while True:
            try:
                return check_port(options.host, options.port)
            except LaunchError:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(POLL_S)

    def leave(self) -> None:
        """Give the lock back in order."""
        self._write("")
        self._file.close()

    def _write(self, text: str) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._file.write(text)
        self._file.flush()


def _open_lock(path: Path) -> IO[str]:
    try:
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8")
    except OSError as error:
        raise LaunchError(f"DATA_DIR {path.parent} cannot be written: {error.strerror}.") from error


def _describe_holder(text: str, options: Options) -> str:
    try:
        holder = json.loads(text)
        who = f"process {holder['pid']}, at {holder['address']} since {holder['started']}"
    except (ValueError, KeyError, TypeError):
        who = "another process"
    return (
        f"Maskwright runs already on {options.data_dir} ({who}): use that one, stop it, "
        "or choose another folder: DATA_DIR=/path make run"
    )


class Watchdog:
    """A small process that holds one end of a pipe: when the launcher is gone, however that came, it ends the rest."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "annotator.launcher.watchdog"],
            cwd=ROOT, stdin=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def note(self, pid: int) -> None:
        """Name a process group to end."""
        self._write(f"{pid}\n")

    def dismiss(self) -> None:
        """Say that everything has ended in order."""
        self._write("done\n")
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()

    def _write(self, line: str) -> None:
        if self._process.stdin and self._process.poll() is None:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
