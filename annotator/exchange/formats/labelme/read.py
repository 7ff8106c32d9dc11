"""LabelMe: a JSON an image, with polygons, masks, circles; in a folder, zip or tar, with or without the photos.

Polygons and masks of one label and one group_id are parts of one mask, as LabelMe means them. A photo inside the JSON
(imageData) is not read, and counted where the image has no other. Labels are known by their names.
"""

import base64
import binascii
import io
import json
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from annotator.annotations.mask_fields import MAX_ATTRIBUTES_BYTES
from annotator.exchange.base.mask_fields import NO_LABEL
from annotator.exchange.base.reading import (
    MAX_LABEL_LENGTH,
    FileCategory,
    FileImage,
    FileMask,
    Problem,
    Reader,
    name_of,
    object_of,
    text_of,
    whole_of,
)
from annotator.exchange.base.rings import ellipse
from annotator.exchange.files.json_parts import END, read_parts, top_level_keys
from annotator.exchange.files.json_stream import BrokenJsonError
from annotator.exchange.files.source import BrokenFileError, Entry, Source
from annotator.mask_gateway import MAX_POLYGONS, counts_of_crop, union_of
from annotator.sam_gateway import MaskRefusedError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Size = tuple[int, int]
_DECISIVE = ("shapes", "images", "image", "annotations", "categories", "info", "licenses")
_MAX_GROUPED = 100_000
_BROKEN = (OSError, ValueError, SyntaxError, EOFError, MemoryError, binascii.Error)
_TAKEN = [("imagePath",), ("imageHeight",), ("imageWidth",), ("flags",)]


class LabelmeReader(Reader):
    """Reads every JSON of the source as one image."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._sizes: dict[str, Size] = {}

    @classmethod
    def recognise(cls, source: Source) -> str:
        """Say which JSON is the first that has shapes."""
        for entry in source.first(".json"):
            try:
                with source.open(entry) as file:
                    if next((key for key in top_level_keys(file) if key in _DECISIVE), "") == "shapes":
                        return _("LabelMe JSON (%(name)s, ...)") % {"name": entry.name}
            except (BrokenJsonError, BrokenFileError):
                continue
        return ""

    def outline(self) -> Iterator[FileCategory | FileImage | Problem]:
        """Yield one image a JSON, and each label where it comes first."""
        self.mask_count = 0
        known: set[str] = set()
        for entry in self._jsons():
            try:
                image, labels = self._outline_of(entry)
            except (BrokenJsonError, BrokenFileError) as error:
                if self.source.kind == "file":
                    raise BrokenFileError(str(error)) from error
                yield Problem(entry.name, "broken_json", str(error))
                continue
            for label in sorted(labels - known):
                yield FileCategory(label, label, is_no_label=label == NO_LABEL)
            known |= labels
            yield image

    def masks(self) -> Iterator[FileMask | Problem]:
        """Yield the shapes; those of a JSON that breaks off are left out with it."""
        for entry in self._jsons():
            try:
                yield from self._masks_of(entry)
            except (BrokenJsonError, BrokenFileError):
                continue  # the outline named it already, and no image of it is known

    def use_size(self, image_key: str, size: Size) -> None:
        """Learn a photo's size: a mask is a picture laid into it."""
        self._sizes[image_key] = size

    def _jsons(self) -> Iterator[Entry]:
        return iter(self.source.entries) if self.source.kind == "file" else self.source.named(".json")

    def _outline_of(self, entry: Entry) -> tuple[FileImage | Problem, set[str]]:
        facts: dict[str, object] = {}
        labels: set[str] = set()
        take = [*_TAKEN, ("shapes", "*", "label")]
        with self.source.open(entry) as file:
            walk = read_parts(file, enter=[(), ("shapes",), ("shapes", "*")], take=take, notice=[("imageData",)])
            for path, value in walk:
                if path == ("shapes", "*", "label"):
                    labels.add(name_of(value, limit=MAX_LABEL_LENGTH))
                elif path == ("shapes", "*") and value is END:
                    self.mask_count += 1
                elif len(path) == 1 and value is not END:
                    facts[path[0]] = value
        name = text_of(facts.get("imagePath")).replace("\\", "/")
        if not name:
            return Problem(entry.name, "bad_image", _("It names no image.")), set()
        flags = facts.get("flags")
        flags = flags if isinstance(flags, dict) else {}
        tags = [text_of(tag, limit=50) for tag, is_set in flags.items() if is_set is True]
        width, height = whole_of(facts.get("imageWidth")), whole_of(facts.get("imageHeight"))
        folder = entry.path.rpartition("/")[0]
        image = FileImage(
            entry.name,
            name,
            width,
            height,
            tags=[tag for tag in tags[:50] if tag],
            folder=folder,
            has_photo_inside=facts.get("imageData") is True,
        )
        return image, labels - {""}

    def _masks_of(self, entry: Entry) -> Iterator[FileMask | Problem]:
        size, grouped, number = self._sizes.get(entry.name), 0, 0
        groups: dict[Any, FileMask] = {}
        with self.source.open(entry) as file:
            for path, shape in read_parts(file, enter=[(), ("shapes",)], take=[("shapes", "*")]):
                if path != ("shapes", "*"):
                    continue
                number += 1
                found = read_shape(shape, f"{entry.name} shape {number}", entry.name, size)
                group = shape.get("group_id") if isinstance(shape, dict) else None
                if isinstance(found, Problem) or whole_of(group) is None or grouped >= _MAX_GROUPED:
                    yield found
                    continue
                grouped += 1
                first = groups.setdefault((group, found.category_key, found.polygons is None), found)
                if first is not found and not join(first, found, size):
                    yield Problem(
                        found.place,
                        "bad_polygon",
                        _("Its group has more than %(n)s parts.") % {"n": f"{MAX_POLYGONS:,}"},
                    )
        yield from groups.values()


