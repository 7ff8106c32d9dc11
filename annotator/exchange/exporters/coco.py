"""COCO instances. One annotation a line; RLE by default, polygons along pixel corners as an option.

Beside COCO's own fields each annotation holds `maskwright` with what COCO has no place for, so that an import brings
everything back. Category 0 is never used, as COCOeval takes ground truth 0 for unmatched. Ids start at 1.
Source: cocodataset.org (format), pycocotools 2.0.11 (behaviour).
"""

import contextlib
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from django.utils import timezone

from annotator.exchange.exporters.base import CheckedMask, Exporter, ReadMask, dump, photo_url
from annotator.exchange.json_stream import read_object
from annotator.exchange.packages import GrowingFile, Position
from annotator.exchange.rows import ImageRow, MaskRow
from annotator.mask_gateway import counts_from_polygons, has_hole_or_parts, polygons_from_counts
from annotator.sam_gateway import MaskRefusedError

JSON_NAME = "annotations/instances.json"
NO_LABEL = "(no label)"
UNSAID: dict[str, Any] = {
    "author": "", "model_version": "", "predicted_iou": None, "stability_score": None, "z_order": 0,
    "is_locked": False, "active_ms": 0, "attributes": {}, "provenance": {},
}  # fmt: skip


class CocoExporter(Exporter):
    """Writes images and annotations into two growing files, joined at the end."""

    wants_package = False

    @property
    def is_lossy(self) -> bool:  # type: ignore[override]
        """Say whether outlines are simplified."""
        return self.options.segmentation == "polygons" and self.options.tolerance_px > 0

    def open(self, positions: dict[str, Position]) -> None:
        """Open both parts."""
        self._images = GrowingFile(self.folder / "images.part", positions.get("images"))
        self._annotations = GrowingFile(self.folder / "annotations.part", positions.get("annotations"))
        self.beside = [self._images, self._annotations]

    def write_image(self, image: ImageRow, masks: Sequence[CheckedMask]) -> list[CheckedMask]:
        """Write the image's entry, its masks and, where asked for, the photo."""
        comma = b",\n" if self.tally.images else b"\n"
        self._images.write(comma + dump(self._image_entry(image)))
        number = self.tally.masks_written
        lines = []
        for mask in masks:
            number += 1
            lines.append(dump(self._annotation_entry(number, image, mask)))
        if lines:
            comma = b",\n" if self.tally.masks_written else b"\n"
            self._annotations.write(comma + b",\n".join(lines))
        self.photo(image, f"images/{image.file_name}")
        return list(masks)

    def checkpoint(self) -> dict[str, Position]:
        """Flush all files."""
        parts = {"images": self._images.checkpoint(), "annotations": self._annotations.checkpoint()}
        return {**super().checkpoint(), **parts}

    def close(self) -> list[Path]:
        """Join the parts: {info, licenses, categories, images, annotations}."""
        self._images.close()
        self._annotations.close()
        whole = self.folder / f"{self.name}.json"
        with whole.open("wb") as out:
            head = {"info": self._info(), "licenses": [], "categories": self._categories()}
            out.write(dump(head)[:-1] + b',"images":[')
            _append(self.folder / "images.part", out)
            out.write(b'],\n"annotations":[')
            _append(self.folder / "annotations.part", out)
            out.write(b"]}\n")
        if self.package is None:
            return [whole]
        with whole.open("rb") as file:
            self.package.add_file(JSON_NAME, file, whole.stat().st_size)
        whole.unlink()
        return self.close_package()

    def read_back(self, paths: list[Path]) -> Iterator[ReadMask]:
        """Parse the finished JSON with the reader that imports use."""
        sizes: dict[Any, tuple[int, int]] = {}
        with contextlib.ExitStack() as stack:
            file = _open_json(paths[0], stack)
            for key, item in read_object(file, arrays=("images", "annotations", "categories", "licenses")):
                if key == "images":
                    sizes[item["id"]] = (item["height"], item["width"])
                elif key == "annotations":
                    yield _read_annotation(item, sizes[item["image_id"]])

    def loss_words(self) -> str:
        """Say what polygons cost."""
        if self.is_lossy:
            return f"Outlines were simplified by up to {self.options.tolerance_px} px; small holes may have closed."
        return ""

    def _info(self) -> dict[str, Any]:
        options = self.options
        ours: dict[str, Any] = {"format": 1, "segmentation": options.segmentation}
        if options.segmentation == "polygons":
            ours |= {"tolerance_px": options.tolerance_px, "holes": options.holes}
        return {
            "description": self.selection.project.name,
            "version": "1.0",
            "contributor": "Maskwright",
            "date_created": timezone.now().date().isoformat(),
            "maskwright": ours,
        }

    def _categories(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for label in self.selection.labels:
            extra = {"color": label.color, "key": label.key, "attributes": label.attributes}
            extra = {name: value for name, value in extra.items() if value}
            rows.append({"id": label.number, "name": label.name, "supercategory": "", "maskwright": extra})
        if self.selection.has_unlabelled():
            rows.append(
                {"id": len(rows) + 1, "name": NO_LABEL, "supercategory": "", "maskwright": {"is_no_label": True}}
            )
        return rows

    def _image_entry(self, image: ImageRow) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "id": image.number,
            "file_name": image.file_name,
            "width": image.width,
            "height": image.height,
            "license": 0,
            "maskwright": {"sha256": image.sha256, "split": image.split},
        }
        if self.options.images == "links":
            entry["coco_url"] = photo_url(image, self.options.base_url)
        extra: dict[str, Any] = {"tags": image.tags, "own_split": image.own_split}
        if image.exif_orientation != 1:
            extra["exif_orientation"] = image.exif_orientation
        entry["maskwright"] |= {name: value for name, value in extra.items() if value}
        return entry

    def _annotation_entry(self, number: int, image: ImageRow, mask: CheckedMask) -> dict[str, Any]:
        row, measured = mask.row, mask.measured
        label = self.selection.label_numbers.get(row.label_pk or 0, len(self.selection.labels) + 1)
        is_crowd = int(row.attributes.get("iscrowd") == 1)
        return {
            "id": number,
            "image_id": image.number,
            "category_id": label,
            "segmentation": self._segmentation(image, measured.counts, is_crowd=bool(is_crowd)),
            "area": measured.area,
            "bbox": list(measured.bbox_xywh),
            "iscrowd": is_crowd,
            "maskwright": describe_mask(row, with_provenance=self.options.provenance),
        }

    def _segmentation(self, image: ImageRow, counts: str, *, is_crowd: bool) -> Any:
        rle = {"size": list(image.size), "counts": counts}
        if self.options.segmentation == "rle" or is_crowd:
            return rle
        polygons = polygons_from_counts(counts, image.size, tolerance_px=self.options.tolerance_px)
        if self.options.holes == "rle" and has_hole_or_parts(polygons) and len(polygons) == 1:
            return rle
        return [[int(number) for number in polygon] for polygon in polygons]


