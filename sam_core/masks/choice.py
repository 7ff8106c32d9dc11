"""Which of a decoder's four candidates answers a prompt.

A box or several points say what is meant: candidate 0, the single mask. A single click is ambiguous: one of the three
others. Published models take the one with the highest predicted IoU. That score is made from a token that never sees
the mask that is drawn, so a policy may ask for more (`MaskPolicy.weighs_click`): the score of a candidate is then

    predicted IoU + stability + centrality / 2

where stability is how little the mask changes with its threshold, and centrality how near the click lies to the
mask's middle, because that is where people click. Reasons and figures: docs/adr/0018. Mirrored by
frontend/src/inference/masks/candidates.ts; fixtures/golden/choice holds both to the same numbers.
Must not know: torch, models, prompts as objects.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from sam_core.geometry import PhotoGeometry
from sam_core.masks.stability import stability_score
from sam_core.prompt_kinds import FOREGROUND, PADDING

SINGLE_MASK = 0
CENTRALITY_WEIGHT = np.float32(0.5)
Scores = npt.NDArray[np.float32]


def choose_candidates(
    scores: Scores, prompt_counts: npt.NDArray[np.int64], *, multimask_output: bool | None = None
) -> npt.NDArray[np.int64]:
    """Return which of four candidates (scores, B x 4) to show for prompts of so many points (B).

    multimask_output: True the best of 1..3, False number 0, None the best of 1..3 for up to one point, else number 0.
    """
    best = 1 + scores[:, 1:].argmax(axis=1)
    is_ambiguous = prompt_counts <= 1 if multimask_output is None else np.full(len(best), multimask_output)
    return np.where(is_ambiguous, best, SINGLE_MASK).astype(np.int64)


def click_scores(
    predicted_iou: Scores,
    logits: npt.NDArray[Any],
    coords_model: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    geometry: PhotoGeometry,
) -> Scores:
    """Return the scores (B x 4) by which candidates are ranked: for a single foreground click with stability and
    centrality.

    logits: B x 4 x side x side, low-res. coords_model, labels: B x T x 2 and B x T, as the decoder takes them.
    """
    scores, is_real = predicted_iou.copy(), labels != PADDING
    on_photo = geometry.without_padding(logits)
    cells = geometry.cells_of(coords_model, logits.shape[-1])
    is_click = (is_real.sum(axis=1) == 1) & (labels == FOREGROUND).any(axis=1)
    for row in np.flatnonzero(is_click):
        cell = cells[row, is_real[row].argmax()]
        scores[row] += stability_score(on_photo[row]) + CENTRALITY_WEIGHT * centrality(on_photo[row], cell)
    return scores


def centrality(logits: npt.NDArray[Any], cell_xy: npt.NDArray[np.int64]) -> Scores:
    """Return how near a cell lies to the middle of each mask (K x H x W logits): 1 in its deepest cell, 0 outside it.

    It is the distance to the border, the photo's included, over the largest there is (chamfer distance, 3 x 3).
    """
    x, y = int(cell_xy[0]), int(cell_xy[1])
    shares = np.zeros(len(logits), np.float32)
    for index, mask in enumerate(logits > 0):
        if mask[y, x]:
            depth = cv2.distanceTransform(np.pad(mask.astype(np.uint8), 1), cv2.DIST_L2, cv2.DIST_MASK_3)
            shares[index] = depth[y + 1, x + 1] / depth.max()
    return shares
