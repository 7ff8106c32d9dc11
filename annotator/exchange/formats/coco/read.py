"""COCO instances: polygons, RLE compressed or not, crowds and boxes; one JSON or several, with photos or without.

A value of another type than COCO's is read where it can mean only one thing (1.0, "3"), and named where it cannot.
"""

import math
from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from annotator.annotations.mask_fields import MAX_ATTRIBUTES_BYTES
from annotator.exchange.base.mask_fields import NO_LABEL, read_fields
from annotator.exchange.base.reading import (
    MAX_LABEL_LENGTH,
    FileCategory,
    FileImage,
    FileMask,
    Problem,
    Reader,
    is_flag_set,
    name_of,
    number_in,
    object_of,
    scalar_key,
    text_of,
    whole_of,
)
from annotator.exchange.base.split_names import split_in
from annotator.exchange.files.source import BrokenFileError, Source
from annotator.exchange.formats.coco.parts import Part, choose_parts, coco_entries, items_of

KNOWN = {
    "annotations": frozenset(
        {"id", "image_id", "category_id", "segmentation", "area", "bbox", "iscrowd", "attributes", "maskwright"}
    ),
    "images": frozenset({"id", "file_name", "width", "height", "maskwright"}),
    "categories": frozenset({"id", "name", "supercategory", "maskwright"}),
}
_KNOWN_KEYS = frozenset({*KNOWN, "info", "licenses"})
_LONGEST_NAME = 2000


class CocoReader(Reader):
    """Reads the chosen COCO JSONs of the source, one after the other."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._parts: list[Part] | None = None

    @classmethod
    def recognise(cls, source: Source) -> str:
        """Say how many JSONs have lists of images and annotations."""
        entries = coco_entries(source)
        names = ", ".join(entry.name for entry in entries[:3]) + (", ..." if len(entries) > 3 else "")
        return _("%(n)s COCO JSON (%(names)s)") % {"n": len(entries), "names": names} if entries else ""

    def outline(self) -> Iterator[FileCategory | FileImage | Problem]:
        """Yield categories and images, in file order."""
        self.mask_count = self.highest_number = 0
        self.dropped.clear()
        for prefix, part in self._chosen_parts():
            for place, (key, item) in enumerate(items_of(self.source, part.entry), 1):
                if key == "categories":
                    yield self._read_category(item, place, prefix)
                elif key == "images":
                    yield self._read_image(item, place, prefix, part)
                elif key == "annotations":
                    self.mask_count += 1
                    self._note_leftovers(item)
                elif key not in _KNOWN_KEYS:
                    self.dropped[str(key)[:100]] += 1

    def masks(self) -> Iterator[FileMask | Problem]:
        """Yield the annotations."""
        number = 0
        for prefix, part in self._chosen_parts():
            for key, item in items_of(self.source, part.entry):
                if key == "annotations":
                    number += 1
                    yield _read_annotation(item, number, prefix)

    def _chosen_parts(self) -> list[tuple[str, Part]]:
        """Return the parts to read, each with what its ids are told from other parts' by: nothing, if it is alone."""
        if self._parts is None:
            entries = coco_entries(self.source)
            if not entries and self.source.kind == "file":
                entries = self.source.entries  # asked for: reading it says what is wrong
            if not entries:
                raise BrokenFileError(_("There is no COCO JSON in the file."))
            is_alone = len(entries) == 1 and not self.chosen
            self._parts = [Part(entries[0], is_chosen=True)] if is_alone else self._choose(entries)
        chosen = [(place, part) for place, part in enumerate(self._parts) if part.is_chosen]
        return [(f"{place}|" if len(self._parts) > 1 else "", part) for place, part in chosen]

    def _choose(self, entries: list[Any]) -> list[Part]:
        parts = choose_parts(self.source, entries, self.chosen)
        self.files = [part.to_json() for part in parts]
        return parts

    def _note_leftovers(self, item: object) -> None:
        """Note what an annotation says that has no place here, and its number."""
        if not isinstance(item, dict):
            return
        number = number_in(scalar_key(item.get("id")))
        self.highest_number = max(self.highest_number, number or 0)
        if len(item) > 1:
            self._drop("annotations", item)

    def _drop(self, kind: str, item: dict[str, Any]) -> None:
        for name in () if item.keys() <= KNOWN[kind] else item.keys() - KNOWN[kind]:
            if item[name] not in (None, "", 0, [], {}):
                self.dropped[f"{kind}.{name}"[:100]] += 1
        attributes = item.get("attributes") if kind == "annotations" else None
        if attributes and not object_of(attributes, MAX_ATTRIBUTES_BYTES):
            self.dropped["annotations.attributes"] += 1

    def _read_category(self, item: Any, place: int, prefix: str) -> FileCategory | Problem:
        key = scalar_key(item.get("id")) if isinstance(item, dict) else None
        name = name_of(item.get("name"), limit=MAX_LABEL_LENGTH) if isinstance(item, dict) else ""
        if key is None or not name:
            return Problem(f"category {place}", "bad_category", _unreadable(item, "id", "name"))
        self._drop("categories", item)
        ours = item.get("maskwright")
        ours = ours if isinstance(ours, dict) else {}
        attributes = ours.get("attributes")
        return FileCategory(
            key=prefix + key,
            name=name,
            color=text_of(ours.get("color"), limit=7),
            shortcut=text_of(ours.get("key"), limit=1),
            attributes=attributes if isinstance(attributes, list) and object_of({"a": attributes}, 32_768) else [],
            is_no_label=ours.get("is_no_label") is True and name == NO_LABEL,
            number=number_in(key),
            supercategory=name_of(item.get("supercategory"), limit=200),
        )

    def _read_image(self, item: Any, place: int, prefix: str, part: Part) -> FileImage | Problem:
        key = scalar_key(item.get("id")) if isinstance(item, dict) else None
        name = _photo_name(item) if isinstance(item, dict) else ""
        if key is None or not name:
            return Problem(f"image {place}", "bad_image", _unreadable(item, "id", "file_name"))
        width, height = whole_of(item.get("width")), whole_of(item.get("height"))
        for side, value in (("width", width), ("height", height)):
            if value is None and item.get(side) is not None:
                return Problem(f"image {place} ({name[:100]})", "bad_image", _unreadable(item, side))
        self._drop("images", item)
        ours = item.get("maskwright")
        ours = ours if isinstance(ours, dict) else {}
        tags = ours.get("tags")
        return FileImage(
            key=prefix + key,
            file_name=name,
            width=width,
            height=height,
            sha256=text_of(ours.get("sha256"), limit=64),
            tags=[text_of(tag, limit=50) for tag in tags[:50] if text_of(tag)] if isinstance(tags, list) else [],
            split=text_of(ours.get("own_split"), limit=20) or split_in(part.entry.name),
            number=number_in(key),
            folder=part.entry.path.rpartition("/")[0],
        )


