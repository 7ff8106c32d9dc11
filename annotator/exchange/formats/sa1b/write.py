"""SA-1B: one JSON an image, in one tar for every `shard_images` images, with the photos beside them if asked for.

The published set has no labels, and every mask has scores. Masks made by hand have none of their own, so: crop_box is
the whole image, point_coords the foreground points really used (a pixel inside the mask if there were none), and the
scores are those of the last model answer the mask came from, or 1.0. Source: the format's description in
facebookresearch/segment-anything (README, "Dataset").
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from annotator.exchange.base.rows import ImageRow
from annotator.exchange.base.writing import CheckedMask, ReadMask, Writer
from annotator.exchange.files.json_stream import read_object
from annotator.exchange.files.packages import TarPackage, entries_of
from annotator.mask_gateway import measure_masks, point_inside, resize_mask
from annotator.sam_answers import MeasuredMask


class Sa1bWriter(Writer):
    """Writes `sa_NUMBER`-like entries named after the photos."""

    numbers_masks = True

    def write_image(self, image: ImageRow, masks: Sequence[CheckedMask]) -> list[CheckedMask]:
        """Write the image's JSON and, where asked for, the photo."""
        if isinstance(self.package, TarPackage) and self.tally.images and self.tally.images % self._per_shard == 0:
            self.package.next_shard()
        size = resized_size(image.size, self.options.shortest_side_px)
        written = self._resized(masks, image, size)
        name = image.paired_name if self.options.images == "copy" else image.file_name
        content = {
            "image": {"image_id": image.number, "width": size[1], "height": size[0], "file_name": name},
            "annotations": [describe_sa1b(mask, mask.row.number, image.size, size) for mask in written],
        }
        self.entries.add(f"{self.own_stem(image)}.json", self.dump(content, of=image.file_name))
        self.photo(image, image.paired_name, size=None if size == image.size else size)
        return written

    def close(self) -> list[Path]:
        """Finish the package."""
        return self.close_package()

    def read_back(self, paths: list[Path]) -> Iterator[ReadMask]:
        """Parse every JSON of the finished package."""
        for name, file in entries_of(paths):
            if not name.endswith(".json"):
                continue
            for key, item in read_object(file, arrays=("annotations",)):
                if key == "annotations":
                    rle = item["segmentation"]
                    yield ReadMask(rle["counts"], (rle["size"][0], rle["size"][1]))

    def stored_form(self, counts: str, size: tuple[int, int]) -> tuple[str, tuple[int, int]]:
        """Return the mask at the size of the resized photo."""
        target = resized_size(size, self.options.shortest_side_px)
        return (counts, size) if target == size else (resize_mask(counts, size, target), target)

    def loss_words(self) -> str:
        """Say what the format has no place for."""
        words = super().loss_words()
        if self.options.shortest_side_px:
            sentence = _("Photos and masks were resized to a shortest side of %(px)s px.")
            words += f" {sentence % {'px': self.options.shortest_side_px}}"
        return words

    @property
    def _per_shard(self) -> int:
        return self.options.shard_images

    def _resized(self, masks: Sequence[CheckedMask], image: ImageRow, size: tuple[int, int]) -> list[CheckedMask]:
        if size == image.size:
            return list(masks)
        counts = [resize_mask(mask.measured.counts, image.size, size) for mask in masks]
        measured = measure_masks(counts, [size] * len(counts))
        return [
            CheckedMask(mask.row, new)
            for mask, new in zip(masks, measured, strict=True)
            if isinstance(new, MeasuredMask)
        ]


def resized_size(size: tuple[int, int], shortest_side_px: int | None) -> tuple[int, int]:
    """Return (height, width) with the shortest side brought down to `shortest_side_px`; never up."""
    if shortest_side_px is None or min(size) <= shortest_side_px:
        return size
    scale = shortest_side_px / min(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def describe_sa1b(
    mask: CheckedMask, number: int, stored_size: tuple[int, int], size: tuple[int, int]
) -> dict[str, Any]:
    """Return one annotation of SA-1B; sizes are (height, width) as stored and as written."""
    measured, row = mask.measured, mask.row
    scale = (size[1] / stored_size[1], size[0] / stored_size[0])
    points = [[_scaled(x, scale[0]), _scaled(y, scale[1])] for x, y in _points_used(row.provenance)]
    return {
        "id": number,
        "segmentation": {"size": list(size), "counts": measured.counts},
        "bbox": list(measured.bbox_xywh),
        "area": measured.area,
        "predicted_iou": _score(row.predicted_iou, row.provenance, "predicted_iou"),
        "stability_score": _score(row.stability_score, row.provenance, "stability_score"),
        "crop_box": _crop_box(row.provenance, size, scale),
        "point_coords": points or [point_inside(measured.counts, size)],
    }


def _points_used(provenance: dict[str, Any]) -> list[list[float]]:
    """Return foreground points (x, y) in pixels of the stored photo."""
    raw = provenance.get("point_coords") or provenance.get("imported", {}).get("point_coords") or []
    prompts = provenance.get("prompts") or []
    clicked: list[Any] = [
        [prompt.get("x"), prompt.get("y")]
        for prompt in prompts
        if isinstance(prompt, dict) and prompt.get("type") == "point" and prompt.get("label") == 1
    ]
    return [point for point in (clicked or raw) if _are_numbers(point, 2)]


def _crop_box(provenance: dict[str, Any], size: tuple[int, int], scale: tuple[float, float]) -> list[float]:
    """Return (x, y, width, height). Automatic masks keep it so; the workspace keeps two corners."""
    own, imported = provenance.get("crop_box"), provenance.get("imported", {}).get("crop_box")
    box = imported if own is None else own
    if not _are_numbers(box, 4):
        return [0, 0, size[1], size[0]]
    x, y, right, bottom = box
    is_xywh = own is None or "point_coords" in provenance
    width, height = (right, bottom) if is_xywh else (right - x, bottom - y)
    return [_scaled(side, scale[axis % 2]) for axis, side in enumerate((x, y, width, height))]


def _scaled(value: float, scale: float) -> float:
    return value if scale == 1 else value * scale  # whole numbers stay whole


def _score(stored: float | None, provenance: dict[str, Any], name: str) -> float:
    value = stored if stored is not None else provenance.get(name)
    return float(value) if isinstance(value, int | float) else 1.0


def _are_numbers(value: object, count: int) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == count
        and all(isinstance(number, int | float) and not isinstance(number, bool) for number in value)
    )
