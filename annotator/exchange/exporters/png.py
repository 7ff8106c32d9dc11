"""Masks painted into pictures: a 16-bit PNG an image, whose pixels are class or instance numbers, 0 for background.

Masks are painted in stacking order, so a higher mask hides a lower one: what is hidden is lost, and counted. Beside
each picture lies a legend (JSON), and for up to 255 classes a picture with a palette for the eye.
"""

import io
import zlib
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.exchange.exporters.base import CheckedMask, Exporter, ReadMask, dump
from annotator.exchange.packages import GrowingFile, Position, entries_of
from annotator.exchange.rows import ImageRow
from annotator.mask_gateway import foreground_runs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_NUMBER = 65_535
MAX_PALETTE = 255


class PngExporter(Exporter):
    """Paints; subclasses say which number a mask gets."""

    is_lossy = True
    has_masks_of_their_own = False
    folder_name = ""

    def open(self, positions: dict[str, Position]) -> None:
        """Write the legend of all classes first; checksums of the pixels are noted beside the package."""
        self._checksums = GrowingFile(self.folder / "pixels.part", positions.get("checksums"))
        self.beside = [self._checksums]
        if not positions:
            labels = [
                {"number": label.number, "name": label.name, "color": label.color} for label in self.selection.labels
            ]
            if self.selection.has_unlabelled():
                labels.append({"number": len(labels) + 1, "name": "", "color": "#808080"})
            self.entries.add("legend.json", dump({"background": 0, "labels": labels}))

    @abstractmethod
    def numbers(self, masks: Sequence[CheckedMask]) -> list[int]:
        """Return the number that each mask is painted with."""

    def write_image(self, image: ImageRow, masks: Sequence[CheckedMask]) -> list[CheckedMask]:
        """Paint one image."""
        for mask in masks[MAX_NUMBER:]:
            self.tally.leave_out(mask=mask.row.pk, image=image.file_name, reason="more than 65,535 masks on one image")
        painted = list(masks[:MAX_NUMBER])
        numbers = self.numbers(painted)
        pixels, visible = paint(painted, numbers, image.size)
        for mask, seen in zip(painted, visible, strict=True):
            if seen < mask.measured.area:
                hidden = mask.measured.area - seen
                self.tally.lose(mask=mask.row.pk, iou=seen / mask.measured.area, pixels=hidden)
        self.entries.add(f"{self.folder_name}/{image.stem}.png", encode_16_bit(pixels))
        self._write_extras(image, painted, numbers, pixels)
        self._checksums.write(f"{zlib.crc32(pixels.tobytes())}\n".encode())
        self.photo(image, f"images/{image.file_name}")
        return painted

    def checkpoint(self) -> dict[str, Position]:
        """Flush all files."""
        return {**super().checkpoint(), "checksums": self._checksums.checkpoint()}

    def close(self) -> list[Path]:
        """Finish the package."""
        self._checksums.close()
        return self.close_package()

    def read_back(self, paths: list[Path]) -> Iterator[ReadMask]:
        """Decode each picture and compare all its pixels with what was painted; yield one entry a picture."""
        with (self.folder / "pixels.part").open("rb") as checksums:
            for name, file in entries_of(paths):
                if name.startswith(f"{self.folder_name}/"):
                    pixels = decode_16_bit(file.read())
                    wanted = int(checksums.readline())
                    problem = "" if zlib.crc32(pixels.tobytes()) == wanted else f"{name} holds other pixels"
                    yield ReadMask(None, (pixels.shape[0], pixels.shape[1]), problem=problem)

    def loss_words(self) -> str:
        """Say what the format has no place for."""
        return "Where masks overlap only the highest is in the picture. There are no scores, attributes or authors."

    def _write_extras(
        self, image: ImageRow, masks: Sequence[CheckedMask], numbers: list[int], pixels: "NDArray[np.uint16]"
    ) -> None:
        """Write what goes beside the picture."""


class SemanticPngExporter(PngExporter):
    """Numbers are those of the labels; masks without a label share the number after the last."""

    folder_name = "semantic"

    def numbers(self, masks: Sequence[CheckedMask]) -> list[int]:
        """Return each mask's label number."""
        last = len(self.selection.labels) + 1
        return [self.selection.label_numbers.get(mask.row.label_pk or 0, last) for mask in masks]

    def _write_extras(
        self, image: ImageRow, masks: Sequence[CheckedMask], numbers: list[int], pixels: "NDArray[np.uint16]"
    ) -> None:
        colors = [label.color for label in self.selection.labels]
        if len(colors) < MAX_PALETTE:
            self.entries.add(f"colored/{image.stem}.png", encode_palette(pixels, [*colors, "#808080"]))


class InstancePngExporter(PngExporter):
    """Numbers count the masks of each image from 1; the image's own legend says what each is."""

    folder_name = "instances"

    def numbers(self, masks: Sequence[CheckedMask]) -> list[int]:
        """Return 1, 2, 3, ..."""
        return list(range(1, len(masks) + 1))

    def _write_extras(
        self, image: ImageRow, masks: Sequence[CheckedMask], numbers: list[int], pixels: "NDArray[np.uint16]"
    ) -> None:
        names = {label.pk: label.name for label in self.selection.labels}
        rows: list[dict[str, Any]] = [
            {"number": number, "label": names.get(mask.row.label_pk or 0), "area": mask.measured.area}
            for mask, number in zip(masks, numbers, strict=True)
        ]
        legend = {"file_name": image.file_name, "width": image.width, "height": image.height, "instances": rows}
        self.entries.add(f"legends/{image.stem}.json", dump(legend))


def paint(
    masks: Sequence[CheckedMask], numbers: Sequence[int], size: tuple[int, int]
) -> "tuple[NDArray[np.uint16], list[int]]":
    """Return the picture, H x W, and how many pixels of each mask can be seen in it."""
    import numpy as np

    order = np.zeros(size[0] * size[1], np.uint16)  # column-major: which mask is on top, from 1
    for place, mask in enumerate(masks, 1):
        for start, stop in zip(*foreground_runs(mask.measured.counts, size), strict=True):
            order[start:stop] = place
    visible = np.bincount(order, minlength=len(masks) + 1)[1 : len(masks) + 1]
    table = np.array([0, *numbers], np.uint16)
    return np.ascontiguousarray(table[order].reshape(size[1], size[0]).T), [int(count) for count in visible]


def encode_16_bit(pixels: "NDArray[np.uint16]") -> bytes:
    """Return a 16-bit grey PNG."""
    from PIL import Image as Pillow

    out = io.BytesIO()
    Pillow.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def decode_16_bit(data: bytes) -> "NDArray[np.uint16]":
    """Return the numbers of a PNG that encode_16_bit made."""
    import numpy as np
    from PIL import Image as Pillow

    with Pillow.open(io.BytesIO(data), formats=("PNG",)) as picture:
        return np.asarray(picture).astype(np.uint16)


def encode_palette(pixels: "NDArray[np.uint16]", colors: list[str]) -> bytes:
    """Return an 8-bit PNG with a palette; colour 0 is black, the others follow."""
    import numpy as np
    from PIL import Image as Pillow

    picture = Pillow.fromarray(pixels.astype(np.uint8), mode="P")
    picture.putpalette([0, 0, 0] + [int(color[at : at + 2], 16) for color in colors for at in (1, 3, 5)])
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
