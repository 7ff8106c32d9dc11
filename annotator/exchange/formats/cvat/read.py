"""CVAT for images 1.1: masks, polygons and ellipses with their attributes; from a bare XML or one in an archive.

Polygons of one label and one group are parts of one mask, as CVAT's own COCO export makes them. Tags of an image are
tags here.
"""

import math
from collections.abc import Iterator
from typing import Any

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
)
from annotator.exchange.base.rings import ellipse
from annotator.exchange.files.source import BrokenFileError, Entry, Source
from annotator.exchange.files.xml_stream import BrokenXmlError, XmlElement, read_elements
from annotator.mask_gateway import MAX_POLYGONS, counts_of_crop
from annotator.sam_gateway import MaskRefusedError

Size = tuple[int, int]
Kinds = dict[str, dict[str, str]]  # the input types of attributes, by label and name
_KINDS = {"select": "choice", "radio": "choice", "number": "number", "text": "text", "checkbox": "flag"}


class CvatReader(Reader):
    """Reads every XML of the source."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._sizes: dict[str, Size] = {}
        self._kinds: Kinds = {}

    @classmethod
    def recognise(cls, source: Source) -> str:
        """Say which XML is the first that has images of CVAT."""
        for entry in source.first(".xml"):
            try:
                with source.open(entry) as file:
                    found = next(read_elements(file, ["image", "track", "meta"]), None)
            except (BrokenXmlError, BrokenFileError):
                continue
            if found is not None and (found.tag != "image" or "name" in found.attributes):
                return _("CVAT XML (%(name)s)") % {"name": entry.name}
        return ""

    def outline(self) -> Iterator[FileCategory | FileImage | Problem]:
        """Yield the labels of the head, then the images, and labels that the head does not name."""
        self.mask_count = 0
        known: set[str] = set()
        for place, element in self._elements(["labels", "image", "track"]):
            if element.tag == "track":
                raise BrokenFileError(_("It is CVAT for video, with tracks; export the task as CVAT for images."))
            if element.tag == "labels":
                self._kinds |= _read_kinds(element)
                found = [_read_label(label) for label in element.children if label.tag == "label"]
            else:
                shapes = [shape for shape in element.children if shape.tag != "tag"]
                self.mask_count += len(shapes)
                names = dict.fromkeys(
                    name_of(shape.attributes.get("label"), limit=MAX_LABEL_LENGTH) for shape in shapes
                )
                found = [FileCategory(name, name, is_no_label=name == NO_LABEL) for name in names]
            for category in found:
                if category.name and category.key not in known:
                    known.add(category.key)
                    yield category
            if element.tag == "image":
                yield _read_image(element, place)

    def masks(self) -> Iterator[FileMask | Problem]:
        """Yield the shapes, image by image; parts of one group together, after the others."""
        for place, element in self._elements(["image"]):
            key = _image_key(element, place)
            groups: dict[Any, FileMask] = {}
            for number, shape in enumerate(element.children, 1):
                if shape.tag == "tag":
                    continue
                where = f"{name_of(element.attributes.get('name'), limit=MAX_LABEL_LENGTH)} shape {number}"
                found = read_shape(shape, where, key, self._sizes.get(key), self._kinds)
                group = shape.attributes.get("group_id", "0")
                if isinstance(found, Problem) or found.polygons is None or group in ("", "0"):
                    yield found
                    continue
                first = groups.setdefault((group, found.category_key), found)
                if first is not found and len(first.polygons) >= MAX_POLYGONS:
                    yield Problem(
                        where, "bad_polygon", _("Its group has more than %(n)s parts.") % {"n": f"{MAX_POLYGONS:,}"}
                    )
                elif first is not found:
                    first.polygons += found.polygons
            yield from groups.values()

    def use_size(self, image_key: str, size: Size) -> None:
        """Learn a photo's size: the runs of a mask are laid into it."""
        self._sizes[image_key] = size

    def _elements(self, wanted: list[str]) -> Iterator[tuple[str, XmlElement]]:
        number = 0
        for entry in _xmls(self.source):
            try:
                with self.source.open(entry) as file:
                    for element in read_elements(file, wanted):
                        number += element.tag == "image"
                        yield f"{entry.name} image {number}", element
            except BrokenXmlError as error:
                sentence = _("%(name)s cannot be read: %(reason)s") % {"name": entry.name, "reason": error}
                raise BrokenFileError(sentence) from error


def _xmls(source: Source) -> Iterator[Entry]:
    return iter(source.entries) if source.kind == "file" else source.named(".xml")


def _image_key(element: XmlElement, place: str) -> str:
    return f"{place} {element.attributes.get('id', '')[:50]}"


def _read_image(element: XmlElement, place: str) -> FileImage | Problem:
    name = text_of(element.attributes.get("name")).replace("\\", "/")
    if not name:
        return Problem(place, "bad_image", _("It names no image."))
    tags = [text_of(child.attributes.get("label"), limit=50) for child in element.children if child.tag == "tag"]
    return FileImage(
        _image_key(element, place),
        name,
        width=_whole(element.attributes.get("width")),
        height=_whole(element.attributes.get("height")),
        tags=[tag for tag in tags[:50] if tag],
    )