def describe_mask(row: MaskRow, *, with_provenance: bool) -> dict[str, Any]:
    """Return what COCO has no place for. A mask that came with an import keeps what its file said of it."""
    provenance = dict(row.provenance)
    imported = provenance.pop("imported", {})
    fields = {
        "source": imported.get("source", row.source),
        "state": row.state,
        "stage": row.stage,
        "author": imported.get("author", row.author),
        "model_version": imported.get("model_version", row.model_version),
        "predicted_iou": row.predicted_iou,
        "stability_score": row.stability_score,
        "z_order": row.z_order,
        "is_locked": row.is_locked,
        "active_ms": row.active_ms,
        "attributes": {name: value for name, value in row.attributes.items() if name != "iscrowd"},
        "provenance": provenance if with_provenance else {},
    }
    return {name: value for name, value in fields.items() if name not in UNSAID or value != UNSAID[name]}


def _read_annotation(item: dict[str, Any], size: tuple[int, int]) -> ReadMask:
    segmentation = item["segmentation"]
    if isinstance(segmentation, dict):
        return ReadMask(segmentation["counts"], (segmentation["size"][0], segmentation["size"][1]))
    try:
        return ReadMask(counts_from_polygons(segmentation, size), size)
    except MaskRefusedError as error:
        return ReadMask(None, size, problem=str(error))


def _open_json(path: Path, stack: contextlib.ExitStack) -> IO[bytes]:
    """Open the finished JSON, alone or inside its package; the stack closes both."""
    if path.suffix == ".json":
        return stack.enter_context(path.open("rb"))
    if path.suffix == ".zip":
        return stack.enter_context(stack.enter_context(zipfile.ZipFile(path)).open(JSON_NAME))
    file = stack.enter_context(tarfile.open(path)).extractfile(JSON_NAME)  # noqa: SIM115
    if file is None:
        raise FileNotFoundError(JSON_NAME)
    return stack.enter_context(file)


def _append(part: Path, out: IO[bytes]) -> None:
    with part.open("rb") as file:
        while chunk := file.read(1 << 20):
            out.write(chunk)
