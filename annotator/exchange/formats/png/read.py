"""Index pictures: semantic (one mask for each class of an image) and instances (one mask for each number).

Pixels are read with Pillow, not with the photos' decoder (sam_core.pictures): here they are numbers, which the decoder
would stretch to be seen, convert by a profile and turn into colours.
"""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.translation import gettext as _

from annotator.exchange.base.mask_fields import NO_LABEL
from annotator.exchange.base.paired_photos import PairedPhotos
from annotator.exchange.base.reading import (
    MAX_LABEL_LENGTH,
    FileCategory,
    FileImage,
    FileMask,
    Problem,
    Reader,
    text_of,
    whole_of,
)
from annotator.exchange.files.source import BrokenFileError, Entry, Source
from annotator.mask_gateway import counts_of_numbers
from annotator.photos.naming import display_name, stem_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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
    def recognise(cls, source: Source) -> str:
        """Say how many such pictures there are."""
        count = len(_pictures(source, cls.folder_name))
        words = {"n": count, "name": cls.folder_name}
        return _("%(n)s pictures in a folder called %(name)s") % words if count else ""

    def outline(self) -> Iterator[FileCategory | FileImage | Problem]:
        """Yield the labels of legend.json and an image for each picture."""
        for number, name, color in _read_legend(self.source):
            own = number - 1 if name else None
            yield FileCategory(str(number), name or NO_LABEL, color=color, is_no_label=not name, class_number=own)
        entries = _pictures(self.source, self.folder_name)
        photos = PairedPhotos(self.source, entries, self.folder_name, is_searched=False)
        for entry in entries:
            size = _size_of(self.source, entry)
            if isinstance(size, str):
                yield Problem(entry.name, "bad_image", size)
            else:
                yield photos.image_of(entry, size=size)

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
        legend = self._legends.get(_stem_below(entry, self.folder_name))
        rows = _load(self.source, legend).get("instances") if legend else []
        found: dict[int, str | None] = {}
        for row in rows if isinstance(rows, list) else []:
            number = whole_of(row.get("number")) if isinstance(row, dict) else None
            if number is not None:
                found[number] = self._labels.get(text_of(row.get("label"), limit=MAX_LABEL_LENGTH))
        return _OrNone(found)


class _OrNone(dict[int, str | None]):
    """A legend: what it does not name has no label."""

    def get(self, key: int, default: Any = None) -> Any:
        """Return the label's number, or None."""
        return super().get(key)


def _pictures(source: Source, folder: str) -> list[Entry]:
    return [entry for entry in source.named(".png") if folder in entry.path.split("/")[:-1]]


def _stem_below(entry: Entry, folder: str) -> str:
    """Return an entry's path below a folder, without its ending: what its legend and its picture have in common."""
    return stem_of(f"/{entry.path}".partition(f"/{folder}/")[2])


def _legend_files(source: Source) -> dict[str, Entry]:
    """Return the entries legends/STEM.json by stem; of two, the first."""
    found: dict[str, Entry] = {}
    for entry in source.named(".json"):
        if "legends" in entry.path.split("/")[:-1]:
            found.setdefault(_stem_below(entry, "legends"), entry)
    return found


def _read_legend(source: Source) -> list[tuple[int, str, str]]:
    entry = next((e for e in source.named(".json") if display_name(e.name) == "legend.json"), None)
    rows = _load(source, entry).get("labels") if entry else []
    legend = []
    for row in rows if isinstance(rows, list) else []:
        number = whole_of(row.get("number"), low=1, high=65_535) if isinstance(row, dict) else None
        if number is not None:
            legend.append(
                (number, text_of(row.get("name"), limit=MAX_LABEL_LENGTH), text_of(row.get("color"), limit=7))
            )
    return legend


def _load(source: Source, entry: Entry) -> dict[str, object]:
    try:
        value = json.loads(source.read_small(entry, _MAX_LEGEND_BYTES))
    except (ValueError, RecursionError) as error:
        raise BrokenFileError(_("%(name)s is no JSON that can be read.") % {"name": entry.name}) from error
    return value if isinstance(value, dict) else {}


def _size_of(source: Source, entry: Entry) -> tuple[int, int] | str:
    from PIL import Image as Pillow

    try:
        with source.open(entry) as file, Pillow.open(file, formats=("PNG",)) as picture:
            width, height = picture.size
    except (*_BROKEN, BrokenFileError):
        return _("It is no PNG that can be read.")
    if width * height > settings.MAX_IMAGE_MEGAPIXELS * 1_000_000:
        sentence = _("It has %(width)s x %(height)s pixels; %(megapixels)s megapixels are the limit.")
        return sentence % {"width": width, "height": height, "megapixels": settings.MAX_IMAGE_MEGAPIXELS}
    return width, height


def _decode(source: Source, entry: Entry, wanted: tuple[int, int]) -> "NDArray[np.uint16] | str":
    import numpy as np
    from PIL import Image as Pillow

    try:
        with source.open(entry) as file, Pillow.open(file, formats=("PNG",)) as picture:
            if picture.mode not in {"L", "P", "I", "I;16", "I;16B", "1"}:
                sentence = _("It is a picture in colour (%(mode)s); numbers are needed, one channel of 8 or 16 bits.")
                return sentence % {"mode": picture.mode}
            if (picture.height, picture.width) != wanted:
                sizes = {"width": picture.width, "height": picture.height, "photo_w": wanted[1], "photo_h": wanted[0]}
                return _("It is %(width)s x %(height)s, its photo %(photo_w)s x %(photo_h)s.") % sizes
            pixels = np.asarray(picture)
    except (*_BROKEN, BrokenFileError):
        return _("The PNG is cut off or damaged.")
    if picture.mode == "I":
        pixels = np.where((pixels > 0) & (pixels <= MAX_NUMBER), pixels, 0)
    return pixels.astype(np.uint16, copy=False)
