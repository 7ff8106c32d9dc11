"""YOLO-seg: a text file an image, a line a mask; lines of four numbers are boxes without a mask."""

import math
from collections.abc import Iterator

from django.utils.translation import gettext as _

from annotator.exchange.base.paired_photos import PairedPhotos
from annotator.exchange.base.reading import FileCategory, FileImage, FileMask, Problem, Reader
from annotator.exchange.files.source import PHOTO_ENDINGS, Entry, Source
from annotator.exchange.formats.yolo.names import find_names, is_class_list
from annotator.photos.naming import stem_of

FOLDER = "labels"
_MAX_LINE_CHARS = 4 * 2**20
_LONGEST_CLASS = 9
_NEAR_PX = 1e-3


class YoloReader(Reader):
    """Reads labels/**/NAME.txt, and NAME.txt beside a photo."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._sizes: dict[str, tuple[int, int]] = {}

    @classmethod
    def recognise(cls, source: Source) -> str:
        """Say how many label files there are."""
        labels = [entry for entry in label_entries(source) if _holds_labels(source, entry)]
        words = {"n": len(labels), "name": labels[0].name if labels else ""}
        return _("%(n)s YOLO label files (%(name)s, ...)") % words if labels else ""

    def outline(self) -> Iterator[FileCategory | FileImage | Problem]:
        """Yield the classes and an image for each label file; classes that no file names are called by their number."""
        names, _ = find_names(self.source)
        entries = label_entries(self.source)
        for number in () if names else sorted(self._classes(entries)):
            names[number] = f"class {number}"
        for number, name in names.items():
            yield FileCategory(str(number), name, class_number=number)
        photos = PairedPhotos(self.source, entries, FOLDER, is_searched=True)
        for entry in entries:
            yield photos.image_of(entry)

    def masks(self) -> Iterator[FileMask | Problem]:
        """Yield a mask or a box for each line; photos whose size is not known have been named already."""
        for entry in label_entries(self.source):
            size = self._sizes.get(entry.name)
            for number, line in self._lines(entry):
                yield _read_line(line, entry, number, size)

    def use_size(self, image_key: str, size: tuple[int, int]) -> None:
        """Learn a photo's size, without which relative numbers mean nothing."""
        self._sizes[image_key] = size

    def _lines(self, entry: Entry) -> Iterator[tuple[int, bytes]]:
        with self.source.open(entry) as file:
            number = 0
            while line := file.readline(_MAX_LINE_CHARS):
                number += 1
                if line.strip():
                    yield number, line

    def _classes(self, entries: list[Entry]) -> set[int]:
        words = {line.split(maxsplit=1)[0] for entry in entries for _, line in self._lines(entry)}
        return {int(word) for word in words if word.isdigit() and len(word) <= _LONGEST_CLASS}


def label_entries(source: Source) -> list[Entry]:
    """Return the text files in folders called labels; where there is none, those beside a photo of their name."""
    texts = [entry for entry in source.named(".txt") if not is_class_list(entry)]
    found = [entry for entry in texts if FOLDER in entry.path.split("/")[:-1]]
    if found:
        return found
    photos = {stem_of(entry.path) for entry in source.named(*PHOTO_ENDINGS)}
    return [entry for entry in texts if stem_of(entry.path) in photos]


def _holds_labels(source: Source, entry: Entry) -> bool:
    """Say whether the first line is of numbers; an empty file says that nothing is on the photo."""
    with source.open(entry) as file:
        words = file.readline(_MAX_LINE_CHARS).split()
    return not words or (words[0].isdigit() and len(words) > 4)


def _read_line(line: bytes, entry: Entry, number: int, size: tuple[int, int] | None) -> FileMask | Problem:
    place = f"{entry.name} line {number}"
    words = line.split()
    if size is None:
        return FileMask(place, None, entry.name, None, polygons=[[0, 0, 0, 0, 0, 0]])  # its image is not known
    class_number = _class_of(words[0])
    if class_number is None:
        return Problem(place, "bad_annotation", _("The line does not start with the number of a class."))
    try:
        numbers = [float(word) for word in words[1:]]
    except ValueError:
        return Problem(place, "bad_annotation", _("The line holds something that is no number."))
    if not all(math.isfinite(value) and abs(value) < 1e3 for value in numbers):
        return Problem(place, "bad_annotation", _("The line holds a number that is no place in the photo."))
    mask = FileMask(place, None, entry.name, class_number)
    if len(numbers) in (4, 5):  # a fifth number is a score
        mask.box = _box(numbers, size)
    else:
        mask.polygons = [[_corner(value * size[1 - index % 2]) for index, value in enumerate(numbers)]]
    return mask


def _class_of(word: bytes) -> str | None:
    """Return the number of a class as text, also one written as 1.0."""
    try:
        value = float(word) if len(word) <= _LONGEST_CLASS else math.nan
    except ValueError:
        return None
    return str(int(value)) if math.isfinite(value) and value >= 0 and value.is_integer() else None


def _box(numbers: list[float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return x, y, width and height in pixels of a centre and a size relative to the photo's (height, width)."""
    x, y, width, height = numbers[:4]
    return ((x - width / 2) * size[1], (y - height / 2) * size[0], width * size[1], height * size[0])


def _corner(pixels: float) -> float:
    return float(round(pixels)) if abs(pixels - round(pixels)) < _NEAR_PX else pixels
