"""Masks painted into pictures: a 16-bit PNG an image, whose pixels are class or instance numbers, 0 for background.

Beside each picture lies a legend (JSON), and for up to 255 classes a picture with a palette for the eye.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from annotator.exchange.base.painted_writing import PaintedWriter, encode_16_bit, encode_palette, numbered
from annotator.exchange.base.rows import ImageRow
from annotator.exchange.base.writing import CheckedMask
from annotator.exchange.files.packages import Position

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNUSED_COLOR = "#808080"
MAX_PALETTE = 255


class PngWriter(PaintedWriter):
    """Writes FOLDER/NAME.png; subclasses say which number a mask gets."""

    def open(self, positions: dict[str, Position]) -> None:
        """Write the legend of all classes first."""
        super().open(positions)
        if not positions:
            labels = [
                {"number": label.class_number + 1, "name": label.name, "color": label.color}
                for label in self.selection.labels
            ]
            if self.selection.has_unlabelled():
                labels.append({"number": len(self.selection.class_names) + 1, "name": "", "color": UNUSED_COLOR})
            self.entries.add("legend.json", self.dump({"background": 0, "labels": labels}, of="labels"))

    @abstractmethod
    def numbers(self, masks: Sequence[CheckedMask]) -> list[int]:
        """Return the number that each mask is painted with."""

    def write_image(self, image: ImageRow, masks: Sequence[CheckedMask]) -> list[CheckedMask]:
        """Paint one image."""
        painted, places = self.lay(image, masks)
        numbers = self.numbers(painted)
        pixels = numbered(places, numbers)
        self.add_picture(f"{self.picture_folders[0]}/{self.own_stem(image)}.png", encode_16_bit(pixels), pixels)
        self._write_extras(image, painted, numbers, pixels)
        self.photo(image, f"images/{image.paired_name}")
        return painted

    def _write_extras(
        self, image: ImageRow, masks: Sequence[CheckedMask], numbers: list[int], pixels: "NDArray[np.uint16]"
    ) -> None:
        """Write what goes beside the picture."""


class SemanticPngWriter(PngWriter):
    """Numbers are those of the labels; masks without a label share the number after the last."""

    picture_folders = ("semantic",)

    def numbers(self, masks: Sequence[CheckedMask]) -> list[int]:
        """Return each mask's label number."""
        last = len(self.selection.class_names)
        return [self.selection.class_numbers.get(mask.row.label_pk or 0, last) + 1 for mask in masks]

    def _write_extras(
        self, image: ImageRow, masks: Sequence[CheckedMask], numbers: list[int], pixels: "NDArray[np.uint16]"
    ) -> None:
        by_number = {label.class_number: label.color for label in self.selection.labels}
        colors = [by_number.get(number, UNUSED_COLOR) for number in range(len(self.selection.class_names))]
        if len(colors) < MAX_PALETTE:
            palette = [int(color[at : at + 2], 16) for color in ["#000000", *colors, UNUSED_COLOR] for at in (1, 3, 5)]
            self.entries.add(f"colored/{image.stem}.png", encode_palette(pixels, palette))


class InstancePngWriter(PngWriter):
    """Numbers count the masks of each image from 1; the image's own legend says what each is."""

    picture_folders = ("instances",)

    def numbers(self, masks: Sequence[CheckedMask]) -> list[int]:
        """Return 1, 2, 3, ..."""
        return list(range(1, len(masks) + 1))

    def _write_extras(
        self, image: ImageRow, masks: Sequence[CheckedMask], numbers: list[int], pixels: "NDArray[np.uint16]"
    ) -> None:
        names = {label.pk: label.name for label in self.selection.labels}
        rows: list[dict[str, object]] = [
            {"number": number, "label": names.get(mask.row.label_pk or 0), "area": mask.measured.area}
            for mask, number in zip(masks, numbers, strict=True)
        ]
        legend = {"file_name": image.file_name, "width": image.width, "height": image.height, "instances": rows}
        self.entries.add(f"legends/{image.stem}.json", self.dump(legend, of=image.file_name))