def _photo_name(item: dict[str, Any]) -> str:
    """Return the file's name, or its address where it has none, as LVIS writes it."""
    return name_of(item.get("file_name"), limit=_LONGEST_NAME) or name_of(item.get("coco_url"), limit=_LONGEST_NAME)


def _unreadable(item: object, *names: str) -> str:
    if not isinstance(item, dict):
        return _("It is no object.")
    missing = [name for name in names if name not in item]
    if missing:
        return _("It has no %(fields)s.") % {"fields": ", ".join(missing)}
    said = ", ".join(f"{name} {str(item[name])[:60]!r}" for name in names)
    return _("It has %(said)s, which cannot be read.") % {"said": said}


def _read_annotation(item: object, number: int, prefix: str) -> FileMask | Problem:
    place = f"annotation {number}"
    if not isinstance(item, dict):
        return Problem(place, "bad_annotation", _("It is no object."))
    key = scalar_key(item.get("id"))
    if key is not None:
        place = f"annotation {number} (id {key[:60]})"
    image_key = scalar_key(item.get("image_id"))
    if image_key is None:
        return Problem(place, "bad_annotation", _unreadable(item, "image_id"))
    category_key = scalar_key(item.get("category_id"))
    if category_key is None and item.get("category_id") is not None:
        return Problem(place, "bad_annotation", _unreadable(item, "category_id"))
    mask = FileMask(place, key, prefix + image_key, None if category_key is None else prefix + category_key)
    segmentation = item.get("segmentation")
    if isinstance(segmentation, dict) and segmentation:
        mask.counts, mask.size = segmentation.get("counts"), segmentation.get("size")
    elif isinstance(segmentation, list) and segmentation:
        mask.polygons = segmentation
    else:
        mask.box = _box(item.get("bbox"))
        if mask.box is None:
            return Problem(place, "no_mask", _("It has no segmentation."))
    mask.fields = _fields(item)
    return mask


def _fields(item: dict[str, Any]) -> dict[str, Any]:
    fields = read_fields(item.get("maskwright"), is_crowd=is_flag_set(item.get("iscrowd")))
    attributes = object_of(item.get("attributes"), MAX_ATTRIBUTES_BYTES)
    if attributes:
        fields["attributes"] = {**attributes, **fields["attributes"]}
    return fields


def _box(value: object) -> tuple[float, float, float, float] | None:
    if not isinstance(value, list) or len(value) != 4:
        return None
    try:
        x, y, width, height = (float(number) for number in value)
    except (TypeError, ValueError, OverflowError):
        return None
    is_fine = all(math.isfinite(number) and abs(number) < 1e9 for number in (x, y, width, height))
    return (x, y, width, height) if is_fine and width > 0 and height > 0 else None
