"""Masks that obey their clicks: a foreground click lies inside, a background click outside, whatever the model says.

Of the low-res logits on the photo, each click is read where it lies (bilinearly, as up-sampling reads them) and, where
they are not FIRM on its side, a hill is added, so that they are CERTAIN at the click and what was nearly as likely
around it follows. The hill's foot is twice as far away as the nearest cell on the click's side, since people click in
the middle of what is wrong, but at most REACH, and not beyond clicks of the other kind. Clicks are taken in turn, so of
two that contradict each other the newer one is obeyed. Models ask for it (`Sam.obeys_clicks`); published
ones do not. Reasons and figures: docs/adr/0021. Mirrored by frontend/src/inference/obeyed.ts; fixtures/golden/obeyed
holds both to the same bits.
Must not know: torch, models, prompts as objects.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sam_core.masks.grid import without_padding
from sam_core.masks.upsample import Logits, MaskGeometry

BACKGROUND, FOREGROUND = 0, 1
FIRM = 0.5  # logit
CERTAIN = 3.0  # logit
REACH = 10.0  # cells
LEAST_REACH = 1.5  # cells: the four that a click is read from
Floats = npt.NDArray[np.float64]


def with_clicks_obeyed(
    logits: npt.NDArray[Any], coords_model: npt.NDArray[Any], labels: npt.NDArray[Any], geometry: MaskGeometry
) -> npt.NDArray[Any]:
    """Return logits (B x K x side x side, low-res) whose masks above zero obey the clicks.

    coords_model, labels: the clicks, B x T x 2 and B x T, as the decoder takes them.
    """
    obeyed = logits.copy()
    on_photo = without_padding(obeyed, geometry)
    cells_per_pixel = obeyed.shape[-1] / geometry.image_size
    last = np.array([on_photo.shape[-1] - 1, on_photo.shape[-2] - 1])
    places = np.clip((np.asarray(coords_model, np.float64) + 0.5) * cells_per_pixel - 0.5, 0, last)
    for candidates, own_places, own_labels in zip(on_photo, places, labels, strict=True):
        for place, label in zip(own_places, own_labels, strict=True):
            if label not in (BACKGROUND, FOREGROUND):
                continue
            against = own_places[own_labels == (FOREGROUND if label == BACKGROUND else BACKGROUND)]
            # not to where clicks of the other kind are read
            free = _nearest(place, against) - 1
            for mask in candidates:
                _obey(mask, place, 1.0 if label == FOREGROUND else -1.0, free)
    return obeyed


def _nearest(place: Floats, others: npt.NDArray[Any]) -> float:
    """Return how far the nearest of N x 2 others is from place; infinity where there are none."""
    across, down = (others - place).T
    return float(np.sqrt((across * across + down * down).min(initial=np.inf)))


def _obey(mask: Logits, place: Floats, sign: float, free: float) -> None:
    """Add the hill to mask (rows x columns) if it is not FIRM at place (column, row) on the side of sign; in place."""
    x, y = place
    read = _taps(x, y, mask.shape)
    found = sum(share * float(mask[row, column]) for row, column, share in read)
    if found * sign >= FIRM:
        return
    on_its_side = np.argwhere(mask * sign > 0)[:, ::-1]
    reach = min(REACH, max(LEAST_REACH, min(free, 2 * _nearest(place, on_its_side))))
    rows, columns = (
        np.arange(max(0, int(np.ceil(at - reach))), min(count - 1, int(np.floor(at + reach))) + 1)
        for at, count in ((y, mask.shape[0]), (x, mask.shape[1]))
    )
    hill = _height(columns[None, :] - x, rows[:, None] - y, reach)
    top = sum(share * float(_height(column - x, row - y, reach)) for row, column, share in read)
    mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] += (sign * CERTAIN - found) / top * hill


def _taps(x: float, y: float, shape: tuple[int, ...]) -> list[tuple[int, int, float]]:
    """Return the cells (row, column) that the place lies between, with the share of each."""
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
    """Return the hill's height so far from its top, where it is 1; 0 from reach on: (1 - (d / reach)^2)^2."""
    left: Floats = np.maximum(0.0, 1 - (across * across + down * down) / (reach * reach))
    return left * left
