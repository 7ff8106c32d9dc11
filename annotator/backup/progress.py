"""A line about progress every few seconds."""

import time
from collections.abc import Callable

from annotator.backup.copying import describe_bytes

EVERY_SECONDS = 5.0


class Progress:
    """Counts files and bytes and says so now and then."""

    def __init__(self, say: Callable[[str], None], what: str) -> None:
        self._say, self._what = say, what
        self._files = self._bytes = 0
        self._said_at = time.monotonic()

    def step(self, size: int) -> None:
        """Count one more file."""
        self._files += 1
        self._bytes += size
        if time.monotonic() - self._said_at >= EVERY_SECONDS:
            self._say(f"{self._files:,} {self._what} ({describe_bytes(self._bytes)}) ...")
            self._said_at = time.monotonic()
