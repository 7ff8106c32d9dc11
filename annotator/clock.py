"""Moments in rows, read by a clock that may have jumped: a dead battery, or a virtual machine that slept.

A moment that lies further ahead than any honest one was written by a clock that was ahead. It counts as long past, so
that nothing is held until the year that it names. What removes things for good waits for a clock that runs evenly.
"""

import time
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

# Machines that share a database may differ by this much.
SLACK = timedelta(seconds=60)
EVEN_FOR_SECONDS = 900.0
JUMP_SECONDS = 60.0


def is_recent(field: str, within: timedelta) -> Q:
    """Match rows whose moment is at most `within` ago."""
    now = timezone.now()
    return Q(**{f"{field}__gte": now - within, f"{field}__lte": now + max(within, SLACK)})


def is_old(field: str, than: timedelta) -> Q:
    """Match the other rows: whose moment is longer ago, or came from a clock that was ahead."""
    now = timezone.now()
    return Q(**{f"{field}__lt": now - than}) | Q(**{f"{field}__gt": now + max(than, SLACK)})


def is_to_come(field: str, at_most: timedelta) -> Q:
    """Match rows whose end is still to come, and not further ahead than an end can be."""
    now = timezone.now()
    return Q(**{f"{field}__gt": now, f"{field}__lte": now + at_most + SLACK})


class EvenClock:
    """Compares the clock with one that cannot jump."""

    def __init__(self) -> None:
        self._set()

    def is_even(self) -> bool:
        """Say whether the clock has run evenly for a while; the count starts anew at each jump."""
        if abs((time.time() - self._wall) - (time.monotonic() - self._steady)) > JUMP_SECONDS:
            self._set()
        return time.monotonic() - self._steady >= EVEN_FOR_SECONDS

    def _set(self) -> None:
        self._wall, self._steady = time.time(), time.monotonic()
