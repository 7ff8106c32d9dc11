"""Masks that obey their prompts: a foreground click lies inside, a background click outside, whatever the model says,
and an object ends where its box does.

Of the low-res logits on the photo, each click is read where it lies (bilinearly, as up-sampling reads them) and, where
they are not FIRM on its side, a hill is added, so that they are CERTAIN at the click and what was nearly as likely
around it follows. The hill's foot is twice as far away as the nearest cell on the click's side, since people click in
the middle of what is wrong, but at most REACH, and not beyond clicks of the other kind. Clicks are taken in turn, so of
two that contradict each other the newer one is obeyed. A box comes before all of them (sam_core/masks/boxed.py), unless
a foreground click lies beyond it: then it no longer says where the object ends. Models ask for it
(`Sam.obeys_prompts`); published ones do not. Reasons and figures: docs/adr/0021 and 0023. Mirrored by
frontend/src/inference/obeyed.ts; fixtures/golden/obeyed holds both to the same bits.
Must not know: torch, models, prompts as objects.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sam_core.masks.boxed import Box, is_beyond, obey_box
from sam_core.masks.grid import without_padding
from sam_core.masks.hills import LEAST_REACH, Floats, add_hill, distance_to, read_at
from sam_core.masks.upsample import Logits, MaskGeometry

BACKGROUND, FOREGROUND, TOP_LEFT = 0, 1, 2
FIRM = 0.5  # logit
CERTAIN = 3.0  # logit
REACH = 10.0  # cells


def with_prompts_obeyed(
    logits: npt.NDArray[Any], coords_model: npt.NDArray[Any], labels: npt.NDArray[Any], geometry: MaskGeometry
) -> npt.NDArray[Any]:
    """Return logits (B x K x side x side, low-res) whose masks above zero obey the prompts.

    coords_model, labels: clicks and box corners, B x T x 2 and B x T, as the decoder takes them.
    """
    obeyed = logits.copy()
    rows, columns = without_padding(obeyed, geometry).shape[-2:]
    read = obeyed[..., : rows + 1, : columns + 1]  # the photo's last pixels are read from the padding as well
    cells_per_pixel = obeyed.shape[-1] / geometry.image_size
    edges = np.asarray(coords_model, np.float64) * cells_per_pixel - 0.5  # a box's corners lie between pixels,
    places = edges + 0.5 * cells_per_pixel  # clicks in their middle
    for candidates, own_edges, own_places, own_labels in zip(read, edges, places, labels, strict=True):
        box = _box_of(own_edges, own_places, own_labels)
        on_cells = np.clip(own_places, 0, (read.shape[-1] - 1, read.shape[-2] - 1))
        for mask in candidates:
            if box:
                obey_box(mask[:rows, :columns], box)
            _obey_clicks(mask, on_cells, own_labels)
    return obeyed


def _box_of(edges: Floats, places: Floats, labels: npt.NDArray[Any]) -> Box | None:
    """Return the box among the prompts, if it says where the object ends."""
    if TOP_LEFT not in labels:
        return None
    at = int((labels == TOP_LEFT).argmax())
    (left, top), (right, bottom) = edges[at].tolist(), edges[at + 1].tolist()
    box = left, top, right, bottom
    return None if any(is_beyond(box, x, y) for x, y in places[labels == FOREGROUND]) else box


def _obey_clicks(mask: Logits, places: Floats, labels: npt.NDArray[Any]) -> None:
    """Bring mask (rows x columns) to obey its clicks, in turn; in place."""
    for (x, y), label in zip(places.tolist(), labels, strict=True):
        if label not in (BACKGROUND, FOREGROUND):
            continue
        place, sign = (x, y), 1.0 if label == FOREGROUND else -1.0
        if read_at(mask, place) * sign >= FIRM:
            continue
        against = places[labels == (FOREGROUND if label == BACKGROUND else BACKGROUND)]
        # not to where clicks of the other kind are read
        free = distance_to(place, against) - 1
        away = distance_to(place, np.argwhere(mask * sign > 0)[:, ::-1])
        add_hill(mask, place, sign * CERTAIN, min(REACH, max(LEAST_REACH, min(free, 2 * away))))
