"""Cut-outs: NAME/0001-LABEL.png, the photo's pixels inside one mask, transparent around it; cutouts.csv lists them.

Each is as large as the mask's box or as the photo. Pixels are the upright photo's; alpha is 255 in the mask, 0 outside.
"""

import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from annotator.exchange.base.rows import ImageRow
from annotator.exchange.base.writing import CheckedMask, ReadMask, Writer
from annotator.exchange.files.csv_lines import csv_line
from annotator.exchange.files.packages import GrowingFile, Position, entries_of
from annotator.mask_gateway import counts_of_crop, crop_of
from annotator.photos.errors import PhotoRefusedError
from annotator.photos.originals import load_stored_rgb
from annotator.sam_gateway import MaskRefusedError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TABLE_NAME = "cutouts.csv"
_UNFIT = re.compile(r"[^\w.-]+")
_LONGEST_LABEL = 60


class CutoutWriter(Writer):
    """Writes a PNG a mask; the table and the places of the boxes grow beside the package."""

    def open(self, positions: dict[str, Position]) -> None:
        """Open the table, and the boxes and photos' sizes, for reading back."""
        self._table = GrowingFile(self.folder / "table.part", positions.get("table"))
        self._boxes = GrowingFile(self.folder / "boxes.part", positions.get("boxes"))
        self.beside = [self._table, self._boxes]
        if not positions:
            self._table.write(csv_line("file", "photo", "label", "x", "y", "width", "height"))

    def write_image(self, image: ImageRow, masks: Sequence[CheckedMask]) -> list[CheckedMask]:
        """Write the image's cut-outs; none where its photo cannot be read, which is said for each mask."""
        self.photo(image, f"images/{image.file_name}")
        if not masks:
            return []
        pixels = _load(image)
        if isinstance(pixels, str):
            for mask in masks:
                self.tally.leave_out(mask=mask.row.pk, image=image.file_name, reason=pixels)
            return []
        stem = self.own_stem(image)
        for number, mask in enumerate(masks, 1):
            self._write_one(image, pixels, mask, f"{stem}/{number:04}")
        return list(masks)

    def checkpoint(self) -> dict[str, Position]:
        """Flush all files."""
        own = {"table": self._table.checkpoint(), "boxes": self._boxes.checkpoint()}
        return {**super().checkpoint(), **own}

    def close(self) -> list[Path]:
        """Add the table and finish the package."""
        self._boxes.close()
        self._table.close()
        with self._table.path.open("rb") as file:
            self.entries.add_file(TABLE_NAME, file, self._table.path.stat().st_size)
        return self.close_package()

    def read_back(self, paths: list[Path]) -> Iterator[ReadMask]:
        """Decode every cut-out's alpha and lay it where it was cut out."""
        with (self.folder / "boxes.part").open("r", encoding="utf-8") as boxes:
            waiting = boxes.readline().rstrip("\n")
            for name, file in entries_of(paths):
                if waiting and name == waiting.split("\t")[0]:
                    yield _read_alpha(file.read(), [int(number) for number in waiting.split("\t")[1:]])
                    waiting = boxes.readline().rstrip("\n")

    def _write_one(self, image: ImageRow, pixels: "NDArray[np.uint8]", mask: CheckedMask, start: str) -> None:
        names = {label.pk: label.name for label in self.selection.labels}
        label = names.get(mask.row.label_pk or 0, "")
        plain = _UNFIT.sub("-", label).strip("-.")[:_LONGEST_LABEL]
        name = f"{start}-{plain}.png" if plain else f"{start}.png"
        is_tight = self.options.cutout == "tight"
        box = tuple(mask.measured.bbox_xywh) if is_tight else (0, 0, image.width, image.height)
        self.entries.add(name, cut_out(pixels, mask.measured.counts, box))
        self._table.write(csv_line(name, image.file_name, label, *box))
        self._boxes.write("\t".join([name, *map(str, (*box[:2], *image.size))]).encode() + b"\n")


def cut_out(pixels: "NDArray[np.uint8]", counts: str, box_xywh: Sequence[int]) -> bytes:
    """Return the PNG of one mask on a photo, H x W x 3, cut to a box."""
    import numpy as np
    from PIL import Image as Pillow

    x, y, width, height = box_xywh
    alpha = crop_of(counts, (pixels.shape[0], pixels.shape[1]), box_xywh).astype(np.uint8) * 255
    cut = np.dstack([pixels[y : y + height, x : x + width], alpha])
    cut[alpha == 0] = 0  # what is outside the mask is not in the file
    out = io.BytesIO()
    Pillow.fromarray(cut).save(out, "PNG")
    return out.getvalue()


def _load(image: ImageRow) -> "NDArray[np.uint8] | str":
    """Return the upright photo, H x W x 3, or why it cannot be had."""
    import numpy as np

    try:
        pixels: NDArray[np.uint8] = np.asarray(load_stored_rgb(image.picture))
    except FileNotFoundError:
        return _("the photo's file is missing")
    except PhotoRefusedError as error:
        return _("the photo cannot be read: %(reason)s") % {"reason": error.message}
    return pixels if pixels.shape[:2] == image.size else _("the photo's file has another size")


def _read_alpha(data: bytes, place: Sequence[int]) -> ReadMask:
    import numpy as np
    from PIL import Image as Pillow

    x, y, *size = place
    with Pillow.open(io.BytesIO(data), formats=("PNG",)) as picture:
        alpha = np.asarray(picture.getchannel("A")) > 0
    try:
        return ReadMask(counts_of_crop(alpha, (x, y), (size[0], size[1])), (size[0], size[1]))
    except MaskRefusedError as error:
        return ReadMask(None, (size[0], size[1]), problem=str(error))
