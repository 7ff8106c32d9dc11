"""Decode an open picture to 8-bit RGB in sRGB, transparency over white, turned upright exactly once."""

from typing import IO, TYPE_CHECKING, Any

from PIL import Image as Pillow

from sam_core.pictures.brightness import USED, Window, stretch
from sam_core.pictures.colour import to_srgb
from sam_core.pictures.deep_colour import is_dim, restretch
from sam_core.pictures.opening import PictureFacts

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TURNS = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
_EXTRA_SAMPLES, _SAMPLE_FORMAT, _PHOTOMETRIC, _WHITE_IS_ZERO = 338, 339, 262, 0


def load_upright_rgb(picture: Pillow.Image, facts: PictureFacts, window: Window = USED) -> Pillow.Image:
    """Decode and turn upright. May be smaller than `facts` after a draft.

    window: which values beyond 8 bit are shown. Raises whatever the decoder raises; open_picture catches it.
    """
    file = getattr(picture, "fp", None)  # decoding closes it
    picture.load()
    rgb = _to_rgb(picture, facts, file, window)
    is_turned = facts.format in {"TIFF", "HEIF"}  # by Pillow; a HEIC comes as a TIFF
    upright = rgb if is_turned else turn(rgb, facts.exif_orientation)
    upright.info = {}  # Pillow would write the profile that the file brought into whatever is made of it
    return upright


def turn(picture: Pillow.Image, orientation: int) -> Pillow.Image:
    """Return the picture turned as an EXIF orientation asks for."""
    how = _TURNS.get(orientation)
    return picture if how is None else picture.transpose(how)


def _to_rgb(picture: Pillow.Image, facts: PictureFacts, file: "IO[bytes] | None", window: Window) -> Pillow.Image:
    profile = picture.info.get("icc_profile")
    if picture.mode.startswith("I") or picture.mode == "F" or _is_signed(picture):
        return _from_numbers(picture, window)
    colours, alpha = _split_alpha(picture)
    if facts.depth == 16 and file is not None and (window != USED or is_dim(colours)):
        colours = restretch(colours, file, window)
    rgb = to_srgb(colours, profile)
    if alpha is None:
        return rgb
    white = Pillow.new("RGB", rgb.size, "white")
    white.paste(rgb, mask=alpha)
    return white


def _split_alpha(picture: Pillow.Image) -> tuple[Pillow.Image, Pillow.Image | None]:
    """Return the colours (L, RGB, CMYK, LAB, YCbCr) and the transparency, if there is one."""
    if picture.mode == "La":
        picture = picture.convert("LA")
    elif picture.mode in {"RGBa", "PA"} or "transparency" in picture.info:
        picture = picture.convert("RGBA")
    if picture.mode in {"LA", "RGBA"}:
        colours = picture.convert(picture.mode[:-1])
        return colours, None if _lacks_alpha(picture) else picture.getchannel("A")
    if picture.mode in {"1", "P", "RGBX", "HSV"}:
        return picture.convert("L" if picture.mode == "1" else "RGB"), None
    return picture, None


def _lacks_alpha(picture: Pillow.Image) -> bool:
    """Say whether a TIFF has a band more than its colours without saying that this is transparency."""
    return getattr(picture, "format", None) == "TIFF" and _EXTRA_SAMPLES not in _tags(picture)


def _is_signed(picture: Pillow.Image) -> bool:
    return picture.format == "TIFF" and picture.mode == "L" and tuple(_tags(picture).get(_SAMPLE_FORMAT, ())) == (2,)


def _tags(picture: Pillow.Image) -> Any:
    return picture.tag_v2  # type: ignore[attr-defined]  # a TIFF has them


def _from_numbers(picture: Pillow.Image, window: Window) -> Pillow.Image:
    values = _numbers(picture)
    is_inverted = picture.format == "TIFF" and _tags(picture).get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    return Pillow.fromarray(stretch(values, window, is_inverted=is_inverted)).convert("RGB")


def _numbers(picture: Pillow.Image) -> "NDArray[Any]":
    """Return one band of numbers, H x W, as the file means them."""
    import numpy as np

    values = np.asarray(picture)
    if picture.mode == "L":
        return values.view(np.int8)
    is_unsigned = picture.format == "TIFF" and tuple(_tags(picture).get(_SAMPLE_FORMAT, (1,))) == (1,)
    return values.view(np.uint32) if picture.mode == "I" and is_unsigned else values
