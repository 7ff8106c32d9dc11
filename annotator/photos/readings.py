"""How one photo is read, and the word for it in the name of the picture that comes of it (picture_names.py).

The same file may be shown with another brightness in another project. What is made of it (preview, tiles, embedding)
is kept under the picture's name, so that each reading has its own and equal readings share one. Readings:
`v100_4000` shows the values 100 to 4000, `p1_99` leaves out a hundredth of the pixels at both ends, and `t` turns
twice, as TIFF files were until their orientation was mended; only photos that had masks by then are read so.
"""

import re
from dataclasses import dataclass
from typing import Any

from annotator.photos.decoding import USED, Window, make_window
from annotator.photos.errors import PhotoRefusedError
from annotator.photos.picture_names import split_picture

TURNED_TWICE = "t"
_KINDS = {"v": "values", "p": "percent"}
_READING = re.compile(r"([vp])(m?[0-9.e]+)_(m?[0-9.e]+)")


@dataclass(frozen=True)
class Reading:
    """The brightness shown, and whether the photo is turned twice."""

    window: Window = USED
    is_turned_twice: bool = False


AS_USUAL = Reading()


def reading_of(picture: str) -> Reading:
    """Return how a picture is read; what is not understood is read as usual."""
    _, reading = split_picture(picture)
    if reading == TURNED_TWICE:
        return Reading(is_turned_twice=True)
    found = _READING.fullmatch(reading)
    if found is None:
        return Reading()
    low, high = (float(text.replace("m", "-")) for text in found.groups()[1:])
    return Reading(make_window(_KINDS[found[1]], low, high))


def window_reading(window: Window) -> str:
    """Return the reading that shows a window; "" for the range in use."""
    if window.kind == "used":
        return ""
    low, high = (f"{number:.9g}".replace("-", "m").replace("+", "") for number in (window.low, window.high))
    return f"{window.kind[0]}{low}_{high}"


def window_from_settings(settings: dict[str, Any]) -> Window:
    """Return the window that a project's settings name; the range in use where they name none that is sound."""
    chosen = settings.get("brightness")
    if not isinstance(chosen, dict):
        return USED
    try:
        return make_window(str(chosen.get("kind", "used")), chosen.get("low", 0), chosen.get("high", 0))
    except PhotoRefusedError:
        return USED
