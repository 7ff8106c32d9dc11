"""CVAT for images 1.1: annotations.xml with a mask or polygon for each mask, and images/NAME.

A mask is the runs of its box, row by row, background first. A polygon is one ring; parts and holes are joined by cuts
of no width. Images name no subset: datumaro would read none of them then.
Source: docs.cvat.ai (XML annotation format, "CVAT for images 1.1").
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from annotator.exchange.base.mask_fields import NO_LABEL
from annotator.exchange.base.read_back import as_read
from annotator.exchange.base.rings import join_parts
from annotator.exchange.base.rows import ImageRow, LabelRow
from annotator.exchange.base.writing import CheckedMask, ReadMask, Writer
from annotator.exchange.files.packages import GrowingFile, Position, entries_of
from annotator.exchange.files.xml_stream import read_elements, tag
from annotator.exchange.formats.cvat.read import read_shape
from annotator.mask_gateway import crop_of, polygons_from_counts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

XML_NAME = "annotations.xml"
_INPUT_TYPES = {"choice": "select", "number": "number", "text": "text", "flag": "checkbox"}
_SOURCES = {"automatic": "auto", "suggestion": "semi-auto"}


class CvatWriter(Writer):
    """Writes the images into a growing file that goes into the package at the end."""

    @property
    def is_lossy(self) -> bool:
        """Say whether outlines are simplified."""
        return self.options.segmentation == "polygons" and self.options.tolerance_px > 0

    def open(self, positions: dict[str, Position]) -> None:
        """Open the XML, which starts with the labels."""
        self._xml = GrowingFile(self.folder / "xml.part", positions.get("xml"))
        self.beside = [self._xml]
        if not positions:
            self._xml.write(self._head().encode())

    def write_image(self, image: ImageRow, masks: Sequence[CheckedMask]) -> list[CheckedMask]:
        """Write the image's element and, where asked for, the photo."""
        facts: dict[str, Any] = {"id": image.number, "name": image.file_name}
        lines = [tag("image", **facts, width=image.width, height=image.height, close=False)]
        lines += [tag("tag", label=word, source="manual", text="") for word in image.tags]
        lines += [self._shape(mask, image) for mask in masks]
        self._xml.write(("\n".join([*lines, "</image>"]) + "\n").encode())
        self.photo(image, f"images/{image.file_name}")
        return list(masks)

    def checkpoint(self) -> dict[str, Position]:
        """Flush all files."""
        return {**super().checkpoint(), "xml": self._xml.checkpoint()}

    def close(self) -> list[Path]:
        """Put the XML into the package."""
        self._xml.write(b"</annotations>\n")
        self._xml.close()
        with self._xml.path.open("rb") as file:
            self.entries.add_file(XML_NAME, file, self._xml.path.stat().st_size)
        return self.close_package()

    def read_back(self, paths: list[Path]) -> Iterator[ReadMask]:
        """Parse every shape with the code that imports use."""
        for name, file in entries_of(paths):
            if name == XML_NAME:
                for image in read_elements(file, ["image"]):
                    size = (int(image.attributes["height"]), int(image.attributes["width"]))
                    for shape in image.children:
                        if shape.tag != "tag":
                            yield as_read(read_shape(shape, "", "", size, {}), size)

    def _head(self) -> str:
        labels = "".join(_describe_label(label) for label in self.selection.labels)
        if self.selection.has_unlabelled():
            labels += f"<label>{tag('name', text=NO_LABEL)}<attributes></attributes></label>"
        name, day = tag("name", text=self.selection.project_name), timezone.now().date().isoformat()
        meta = f"<meta><task>{name}<labels>{labels}</labels></task><dumped>{day}</dumped></meta>"
        return f'<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n{meta}\n'

    def _shape(self, mask: CheckedMask, image: ImageRow) -> str:
        row, measured = mask.row, mask.measured
        names = {label.pk: label.name for label in self.selection.labels}
        facts: dict[str, Any] = {
            "label": names.get(row.label_pk or 0, NO_LABEL),
            "source": _SOURCES.get(row.source, "manual"),
            "occluded": int(row.attributes.get("occluded") is True),
            "z_order": row.z_order,
        }
        if self.options.segmentation == "polygons":
            polygons = polygons_from_counts(measured.counts, image.size, tolerance_px=self.options.tolerance_px)
            start = tag(
                "polygon", close=False, **facts, points=";".join(f"{x:g},{y:g}" for x, y in join_parts(polygons))
            )
            return start + _describe_attributes(row.attributes) + "</polygon>"
        x, y, width, height = measured.bbox_xywh
        runs = runs_of(crop_of(measured.counts, image.size, measured.bbox_xywh))
        box: dict[str, Any] = {"left": x, "top": y, "width": width, "height": height}
        start = tag("mask", close=False, **facts, rle=", ".join(map(str, runs)), **box)
        return start + _describe_attributes(row.attributes) + "</mask>"


def runs_of(crop: "NDArray[np.bool_]") -> list[int]:
    """Return the lengths of the runs of a box, row by row, starting with the background."""
    import numpy as np

    flat = crop.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(edges, prepend=0, append=flat.size).tolist()
    return [0, *runs] if flat[0] else list(runs)


def _describe_label(label: LabelRow) -> str:
    attributes = "".join(_describe_question(question) for question in label.attributes)
    color = tag("color", text=label.color)
    return f"<label>{tag('name', text=label.name)}{color}<attributes>{attributes}</attributes></label>"


def _describe_question(question: dict[str, Any]) -> str:
    kind = _INPUT_TYPES.get(str(question.get("kind")), "text")
    choices = {"select": question.get("choices", []), "checkbox": ["false", "true"]}.get(kind, [])
    values = tag("values", text="\n".join(map(str, choices)))
    name, mutable = tag("name", text=question.get("name", "")), tag("mutable", text="False")
    return f"<attribute>{name}{mutable}{tag('input_type', text=kind)}{values}</attribute>"


def _describe_attributes(attributes: dict[str, Any]) -> str:
    return "".join(
        tag("attribute", name=name, text=value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in attributes.items()
        if name != "occluded"
    )
