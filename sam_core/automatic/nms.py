"""Non-maximum suppression: of masks that are nearly the same, keep the best.

Source of the rule on boxes: Segment Anything (arXiv 2304.02643), appendix B, and its published code, which compares
boxes that hold their last pixel (so that a line of pixels has no area). Must not know: torch, models.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sam_core.masks import rle

Indices = npt.NDArray[np.intp]


def box_nms(boxes_inclusive: npt.NDArray[Any], scores: npt.NDArray[Any], *, threshold: float) -> Indices:
    """Return the indices of the boxes (N x 4) to keep, best score first, equal scores in their order.

    A box goes when its IoU with a better one that stays is above the threshold. Computed in float32, as published.
    """
    boxes = np.asarray(boxes_inclusive, np.float32).reshape(-1, 4)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    waiting = np.argsort(-np.asarray(scores, np.float32), kind="stable")
    kept = []
    while waiting.size:
        best, waiting = waiting[0], waiting[1:]
        kept.append(best)
        corners = np.maximum(boxes[best, :2], boxes[waiting, :2]), np.minimum(boxes[best, 2:], boxes[waiting, 2:])
        shared = np.maximum(corners[1] - corners[0], np.float32(0)).prod(axis=1)
        either = areas[best] + areas[waiting] - shared
        overlap = np.divide(shared, either, out=np.zeros_like(shared), where=either > 0)
        waiting = waiting[overlap.astype(np.float64) <= threshold]
    return np.asarray(kept, np.intp)


def mask_nms(masks: Sequence[rle.CocoRle], scores: npt.NDArray[Any], *, threshold: float) -> Indices:
    """Return the indices of the masks to keep, best score first: box_nms on the IoU of the masks themselves."""
    order = np.argsort(-np.asarray(scores, np.float32), kind="stable")
    overlap = rle.iou_matrix(masks, masks)
    kept: list[int] = []
    for index in order.tolist():
        if not kept or overlap[index, kept].max() <= threshold:
            kept.append(index)
    return np.asarray(kept, np.intp)
