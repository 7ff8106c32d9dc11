"""The training process: `python -m sam_core improve` with low priority, bounded threads and bounded memory.

The process that follows it may be killed. Then the training process is found by its note when the run goes on, and
ended before another starts. Must not know: rows, jobs.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from django.conf import settings

from annotator.training.run_folder import RunFolder

COMMAND: Sequence[str] = (sys.executable, "-m", "sam_core", "improve")
NICE = 15
KILLED_FIRST = 800  # Linux' oom_score_adj: when memory runs out, training goes and the web server stays
STOP_SECONDS = 30.0
ERROR_BYTES = 1 << 20
LAST_WORDS_BYTES = 4096
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Ending(IntEnum):
    """How a training process says that it ended; anything else is a crash, a negative number a signal."""

    DONE = 0
    REFUSED = 2
    STOPPED = 3
    NO_MEMORY = 4
    NO_SPACE = 5
    NO_NUMBERS = 6


@dataclass(frozen=True, kw_only=True)
class TrainingOrder:
    """What the process is asked for; an empty recipe or device lets it choose. Without a checkpoint: no weights."""

    model: str
    checkpoint: Path | None
    minutes: int
    recipe: str = ""
    device: str = ""


class TrainingProcess:
    """A running training process. Make it with `start_training`."""

    def __init__(self, process: "subprocess.Popen[bytes]", folder: RunFolder) -> None:
        self._process = process
        self._folder = folder

    def wait(self, seconds: float) -> int | None:
        """Return the exit status, None where it still runs after that time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(seconds)
        self._bound_errors()
        return None

    def uses_too_much_memory(self) -> bool:
        """Say whether it holds more than it may; where the system does not say, it never does."""
        used = _resident_bytes(self._process.pid)
        return used is not None and used > memory_limit_bytes()

    def stop(self) -> None:
        """Ask it to save its state and end, and end it where it does not; harmless where it has ended."""
        _end(self._process.pid, has_ended=lambda: self._process.poll() is not None)
        self._folder.process_note.unlink(missing_ok=True)

    def last_words(self) -> str:
        """Return the last line that it wrote to its standard error, without the word "error:"."""
        return last_words(self._folder)

    def _bound_errors(self) -> None:
        with contextlib.suppress(OSError):
            if self._folder.errors.stat().st_size > ERROR_BYTES:
                os.truncate(self._folder.errors, 0)


def start_training(order: TrainingOrder, folder: RunFolder) -> TrainingProcess:
    """Start the process, or go on where an earlier one stopped; one that is still there is ended first."""
    end_earlier(folder)
    folder.make()
    with folder.errors.open("wb") as errors:
        process = subprocess.Popen(
            _arguments(order, folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env={**os.environ, **_thread_environment()},
        )
    _lower(process.pid)
    note = {"pid": process.pid, "started": _start_time(process.pid)}
    folder.process_note.write_text(json.dumps(note), encoding="utf-8")
    return TrainingProcess(process, folder)


def end_earlier(folder: RunFolder) -> bool:
    """End the training process that a killed follower left behind; return whether there was one."""
    try:
        note = json.loads(folder.process_note.read_text(encoding="utf-8"))
        pid, started = int(note["pid"]), note["started"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False
    is_same = started is not None and _start_time(pid) == started  # process ids come again
    if is_same:
        _end(pid, has_ended=lambda: _start_time(pid) != started)
    folder.process_note.unlink(missing_ok=True)
    return is_same


def last_words(folder: RunFolder) -> str:
    """Return the last line of the process's standard error."""
    try:
        with folder.errors.open("rb") as file:
            file.seek(max(folder.errors.stat().st_size - LAST_WORDS_BYTES, 0))
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    except FileNotFoundError:
        return ""
    return lines[-1].removeprefix("error: ")[:500] if lines else ""


def thread_count() -> int:
    """Return how many threads a training process may use."""
    return int(settings.TRAIN_THREADS) or max((os.cpu_count() or 2) // 2, 1)


def memory_limit_bytes() -> int:
    """Return how much memory a training process may hold."""
    if settings.TRAIN_MEMORY_MB:
        return int(settings.TRAIN_MEMORY_MB) << 20
    return os.sysconf("SC_PHYS_PAGES") * PAGE_BYTES * 3 // 4


def _arguments(order: TrainingOrder, folder: RunFolder) -> list[str]:
    arguments = [*COMMAND, "--model", order.model, "--data", str(folder.data), "--run", str(folder.run)]
    arguments += ["--minutes", str(order.minutes), "--threads", str(thread_count()), "--json"]
    if order.checkpoint is not None:
        arguments += ["--checkpoint", str(order.checkpoint)]
    if order.recipe:
        arguments += ["--recipe", order.recipe]
    if order.device:
        arguments += ["--device", order.device]
    return [*arguments, "--resume"]  # which begins where there is nothing to go on with


def _thread_environment() -> dict[str, str]:
    count = str(thread_count())
    return dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), count)


def _lower(pid: int) -> None:
    """Give way to everybody else; what it starts inherits that."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, NICE)
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text(str(KILLED_FIRST), encoding="ascii")


def _end(pid: int, *, has_ended: Callable[[], bool]) -> None:
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5.0)):
        if has_ended():
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while not has_ended() and time.monotonic() < deadline:
            time.sleep(0.05)


def _start_time(pid: int) -> str | None:
    """Return what tells a process from a later one of the same id; None where there is none, or it has ended."""
    try:
        facts = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return _asked_start_time(pid) if not Path("/proc/self/stat").exists() else None
    return None if facts[0] == "Z" else facts[19]


def _asked_start_time(pid: int) -> str | None:
    """The same where the system has no /proc."""
    answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or None


def _resident_bytes(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return None
