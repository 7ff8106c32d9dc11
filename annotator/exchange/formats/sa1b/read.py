"""SA-1B: one JSON an image, in a folder, zip or tar. There are no labels; scores, crop box and points are kept."""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from annotator.exchange.base.reading import (
    FileCategory,
    FileImage,
    FileMask,
    Problem,
    Reader,
    name_of,
    number_in,
    number_of,
    scalar_key,
    whole_of,
)
from annotator.exchange.files.json_shape import SA1B, kind_of
from annotator.exchange.files.json_stream import BrokenJsonError, read_object
from annotator.exchange.files.source import BrokenFileError, Entry, Source

_MAX_POINTS = 100


class Sa1bReader(Reader):
    """Reads every JSON of the source as one image."""

    @classmethod
    def recognise(cls, source: Source) -> str:
        """Say that there is a JSON which holds one image and its masks."""
        for entry in source.first(".json"):
            if kind_of(source, entry) == SA1B:
                return _("SA-1B JSON (%(name)s, ...)") % {"name": entry.name}
        return ""

    def outline(self) -> Iterator[FileCategory | FileImage | Problem]:
        """Yield one image a JSON; a JSON that cannot be read is a problem and stops no other."""
        self.mask_count = self.highest_number = 0
        for entry in self._jsons():
            image: FileImage | Problem = Problem(entry.name, "bad_image", _("It names no image."))
            try:
                with self.source.open(entry) as file:
                    for key, item in read_object(file, arrays=("annotations",)):
                        if key == "image":
                            image = _read_image(item, entry)
                        elif key == "annotations":
                            self.mask_count += 1
                            own = number_in(scalar_key(item.get("id"))) if isinstance(item, dict) else None
                            self.highest_number = max(self.highest_number, own or 0)
            except (BrokenJsonError, BrokenFileError) as error:
                if self.source.kind == "file":
                    raise BrokenFileError(str(error)) from error
                image = Problem(entry.name, "broken_json", str(error))
            yield image

    def masks(self) -> Iterator[FileMask | Problem]:
        """Yield the annotations; those of a JSON that breaks off are left out with it."""
        for entry in self._jsons():
            number = 0
            try:
                with self.source.open(entry) as file:
                    for key, item in read_object(file, arrays=("annotations",)):
                        if key == "annotations":
                            number += 1
                            yield _read_annotation(item, entry, number)
            except (BrokenJsonError, BrokenFileError):
                continue  # the outline named it already, and no image of it is known

    def _jsons(self) -> Iterator[Entry]:
        return iter(self.source.entries) if self.source.kind == "file" else self.source.named(".json")


def _read_image(item: Any, entry: Entry) -> FileImage | Problem:
    name = name_of(item.get("file_name"), limit=2000) if isinstance(item, dict) else ""
    if not name:
        return Problem(entry.name, "bad_image", _("It names no image."))
    number = number_in(scalar_key(item.get("image_id")))
    size = (whole_of(item.get("width")), whole_of(item.get("height")))
    return FileImage(entry.name, name, *size, number=number, folder=entry.path.rpartition("/")[0])


def _read_annotation(item: Any, entry: Entry, number: int) -> FileMask | Problem:
    place = f"{entry.name} annotation {number}"
    segmentation = item.get("segmentation") if isinstance(item, dict) else None
    if not isinstance(segmentation, dict):
        return Problem(place, "no_mask", _("It has no segmentation."))
    imported = {"crop_box": _numbers(item.get("crop_box"), 4), "point_coords": _points(item.get("point_coords"))}
    fields = {
        "predicted_iou": number_of(item.get("predicted_iou")),
        "stability_score": number_of(item.get("stability_score")),
        "provenance": {"imported": {name: value for name, value in imported.items() if value}},
    }
    counts, size = segmentation.get("counts"), segmentation.get("size")
    return FileMask(place, scalar_key(item.get("id")), entry.name, None, counts=counts, size=size, fields=fields)


def _points(value: object) -> list[list[float]]:
    points = [_numbers(point, 2) for point in value[:_MAX_POINTS]] if isinstance(value, list) else []
    return [point for point in points if point]


def _numbers(value: object, count: int) -> list[float]:
    """Return `count` sane numbers, or none."""
    if not isinstance(value, list) or len(value) != count:
        return []
    fine = all(isinstance(n, int | float) and not isinstance(n, bool) and abs(n) < 1e7 for n in value)
    return list(value) if fine else []
