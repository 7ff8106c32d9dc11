"""COCO panoptic: a JSON with segments, and the pictures that it names, in an archive or folder.

Every segment becomes a mask. Pixels whose number no segment has are nothing. The JSON alone has no masks.
"""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from annotator.exchange.base.mask_fields import NO_LABEL
from annotator.exchange.base.reading import (
    MAX_LABEL_LENGTH,
    FileCategory,
    FileImage,
    FileMask,
    Problem,
    Reader,
    name_of,
    scalar_key,
    text_of,
    whole_of,
)
from annotator.exchange.files.index_pictures import read_numbers
from annotator.exchange.files.json_parts import read_parts
from annotator.exchange.files.json_stream import BrokenJsonError
from annotator.exchange.files.source import BrokenFileError, Entry, Source
from annotator.mask_gateway import counts_of_numbers

Size = tuple[int, int]
_ROW = {"categories": ("categories", "*"), "images": ("images", "*"), "annotations": ("annotations", "*")}
_ENTERED = [(), *((kind,) for kind in _ROW)]
_SEGMENTS = ("annotations", "*", "segments_info")


class PanopticReader(Reader):
    """Reads the first JSON whose annotations have segments."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._sizes: dict[str, Size] = {}
        self._pictures = {_tail(entry.name): entry for entry in source.named(".png")}

    @classmethod
    def recognise(cls, source: Source) -> str:
        """Say which JSON's first annotation has segments."""
        entry = _find_json(source)
        return _("panoptic COCO (%(name)s)") % {"name": entry.name} if entry is not None else ""

    def outline(self) -> Iterator[FileCategory | FileImage | Problem]:
        """Yield categories and images, in file order."""
        self.mask_count = 0
        for number, (kind, row) in enumerate(self._rows(), 1):
            if kind == "categories":
                yield _read_category(row, number)
            elif kind == "images":
                yield _read_image(row, number)
            elif isinstance(row, dict) and isinstance(row.get("segments_info"), list):
                self.mask_count += len(row["segments_info"])

    def masks(self) -> Iterator[FileMask | Problem]:
        """Yield the segments, image by image. Only pictures as large as their photo are ever unpacked."""
        number = 0
        for kind, row in self._rows():
            if kind == "annotations":
                number += 1
                yield from self._masks_of(row, f"annotation {number}")

    def use_size(self, image_key: str, size: Size) -> None:
        """Learn a photo's size: a picture that claims another is not unpacked."""
        self._sizes[image_key] = size

    def _rows(self) -> Iterator[tuple[str, Any]]:
        entry = _find_json(self.source)
        if entry is None:
            raise BrokenFileError(_("There is no JSON whose annotations have segments."))
        try:
            with self.source.open(entry) as file:
                for path, value in read_parts(file, enter=_ENTERED, take=list(_ROW.values())):
                    if len(path) == 2:
                        yield path[0], value
        except BrokenJsonError as error:
            raise BrokenFileError(str(error)) from error

    def _masks_of(self, row: Any, place: str) -> Iterator[FileMask | Problem]:
        key = scalar_key(row.get("image_id")) if isinstance(row, dict) else None
        if key is None:
            yield Problem(place, "bad_annotation", _("It has no image_id."))
            return
        name = text_of(row.get("file_name"))
        entry = self._pictures.get(_tail(name))
        size = self._sizes.get(key)
        if size is None:
            yield FileMask(place, None, key, None)  # its photo is not taken: named already
            return
        if entry is None:
            yield Problem(place, "bad_image", _("There is no picture %(name)s.") % {"name": name})
            return
        read = read_numbers(self.source, entry, size, may_be_colored=True)
        if isinstance(read, str):
            yield Problem(place, "bad_image", read)
            return
        segments = _segments_by_id(row.get("segments_info"))
        for value, counts in counts_of_numbers(read[0]):
            segment = segments.pop(value, None)
            if segment is not None:
                yield _mask_of(segment, f"{place} segment {value}", key, counts, size)
        for value in segments:
            yield Problem(f"{place} segment {value}", "empty_mask", _("No pixel of the picture is this segment."))


def _mask_of(segment: dict[str, Any], place: str, key: str, counts: str, size: Size) -> FileMask:
    fields = {"attributes": {"iscrowd": 1}} if segment.get("iscrowd") == 1 else {}
    return FileMask(place, None, key, scalar_key(segment.get("category_id")), counts, list(size), fields=fields)


def _segments_by_id(segments: Any) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for segment in segments if isinstance(segments, list) else []:
        number = whole_of(segment.get("id"), low=1) if isinstance(segment, dict) else None
        if number is not None:
            found[number] = segment
    return found


def _read_category(row: Any, place: int) -> FileCategory | Problem:
    key = scalar_key(row.get("id")) if isinstance(row, dict) else None
    name = name_of(row.get("name"), limit=MAX_LABEL_LENGTH) if isinstance(row, dict) else ""
    if key is None or not name:
        return Problem(f"category {place}", "bad_category", _("It has no id or no name."))
    channels = row.get("color")
    is_color = (
        isinstance(channels, list) and len(channels) == 3 and all(whole_of(c, high=255) is not None for c in channels)
    )
    color = "#" + "".join(f"{int(channel):02X}" for channel in channels) if is_color else ""
    return FileCategory(key, name, color=color, is_no_label=name == NO_LABEL)


def _read_image(row: Any, place: int) -> FileImage | Problem:
    key = scalar_key(row.get("id")) if isinstance(row, dict) else None
    name = text_of(row.get("file_name")) if isinstance(row, dict) else ""
    if key is None or not name:
        return Problem(f"image {place}", "bad_image", _("It has no id or no file name."))
    return FileImage(key, name, width=whole_of(row.get("width")), height=whole_of(row.get("height")))


def _find_json(source: Source) -> Entry | None:
    for entry in source.entries if source.kind == "file" else source.named(".json"):
        try:
            with source.open(entry) as file:
                if _has_segments(file):
                    return entry
        except (BrokenJsonError, BrokenFileError):
            continue
    return None


def _has_segments(file: Any) -> bool:
    """Say whether the first annotation has segments; what comes after it is not read."""
    enter = [(), ("annotations",), _SEGMENTS[:2]]
    for path, _value in read_parts(file, enter=enter, take=[_SEGMENTS]):
        if path == _SEGMENTS:
            return True
        if path == _SEGMENTS[:2]:
            return False
    return False


def _tail(name: str) -> str:
    return name.replace("\\", "/").rsplit("/", maxsplit=1)[-1]
