"""Connected parts and holes of a mask: count them, drop the small ones.

Source of the rule for small regions: Segment Anything (arXiv 2304.02643), appendix B, and its published code: parts and
holes are 8-connected, an area below the threshold goes, and of a mask of nothing but small parts the largest stays.
Must not know: torch, RLE, models.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from sam_core.masks.boxes import mask_box_xyxy

BoolMask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int32]


def label_components(mask: BoolMask, *, connectivity: int = 8) -> tuple[Labels, npt.NDArray[np.int64]]:
    """Return labels, H x W (0 is background, parts from 1), and the area of each part in that order."""
    if mask.size == 0:  # cv2 reads outside an empty array
        return np.zeros(mask.shape, np.int32), np.zeros(0, np.int64)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(_as_uint8(mask), connectivity=connectivity)
    return labels.astype(np.int32, copy=False), stats[1:, cv2.CC_STAT_AREA].astype(np.int64)


def fill_small_holes(mask: BoolMask, min_area_px: int) -> tuple[BoolMask, bool]:
    """Fill background parts of fewer than min_area_px pixels; also return whether there was one.

    As published, the part of the background need not be enclosed: a small corner cut off by the mask is filled as well.
    """
    window = _window(mask, min_area_px)
    labels, areas = label_components(~mask[window])
    is_small = np.concatenate([[False], areas < min_area_px])
    if not bool(is_small.any()):
        return mask, False
    changed = mask.copy()
    changed[window] |= is_small[labels]
    return changed, True


def remove_small_parts(mask: BoolMask, min_area_px: int) -> tuple[BoolMask, bool]:
    """Drop parts of fewer than min_area_px pixels; also return whether there was one.

    If every part is small, the first of the largest ones stays.
    """
    window = _window(mask, 0)
    labels, areas = label_components(mask[window])
    is_kept = np.concatenate([[False], areas >= min_area_px])
    if bool(is_kept[1:].all()):
        return mask, False
    if not bool(is_kept.any()):
        is_kept[int(np.argmax(areas)) + 1] = True
    changed = np.zeros_like(mask)
    changed[window] = is_kept[labels]
    return changed, True


def _window(mask: BoolMask, margin_px: int) -> tuple[slice, slice]:
    """Return the mask's box with a margin.

    With a margin of at least the area threshold, a part of the background that leaves the window is no small one, so
    looking inside the window alone decides the same. It starts at even pixels because cv2 numbers parts by blocks of
    2 x 2, and the number decides between the largest parts of equal area.
    """
    x0, y0, x1, y1 = mask_box_xyxy(mask)
    top, left = (max(first - margin_px, 0) // 2 * 2 for first in (y0, x0))
    return slice(top, y1 + margin_px), slice(left, x1 + margin_px)


def _as_uint8(mask: BoolMask) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(mask).view(np.uint8)
