"""Local blending: one more click changes what lies around it, and what lies far away only where the model is sure.

Far from the click the new logits are averaged with the previous ones. Near means within REACH times the
depth of the error that was clicked (the distance from the click to the nearest cell that was on its side already), at
least LEAST_REACH cells; the last quarter of that is a ramp. Figures: docs/adr/0027.

Mirrored by frontend/src/inference/masks/blending.ts, the same bits; fixtures/golden/blending holds both together.
Arithmetic is double, rounded to float32. Must not know: torch, models, files.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sam_core.geometry import PhotoGeometry
from sam_core.masks.certainty import limit_certainty
from sam_core.prompt_kinds import FOREGROUND

REACH = 6.0
LEAST_REACH = 24.0  # cells
RAMP = 0.25  # of the reach
FAR_SHARE = 0.5  # of the new logits, far away
Plane = npt.NDArray[np.float32]


def blend_far(
    logits: Plane, previous: Plane, click_model: npt.NDArray[np.float64], label: int, geometry: PhotoGeometry
) -> Plane:
    """Return logits (side x side) after a click, blended with the previous ones.

    click_model: x, y in model pixels. label: 1 foreground, 0 background. A click on a mask that has no cell on its side
    anywhere says nothing of how far it reaches, so nothing is blended.
    """
    before = geometry.without_padding(previous)
    x, y = geometry.cells_of(click_model, logits.shape[-1]).tolist()
    rows, columns = np.indices(before.shape, dtype=np.float64)
    distance = np.sqrt((columns - x) * (columns - x) + (rows - y) * (rows - y))
    is_right = (before > 0) == (label == FOREGROUND)
    if not is_right.any():
        return logits
    reach = max(LEAST_REACH, REACH * float(distance[is_right].min()))
    near = np.clip((reach - distance) / (RAMP * reach), 0, 1)
    share = FAR_SHARE + (1 - FAR_SHARE) * near
    blended = logits.copy()
    after = geometry.without_padding(blended)
    new, old = limit_certainty(after), limit_certainty(before)
    after[...] = (new * share + old * (1 - share)).astype(np.float32)
    return blended
