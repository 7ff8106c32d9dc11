"""Boxes around masks and between each other, as arrays.

Two conventions, told apart by name: `_xyxy` and `_xywh` boxes are half-open, as COCO's (a one-pixel mask is 1 wide);
`inclusive` boxes hold the last pixel itself, as the published automatic mask generation compares them (a one-pixel mask
has no area). Must not know: torch, RLE, photos.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[Any]


def mask_box_xyxy(mask: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return the tight half-open box (x0, y0, x1, y1) of a mask, H x W; zeros for an empty one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return 0, 0, 0, 0
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def xywh_to_xyxy(boxes_xywh: Boxes) -> Boxes:
    """Return boxes of corner and size (... x 4) as two corners."""
    boxes = np.array(boxes_xywh)
    boxes[..., 2:] += boxes[..., :2]
    return boxes


def xywh_to_inclusive(boxes_xywh: Boxes) -> Boxes:
    """Return tight boxes of corner and size (... x 4) as first and last pixel; zeros for those without area."""
    boxes = xywh_to_xyxy(boxes_xywh)
    boxes[..., 2:] -= 1
    boxes[np.min(np.asarray(boxes_xywh)[..., 2:], axis=-1) <= 0] = 0
    return boxes
