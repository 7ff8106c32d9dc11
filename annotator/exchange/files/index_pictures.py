"""Read pictures whose pixels are numbers: grey, with a palette, or in colour. Must not know: what the numbers mean.

A picture is unpacked only where its header says that it is as large as its photo.
"""

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from annotator.exchange.files.source import BrokenFileError, Entry, Source

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NUMBERS = frozenset({"L", "P", "I", "I;16", "I;16B", "1"})
_COLORS = frozenset({"RGB", "RGBA"})
_BROKEN = (OSError, ValueError, SyntaxError, EOFError, MemoryError)


def read_numbers(
    source: Source, entry: Entry, wanted: tuple[int, int], *, may_be_colored: bool = False
) -> "tuple[NDArray[np.uint32], bool] | str":
    """Return the numbers, H x W, and whether they are colours (red + 256 green + 65,536 blue); or what is wrong."""
    from PIL import Image as Pillow

    try:
        with source.open(entry) as file, Pillow.open(file, formats=("PNG",)) as picture:
            is_colored = may_be_colored and picture.mode in _COLORS
            if picture.mode not in _NUMBERS and not is_colored:
                sentence = _("It is a picture in colour (%(mode)s); numbers are needed, one channel of 8 or 16 bits.")
                return sentence % {"mode": picture.mode}
            if (picture.height, picture.width) != wanted:
                sizes = {"width": picture.width, "height": picture.height, "photo_w": wanted[1], "photo_h": wanted[0]}
                return _("It is %(width)s x %(height)s, its photo %(photo_w)s x %(photo_h)s.") % sizes
            return _numbers_of(picture, is_colored=is_colored), is_colored
    except (*_BROKEN, BrokenFileError):
        return _("The PNG is cut off or damaged.")


def _numbers_of(picture: Any, *, is_colored: bool) -> "NDArray[np.uint32]":
    import numpy as np

    if not is_colored:
        return np.asarray(picture).astype(np.uint32)
    pixels = np.asarray(picture.convert("RGB")).astype(np.uint32)
    numbers: NDArray[np.uint32] = pixels[..., 0] + 256 * pixels[..., 1] + 65_536 * pixels[..., 2]
    return numbers


def number_of_color(color: tuple[int, int, int]) -> int:
    """Return the number that read_numbers gives a colour.

    >>> number_of_color((1, 2, 0))
    513
    """
    return color[0] + 256 * color[1] + 65_536 * color[2]
