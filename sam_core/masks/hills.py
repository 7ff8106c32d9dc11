"""Hills on low-res logits: how a mask obeys a prompt at one place, and what was nearly as likely around it with it.

Mirrored by frontend/src/inference/hills.ts. Must not know: torch, models, prompts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sam_core.masks.upsample import Logits

LEAST_REACH = 1.5  # cells: the four that a place is read from
Place = tuple[float, float]  # (column, row), 0 in the middle of the first cell
Floats = npt.NDArray[np.float64]


def read_at(mask: Logits, place: Place) -> float:
    """Return what lies at a place of mask (rows x columns), between its four cells, as up-sampling reads it."""
    return sum(share * float(mask[row, column]) for row, column, share in _taps(place, mask.shape))


def add_hill(mask: Logits, place: Place, wanted: float, reach: float) -> None:
    """Raise or lower mask (rows x columns), so that `wanted` is read at place and nothing changes `reach` cells away.

    In place. The hill is (1 - (d / reach)^2)^2 at distance d from its top.
    """
    x, y = place
    rows, columns = (
        np.arange(max(0, int(np.ceil(at - reach))), min(count - 1, int(np.floor(at + reach))) + 1)
        for at, count in ((y, mask.shape[0]), (x, mask.shape[1]))
    )
    hill = _height(columns[None, :] - x, rows[:, None] - y, reach)
    top = sum(share * float(_height(column - x, row - y, reach)) for row, column, share in _taps(place, mask.shape))
    scale = (wanted - read_at(mask, place)) / top
    mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] += scale * hill


def distance_to(place: Place, others: npt.NDArray[Any]) -> float:
    """Return how far the nearest of N x 2 others (column, row) is from place; infinity where there are none."""
    across, down = (others - np.array(place)).T
    return float(np.sqrt((across * across + down * down).min(initial=np.inf)))


def _taps(place: Place, shape: tuple[int, ...]) -> list[tuple[int, int, float]]:
    """Return the cells (row, column) that the place lies between, with the share of each."""
    x, y = place
    left, above = int(np.floor(x)), int(np.floor(y))
    right, below = min(left + 1, shape[1] - 1), min(above + 1, shape[0] - 1)
    across, down = x - left, y - above
    return [
        (above, left, (1 - down) * (1 - across)),
        (above, right, (1 - down) * across),
        (below, left, down * (1 - across)),
        (below, right, down * across),
    ]


def _height(across: Floats | float, down: Floats | float, reach: float) -> Floats:
    left: Floats = np.maximum(0.0, 1 - (across * across + down * down) / (reach * reach))
    return left * left
