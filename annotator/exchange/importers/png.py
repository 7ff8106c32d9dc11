"""Index pictures: semantic (one mask for each class of an image) and instances (one mask for each number)."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.conf import settings

from annotator.exchange.importers.base import FileCategory, FileImage, FileMask, Problem, Reader, text_of, whole_of
from annotator.exchange.importers.source import BrokenFileError, Entry, Source
from annotator.exchange.rows import stem_of
from annotator.mask_gateway import counts_of_numbers
from annotator.photos.naming import display_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PHOTOS = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif")
_BROKEN = (OSError, ValueError, SyntaxError, EOFError, MemoryError)
_MAX_LEGEND_BYTES = 16 * 2**20
MAX_NUMBER = 65_535


class PngReader(Reader):
    """Reads FOLDER/NAME.png; subclasses say what the numbers mean."""

    folder_name = ""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._sizes: dict[str, tuple[int, int]] = {}

    @classmethod
    def fits(cls, source: Source) -> bool:
        """Say whether there is a folder of such pictures."""
        return any(True for _ in _pictures(source, cls.folder_name))

    def outline(self) -> Iterator[FileCategory | FileImage | Problem]:
        """Yield the labels of legend.json and an image for each picture."""
        for number, name, color in _read_legend(self.source):
            yield FileCategory(str(number), name or "(no label)", color=color, is_no_label=not name)
        photos = {
            stem_of(display_name(entry.name)): display_name(entry.name)
            for entry in self.source.named(*_PHOTOS)
            if "images" in entry.name.replace("\\", "/").split("/")[:-1]
        }
        for entry in _pictures(self.source, self.folder_name):
            stem = stem_of(display_name(entry.name))
            size = _size_of(self.source, entry)
            if isinstance(size, str):
                yield Problem(entry.name, "bad_image", size)
            else:
                yield FileImage(entry.name, photos.get(stem, stem), width=size[0], height=size[1])

    def masks(self) -> Iterator[FileMask | Problem]:
        """Yield a mask for each number of each picture. Only pictures as large as their photo are ever unpacked."""
        for entry in _pictures(self.source, self.folder_name):
            if entry.name not in self._sizes:  # its photo is not taken, or it is no picture: named already
                yield FileMask(entry.name, None, entry.name, None)
                continue
            pixels = _decode(self.source, entry, self._sizes[entry.name])
            if isinstance(pixels, str):
                yield Problem(entry.name, "bad_image", pixels)
                continue
            yield from self._masks_of(entry, pixels)

    def use_size(self, image_key: str, size: tuple[int, int]) -> None:
        """Learn a photo's size: a picture that claims another is not unpacked."""
        self._sizes[image_key] = size

    def _masks_of(self, entry: Entry, pixels: "NDArray[np.uint16]") -> Iterator[FileMask]:
        categories = self.categories_of(entry)
        for number, counts in counts_of_numbers(pixels):
            yield FileMask(
                f"{entry.name} number {number}",
                None,
                entry.name,
                categories.get(number, str(number)) if categories is not None else str(number),
                counts=counts,
                size=[int(pixels.shape[0]), int(pixels.shape[1])],
                fields={"z_order": 0},
            )

    def categories_of(self, entry: Entry) -> dict[int, str | None] | None:
        """Return the category of each number of one picture; None where the number is the category."""
        return None


class SemanticPngReader(PngReader):
    """Numbers are classes."""

    folder_name = "semantic"


class InstancePngReader(PngReader):
    """Numbers are masks; legends/NAME.json says which label each has."""

    folder_name = "instances"

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._legends: dict[str, Entry] | None = None
        self._labels: dict[str, str] = {}

    def categories_of(self, entry: Entry) -> dict[int, str | None]:
        """Return label numbers by the picture's legend; without a legend the masks have no label."""
        if self._legends is None:  # once, not for each of thousands of pictures
            self._legends = _legend_files(self.source)
            self._labels = {name: str(number) for number, name, _ in _read_legend(self.source)}
        legend = self._legends.get(stem_of(display_name(entry.name)))
        rows = _load(self.source, legend).get("instances") if legend else []
        found: dict[int, str | None] = {}
        for row in rows if isinstance(rows, list) else []:
            number = whole_of(row.get("number")) if isinstance(row, dict) else None
            if number is not None:
                found[number] = self._labels.get(text_of(row.get("label"), limit=100))
        return _OrNone(found)


class _OrNone(dict[int, str | None]):
    """A legend: what it does not name has no label."""

    def get(self, key: int, default: Any = None) -> Any:
        """Return the label's number, or None."""
        return super().get(key)


def _pictures(source: Source, folder: str) -> Iterator[Entry]:
    for entry in source.named(".png"):
        if folder in entry.name.replace("\\", "/").split("/")[:-1]:
            yield entry


def _legend_files(source: Source) -> dict[str, Entry]:
    """Return the entries legends/STEM.json by stem; of two, the first."""
    found: dict[str, Entry] = {}
    for entry in source.named(".json"):
        if "legends" in entry.name.replace("\\", "/").split("/")[:-1]:
            found.setdefault(stem_of(display_name(entry.name)), entry)
    return found


def _read_legend(source: Source) -> list[tuple[int, str, str]]:
    entry = next((e for e in source.named(".json") if display_name(e.name) == "legend.json"), None)
    rows = _load(source, entry).get("labels") if entry else []
    legend = []
    for row in rows if isinstance(rows, list) else []:
        number = whole_of(row.get("number"), low=1, high=65_535) if isinstance(row, dict) else None
        if number is not None:
            legend.append((number, text_of(row.get("name"), limit=100), text_of(row.get("color"), limit=7)))
    return legend


def _load(source: Source, entry: Entry) -> dict[str, Any]:
    try:
        value = json.loads(source.read_small(entry, _MAX_LEGEND_BYTES))
    except (ValueError, RecursionError) as error:
        raise BrokenFileError(f"{entry.name} is no JSON that can be read.") from error
    return value if isinstance(value, dict) else {}


def _size_of(source: Source, entry: Entry) -> tuple[int, int] | str:
    from PIL import Image as Pillow

    try:
        with source.open(entry) as file, Pillow.open(file, formats=("PNG",)) as picture:
            width, height = picture.size
    except (*_BROKEN, BrokenFileError):
        return "It is no PNG that can be read."
    if width * height > settings.MAX_IMAGE_MEGAPIXELS * 1_000_000:
        return f"It has {width} x {height} pixels; {settings.MAX_IMAGE_MEGAPIXELS} megapixels are the limit."
    return width, height


def _decode(source: Source, entry: Entry, wanted: tuple[int, int]) -> "NDArray[np.uint16] | str":
    import numpy as np
    from PIL import Image as Pillow

    try:
        with source.open(entry) as file, Pillow.open(file, formats=("PNG",)) as picture:
            if picture.mode not in {"L", "P", "I", "I;16", "I;16B", "1"}:
                return f"It is a picture in colour ({picture.mode}); numbers are needed, one channel of 8 or 16 bits."
            if (picture.height, picture.width) != wanted:
                return f"It is {picture.width} x {picture.height}, its photo {wanted[1]} x {wanted[0]}."
            pixels = np.asarray(picture)
    except (*_BROKEN, BrokenFileError):
        return "The PNG is cut off or damaged."
    if picture.mode == "I":
        pixels = np.where((pixels > 0) & (pixels <= MAX_NUMBER), pixels, 0)
    return pixels.astype(np.uint16, copy=False)
