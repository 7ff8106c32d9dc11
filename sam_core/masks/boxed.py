"""Masks that obey their box: what it holds does not go on beyond it, nor falls short of one of its sides.

A person's box is about tight, so it says where the object ends. Cells beyond it lose SLOPE for each cell of distance.
Where the mask reaches three sides and not the fourth, a hill is added at the likeliest cell along that one, whose foot
is twice as far away as the mask, so that what was nearly as likely in between follows; it stays within the box. A box
that is not tight is reached on fewer sides, and nothing is made up. What counts as beyond begins OUTWARDS, what lies
along a side ends INWARDS of it. Reasons and figures: docs/adr/0023. Mirrored by frontend/src/inference/boxed.ts;
fixtures/golden/obeyed holds both to the same bits.
Must not know: torch, models, prompts as objects.
"""

from __future__ import annotations

import numpy as np

from sam_core.masks.hills import LEAST_REACH, add_hill, distance_to
from sam_core.masks.upsample import Logits

OUTWARDS, INWARDS = 0.06, 0.1  # of the box's width and height: people draw about so exactly, and rather too large
SLOPE = 2.0  # logit a cell
REACHED = 0.5  # logit
REACH = 20.0  # cells
Box = tuple[float, float, float, float]  # left, top, right, bottom among cells, 0 in the middle of the first one


def is_beyond(box: Box, x: float, y: float) -> bool:
    """Return whether a place (column, row) lies outside the box, by more than OUTWARDS."""
    left, top, right, bottom = _with_slack(box)
    return not (left <= x <= right and top <= y <= bottom)


def obey_box(mask: Logits, box: Box) -> None:
    """Bring mask (rows x columns) to obey its box. In place."""
    left, top, right, bottom = box
    _end_beyond(mask, _with_slack(box))
    inside = mask[_cells(top, bottom, mask.shape[0]), _cells(left, right, mask.shape[1])]
    sides = _sides(inside.shape, int(0.5 + INWARDS * (bottom - top)), int(0.5 + INWARDS * (right - left)))
    missed = [side for side in sides if not (inside[side] > 0).any()]
    if len(missed) == 1:
        _reach(inside, missed[0])


def _with_slack(box: Box) -> Box:
    left, top, right, bottom = box
    across, down = OUTWARDS * (right - left), OUTWARDS * (bottom - top)
    return left - across, top - down, right + across, bottom + down


def _reach(inside: Logits, side: tuple[slice, slice]) -> None:
    """Raise the likeliest cell along a side and what lies around it. In place."""
    row, column = np.unravel_index(int(inside[side].argmax()), inside[side].shape)
    place = (float(side[1].start + column), float(side[0].start + row))
    away = distance_to(place, np.argwhere(inside > 0)[:, ::-1])
    add_hill(inside, place, REACHED, min(REACH, max(LEAST_REACH, 2 * away)))


def _end_beyond(mask: Logits, box: Box) -> None:
    left, top, right, bottom = box
    rows, columns = (np.arange(count, dtype=np.float64) for count in mask.shape)
    across = np.maximum(0.0, np.maximum(left - columns, columns - right))[None, :]
    down = np.maximum(0.0, np.maximum(top - rows, rows - bottom))[:, None]
    mask -= SLOPE * np.sqrt(across * across + down * down)


def _cells(start: float, stop: float, count: int) -> slice:
    """Return which of `count` rows or columns a box covers, be it in part; at least one."""
    first = min(count - 1, max(0, int(np.floor(start + 0.5))))
    return slice(first, max(first, min(count - 1, int(np.ceil(stop - 0.5)))) + 1)


def _sides(shape: tuple[int, ...], deep: int, wide: int) -> list[tuple[slice, slice]]:
    """Return the (rows, columns) along the top, bottom, left and right side of a box of this shape.

    deep, wide: how many more rows and columns count as along a side.
    """
    rows, columns = shape
    all_rows, all_columns = slice(0, rows), slice(0, columns)
    return [
        (slice(0, deep + 1), all_columns),
        (slice(max(0, rows - 1 - deep), rows), all_columns),
        (all_rows, slice(0, wide + 1)),
        (all_rows, slice(max(0, columns - 1 - wide), columns)),
    ]
