"""`python -m annotator.launcher.watchdog`: ends process groups whose launcher is gone.

It reads process ids from its standard input, one a line. The launcher writes `done` when it has ended everything
itself; an end of input without that means that it was killed. Knows nothing of what the processes are.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable

STOP_WITHIN_S = 10.0
POLL_S = 0.1


def main(lines: Iterable[str]) -> None:
    """Collect ids until the input ends; then end them, unless that was done."""
    groups: list[int] = []
    for line in lines:
        if line.strip() == "done":
            return
        groups.append(int(line))
    end_groups(groups)


def end_groups(groups: list[int]) -> None:
    """Ask each group to end, wait, and end what did not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for group in groups:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)
        deadline = time.monotonic() + STOP_WITHIN_S
        while any(map(is_alive, groups)) and time.monotonic() < deadline:
            time.sleep(POLL_S)


def is_alive(group: int) -> bool:
    """Say whether a process of the group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)  # it ends when the launcher does
    main(sys.stdin)
