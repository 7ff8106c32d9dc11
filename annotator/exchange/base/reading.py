"""What every reader gives: categories, images, masks, and problems that name their place.

A reader is gone through twice: `outline` reads the whole file and yields categories and images, `masks` yields the
masks. Readers trust nothing: whatever is wrong with one row is a Problem, whatever makes the file unreadable raises
BrokenFileError. Must not know: the database.
"""

import json
import math
import unicodedata
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from annotator.exchange.files.source import Source
from annotator.photos.naming import cut, last_part, path_in_file, photo_path, unquoted_path

MAX_LABEL_LENGTH = 200
_LONGEST_ID = 200
_LONGEST_NUMBER = 18
_HIGHEST_ID = 10**_LONGEST_ID - 1


@dataclass(frozen=True, slots=True)
class FileCategory:
    """A label as the file has it."""

    key: str
    name: str
    color: str = ""
    shortcut: str = ""
    attributes: list[Any] = field(default_factory=list)
    is_no_label: bool = False
    number: int | None = None
    class_number: int | None = None
    supercategory: str = ""


@dataclass(frozen=True, slots=True)
class FileImage:
    """A photo as the file names it; sizes None where the file does not say.

    `folder` is where the file that names it lies in its archive: the photo is looked for there first. `is_stem` says
    that the name has no ending, whatever dots it has. `photo` is the archive's entry, where the format tells;
    is_searched: else the archive is searched for one. has_photo_inside: the JSON holds the photo, which is not read.
    """

    key: str
    file_name: str
    width: int | None = None
    height: int | None = None
    sha256: str = ""
    tags: list[str] = field(default_factory=list)
    split: str = ""
    number: int | None = None
    folder: str = ""
    is_stem: bool = False
    photo: str = ""
    is_searched: bool = True
    has_photo_inside: bool = False

    @property
    def project_path(self) -> str:
        """Return the path that the photo gets in a project; percent signs are read where the archive has them read."""
        path = path_in_file(self.file_name)
        name = last_part(photo_path(self.photo))
        return unquoted_path(path) if name and name == last_part(unquoted_path(path)) else path


@dataclass(slots=True)
class FileMask:
    """A mask as the file has it: `counts` (text or runs) at `size`, or `polygons`; nothing of it checked yet.

    A row without a mask may have a `box`: x, y, width and height in pixels.
    """

    place: str
    key: str | None
    image_key: str
    category_key: str | None
    counts: Any = None
    size: object = None
    polygons: Any = None
    box: tuple[float, float, float, float] | None = None
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
        self.highest_number = 0  # of the masks' own numbers, where they have any; known as the count is
        self.files: list[dict[str, object]] = []  # the parts that one may choose from, where a format has parts
        self.chosen: list[str] = []  # the parts to read, where somebody chose
        self.dropped: Counter[str] = Counter()  # what the file says and nothing here has a place for, by field

    @classmethod
    @abstractmethod
    def recognise(cls, source: Source) -> str:
        """Return what in the source is of this format, as words for people; "" where nothing is."""

    @abstractmethod
    def outline(self) -> Iterator[FileCategory | FileImage | Problem]:
        """Read everything once and yield categories and images."""

    @abstractmethod
    def masks(self) -> Iterator[FileMask | Problem]:
        """Read everything again and yield the masks in file order."""

    def use_size(self, image_key: str, size: tuple[int, int]) -> None:
        """Learn the (height, width) of a photo; most formats say it themselves and need not know."""
        return


def scalar_key(value: object) -> str | None:
    """Return an id as text; None for what cannot be one.

    1, 1.0 and "1" are one id, as tools write them; "01" is another.

    >>> scalar_key(1.0), scalar_key("1"), scalar_key("01"), scalar_key(True), scalar_key(float("nan"))
    ('1', '1', '"01"', None, None)
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if -_HIGHEST_ID <= value <= _HIGHEST_ID else None
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_ID:
        return None
    is_number = value.isascii() and value.isdecimal() and str(int(value)) == value
    return value if is_number else json.dumps(value)


def number_in(key: str | None) -> int | None:
    """Return the whole number that a key stands for, or None."""
    return int(key) if key is not None and key.isdecimal() and len(key) <= _LONGEST_NUMBER else None


def text_of(value: object, *, limit: int = 255) -> str:
    """Return a text that any database takes, without control characters and lone surrogates; "" for anything else."""
    if not isinstance(value, str):
        return ""
    if value.isascii() and value.isprintable():
        return value[:limit].strip()
    clean = "".join(c for c in value[: limit * 2] if c.isprintable())
    return clean.encode("utf-8", "ignore").decode()[:limit].strip()


def name_of(value: object, *, limit: int) -> str:
    """Return a name as text_of does, in one Unicode form; one that is cut keeps a mark, so that no two become one."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        value = str(value)  # a class called 1 or 2.5
    text = text_of(value, limit=max(limit, len(value))) if isinstance(value, str) else ""
    return cut(text if text.isascii() else unicodedata.normalize("NFC", text), limit)


def whole_of(value: object, *, low: int = 0, high: int = 2**31 - 1) -> int | None:
    """Return a whole number within bounds, also one written as 1.0 or "1"; None for anything else."""
    if isinstance(value, str) and len(value) <= _LONGEST_NUMBER and value.strip().lstrip("-").isdecimal():
        value = int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high else None


def number_of(value: object, *, low: float = -100, high: float = 100) -> float | None:
    """Return a finite number within bounds, also one written as text; None for anything else."""
    if isinstance(value, str):
        value = _number_in_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if low <= value <= high and math.isfinite(value) else None


def _number_in_text(text: str) -> float | None:
    try:
        return float(text) if len(text) <= _LONGEST_ID else None
    except ValueError:
        return None


def is_flag_set(value: object) -> bool:
    """Say whether a flag is set, be it written as 1, 1.0, true, "1" or "true"."""
    return value is True or value == 1 or (isinstance(value, str) and value.strip().lower() in {"1", "1.0", "true"})


def object_of(value: object, limit: int) -> dict[str, object]:
    """Return an object small and clean enough to be kept, or an empty one."""
    if not isinstance(value, dict) or not value:
        return {}
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        is_fine = len(text) <= limit and "\\u0000" not in text and bool(text.encode())
    except (ValueError, RecursionError):
        return {}
    return value if is_fine else {}
