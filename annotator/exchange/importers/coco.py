"""COCO instances: polygons, RLE compressed or not, crowds; from a bare JSON or one in an archive with photos."""

from collections.abc import Iterator
from typing import Any

from annotator.exchange.exporters.coco import NO_LABEL
from annotator.exchange.importers.base import (
    MAX_ATTRIBUTES_BYTES,
    MAX_PROVENANCE_BYTES,
    FileCategory,
    FileImage,
    FileMask,
    Problem,
    Reader,
    number_of,
    object_of,
    scalar_key,
    text_of,
    whole_of,
)
from annotator.exchange.importers.source import BrokenFileError, Entry, Source
from annotator.exchange.json_stream import BrokenJsonError, read_object

_ARRAYS = ("images", "annotations", "categories", "licenses")
_PEEK_BYTES = 4096


class CocoReader(Reader):
    """Reads every JSON of the source that is not another tool's."""

    @classmethod
    def fits(cls, source: Source) -> bool:
        """Say whether there is one JSON with lists of images and annotations."""
        return any(_looks_like_coco(source, entry) for entry in _jsons(source)[:3])

    def outline(self) -> Iterator[FileCategory | FileImage | Problem]:
        """Yield categories and images, in file order."""
        self.mask_count = 0
        for place, (key, item) in enumerate(self._items(), 1):
            if key == "categories":
                yield _read_category(item, place)
            elif key == "images":
                yield _read_image(item, place)
            elif key == "annotations":
                self.mask_count += 1

    def masks(self) -> Iterator[FileMask | Problem]:
        """Yield the annotations."""
        number = 0
        for key, item in self._items():
            if key == "annotations":
                number += 1
                yield _read_annotation(item, number)

    def _items(self) -> Iterator[tuple[str, Any]]:
        entries = _jsons(self.source)
        if len(entries) > 1:
            entries = [entry for entry in entries if _looks_like_coco(self.source, entry)]
        if len(entries) != 1:
            raise BrokenFileError(f"One COCO JSON was expected, the file holds {len(entries)}.")
        try:
            with self.source.open(entries[0]) as file:
                yield from read_object(file, arrays=_ARRAYS)
        except BrokenJsonError as error:
            raise BrokenFileError(str(error)) from error


def _jsons(source: Source) -> list[Entry]:
    if source.kind == "file":
        return source.entries
    return list(source.named(".json"))


def _looks_like_coco(source: Source, entry: Entry) -> bool:
    with source.open(entry) as file:
        head = file.read(_PEEK_BYTES)
    if b'"image"' in head and b'"image_id"' in head and b'"images"' not in head:
        return False  # SA-1B
    return any(word in head for word in (b'"images"', b'"annotations"', b'"categories"', b'"info"'))


def _read_category(item: Any, place: int) -> FileCategory | Problem:
    key = scalar_key(item.get("id")) if isinstance(item, dict) else None
    name = text_of(item.get("name"), limit=100) if isinstance(item, dict) else ""
    if key is None or not name:
        return Problem(f"category {place}", "bad_category", "It has no id or no name.")
    ours = item.get("maskwright")
    ours = ours if isinstance(ours, dict) else {}
    attributes = ours.get("attributes")
    return FileCategory(
        key=key,
        name=name,
        color=text_of(ours.get("color"), limit=7),
        shortcut=text_of(ours.get("key"), limit=1),
        attributes=attributes if isinstance(attributes, list) and object_of({"a": attributes}, 32_768) else [],
        is_no_label=ours.get("is_no_label") is True and name == NO_LABEL,
    )


def _read_image(item: Any, place: int) -> FileImage | Problem:
    key = scalar_key(item.get("id")) if isinstance(item, dict) else None
    name = text_of(item.get("file_name")) if isinstance(item, dict) else ""
    if key is None or not name:
        return Problem(f"image {place}", "bad_image", "It has no id or no file name.")
    ours = item.get("maskwright")
    ours = ours if isinstance(ours, dict) else {}
    tags = ours.get("tags")
    return FileImage(
        key=key,
        file_name=name,
        width=whole_of(item.get("width")),
        height=whole_of(item.get("height")),
        sha256=text_of(ours.get("sha256"), limit=64),
        tags=[text_of(tag, limit=50) for tag in tags[:50] if text_of(tag)] if isinstance(tags, list) else [],
        split=text_of(ours.get("own_split"), limit=20),
    )


def _read_annotation(item: Any, number: int) -> FileMask | Problem:
    place = f"annotation {number}"
    if not isinstance(item, dict):
        return Problem(place, "bad_annotation", "It is no object.")
    key = scalar_key(item.get("id"))
    if key is not None:
        place = f"annotation {number} (id {key[:60]})"
    image_key = scalar_key(item.get("image_id"))
    if image_key is None:
        return Problem(place, "bad_annotation", "It has no image_id.")
    mask = FileMask(place, key, image_key, scalar_key(item.get("category_id")) if "category_id" in item else None)
    segmentation = item.get("segmentation")
    if isinstance(segmentation, dict):
        mask.counts, mask.size = segmentation.get("counts"), segmentation.get("size")
    elif isinstance(segmentation, list) and segmentation:
        mask.polygons = segmentation
    else:
        return Problem(place, "no_mask", "It has no segmentation.")
    mask.fields = read_fields(item.get("maskwright"), is_crowd=item.get("iscrowd") == 1)
    return mask


def read_fields(ours: Any, *, is_crowd: bool = False) -> dict[str, Any]:
    """Return column values out of the `maskwright` object; whatever does not fit is as if it were not there."""
    ours = ours if isinstance(ours, dict) else {}
    attributes = object_of(ours.get("attributes"), MAX_ATTRIBUTES_BYTES)
    provenance = object_of(ours.get("provenance"), MAX_PROVENANCE_BYTES)
    # An empty author is told from none: the next export must not name whoever imported.
    names = ("source", "author", "model_version") if ours else ()
    imported = {name: text_of(ours.get(name), limit=150) for name in names}
    return {
        "predicted_iou": number_of(ours.get("predicted_iou")),
        "stability_score": number_of(ours.get("stability_score")),
        "z_order": whole_of(ours.get("z_order"), low=-(2**31)) or 0,
        "is_locked": ours.get("is_locked") is True,
        "active_ms": whole_of(ours.get("active_ms"), high=86_400_000) or 0,
        "stage": text_of(ours.get("stage"), limit=20),
        "state": text_of(ours.get("state"), limit=10),
        "attributes": {**attributes, "iscrowd": 1} if is_crowd else attributes,
        "provenance": {**provenance, "imported": imported},
    }
