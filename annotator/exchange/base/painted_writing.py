"""What formats share that paint masks into pictures: painting, what is hidden, pictures and how they are checked.

Masks are painted in stacking order, so a higher mask hides a lower one: what is hidden is lost, and counted. The
checksum of every picture's pixels is noted beside the package and compared with the finished file.
Must not know: which numbers mean what.
"""

import io
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from annotator.exchange.base.rows import ImageRow
from annotator.exchange.base.writing import CheckedMask, ReadMask, Writer
from annotator.exchange.files.packages import GrowingFile, Position, entries_of
from annotator.mask_gateway import foreground_runs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_NUMBER = 65_535


class PaintedWriter(Writer):
    """Paints; subclasses say which number a mask gets and what the pictures are called."""

    is_lossy = True
    has_masks_of_their_own = False
    most_masks = MAX_NUMBER
    picture_folders: tuple[str, ...] = ()

    def open(self, positions: dict[str, Position]) -> None:
        """Open the checksums beside the package."""
        self._checksums = GrowingFile(self.folder / "pixels.part", positions.get("checksums"))
        self.beside = [self._checksums]

    def lay(self, image: ImageRow, masks: Sequence[CheckedMask]) -> "tuple[list[CheckedMask], NDArray[np.uint16]]":
        """Return the masks painted and the picture of their places in this list, from 1; notes what is hidden."""
        for mask in masks[self.most_masks :]:
            reason = _("more than %(n)s masks on one image") % {"n": f"{self.most_masks:,}"}
            self.tally.leave_out(mask=mask.row.pk, image=image.file_name, reason=reason)
        painted = list(masks[: self.most_masks])
        places, visible = paint(painted, image.size)
        for mask, visible_area in zip(painted, visible, strict=True):
            if visible_area < mask.measured.area:
                hidden = mask.measured.area - visible_area
                self.tally.lose(mask=mask.row.pk, iou=visible_area / mask.measured.area, pixels=hidden)
        return painted, places

    def add_picture(self, name: str, data: bytes, pixels: "NDArray[Any]") -> None:
        """Write a picture, whose name starts with one of the folders, and note the checksum of its pixels."""
        self.entries.add(name, data)
        self._checksums.write(f"{zlib.crc32(pixels.tobytes())}\n".encode())

    def checkpoint(self) -> dict[str, Position]:
        """Flush all files."""
        return {**super().checkpoint(), "checksums": self._checksums.checkpoint()}

    def close(self) -> list[Path]:
        """Finish the package."""
        self._checksums.close()
        return self.close_package()

    def read_back(self, paths: list[Path]) -> Iterator[ReadMask]:
        """Decode each picture and compare all its pixels with what was painted; yield one entry a picture."""
        folders = tuple(f"{folder}/" for folder in self.picture_folders)
        with (self.folder / "pixels.part").open("rb") as checksums:
            for name, file in entries_of(paths):
                if name.startswith(folders) and name.endswith(".png"):
                    pixels = self.decode(file.read())
                    wanted = int(checksums.readline())
                    problem = "" if zlib.crc32(pixels.tobytes()) == wanted else f"{name} holds other pixels"
                    yield ReadMask(None, (pixels.shape[0], pixels.shape[1]), problem=problem)

    def decode(self, data: bytes) -> "NDArray[Any]":
        """Return the pixels of one of the format's pictures, as add_picture got them."""
        return decode_numbers(data)


def paint(masks: Sequence[CheckedMask], size: tuple[int, int]) -> "tuple[NDArray[np.uint16], list[int]]":
    """Return which mask is on top of each pixel, H x W, from 1, and how many pixels of each can be seen."""
    import numpy as np

    order = np.zeros(size[0] * size[1], np.uint16)  # column-major
    for place, mask in enumerate(masks, 1):
        for start, stop in zip(*foreground_runs(mask.measured.counts, size), strict=True):
            order[start:stop] = place
    visible = np.bincount(order, minlength=len(masks) + 1)[1 : len(masks) + 1]
    return np.ascontiguousarray(order.reshape(size[1], size[0]).T), [int(count) for count in visible]


def numbered(places: "NDArray[np.uint16]", numbers: Sequence[int], dtype: str = "uint16") -> "NDArray[Any]":
    """Return the picture with the number of each place instead of the place."""
    import numpy as np

    return np.array([0, *numbers], dtype)[places]


def encode_16_bit(pixels: "NDArray[np.uint16]") -> bytes:
    """Return a 16-bit grey PNG."""
    from PIL import Image as Pillow

    return _png(Pillow.fromarray(pixels))


def encode_palette(pixels: "NDArray[Any]", palette: Sequence[int]) -> bytes:
    """Return an 8-bit PNG with a palette (red, green, blue, ... from number 0)."""
    import numpy as np
    from PIL import Image as Pillow

    picture = Pillow.fromarray(pixels.astype(np.uint8)).convert("L")
    picture.putpalette(list(palette))
    return _png(picture)


def encode_colors(pixels: "NDArray[np.uint16]") -> bytes:
    """Return a PNG in colour: red + 256 green + 65,536 blue are the number of a pixel."""
    import numpy as np
    from PIL import Image as Pillow

    channels = [pixels & 255, pixels >> 8, np.zeros_like(pixels)]
    return _png(Pillow.fromarray(np.stack(channels, axis=-1).astype(np.uint8)))


def decode_colors(data: bytes) -> "NDArray[np.uint32]":
    """Return the numbers of a PNG that encode_colors made."""
    import numpy as np
    from PIL import Image as Pillow

    with Pillow.open(io.BytesIO(data), formats=("PNG",)) as picture:
        channels = np.asarray(picture.convert("RGB")).astype(np.uint32)
    numbers: NDArray[np.uint32] = channels[..., 0] + 256 * channels[..., 1] + 65_536 * channels[..., 2]
    return numbers


def decode_numbers(data: bytes) -> "NDArray[np.uint16]":
    """Return the numbers of a PNG of one channel, grey or with a palette."""
    import numpy as np
    from PIL import Image as Pillow

    with Pillow.open(io.BytesIO(data), formats=("PNG",)) as picture:
        return np.asarray(picture).astype(np.uint16)


def _png(picture: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
