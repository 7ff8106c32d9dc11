"""What is kept of the candidates after decoding: the order and rules of the paper.

Source: Segment Anything (arXiv 2304.02643), appendix B, and its published code. Must not know: torch, models.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sam_core.automatic.candidates import Candidate, Candidates
from sam_core.automatic.config import AutomaticConfig
from sam_core.automatic.grid import BoxXyxy
from sam_core.automatic.nms import box_nms, mask_nms
from sam_core.masks import rle
from sam_core.masks.regions import fill_small_holes, remove_small_parts


def is_cut_by_crop(
    box_inclusive: tuple[int, int, int, int],
    crop_box_xyxy: BoxXyxy,
    original_size: tuple[int, int],
    tolerance_px: float,
) -> bool:
    """Tell whether a box, in pixels of the photo, ends near an edge of the crop that is not an edge of the photo."""
    box = np.array(box_inclusive, np.float64)
    crop, photo = np.array(crop_box_xyxy, np.float64), np.array([0, 0, *original_size[::-1]], np.float64)
    near_crop, near_photo = np.abs(box - crop) <= tolerance_px, np.abs(box - photo) <= tolerance_px
    return bool((near_crop & ~near_photo).any())


def drop_duplicates_in_crop(candidates: Candidates, config: AutomaticConfig) -> Candidates:
    """Keep, of candidates from one crop with nearly the same box, the one with the highest predicted IoU."""
    scores = candidates.predicted_ious
    return candidates.take(box_nms(candidates.boxes_inclusive, scores, threshold=config.box_nms_threshold))


def drop_duplicates_between_crops(candidates: Candidates, config: AutomaticConfig) -> Candidates:
    """Keep, of candidates from all crops with nearly the same box, the one from the smallest crop."""
    scores = 1 / candidates.crop_areas.astype(np.float32)
    return candidates.take(box_nms(candidates.boxes_inclusive, scores, threshold=config.crop_nms_threshold))


def clean_small_regions(candidates: Candidates, config: AutomaticConfig) -> Candidates:
    """Fill small holes and remove small parts, then drop new duplicates; untouched masks are preferred."""
    cleaned = [_without_small_regions(row, config.min_region_area_px) for row in candidates.rows]
    scores = np.array([float(after is before) for after, before in zip(cleaned, candidates.rows, strict=True)])
    threshold = max(config.box_nms_threshold, config.crop_nms_threshold)
    result = Candidates(cleaned)
    return result.take(box_nms(result.boxes_inclusive, scores, threshold=threshold))


def drop_duplicate_masks(candidates: Candidates, threshold: float) -> Candidates:
    """Keep, of candidates whose masks overlap by more than the threshold, the one with the highest predicted IoU."""
    return candidates.take(mask_nms(candidates.masks, candidates.predicted_ious, threshold=threshold))


def _without_small_regions(row: Candidate, min_area_px: int) -> Candidate:
    size = (row.mask["size"][0], row.mask["size"][1])
    x, y, width, height = row.box_xywh
    # the window that regions.py itself would look at; even, so that it sees the photo's 2 x 2 blocks
    top, left = (max(first - min_area_px, 0) // 2 * 2 for first in (y, x))
    window = slice(top, y + height + min_area_px), slice(left, x + width + min_area_px)
    filled, has_holes = fill_small_holes(rle.decode_within(row.mask, rows=window[0], columns=window[1]), min_area_px)
    kept, has_parts = remove_small_parts(filled, min_area_px)
    if not has_holes and not has_parts:
        return row
    mask = rle.encode_within(kept, corner=(top, left), size=size)
    x, y, width, height = rle.bbox_xywh(mask)
    return replace(row, mask=mask, box_xywh=(x, y, width, height), area_px=rle.area(mask))
