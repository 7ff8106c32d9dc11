"""How tests wait.

Best is what tells by itself: an answer on a socket that listens already, a line that a process prints, a process that
ends. Where nobody tells (rows and files of another process), `wait_until` looks again and again, within a bound. It is
the one place in the tests that sleeps; benchmarks, which measure people who think and pages that rest, do as well.
"""

import os
import re
import select
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import IO, Any

WITHIN_S = 120.0
LOOK_EVERY_S = 0.05


def wait_until(is_so: Callable[[], object], *, within_s: float = WITHIN_S, what: str = "it") -> None:
    """Return as soon as it is so; fail when it takes too long. For what nobody announces."""
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, f"waited {within_s:.0f} s in vain: {what}"
        time.sleep(LOOK_EVERY_S)


def wait_ended(pids: Iterable[int], *, within_s: float = WITHIN_S) -> None:
    """Return when all processes have ended, also those that are no children; fail when it takes too long."""
    deadline = time.monotonic() + within_s
    for pid in pids:
        with suppress(ProcessLookupError):
            handle = os.pidfd_open(pid)
            try:
                ended, _, _ = select.select([handle], [], [], max(0, deadline - time.monotonic()))
                assert ended, f"process {pid} runs still"
            finally:
                os.close(handle)


def open_listener(port: int = 0) -> socket.socket:
    """Return a socket of this machine that listens already, to be inherited by a server: who connects waits for it."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # which its connections inherit
    listener.bind(("127.0.0.1", port))
    listener.listen(512)
    return listener


class Talker:
    """A process whose lines are kept; whoever waits for one is woken when it is printed."""

    def __init__(self, command: Sequence[str], **options: Any) -> None:
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
        )  # fmt: skip
        self._lines: list[str] = []
        self._has_ended = False
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, args=[self.process.stdout], daemon=True)
        self._reader.start()

    def wait_for(self, pattern: str, *, within_s: float = WITHIN_S) -> str:
        """Return the first line that fits; fail when the process ends or takes too long without one."""
        with self._changed:
            self._changed.wait_for(lambda: self._has_ended or self._find(pattern) is not None, within_s)
            found = self._find(pattern)
        assert found is not None, f"no line with {pattern!r}:\n" + "".join(self._lines)
        return found

    def end(self, *, within_s: float = 30) -> None:
        """Ask the process to end, and see that it does."""
        self.process.terminate()
        self.process.wait(within_s)
        self._reader.join(within_s)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def _find(self, pattern: str) -> str | None:
        return next((line for line in self._lines if re.search(pattern, line)), None)

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            with self._changed:
                self._lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()
