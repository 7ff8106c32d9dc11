"""Outlines as files have them, made ready to be filled: what is no polygon is left out, what is far outside is cut.

A part that is no polygon costs that part alone. pycocotools needs memory for each pixel that an outline passes, so an
outline is cut at a frame of one photo around the photo; what is filled on the photo stays the same.
Must not know: formats, rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from annotator.mask_gateway import MAX_POLYGONS, Size

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FARTHEST_PX = 1e9  # beyond that it is no place but a slip
_FEWEST_NUMBERS = 6


@dataclass(frozen=True, slots=True)
class Outlines:
    """The parts that can be filled; why the others cannot; whether any reaches far outside the photo."""

    parts: list[list[float]]
    problems: list[str]
    is_cut: bool


def read_outlines(polygons: Any, size: Size) -> Outlines:
    """Return the parts of a mask given as polygons: lists of x, y, ..., lists of pairs, or one such list alone."""
    parts: list[list[float]] = []
    problems: list[str] = []
    is_cut = False
    listed = polygons if isinstance(polygons, list | tuple) else []
    if listed and not isinstance(listed[0], list | tuple):
        listed = [listed]
    if len(listed) > MAX_POLYGONS:
        return Outlines(
            [], [_("a mask of %(n)s polygons is more than %(most)s") % {"n": len(listed), "most": MAX_POLYGONS}], False
        )
    for polygon in listed:
        corners = _corners(polygon)
        if isinstance(corners, str):
            problems.append(corners)
            continue
        inside = _cut(corners, size)
        is_cut = is_cut or inside is not corners
        if len(inside) * 2 >= _FEWEST_NUMBERS:
            parts.append(inside.ravel().tolist())
    return Outlines(parts, problems, is_cut)


def _corners(polygon: Any) -> "NDArray[np.float64] | str":
    """Return the corners, N x 2, or why it is no polygon."""
    import numpy as np

    try:
        corners = np.asarray(polygon, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return _("a polygon must be a flat list of numbers")
    if corners.ndim == 2 and corners.shape[1] == 2:
        corners = corners.ravel()
    if corners.ndim != 1 or corners.size < _FEWEST_NUMBERS or corners.size % 2:
        return _("a polygon must be a flat list x, y, ... of three corners or more, got %(n)s numbers") % {
            "n": corners.size
        }
    if not bool((np.abs(corners) <= FARTHEST_PX).all()):
        return _("a polygon has a corner that is not finite or no place in a photo")
    return corners.reshape(-1, 2)


def _cut(corners: "NDArray[np.float64]", size: Size) -> "NDArray[np.float64]":
    """Return the corners within the frame around the photo; the same array where all are (Sutherland and Hodgman)."""
    import numpy as np

    height, width = size
    frame: Sequence[tuple[int, float, float]] = (
        (0, -width, 1.0), (0, 2.0 * width, -1.0), (1, -height, 1.0), (1, 2.0 * height, -1.0),
    )  # fmt: skip
    for axis, side, sign in frame:
        within = (corners[:, axis] - side) * sign >= 0
        if within.all():
            continue
        if not within.any():
            return np.empty((0, 2))
        corners = _cut_at(corners, within, axis, side)
    return corners


def _cut_at(
    corners: "NDArray[np.float64]", within: "NDArray[np.bool_]", axis: int, side: float
) -> "NDArray[np.float64]":
    """Return the corners on the near side of one line, with the places where the outline crosses it."""
    import numpy as np

    kept: list[NDArray[np.float64]] = []
    for place in range(len(corners)):
        here, before = corners[place], corners[place - 1]
        if within[place] != within[place - 1]:
            crossing = before + (here - before) * ((side - before[axis]) / (here[axis] - before[axis]))
            crossing[axis] = side
            kept.append(crossing)
        if within[place]:
            kept.append(here)
    return np.array(kept)
