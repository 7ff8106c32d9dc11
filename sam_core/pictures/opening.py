"""Open picture files that nobody vouches for: known formats, bounded size, one picture, facts from the header.

Sizes are (width, height) as in Pillow; pixel limits are checked from the header, before anything is decoded.
"""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import IO

from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from sam_core.pictures.errors import PictureRefusedError
from sam_core.pictures.heif import decoded_apart, looks_like_heif
from sam_core.pictures.kinds import ACCEPTED_KINDS, FORMATS
from sam_core.pictures.tiff_pages import describe_pixels, looks_like_tiff, shown_pages

EXIF_ORIENTATION_TAG = 0x0112
MAX_SIDE_PX = 65_500
_BROKEN = (
    OSError, SyntaxError, ValueError, TypeError, EOFError, OverflowError, LookupError, RuntimeError,
    ZeroDivisionError, struct.error, zlib.error,
)  # fmt: skip


@dataclass(frozen=True)
class PictureFacts:
    """What the header says; width and height are upright. `depth` is bits per sample."""

    format: str
    width: int
    height: int
    exif_orientation: int
    depth: int = 8

    @property
    def megapixels(self) -> float:
        """Return the size in millions of pixels."""
        return self.width * self.height / 1e6

    @property
    def has_brightness(self) -> bool:
        """Say whether values have to be stretched to the screen's 256 levels."""
        return self.depth > 8


@contextmanager
def open_picture(file: IO[bytes], *, max_megapixels: float) -> Iterator[tuple[Pillow.Image, PictureFacts]]:
    """Open a picture without decoding it and yield it with its facts; raise PictureRefusedError for what is none.

    Errors of the decoder inside the block become PictureRefusedError too.
    """
    if looks_like_heif(file):
        with (
            decoded_apart(file, max_megapixels=max_megapixels) as plain,
            open_picture(plain, max_megapixels=max_megapixels) as (picture, facts),
        ):
            yield picture, replace(facts, format="HEIF")
        return
    with refusing(file), Pillow.open(file, formats=FORMATS) as picture:
        yield picture, _check_header(picture, file, max_megapixels)


def verify_picture(file: IO[bytes]) -> None:
    """Check structure and checksums as far as possible without decoding; raise PictureRefusedError."""
    file.seek(0)
    if looks_like_heif(file):
        return  # opening it has decoded it
    with refusing(file), Pillow.open(file, formats=FORMATS) as picture:
        picture.verify()


@contextmanager
def refusing(file: IO[bytes]) -> Iterator[None]:
    """Turn whatever a decoder raises about `file` into PictureRefusedError."""
    try:
        yield
    except PictureRefusedError:
        raise
    except UnidentifiedImageError as error:
        raise _unknown(file) from error
    except MemoryError as error:
        raise PictureRefusedError("too_many_pixels", "The image needs more memory than there is.") from error
    except _BROKEN as error:
        raise PictureRefusedError("damaged", "The image is cut off or damaged.") from error


def _unknown(file: IO[bytes]) -> PictureRefusedError:
    if looks_like_tiff(file):
        try:
            pixels = describe_pixels(file)
        except (*_BROKEN, PictureRefusedError, MemoryError):
            return PictureRefusedError("damaged", "The TIFF is cut off or damaged.")
        message = f"This TIFF holds {pixels}, which cannot be shown; send 8 or 16 bit grey or RGB."
        return PictureRefusedError("unsupported_mode", message)
    message = f"This is not an image of a kind that can be read; {ACCEPTED_KINDS} are taken."
    return PictureRefusedError("not_an_image", message)


def _check_header(picture: Pillow.Image, file: IO[bytes], max_megapixels: float) -> PictureFacts:
    width, height = picture.size
    if width < 1 or height < 1:
        raise PictureRefusedError("damaged", "The image has no pixels.")
    if width * height > max_megapixels * 1_000_000 or max(width, height) > MAX_SIDE_PX:
        limit = f"{max_megapixels:g} megapixels and {MAX_SIDE_PX} pixels a side are the limit"
        raise PictureRefusedError("too_many_pixels", f"The image has {width} x {height} pixels; {limit}.")
    kind = "JPEG" if picture.format == "MPO" else str(picture.format)
    _check_single(picture, kind, file)
    orientation = _read_orientation(picture)
    if orientation >= 5 and kind != "TIFF":  # Pillow gives a TIFF's size upright
        width, height = height, width
    return PictureFacts(kind, width, height, orientation, _read_depth(picture))


def _check_single(picture: Pillow.Image, kind: str, file: IO[bytes]) -> None:
    if kind == "TIFF":
        pages = len(shown_pages(file))
        if pages > 1:
            raise PictureRefusedError("pages", f"The TIFF holds {pages} pages; choose one of them.")
    elif kind != "JPEG" and getattr(picture, "n_frames", 1) > 1:
        frames = getattr(picture, "n_frames", 1)
        raise PictureRefusedError("animated", f"The file is an animation of {frames} pictures; send one of them alone.")


def _read_orientation(picture: Pillow.Image) -> int:
    if picture.format == "PNG" and "exif" not in picture.info:
        return 1  # Pillow would decode the whole picture to look for a chunk behind it
    try:
        value = picture.getexif().get(EXIF_ORIENTATION_TAG, 1)
    except _BROKEN:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _read_depth(picture: Pillow.Image) -> int:
    """Return bits per sample; 9 for signed bytes, as their range is not that of the screen either."""
    if picture.format == "TIFF":
        tags = picture.tag_v2  # type: ignore[attr-defined]  # a TIFF has them
        bits = tags.get(258, (1,))
        depth = max(8, *bits) if isinstance(bits, tuple) else max(8, int(bits))
        return 9 if depth == 8 and tuple(tags.get(339, (1,)))[:1] == (2,) else depth
    tile = getattr(picture, "tile", None)  # for PNG, the layout of a sample
    return 16 if picture.format == "PNG" and tile and "16" in str(tile[0].args) else 8