def join(first: FileMask, more: FileMask, size: Size | None) -> bool:
    """Add a part to a mask; say whether it was taken."""
    if first.polygons is not None:
        if len(first.polygons) >= MAX_POLYGONS:
            return False
        first.polygons += more.polygons
    elif size is not None:
        first.counts = union_of([first.counts, more.counts], size)
    return True


def read_shape(shape: object, place: str, image_key: str, size: Size | None) -> FileMask | Problem:
    """Return the mask of one shape on a photo of (height, width); None where the photo is not known."""
    if not isinstance(shape, dict):
        return Problem(place, "bad_annotation", _("It is no object."))
    kind = shape.get("shape_type") or "polygon"
    points = _points(shape.get("points"))
    if points is None:
        return Problem(place, "bad_annotation", _("Its points are not pairs of numbers."))
    label = name_of(shape.get("label"), limit=MAX_LABEL_LENGTH)
    mask = FileMask(place, None, image_key, label or None, fields={"attributes": _attributes(shape)})
    if kind == "polygon":
        mask.polygons = [[value for point in points for value in point]]
    elif kind == "circle" and len(points) == 2:
        radius = math.dist(*points)
        mask.polygons = [ellipse(points[0][0], points[0][1], radius, radius)]
    elif kind == "mask":
        return _read_mask(shape, points, mask, size)
    elif kind == "rectangle":
        return Problem(place, "no_mask", _("It is a box, not an outline."))
    else:
        return Problem(
            place,
            "no_mask",
            _("It is of the kind “%(kind)s”, which covers no area.") % {"kind": text_of(kind, limit=30)},
        )
    return mask


def _read_mask(
    shape: dict[str, object], points: list[list[float]], mask: FileMask, size: Size | None
) -> FileMask | Problem:
    if size is None:
        return mask  # its photo is not taken, which is said where that is found out
    mask.size = list(size)
    corner = (round(points[0][0]), round(points[0][1])) if points else (0, 0)
    try:
        crop = _decode(shape.get("mask"), size)
        mask.counts = counts_of_crop(crop, corner, size)
    except _BROKEN:
        return Problem(mask.place, "bad_counts", _("Its mask is no PNG that can be read, or larger than the photo."))
    except MaskRefusedError:
        return Problem(mask.place, "bad_counts", _("Its mask lies outside the photo."))
    return mask


def _decode(text: object, size: Size) -> "NDArray[np.bool_]":
    import numpy as np
    from PIL import Image as Pillow

    if not isinstance(text, str):
        raise ValueError("it is no text")
    with Pillow.open(io.BytesIO(base64.b64decode(text, validate=True)), formats=("PNG",)) as picture:
        if picture.height > size[0] or picture.width > size[1]:
            raise ValueError("it is larger than the photo")
        return np.asarray(picture.convert("L")) > 0


def _points(value: object) -> list[list[float]] | None:
    if not isinstance(value, list):
        return None
    for point in value:
        if not isinstance(point, list) or len(point) != 2 or not all(_is_number(number) for number in point):
            return None
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


def _attributes(shape: dict[str, object]) -> dict[str, object]:
    """Return the attributes that our own files have in the description; other words are kept as one attribute."""
    words = shape.get("description")
    if not isinstance(words, str) or not words or len(words) > MAX_ATTRIBUTES_BYTES:
        return {}
    try:
        value = json.loads(words)
    except (ValueError, RecursionError):
        value = None
    return object_of(
        value if isinstance(value, dict) else {"description": text_of(words, limit=5000)}, MAX_ATTRIBUTES_BYTES
    )
