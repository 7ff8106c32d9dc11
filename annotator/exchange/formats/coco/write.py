"""COCO instances. One annotation a line; RLE by default, polygons along pixel corners as an option.

Two layouts: one JSON for everything, or a JSON and a folder of photos for each split, named as COCO's own files are
(annotations/instances_train.json, images/train). Beside COCO's own fields each annotation holds `maskwright` with what
COCO has no place for, so that an import brings everything back. Ids are those of numbers.py: what came in with one
goes out with it, and no two exports of a project share one. No mask is 0, as COCOeval takes that for unmatched.
Source: cocodataset.org (format), pycocotools 2.0.11 (behaviour).
"""

import contextlib
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.exchange.base.mask_fields import NO_LABEL, describe_mask
from annotator.exchange.base.rows import ImageRow
from annotator.exchange.base.writing import CheckedMask, ReadMask, Writer, photo_url
from annotator.exchange.files.growing_list import GrowingList
from annotator.exchange.files.json_stream import read_object
from annotator.exchange.files.packages import GrowingFile, Position
from annotator.exchange.options import SPLITS
from annotator.mask_gateway import counts_from_polygons, has_hole_or_parts, polygons_from_counts
from annotator.sam_gateway import MaskRefusedError

WHOLE = ""  # the one part of the plain layout


