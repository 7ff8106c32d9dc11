"""Decode photos that nobody vouches for: known formats, bounded size, one frame, upright, 8-bit RGB.

The one place that opens pictures, so that width, height, previews and embeddings always agree.
Sizes here are (width, height) as in Pillow; pixel limits are checked from the header, before anything is decoded.
"""

import logging
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from django.conf import settings
from PIL import (  # noqa: F401  (a plugin registers its format when it is imported)
    BmpImagePlugin,
    GifImagePlugin,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)
from PIL import Image as Pillow

from annotator.photos.errors import PhotoRefusedError

# Our own limit is checked right after the header is read; Pillow's would only warn below twice its value.
Pillow.MAX_IMAGE_PIXELS = None
ImageFile.LOAD_TRUNCATED_IMAGES = False
logging.getLogger("PIL").setLevel(logging.WARNING)

# MPO, the two-picture JPEG of phones, comes through the JPEG plugin and is read as its first picture.
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
MIME_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "TIFF": "image/tiff",
    "BMP": "image/bmp",
    "GIF": "image/gif",
}
EXIF_ORIENTATION_TAG = 0x0112
MAX_SIDE_PX = 65_500
_TURNS = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, OverflowError, IndexError, KeyError, struct.error, zlib.error)


@dataclass(frozen=True)
class PhotoFacts:
    """What the header says; width and height are upright."""

    format: str
    width: int
    height: int
    exif_orientation: int

    @property
    def megapixels(self) -> float:
        """Return the size in millions of pixels."""
        return self.width * self.height / 1e6


@contextmanager
def open_photo(file: IO[bytes]) -> Iterator[tuple[Pillow.Image, PhotoFacts]]:
    """Open a photo without decoding it and yield it with its facts; raise PhotoRefusedError when it is none of ours.

    Errors of the decoder inside the block become PhotoRefusedError too.
    """
    with _refusing(), Pillow.open(file, formats=FORMATS) as picture:
        yield picture, _check_header(picture)


def verify_photo(file: IO[bytes]) -> None:
    """Check a photo's structure and checksums as far as possible without decoding; raise PhotoRefusedError."""
    file.seek(0)
    with _refusing(), Pillow.open(file, formats=FORMATS) as picture:
        picture.verify()


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except PhotoRefusedError:
        raise
    except UnidentifiedImageError as error:
        raise PhotoRefusedError("not_an_image", "This is not an image of a kind that can be read.") from error
    except MemoryError as error:
        raise PhotoRefusedError("too_many_pixels", "The image needs more memory than there is.") from error
    except _BROKEN as error:
        raise PhotoRefusedError("damaged", "The image is cut off or damaged.") from error


def load_upright_rgb(picture: Pillow.Image, facts: PhotoFacts) -> Pillow.Image:
    """Decode to 8-bit RGB, transparency over white, turned upright. May be smaller than `facts` after a draft."""
    picture.load()
    rgb = _to_rgb(picture)
    turn = _TURNS.get(facts.exif_orientation)
    return rgb.transpose(turn) if turn is not None else rgb


def fit_within(width: int, height: int, *, long_side: int) -> tuple[int, int]:
    """Return the size scaled down to `long_side` at most, never up, never below 1 pixel."""
    scale = min(1.0, long_side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _check_header(picture: Pillow.Image) -> PhotoFacts:
    width, height = picture.size
    if width < 1 or height < 1:
        raise PhotoRefusedError("damaged", "The image has no pixels.")
    if width * height > settings.MAX_IMAGE_MEGAPIXELS * 1_000_000 or max(width, height) > MAX_SIDE_PX:
        raise PhotoRefusedError(
            "too_many_pixels",
            f"The image has {width} x {height} pixels; {settings.MAX_IMAGE_MEGAPIXELS} megapixels are the limit.",
        )
    kind = "JPEG" if picture.format == "MPO" else str(picture.format)
    if kind != "JPEG" and getattr(picture, "n_frames", 1) > 1:
        raise PhotoRefusedError("animated", "The file holds several pictures; send the one to annotate alone.")
    if picture.mode in {"I", "F"}:
        raise PhotoRefusedError(
            "unsupported_mode", "32-bit images have no fixed range of brightness; send 8 or 16 bit."
        )
    orientation = _read_orientation(picture)
    if orientation >= 5:
        width, height = height, width
    return PhotoFacts(format=kind, width=width, height=height, exif_orientation=orientation)


def _read_orientation(picture: Pillow.Image) -> int:
    if picture.format == "PNG" and "exif" not in picture.info:
        return 1  # Pillow would decode the whole picture to look for a chunk behind it
    try:
        value = picture.getexif().get(EXIF_ORIENTATION_TAG, 1)
    except _BROKEN:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _to_rgb(picture: Pillow.Image) -> Pillow.Image:
    if picture.mode.startswith("I;16"):
        return _from_16_bit(picture)
    if picture.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        white = Pillow.new("RGB", rgba.size, "white")
        white.paste(rgba, mask=rgba.getchannel("A"))
        return white
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _from_16_bit(picture: Pillow.Image) -> Pillow.Image:
    import numpy as np

    values = np.asarray(picture).astype(np.uint16, copy=False)
    return Pillow.fromarray((values >> 8).astype(np.uint8)).convert("RGB")
