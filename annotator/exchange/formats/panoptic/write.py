"""COCO panoptic: annotations/panoptic.json, and annotations/panoptic/NAME.png whose colours number the segments.

A segment's id is red + 256 green + 65,536 blue of its pixels, and counts from 1 in each image; 0 is no segment. Masks
are painted over each other in their order; one that is wholly hidden has no segment. Every label is a thing.
Source: cocodataset.org (panoptic segmentation).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from annotator.exchange.base.mask_fields import NO_LABEL
from annotator.exchange.base.painted_writing import PaintedWriter, decode_colors, encode_colors
from annotator.exchange.base.rows import ImageRow
from annotator.exchange.base.writing import CheckedMask, photo_url
from annotator.exchange.files.growing_list import GrowingList
from annotator.exchange.files.json_lines import dump
from annotator.exchange.files.packages import Position
from annotator.mask_gateway import counts_of_numbers, measure_masks
from annotator.sam_answers import MeasuredMask

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

JSON_NAME = "annotations/panoptic.json"


class PanopticWriter(PaintedWriter):
    """Writes a picture an image; the lists of the JSON grow beside the package."""

    picture_folders = ("annotations/panoptic",)

    def open(self, positions: dict[str, Position]) -> None:
        """Open the two lists of the JSON."""
        super().open(positions)
        self._images = GrowingList(self.folder / "images.part", positions.get("images"))
        self._annotations = GrowingList(self.folder / "annotations.part", positions.get("annotations"))
        self.beside += [self._images, self._annotations]

    def write_image(self, image: ImageRow, masks: Sequence[CheckedMask]) -> list[CheckedMask]:
        """Write one image: its picture, its entry and its segments."""
        painted, places = self.lay(image, masks)
        name = f"{self.own_stem(image)}.png"
        self.add_picture(f"{self.picture_folders[0]}/{name}", encode_colors(places), places)
        facts = {"id": image.number, "file_name": image.file_name, "width": image.width, "height": image.height}
        links = {"coco_url": photo_url(image, self.options.base_url)} if self.options.images == "links" else {}
        self._images.add([self.dump({**facts, **links}, of=image.file_name)])
        segments = self._segments(painted, places, image.size)
        entry = {"image_id": image.number, "file_name": name, "segments_info": segments}
        self._annotations.add([self.dump(entry, of=image.file_name)])
        self.photo(image, f"images/{image.file_name}")
        return painted

    def checkpoint(self) -> dict[str, Position]:
        """Flush all files."""
        lists = {"images": self._images.checkpoint(), "annotations": self._annotations.checkpoint()}
        return {**super().checkpoint(), **lists}

    def close(self) -> list[Path]:
        """Join the lists and finish the package."""
        whole = self.folder / f"{self.name}.json"
        self._images.close()
        self._annotations.close()
        with whole.open("wb") as out:
            info = {"description": self.selection.project_name, "date_created": timezone.now().date().isoformat()}
            out.write(dump({"info": info, "licenses": [], "categories": self._categories()})[:-1] + b',"images":')
            self._images.copy_to(out)
            out.write(b',\n"annotations":')
            self._annotations.copy_to(out)
            out.write(b"}\n")
        with whole.open("rb") as file:
            self.entries.add_file(JSON_NAME, file, whole.stat().st_size)
        whole.unlink()
        return super().close()

    def decode(self, data: bytes) -> "NDArray[Any]":
        """Return the segments' ids."""
        return decode_colors(data).astype("uint16")

    def _segments(
        self, masks: Sequence[CheckedMask], places: "NDArray[np.uint16]", size: tuple[int, int]
    ) -> list[dict[str, object]]:
        found_numbers = list(counts_of_numbers(places))
        measured = measure_masks([counts for _, counts in found_numbers], [size] * len(found_numbers))
        return [
            {
                "id": place,
                "category_id": self._category_of(masks[place - 1]),
                "area": found.area,
                "bbox": list(found.bbox_xywh),
                "iscrowd": 0,
            }
            for (place, _), found in zip(found_numbers, measured, strict=True)
            if isinstance(found, MeasuredMask)
        ]

    def _category_of(self, mask: CheckedMask) -> int:
        number = self.selection.label_numbers.get(mask.row.label_pk or 0)
        return self.selection.no_label_number if number is None else number

    def _categories(self) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = [
            {
                "id": label.number,
                "name": label.name,
                "supercategory": label.supercategory,
                "isthing": 1,
                "color": _channels(label.color),
            }
            for label in self.selection.labels
        ]
        if self.selection.has_unlabelled():
            rows.append({"id": self.selection.no_label_number, "name": NO_LABEL, "supercategory": "", "isthing": 1})
        return rows


def _channels(color: str) -> list[int]:
    return [int(color[at : at + 2], 16) for at in (1, 3, 5)]