class CocoWriter(Writer):
    """Writes images and annotations into growing lists, joined at the end: two for each JSON."""

    numbers_masks = True

    @property
    def is_lossy(self) -> bool:
        """Say whether outlines are simplified."""
        return self.options.segmentation == "polygons" and self.options.tolerance_px > 0

    @property
    def has_package(self) -> bool:
        """Say whether there is more than the one JSON."""
        return super().has_package or self._is_by_split

    def open(self, positions: dict[str, Position]) -> None:
        """Open the lists, and the order in which masks went to them."""
        self._images = self._lists("images", positions)
        self._annotations = self._lists("annotations", positions)
        self.beside = [*self._images.values(), *self._annotations.values()]
        if self._is_by_split:
            self._order = GrowingFile(self.folder / "order.part", positions.get("order"))
            self.beside.append(self._order)

    def write_image(self, image: ImageRow, masks: Sequence[CheckedMask]) -> list[CheckedMask]:
        """Write the image's entry, its masks and, where asked for, the photo."""
        part = self._part_of(image)
        lines = [self.dump(self._annotation_entry(image, mask), of=mask.row.pk) for mask in masks]
        self._images[part].add([self.dump(self._image_entry(image), of=image.file_name)])
        self._annotations[part].add(lines)
        if self._is_by_split:
            self._order.write(f"{part} {len(lines)}\n".encode())
        self.photo(image, "/".join(["images", *filter(None, [part]), image.file_name]))
        return list(masks)

    def checkpoint(self) -> dict[str, Position]:
        """Flush all files."""
        lists = {"images": self._images, "annotations": self._annotations}
        parts = {_key(kind, part): one.checkpoint() for kind, of in lists.items() for part, one in of.items()}
        if self._is_by_split:
            parts["order"] = self._order.checkpoint()
        return {**super().checkpoint(), **parts}

    def close(self) -> list[Path]:
        """Join the lists: {info, licenses, categories, images, annotations}."""
        for growing in self.beside:
            growing.close()
        wholes = [self._join(part) for part in self._images if self._has_images(part)]
        if self.package is None:
            return wholes
        for part, whole in zip(filter(self._has_images, self._images), wholes, strict=True):
            with whole.open("rb") as file:
                self.package.add_file(_json_name(part), file, whole.stat().st_size)
            whole.unlink()
        return self.close_package()

    def read_back(self, paths: list[Path]) -> Iterator[ReadMask]:
        """Parse the finished JSON with the reader that imports use; of several, in the order written."""
        with contextlib.ExitStack() as stack:
            if not self._is_by_split:
                yield from _read_masks(_open_json(paths[0], _json_name(WHOLE), stack))
                return
            found: dict[str, Iterator[ReadMask]] = {}
            for line in (self.folder / "order.part").read_text(encoding="utf-8").splitlines():
                part, _, count = line.rpartition(" ")
                if part not in found:
                    found[part] = _read_masks(_open_json(paths[0], _json_name(part), stack))
                for _ in range(int(count)):
                    yield next(found[part])

    def loss_words(self) -> str:
        """Say what polygons cost."""
        if self.is_lossy:
            sentence = _("Outlines were simplified by up to %(px)s px; small holes may have closed.")
            return sentence % {"px": self.options.tolerance_px}
        return ""

    @property
    def _is_by_split(self) -> bool:
        return self.options.layout == "splits"

    def _part_of(self, image: ImageRow) -> str:
        if not self._is_by_split:
            return WHOLE
        return image.split if image.split in SPLITS else "train"

    def _lists(self, kind: str, positions: dict[str, Position]) -> dict[str, GrowingList]:
        parts = SPLITS if self._is_by_split else (WHOLE,)
        keys = {part: _key(kind, part) for part in parts}
        return {part: GrowingList(self.folder / f"{key}.part", positions.get(key)) for part, key in keys.items()}

    def _has_images(self, part: str) -> bool:
        """Say whether a part is written: those with images, and of an export without any the first."""
        is_first = part == next(iter(self._images))
        return not self._images[part].is_empty or (is_first and not self.tally.images)

    def _join(self, part: str) -> Path:
        whole = self.folder / (f"{self.name}-{part}.json" if part else f"{self.name}.json")
        with whole.open("wb") as out:
            head = {"info": self._info(), "licenses": [], "categories": self._categories()}
            out.write(self.dump(head, of="labels")[:-1] + b',"images":')
            self._images[part].copy_to(out)
            out.write(b',\n"annotations":')
            self._annotations[part].copy_to(out)
            out.write(b"}\n")
        return whole

    def _info(self) -> dict[str, Any]:
        options = self.options
        ours: dict[str, Any] = {"format": 1, "segmentation": options.segmentation}
        if options.segmentation == "polygons":
            ours |= {"tolerance_px": options.tolerance_px, "holes": options.holes}
        return {
            "description": self.selection.project_name,
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
            names = {"id": label.number, "name": label.name, "supercategory": label.supercategory}
            rows.append({**names, "maskwright": extra})
        if self.selection.has_unlabelled():
            names = {"id": self.selection.no_label_number, "name": NO_LABEL, "supercategory": ""}
            rows.append({**names, "maskwright": {"is_no_label": True}})
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

    def _annotation_entry(self, image: ImageRow, mask: CheckedMask) -> dict[str, Any]:
        row, measured = mask.row, mask.measured
        label = self.selection.label_numbers.get(row.label_pk or 0)
        is_crowd = int(row.attributes.get("iscrowd") == 1)
        ours = describe_mask(row, with_provenance=self.options.provenance)
        attributes = ours.pop("attributes", None)  # at the place where other tools read them
        return {
            "id": row.number,
            "image_id": image.number,
            "category_id": self.selection.no_label_number if label is None else label,
            "segmentation": self._segmentation(image, measured.counts, is_crowd=bool(is_crowd)),
            "area": measured.area,
            "bbox": list(measured.bbox_xywh),
            "iscrowd": is_crowd,
            **({"attributes": attributes} if attributes else {}),
            "maskwright": ours,
        }

    def _segmentation(self, image: ImageRow, counts: str, *, is_crowd: bool) -> Any:
        rle = {"size": list(image.size), "counts": counts}
        if self.options.segmentation == "rle" or is_crowd:
            return rle
        polygons = polygons_from_counts(counts, image.size, tolerance_px=self.options.tolerance_px)
        if self.options.holes == "rle" and has_hole_or_parts(polygons) and len(polygons) == 1:
            return rle
        return [[int(number) for number in polygon] for polygon in polygons]


def _read_annotation(item: dict[str, Any], size: tuple[int, int]) -> ReadMask:
    segmentation = item["segmentation"]
    if isinstance(segmentation, dict):
        return ReadMask(segmentation["counts"], (segmentation["size"][0], segmentation["size"][1]))
    try:
        return ReadMask(counts_from_polygons(segmentation, size), size)
    except MaskRefusedError as error:
        return ReadMask(None, size, problem=str(error))


def _key(kind: str, part: str) -> str:
    return f"{kind}.{part}" if part else kind


def _json_name(part: str) -> str:
    return f"annotations/instances_{part}.json" if part else "annotations/instances.json"


def _read_masks(file: IO[bytes]) -> Iterator[ReadMask]:
    sizes: dict[Any, tuple[int, int]] = {}
    for key, item in read_object(file, arrays=("images", "annotations", "categories", "licenses")):
        if key == "images":
            sizes[item["id"]] = (item["height"], item["width"])
        elif key == "annotations":
            yield _read_annotation(item, sizes[item["image_id"]])


def _open_json(path: Path, name: str, stack: contextlib.ExitStack) -> IO[bytes]:
    """Open a finished JSON, alone or inside its package; the stack closes both."""
    if path.suffix == ".json":
        return stack.enter_context(path.open("rb"))
    if path.suffix == ".zip":
        return stack.enter_context(stack.enter_context(zipfile.ZipFile(path)).open(name))
    file = stack.enter_context(tarfile.open(path)).extractfile(name)  # noqa: SIM115
    if file is None:
        raise FileNotFoundError(name)
    return stack.enter_context(file)
