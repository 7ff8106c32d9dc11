"""Numbers and days out of a query: what is none is left out, never an error."""

from collections.abc import Iterable
from datetime import date


def read_number(text: str) -> int | None:
    """Return a whole number; None for anything else, also for one that no row can have."""
    return int(text) if text.isdecimal() and len(text) < 18 else None


def read_numbers(texts: Iterable[str]) -> list[int]:
    """Return the whole numbers among texts, in their order."""
    return [number for text in texts if (number := read_number(text)) is not None]


def read_day(text: str) -> date | None:
    """Return a day written as 2026-01-31; None for anything else."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
