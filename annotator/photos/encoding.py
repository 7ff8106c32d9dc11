"""Write a photo anew, upright or resized, as the kind of file that its name says."""

import io
from pathlib import PurePath
from typing import IO, Any

from django.utils.translation import gettext as _
from PIL import Image as Pillow

from annotator.photos.decoding import open_photo
from annotator.photos.errors import PhotoRefusedError
from annotator.photos.naming import stem_of
from annotator.photos.originals import load_rgb
from annotator.photos.readings import AS_USUAL, Reading

_KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", {}),
    ".webp": ("WEBP", {"quality": 95}),
    ".tif": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ".tiff": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ".bmp": ("BMP", {}),
    ".gif": ("GIF", {}),
    ".avif": ("AVIF", {"quality": 95}),
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"), ("JPEG", {"quality": 95, "subsampling": 0})),
}
_BY_FORMAT = {
    "JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "TIFF": ".tif", "BMP": ".bmp", "GIF": ".gif", "AVIF": ".avif",
}  # fmt: skip
_HEIC = {".heic", ".heif", ".hif"}
_WHITE_IS_ZERO = 0


def name_written_anew(name: str, own: str) -> str:
    """Return the name of a photo of the format `own` once its pixels are written anew: HEIC is read only, so a JPEG.

    >>> name_written_anew("day1/IMG_1.HEIC", "HEIF"), name_written_anew("day1/a.png", "PNG")
    ('day1/IMG_1.jpg', 'day1/a.png')
    """
    ending = PurePath(name).suffix.lower()
    is_written = ending in _KINDS or (ending not in _HEIC and own in _BY_FORMAT)
    return name if is_written else f"{stem_of(name)}.jpg"


def encode_anew(
    file: IO[bytes], name: str, *, size: tuple[int, int] | None = None, reading: Reading = AS_USUAL
) -> bytes:
    """Return the photo upright, of size (height, width) if one is given, as the kind that the name's ending says.

    A TIFF that is only turned keeps its depth; else the brightness of `reading` is what is written. Raises
    PhotoRefusedError, also for a kind that cannot be written.
    """
    with open_photo(file) as (picture, facts):
        kind, options = _kind_of(name, facts.format)
        if kind == "TIFF" and size is None and not reading.is_turned_twice and _keeps_its_depth(picture):
            picture.load()
            return _save(picture, kind, options)
        upright = load_rgb(picture, facts, reading)
    if size is not None:
        upright = upright.resize((size[1], size[0]), Pillow.Resampling.LANCZOS)
    return _save(upright, kind, options)


def _kind_of(name: str, own: str) -> tuple[str, dict[str, Any]]:
    """Return Pillow's format and options for a name; a name that says nothing leaves the photo's own format."""
    ending = PurePath(name).suffix.lower()
    if ending in _HEIC or (ending not in _KINDS and own not in _BY_FORMAT):
        raise PhotoRefusedError("cannot_encode", _("A HEIC cannot be written anew; take its original file."))
    return _KINDS[ending if ending in _KINDS else _BY_FORMAT[own]]


def _keeps_its_depth(picture: Pillow.Image) -> bool:
    tags = getattr(picture, "tag_v2", None)  # of a TIFF alone, which Pillow turns upright while it decodes
    return tags is not None and picture.mode in {"L", "RGB", "I;16", "F"} and tags.get(262) != _WHITE_IS_ZERO


def _save(picture: Pillow.Image, kind: str, options: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()
