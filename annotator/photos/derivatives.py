"""Thumbnail, preview and tiles: always re-encoded, so that no byte a person sent reaches another person's browser.

Small photos are decoded wholly when they arrive; large ones only by the worker, one at a time.
"""

import io
import threading
from typing import IO

from django.utils.translation import gettext as _
from PIL import Image as Pillow

from annotator.photos import store, tiles
from annotator.photos.decoding import USED, PhotoFacts, Window, fit_within, load_upright_rgb, open_photo, verify_photo
from annotator.photos.errors import PhotoRefusedError
from annotator.photos.originals import load_rgb, open_original

THUMBNAIL_SIDE_PX = 320
# Above this the web process reads the header only: decoding 100 megapixels takes 300 MB.
DECODE_AT_ONCE_MEGAPIXELS = 24
# Two decodes at a time bound the web process's memory whatever the number of uploads.
_decoding = threading.BoundedSemaphore(2)


def inspect_photo(file: IO[bytes], window: Window = USED) -> tuple[PhotoFacts, bytes | None]:
    """Check a photo and return its facts and its thumbnail (None where only the worker may decode it).

    JPEG decodes at a fraction of its size, which still reads every byte and so finds a file that is cut off.
    Raises PhotoRefusedError.
    """
    with _decoding, open_photo(file) as (picture, facts):
        if facts.megapixels > DECODE_AT_ONCE_MEGAPIXELS:
            verify_photo(file)
            return facts, None
        picture.draft("RGB", (THUMBNAIL_SIDE_PX * 2, THUMBNAIL_SIDE_PX * 2))
        return facts, encode_thumbnail(load_upright_rgb(picture, facts, window))


def encode_thumbnail(rgb: Pillow.Image) -> bytes:
    """Return the thumbnail as WebP."""
    size = fit_within(rgb.width, rgb.height, long_side=THUMBNAIL_SIDE_PX)
    buffer = io.BytesIO()
    rgb.resize(size, Pillow.Resampling.LANCZOS, reducing_gap=2.0).save(buffer, "WEBP", quality=80, method=2)
    return buffer.getvalue()


def encode_preview(rgb: Pillow.Image) -> bytes:
    """Return the preview as JPEG, PREVIEW_SIDE_PX long at most."""
    size = fit_within(rgb.width, rgb.height, long_side=tiles.PREVIEW_SIDE_PX)
    small = rgb if size == rgb.size else rgb.resize(size, Pillow.Resampling.LANCZOS, reducing_gap=2.0)
    return tiles.encode_jpeg(small)


def make_derivatives(name: str) -> None:
    """Make whatever is missing of thumbnail, preview and tiles; raise PhotoRefusedError for a damaged photo."""
    with open_original(name) as (picture, facts, reading):
        wanted = [store.THUMBNAIL, store.PREVIEW]
        if tiles.tile_levels(facts.width, facts.height):
            wanted.append(store.TILES)
        missing = [part for part in wanted if not store.has(name, part)]
        if not missing:
            return
        rgb = load_rgb(picture, facts, reading)
        if store.THUMBNAIL in missing:
            store.save(name, store.THUMBNAIL, encode_thumbnail(rgb))
        if store.PREVIEW in missing:
            store.save(name, store.PREVIEW, encode_preview(rgb))
        if store.TILES in missing:
            tiles.write_tiles(name, rgb)


def make_preview_now(name: str) -> bytes:
    """Make the preview in the web process, for a page opened before the worker came by.

    Raises PhotoRefusedError with code "preparing" when the photo is too large for that.
    """
    with _decoding, open_original(name) as (picture, facts, reading):
        if facts.megapixels > DECODE_AT_ONCE_MEGAPIXELS:
            raise PhotoRefusedError("preparing", _("The preview of this large photo is being made."))
        picture.draft("RGB", fit_within(*picture.size, long_side=tiles.PREVIEW_SIDE_PX))
        data = encode_preview(load_rgb(picture, facts, reading))
        store.save(name, store.PREVIEW, data)
        return data
