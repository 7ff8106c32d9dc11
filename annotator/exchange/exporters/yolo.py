"""YOLO-seg: a text file an image, a line a mask: `class x y x y ...` relative to the photo's size, classes from 0.

One line is one ring, so parts are joined by cuts of no width, as holes are. The numbers have enough digits to give
back the very corners. Source: docs.ultralytics.com (segmentation data sets).
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from annotator.exchange.exporters.base import CheckedMask, Exporter, ReadMask
from annotator.exchange.options import SPLITS
from annotator.exchange.packages import GrowingFile, Position, entries_of
from annotator.exchange.rows import ImageRow
from annotator.mask_gateway import counts_from_polygons, polygons_from_counts
from annotator.sam_gateway import MaskRefusedError


class YoloExporter(Exporter):
    """Writes data.yaml, labels/SPLIT/NAME.txt and images/SPLIT/NAME."""

    is_lossy = True

    def open(self, positions: dict[str, Position]) -> None:
        """Write data.yaml first; sizes are noted beside the package, for reading back."""
        self._sizes = GrowingFile(self.folder / "sizes.part", positions.get("sizes"))
        self.beside = [self._sizes]
        if not positions:
            self.entries.add("data.yaml", self._data_yaml())

    def write_image(self, image: ImageRow, masks: Sequence[CheckedMask]) -> list[CheckedMask]:
        """Write the image's lines; masks without a label have no class and are left out."""
        split = image.split if image.split in SPLITS else "train"
        written, lines = [], []
        for mask in masks:
            number = self.selection.label_numbers.get(mask.row.label_pk or 0)
            if number is None:
                self.tally.leave_out(mask=mask.row.pk, image=image.file_name, reason="no label, so no class")
                continue
            polygons = polygons_from_counts(mask.measured.counts, image.size, tolerance_px=self.options.tolerance_px)
            lines.append(f"{number - 1} {_relative(join_parts(polygons), image)}\n")
            written.append(mask)
        self.entries.add(f"labels/{split}/{image.stem}.txt", "".join(lines).encode())
        self._sizes.write(f"{image.height} {image.width}\n".encode())
        self.photo(image, f"images/{split}/{image.file_name}")
        return written

    def checkpoint(self) -> dict[str, Position]:
        """Flush all files."""
        return {**super().checkpoint(), "sizes": self._sizes.checkpoint()}

    def close(self) -> list[Path]:
        """Finish the package."""
        self._sizes.close()
        return self.close_package()

    def read_back(self, paths: list[Path]) -> Iterator[ReadMask]:
        """Parse and fill every line."""
        with (self.folder / "sizes.part").open("rb") as sizes:
            for name, file in entries_of(paths):
                if name.startswith("labels/"):
                    height, width = sizes.readline().split()
                    for line in file.read().decode().splitlines():
                        yield read_line(line, (int(height), int(width)))

    def loss_words(self) -> str:
        """Say what the format has no place for."""
        words = "YOLO-seg has no scores, attributes, authors or stacking order, and no masks without a label."
        if self.options.tolerance_px:
            words += f" Outlines were simplified by up to {self.options.tolerance_px} px."
        return words

    def _data_yaml(self) -> bytes:
        names = [
            f"  {label.number - 1}: {json.dumps(label.name, ensure_ascii=False)}" for label in self.selection.labels
        ]
        head = ["path: .", "train: images/train", "val: images/val", "test: images/test", "names:"]
        return ("\n".join(head + names) + "\n").encode()


def join_parts(polygons: list[list[float]]) -> list[tuple[float, float]]:
    """Return one ring through all polygons; the ways between them go along pixel edges, there and back."""
    rings = [list(zip(polygon[0::2], polygon[1::2], strict=True)) for polygon in polygons]
    whole = rings[0]
    start = whole[0]
    for ring in rings[1:]:
        corner = (ring[0][0], start[1])
        whole = [*whole, start, corner, *ring, ring[0], corner]
    return whole if len(rings) == 1 else [*whole, start]


def read_line(line: str, size: tuple[int, int]) -> ReadMask:
    """Return the mask of one line at (height, width); corners within a thousandth of a pixel are taken as meant."""
    try:
        numbers = [float(word) for word in line.split()[1:]]
        polygon = [_corner(value, size[1 - index % 2]) for index, value in enumerate(numbers)]
        return ReadMask(counts_from_polygons([polygon], size), size)
    except (ValueError, OverflowError, MaskRefusedError) as error:
        return ReadMask(None, size, problem=str(error))


def _corner(value: float, side: int) -> float:
    pixels = value * side
    return float(round(pixels)) if abs(pixels - round(pixels)) < 1e-3 else pixels


def _relative(ring: list[tuple[float, float]], image: ImageRow) -> str:
    return " ".join(f"{x / image.width:.9g} {y / image.height:.9g}" for x, y in ring)
