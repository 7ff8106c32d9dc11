"""A progress bar for terminals; in a log it becomes one line for each tenth.

Must not know: what is being counted.
"""

import sys
from typing import TextIO

BAR_WIDTH = 30
STEPS_IN_A_LOG = 10


class ProgressBar:
    """Draw how much of a total is done; call it as a callback (done, total)."""

    def __init__(self, label: str, *, stream: TextIO | None = None) -> None:
        """stream None is standard error, so that standard output stays machine-readable."""
        self.label = label
        self.stream = stream or sys.stderr
        self._drawn = -1

    def __call__(self, done: int, total: int) -> None:
        """Draw the state if it looks different from the last one drawn."""
        is_terminal = self.stream.isatty()
        steps = BAR_WIDTH if is_terminal else STEPS_IN_A_LOG
        step = steps if total <= 0 else min(done, total) * steps // total
        if step == self._drawn:
            return
        self._drawn = step
        percent = 100 if total <= 0 else min(done, total) * 100 // total
        if not is_terminal:
            self.stream.write(f"{self.label}: {percent} %\n")
            return
        bar = "#" * step + "-" * (steps - step)
        self.stream.write(f"\r{self.label} [{bar}] {percent:3d} %" + ("\n" if step == steps else ""))
        self.stream.flush()
