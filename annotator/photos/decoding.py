"""The photos' door to the one decoder, sam_core.pictures: the server's limits and its words for a refusal.

Width, height, previews, embeddings and exports all come through here, so that they agree. The decoder never imports
torch, so a web process may decode. Sizes are (width, height) as in Pillow.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from django.conf import settings
from django.utils.translation import gettext as _
from PIL import Image as Pillow

from annotator.photos.errors import PhotoRefusedError
from sam_core.pictures import opening
from sam_core.pictures.brightness import USED, Window
from sam_core.pictures.errors import PictureRefusedError
from sam_core.pictures.kinds import ACCEPTED_KINDS, MIME_TYPES, SUFFIXES
from sam_core.pictures.opening import PictureFacts as PhotoFacts
from sam_core.pictures.pixels import load_upright_rgb, turn
from sam_core.pictures.tiff_pages import copy_page, looks_like_tiff, shown_pages

__all__ = [
    "ACCEPTED_KINDS",
    "MIME_TYPES",
    "SUFFIXES",
    "USED",
    "PhotoFacts",
    "Window",
    "copy_photo_page",
    "fit_within",
    "list_photo_pages",
    "load_upright_rgb",
    "make_window",
    "open_photo",
    "turn",
    "verify_photo",
]


@contextmanager
def open_photo(file: IO[bytes]) -> Iterator[tuple[Pillow.Image, PhotoFacts]]:
    """Open a photo without decoding it and yield it with its facts; raise PhotoRefusedError when it is none of ours.

    Errors of the decoder inside the block become PhotoRefusedError too.
    """
    with _refusing(), opening.open_picture(file, max_megapixels=settings.MAX_IMAGE_MEGAPIXELS) as (picture, facts):
        yield picture, facts


def verify_photo(file: IO[bytes]) -> None:
    """Check a photo's structure and checksums as far as possible without decoding; raise PhotoRefusedError."""
    with _refusing():
        opening.verify_picture(file)


def list_photo_pages(file: IO[bytes]) -> list[int]:
    """Return where the pages of a TIFF lie; empty for any other file. Raises PhotoRefusedError for a damaged one."""
    with _refusing():
        return shown_pages(file) if looks_like_tiff(file) else []


def copy_photo_page(file: IO[bytes], place: int) -> IO[bytes]:
    """Return one page of a TIFF as a file of its own; raise PhotoRefusedError for a damaged one."""
    with _refusing():
        return copy_page(file, place)


def make_window(kind: str, low: float, high: float) -> Window:
    """Return a window of brightness; raise PhotoRefusedError (bad_window) for one without sense."""
    try:
        numbers = float(low), float(high)
    except (TypeError, ValueError) as error:
        raise PhotoRefusedError("bad_window", _("The lowest and the highest value shown must be numbers.")) from error
    with _refusing():
        return Window(kind, *numbers)


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except PictureRefusedError as error:
        raise PhotoRefusedError(error.code, error.message) from error


def fit_within(width: int, height: int, *, long_side: int) -> tuple[int, int]:
    """Return the size scaled down to `long_side` at most, never up, never below 1 pixel."""
    scale = min(1.0, long_side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
