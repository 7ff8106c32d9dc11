"""SA-1B: one JSON an image, in a folder, zip or tar. There are no labels; scores, crop box and points are kept."""

from collections.abc import Iterator
from typing import Any

from annotator.exchange.importers.base import (
    FileCategory,
    FileImage,
    FileMask,
    Problem,
    Reader,
    number_of,
    text_of,
    whole_of,
)
from annotator.exchange.importers.source import BrokenFileError, Entry, Source
from annotator.exchange.json_stream import BrokenJsonError, read_object

_PEEK_BYTES = 4096
_MAX_POINTS = 100


class Sa1bReader(Reader):
    """Reads every JSON of the source as one image."""

    @classmethod
    def fits(cls, source: Source) -> bool:
        """Say whether the first JSON holds one image."""
        for entry in source.entries[:1] if source.kind == "file" else source.named(".json"):
            with source.open(entry) as file:
                head = file.read(_PEEK_BYTES)
            return b'"images"' not in head and b'"image_id"' in head and b'"image"' in head
        return False

    def outline(self) -> Iterator[FileCategory | FileImage | Problem]:
        """Yield one image a JSON; a JSON that cannot be read is a problem and stops no other."""
        self.mask_count = 0
        for entry in self._jsons():
            image: FileImage | Problem = Problem(entry.name, "bad_image", "It names no image.")
            try:
                with self.source.open(entry) as file:
                    for key, item in read_object(file, arrays=("annotations",)):
                        if key == "image":
                            image = _read_image(item, entry)
                        elif key == "annotations":
                            self.mask_count += 1
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
    name = text_of(item.get("file_name")) if isinstance(item, dict) else ""
    if not name:
        return Problem(entry.name, "bad_image", "It names no image.")
    return FileImage(entry.name, name, whole_of(item.get("width")), whole_of(item.get("height")))


def _read_annotation(item: Any, entry: Entry, number: int) -> FileMask | Problem:
    place = f"{entry.name} annotation {number}"
    segmentation = item.get("segmentation") if isinstance(item, dict) else None
    if not isinstance(segmentation, dict):
        return Problem(place, "no_mask", "It has no segmentation.")
    imported = {"crop_box": _numbers(item.get("crop_box"), 4), "point_coords": _points(item.get("point_coords"))}
    fields = {
        "predicted_iou": number_of(item.get("predicted_iou")),
        "stability_score": number_of(item.get("stability_score")),
        "provenance": {"imported": {name: value for name, value in imported.items() if value}},
    }
    counts, size = segmentation.get("counts"), segmentation.get("size")
    return FileMask(place, None, entry.name, None, counts=counts, size=size, fields=fields)


def _points(value: Any) -> list[list[float]]:
    points = [_numbers(point, 2) for point in value[:_MAX_POINTS]] if isinstance(value, list) else []
    return [point for point in points if point]


def _numbers(value: Any, count: int) -> list[float]:
    """Return `count` sane numbers, or none."""
    if not isinstance(value, list) or len(value) != count:
        return []
    fine = all(isinstance(n, int | float) and not isinstance(n, bool) and abs(n) < 1e7 for n in value)
    return list(value) if fine else []