def _read_label(label: XmlElement) -> FileCategory:
    name = name_of(label.text_at("name"), limit=MAX_LABEL_LENGTH)
    questions = []
    attributes = label.find("attributes")
    for question in attributes.children if attributes is not None else []:
        kind = _KINDS.get(question.text_at("input_type"), "text")
        choices = [name_of(line, limit=MAX_LABEL_LENGTH) for line in question.text_at("values").splitlines()]
        row: dict[str, object] = {"name": name_of(question.text_at("name"), limit=MAX_LABEL_LENGTH), "kind": kind}
        questions.append({**row, "choices": [c for c in choices if c]} if kind == "choice" else row)
    color = text_of(label.text_at("color"), limit=7)
    return FileCategory(name, name, color=color, attributes=questions[:50], is_no_label=name == NO_LABEL)


def _read_kinds(labels: XmlElement) -> Kinds:
    kinds: Kinds = {}
    for label in labels.children:
        attributes = label.find("attributes")
        rows = attributes.children if attributes is not None else []
        kinds[name_of(label.text_at("name"), limit=MAX_LABEL_LENGTH)] = {
            row.text_at("name"): row.text_at("input_type") for row in rows
        }
    return kinds


def read_shape(shape: XmlElement, place: str, image_key: str, size: Size | None, kinds: Kinds) -> FileMask | Problem:
    """Return the mask of one shape on a photo of (height, width); None where the photo is not known."""
    label = name_of(shape.attributes.get("label"), limit=MAX_LABEL_LENGTH)
    mask = FileMask(place, None, image_key, label or None, fields=_read_fields(shape, kinds.get(label, {})))
    if shape.tag == "mask":
        return _read_mask(shape, mask, size)
    if shape.tag == "polygon":
        polygon = _numbers(shape.attributes.get("points", "").replace(";", ","))
        if polygon is None:
            return Problem(place, "bad_annotation", _("Its points are not pairs of numbers."))
        mask.polygons = [polygon]
        return mask
    if shape.tag == "ellipse":
        numbers = [_number(shape.attributes.get(name)) for name in ("cx", "cy", "rx", "ry")]
        if None in numbers or shape.attributes.get("rotation", "0").strip("0.") != "":
            return Problem(place, "bad_annotation", _("It is an ellipse that cannot be read, or a turned one."))
        mask.polygons = [ellipse(*(number or 0.0 for number in numbers))]
        return mask
    if shape.tag == "box":
        return Problem(place, "no_mask", _("It is a box, not an outline."))
    words = _("It is of the kind “%(kind)s”, which covers no area.") % {"kind": text_of(shape.tag, limit=30)}
    return Problem(place, "no_mask", words)


def _read_mask(shape: XmlElement, mask: FileMask, size: Size | None) -> FileMask | Problem:
    import numpy as np

    if size is None:
        return mask  # its photo is not taken, which is said where that is found out
    left, top, width, height = (_whole(shape.attributes.get(name)) for name in ("left", "top", "width", "height"))
    runs = _numbers(shape.attributes.get("rle", ""))
    if left is None or top is None or not width or not height or runs is None:
        return Problem(mask.place, "bad_counts", _("Its box or its runs are not whole numbers."))
    if left + width > size[1] or top + height > size[0]:
        return Problem(mask.place, "bad_counts", _("Its box lies outside the photo."))
    lengths = np.array(runs, np.float64)
    if (lengths < 0).any() or (lengths % 1).any() or lengths.sum() != width * height:
        return Problem(
            mask.place,
            "bad_counts",
            _("Its runs do not fill its box of %(width)s x %(height)s pixels.") % {"width": width, "height": height},
        )
    flat = np.repeat(np.arange(lengths.size) % 2 == 1, lengths.astype(np.int64))
    mask.size = list(size)
    try:
        mask.counts = counts_of_crop(flat.reshape(height, width), (left, top), size)
    except MaskRefusedError as error:
        return Problem(mask.place, "bad_counts", str(error)[:300])
    return mask


def _read_fields(shape: XmlElement, kinds: dict[str, str]) -> dict[str, object]:
    attributes: dict[str, object] = {}
    for row in shape.children:
        name = row.attributes.get("name", "")
        if row.tag == "attribute" and name:
            attributes[name] = _typed(row.text, kinds.get(name, ""))
    if shape.attributes.get("occluded") == "1":
        attributes["occluded"] = True
    z_order = _number(shape.attributes.get("z_order")) or 0
    fields: dict[str, object] = {"z_order": int(z_order) if abs(z_order) < 2**31 else 0}
    return {**fields, "attributes": object_of(attributes, MAX_ATTRIBUTES_BYTES)}


def _typed(text: str, kind: str) -> Any:
    if kind == "checkbox":
        return text.strip().lower() == "true"
    number = _number(text) if kind == "number" else None
    if number is None:
        return text
    return int(number) if number.is_integer() else number


def _numbers(text: str) -> list[float] | None:
    """Return numbers between commas, or None where something else is among them."""
    try:
        numbers = [float(word) for word in text.split(",")]
    except ValueError:
        return None
    return numbers if all(math.isfinite(number) for number in numbers) else None


def _number(text: str | None) -> float | None:
    numbers = _numbers(text or "")
    return numbers[0] if numbers is not None and len(numbers) == 1 else None


def _whole(text: str | None) -> int | None:
    number = _number(text)
    return int(number) if number is not None and number.is_integer() and 0 <= number < 2**31 else None
