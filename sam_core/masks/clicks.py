"""Prompt consistency: a clicked pixel lies on its side of the mask, whatever the model says.

Mirrored by frontend/src/inference/masks/clicks.ts, the same bits; fixtures/golden/clicks holds both together.
Must not know: torch, models, prompts as objects.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sam_core.geometry import PhotoGeometry
from sam_core.prompt_kinds import BACKGROUND, FOREGROUND

FIRM = np.float32(0.5)  # logit


def keep_clicks(
    logits: npt.NDArray[Any], coords_model: npt.NDArray[Any], labels: npt.NDArray[Any], geometry: PhotoGeometry
) -> npt.NDArray[Any]:
    """Return logits (K x side x side) that are at least FIRM on the side of each click, later clicks last.

    coords_model, labels: T x 2 and T, as the decoder takes them. Up-sampling reads a clicked pixel from its cell and
    the eight around it, so those nine are set; the first cells of the padding are among them.
    """
    kept = logits.copy()
    cells = geometry.cells_of(coords_model, kept.shape[-1])
    for (x, y), label in zip(cells.tolist(), labels.tolist(), strict=True):
        if label in (BACKGROUND, FOREGROUND):
            read = kept[..., max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
            read[...] = np.maximum(read, FIRM) if label == FOREGROUND else np.minimum(read, -FIRM)
    return kept
