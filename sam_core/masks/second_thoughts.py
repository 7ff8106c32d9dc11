"""Second thoughts: which three masks stand best for all that a lone click may mean.

A decoder gives three candidates, and what somebody meant is often none of them. Each goes back into the model as the
mask prompt of the same click, with three answers each time: twelve masks in all. The likeliest, by the score that
choose_candidates goes by, is the model's own choice, unless it is not clearly better than the one that people look at
already (choice.still_chosen). The other two are those with which the three leave least out: every mask counts its
score squared times its IoU with the nearest of the three. Then all of it once more with these three. Figures and
reasons: docs/adr/0025.

Mirrored by frontend/src/inference/second-thoughts.ts; fixtures/golden/second_thoughts holds both together. All is
double arithmetic in the order of the masks.

Must not know: torch, models, files, how masks come about.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from sam_core.masks.grid import without_padding
from sam_core.masks.upsample import MaskGeometry

CANDIDATES = (1, 2, 3)  # of one answer, beside the single mask
TIMES = 2  # that candidates are thought over


def sizes_and_overlaps(
    logits: npt.NDArray[np.float32], geometry: MaskGeometry
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return how many cells masks have, logits (N x side x side) above zero on the photo, and the IoU of each with each
    (N x N, 0..1; of two empty ones 1).
    """
    cells = (without_padding(logits, geometry) > 0).reshape(len(logits), -1).astype(np.float64)
    both = cells @ cells.T
    sizes = cells.sum(axis=1)
    union = sizes[:, None] + sizes[None] - both
    iou: npt.NDArray[np.float64] = np.ones_like(both)
    iou[union > 0] = both[union > 0] / union[union > 0]
    return sizes.astype(np.int64), iou


def others_beside(own: int, scores: npt.NDArray[np.float32], iou: npt.NDArray[np.float64]) -> tuple[int, int]:
    """Return the two masks, in ascending order, that together with the own choice stand best for all.

    scores: N, what each mask is ranked by. iou: N x N, of each with each.
    """
    weights = [float(score) ** 2 for score in scores]
    rows = iou.tolist()
    most, others = -1.0, (0, 0)
    for one, other in combinations([i for i in range(len(rows)) if i != own], 2):
        stands_for = 0.0
        for weight, *ious in zip(weights, rows[own], rows[one], rows[other], strict=True):
            stands_for += weight * max(ious)
        if stands_for > most:
            most, others = stands_for, (one, other)
    return others


def from_whole_to_part(masks: Sequence[int], sizes: npt.NDArray[np.int64]) -> list[int]:
    """Return masks in the order of candidates 1..3, which people know as whole, part and subpart: the largest first."""
    return sorted(masks, key=lambda mask: (-int(sizes[mask]), mask))
