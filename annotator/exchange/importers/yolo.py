"""YOLO-seg: data.yaml and a text file an image. Images are known by their name without the ending."""

import math
import re
from collections.abc import Iterator

from annotator.exchange.importers.base import FileCategory, FileImage, FileMask, Problem, Reader, text_of
from annotator.exchange.importers.source import BrokenFileError, Entry, Source
from annotator.exchange.rows import stem_of
from annotator.photos.naming import display_name

_PHOTOS = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif")
_MAX_LINE_CHARS = 4 * 2**20
_NEAR_PX = 1e-3
_NUMBERED = re.compile(r"^\s+(\d+)\s*:\s*(.+?)\s*$")
_LISTED = re.compile(r"^\s*-\s+(.+?)\s*$")
_PAIR = re.compile(r"""\b(\d{1,9})\s*:\s*('[^']*'|"(?:[^"\\]|\\.)*"|[^,{}]+)""")
_INLINE = re.compile(r"""'([^']*)'|"((?:[^"\\]|\\.)*)"|([^,\[\]{}\s][^,\[\]{}]*)""")


class YoloReader(Reader):
    """Reads labels/**/NAME.txt."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._sizes: dict[str, tuple[int, int]] = {}

    @classmethod
    def fits(cls, source: Source) -> bool:
        """Say whether there are label files."""
        return any(True for _ in source.named(".yaml", ".yml")) and any(True for _ in _labels(source))

    def outline(self) -> Iterator[FileCategory | FileImage | Problem]:
        """Yield the classes of data.yaml and an image for each label file."""
        for number, name in self._names().items():
            yield FileCategory(str(number), name)
        photos = {stem_of(display_name(e.name)): display_name(e.name) for e in self.source.named(*_PHOTOS)}
        for entry in _labels(self.source):
            stem = stem_of(display_name(entry.name))
            yield FileImage(entry.name, photos.get(stem, stem))

    def masks(self) -> Iterator[FileMask | Problem]:
        """Yield a mask for each line; photos whose size is not known have been named already."""
        for entry in _labels(self.source):
            size = self._sizes.get(entry.name)
            with self.source.open(entry) as file:
                number = 0
                while line := file.readline(_MAX_LINE_CHARS):
                    number += 1
                    if line.strip():
                        yield _read_line(line, entry, number, size)

    def use_size(self, image_key: str, size: tuple[int, int]) -> None:
        """Learn a photo's size, without which relative numbers mean nothing."""
        self._sizes[image_key] = size

    def _names(self) -> dict[int, str]:
        for entry in self.source.named(".yaml", ".yml"):
            text = self.source.read_small(entry, 2**20).decode("utf-8", "replace")
            return {number: text_of(name, limit=100) for number, name in read_names(text).items() if text_of(name)}
        raise BrokenFileError("There is no data.yaml with the names of the classes.")


def read_names(text: str) -> dict[int, str]:
    """Return the `names` of a data.yaml, written as a list, a mapping or on one line."""
    lines = iter(text.splitlines())
    for line in lines:
        if re.match(r"^names\s*:", line):
            inline = line.split(":", 1)[1].strip()
            if inline:
                return _read_inline(inline)
            break
    names: dict[int, str] = {}
    for line in lines:
        if match := _NUMBERED.match(line):
            names[int(match[1][:9])] = _unquoted(match[2])
        elif match := _LISTED.match(line):
            names[len(names)] = _unquoted(match[1])
        elif line.strip() and not line.startswith((" ", "#", "-")):
            break
    return names


def _read_inline(text: str) -> dict[int, str]:
    if text.startswith("{"):
        return {int(match[1]): _unquoted(match[2].strip()) for match in _PAIR.finditer(text)}
    words = [next(group for group in match.groups() if group is not None).strip() for match in _INLINE.finditer(text)]
    return dict(enumerate(words))


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        inner = text[1:-1]
        return inner.replace('\\"', '"').replace("\\\\", "\\") if text[0] == '"' else inner.replace("''", "'")
    return text


def _labels(source: Source) -> Iterator[Entry]:
    for entry in source.named(".txt"):
        parts = entry.name.replace("\\", "/").split("/")
        if "labels" in parts[:-1]:
            yield entry


def _read_line(line: bytes, entry: Entry, number: int, size: tuple[int, int] | None) -> FileMask | Problem:
    place = f"{entry.name} line {number}"
    words = line.split()
    if size is None:
        return FileMask(place, None, entry.name, None, polygons=[[0, 0, 0, 0, 0, 0]])  # its image is not known
    if not words[0].isdigit() or len(words[0]) > 9:
        return Problem(place, "bad_annotation", "The line does not start with the number of a class.")
    try:
        numbers = [float(word) for word in words[1:]]
    except ValueError:
        return Problem(place, "bad_annotation", "The line holds something that is no number.")
    if len(numbers) == 4:
        return Problem(place, "no_mask", "The line is a box, not an outline.")
    if not all(math.isfinite(value) and abs(value) < 1e3 for value in numbers):
        return Problem(place, "bad_annotation", "The line holds a number that is no place in the photo.")
    polygon = [_corner(value * size[1 - index % 2]) for index, value in enumerate(numbers)]
    return FileMask(place, None, entry.name, str(int(words[0])), polygons=[polygon])


def _corner(pixels: float) -> float:
    return float(round(pixels)) if abs(pixels - round(pixels)) < _NEAR_PX else pixels
