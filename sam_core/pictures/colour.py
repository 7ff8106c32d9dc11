"""Colours as a screen shows them: an ICC profile inside a picture is converted to sRGB."""

import io
from functools import lru_cache
from typing import Any

from PIL import Image as Pillow
from PIL import ImageCms

MAX_PROFILE_BYTES = 16 << 20
_SPACES = {"RGB": "RGB ", "RGBX": "RGB ", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab "}
_ERRORS = (ImageCms.PyCMSError, OSError, ValueError, TypeError)


def to_srgb(picture: Pillow.Image, profile: bytes | None) -> Pillow.Image:
    """Return the picture, without transparency, as RGB in sRGB; a profile that does not fit it is left aside."""
    transform = None
    if profile and len(profile) <= MAX_PROFILE_BYTES:
        transform = _transform(profile, picture.mode)
        if transform is None and picture.mode not in {"RGB", "CMYK", "LAB"}:
            picture = picture.convert("RGB")
            transform = _transform(profile, "RGB")
    if transform is None and picture.mode == "LAB":
        transform = _from_lab()
    if transform is not None:
        return transform.apply(picture)
    return picture if picture.mode == "RGB" else picture.convert("RGB")


@lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the way from a profile's colours to sRGB; None where the profile is broken or of other colours."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space != _SPACES.get(mode):
            return None
        return _build(source, mode)
    except _ERRORS:
        return None


@lru_cache(maxsize=1)
def _from_lab() -> ImageCms.ImageCmsTransform:
    return _build(ImageCms.createProfile("LAB"), "LAB")


def _build(source: Any, mode: str) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        source,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
