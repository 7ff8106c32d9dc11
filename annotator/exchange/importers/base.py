"""What every reader gives: categories, images, masks, and problems that name their place.

A reader is gone through twice: `outline` reads the whole file and yields categories and images, `masks` yields the
masks. Readers trust nothing: whatever is wrong with one row is a Problem, whatever makes the file unreadable raises
BrokenFileError. Must not know: the database.
"""

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from annotator.exchange.importers.source import Source

MAX_ATTRIBUTES_BYTES = 32 * 1024
MAX_PROVENANCE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class FileCategory:
    """A label as the file has it."""

    key: str
    name: str
    color: str = ""
    shortcut: str = ""
    attributes: list[Any] = field(default_factory=list)
    is_no_label: bool = False


@dataclass(frozen=True, slots=True)
class FileImage:
    """A photo as the file names it; sizes None where the file does not say."""

    key: str
    file_name: str
    width: int | None = None
    height: int | None = None
    sha256: str = ""
    tags: list[str] = field(default_factory=list)
    split: str = ""


@dataclass(slots=True)
class FileMask:
    """A mask as the file has it: `counts` (text or runs) at `size`, or `polygons`; nothing of it checked yet."""

    place: str
    key: str | None
    image_key: str
    category_key: str | None
    counts: Any = None
    size: Any = None
    polygons: Any = None
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that is not taken, and why."""

    place: str
    code: str
    reason: str


class Reader(ABC):
    """Reads one format."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.mask_count = 0  # known once the outline has been read, where the format tells

    @classmethod
    @abstractmethod
    def fits(cls, source: Source) -> bool:
        """Say whether the source looks like this format."""

    @abstractmethod
    def outline(self) -> Iterator[FileCategory | FileImage | Problem]:
        """Read everything once and yield categories and images."""

    @abstractmethod
    def masks(self) -> Iterator[FileMask | Problem]:
        """Read everything again and yield the masks in file order."""

    def use_size(self, image_key: str, size: tuple[int, int]) -> None:
        """Learn the (height, width) of a photo; most formats say it themselves and need not know."""
        return


def scalar_key(value: Any) -> str | None:
    """Return an id as text that tells 1 from "1"; None for what cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int | str) or len(str(value)) > 200:
        return None
    return json.dumps(value)


def text_of(value: Any, *, limit: int = 255) -> str:
    """Return a text that any database takes, without control characters and lone surrogates; "" for anything else."""
    if not isinstance(value, str):
        return ""
    if value.isascii() and value.isprintable():
        return value[:limit].strip()
    clean = "".join(c for c in value[: limit * 2] if c.isprintable())
    return clean.encode("utf-8", "ignore").decode()[:limit].strip()


def whole_of(value: Any, *, low: int = 0, high: int = 2**31 - 1) -> int | None:
    """Return a whole number within bounds, or None."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high else None


def number_of(value: Any) -> float | None:
    """Return a finite number from -100 to 100, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if -100 <= value <= 100 and math.isfinite(value) else None


def object_of(value: Any, limit: int) -> dict[str, Any]:
    """Return an object small and clean enough to be kept, or an empty one."""
    if not isinstance(value, dict) or not value:
        return {}
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        is_fine = len(text) <= limit and "\\u0000" not in text and bool(text.encode())
    except (ValueError, RecursionError):
        return {}
    return value if is_fine else {}
