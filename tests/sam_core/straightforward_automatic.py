"""Automatic mask generation written down plainly: decode, up-sample every candidate, then filter.

The measure for sam_core.automatic, in what it finds and how fast. Every candidate of 64 clicks is up-sampled to the
photo's size by torch before anything is filtered; nothing is done early, nothing inside a box. It shares the places to
click with what it measures, and no other step. Source: Segment Anything (arXiv 2304.02643), appendix B.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from sam_core.automatic import AutomaticConfig
from sam_core.automatic.grid import Crop, crops_of, points_of
from sam_core.backends.torch_backend import TorchPredictor
from sam_core.embedding import IMAGE_EMBEDDINGS
from sam_core.prompts import Prompts

# The defaults of the published code, which leave out what only the paper describes.
PUBLISHED: dict[str, Any] = {
    "crop_points_downscale": 1, "min_region_area_px": 0, "max_area_ratio": 1.0, "mask_nms_threshold": None,
    "is_exact": True,
}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """Is one mask, H x W, and what the filters ask for; the box holds its last pixel."""

    mask: np.ndarray
    box: tuple[int, int, int, int]
    predicted_iou: float
    stability_score: float
    crop: Crop


@torch.inference_mode()
def straightforward_masks(predictor: TorchPredictor, image_rgb: np.ndarray, config: AutomaticConfig) -> list[Found]:
    """Return the photo's masks; mask-level NMS and the limit on area are left out."""
    size = image_rgb.shape[:2]
    crops = crops_of(size, config)
    found = []
    for crop in crops:
        in_crop = list(_search_crop(predictor, image_rgb, crop, config))
        found += _suppress(in_crop, [one.predicted_iou for one in in_crop], config.box_nms_threshold)
    if len(crops) > 1:
        found = _suppress(found, [1 / float(np.prod(one.crop.size)) for one in found], config.crop_nms_threshold)
    if config.min_region_area_px:
        cleaned = [_cleaned(one, config.min_region_area_px) for one in found]
        untouched = [float(after is before) for after, before in zip(cleaned, found, strict=True)]
        found = _suppress(cleaned, untouched, max(config.box_nms_threshold, config.crop_nms_threshold))
    return found


def _search_crop(
    predictor: TorchPredictor, image_rgb: np.ndarray, crop: Crop, config: AutomaticConfig
) -> Iterator[Found]:
    model, size = predictor.model, image_rgb.shape[:2]
    embedding = predictor.embed(image_rgb, crop.box_xyxy if crop.layer else None)
    points = points_of(crop, config) + crop.box_xyxy[:2]
    for start in range(0, len(points), config.points_per_batch):
        clicks = points[start : start + config.points_per_batch, None]
        prompts = Prompts(point_coords=clicks, point_labels=np.ones(clicks.shape[:2], np.int64))
        coords, labels = prompts.to_tokens(embedding.geometry, crop_box_xyxy=crop.box_xyxy)
        features = {IMAGE_EMBEDDINGS: torch.from_numpy(embedding.array)}
        low, iou = model.decode_as_published(features, torch.from_numpy(coords), torch.from_numpy(labels))
        logits = _upsample(low[:, 1:], model.image_size, embedding.geometry.input_size, crop.size).flatten(0, 1)
        yield from _filter(logits, logits > 0, iou[:, 1:].flatten(), crop, size, config)


def _upsample(low: Tensor, image_size: int, input_size: tuple[int, int], size: tuple[int, int]) -> Tensor:
    padded = interpolate(low, (image_size, image_size), mode="bilinear", align_corners=False)
    photo = padded[..., : input_size[0], : input_size[1]]
    return interpolate(photo, size, mode="bilinear", align_corners=False)


def _filter(
    logits: Tensor, masks: Tensor, iou: Tensor, crop: Crop, size: tuple[int, int], config: AutomaticConfig
) -> Iterator[Found]:
    offset = config.stability_score_offset
    inner, outer = ((logits > limit).sum(dim=(1, 2), dtype=torch.int32) for limit in (offset, -offset))
    stability = inner / outer
    is_good = (iou > config.predicted_iou_threshold) & (stability >= config.stability_score_threshold)
    x0, y0, x1, y1 = crop.box_xyxy
    for index in torch.nonzero(is_good).flatten().tolist():
        mask = np.zeros(size, bool)
        mask[y0:y1, x0:x1] = masks[index].numpy()
        box = _box(mask)
        edges = zip(box, crop.box_xyxy, (0, 0, size[1], size[0]), strict=True)
        near = config.crop_edge_tolerance_px
        if not any(abs(side - cut) <= near < abs(side - photo) for side, cut, photo in edges):
            yield Found(mask, box, float(iou[index]), float(stability[index]), crop)


def _box(mask: np.ndarray) -> tuple[int, int, int, int]:
    y, x = np.nonzero(mask)
    return int(x.min()), int(y.min()), int(x.max()), int(y.max())


def _suppress(found: list[Found], scores: list[float], threshold: float) -> list[Found]:
    kept: list[Found] = []
    for index in sorted(range(len(found)), key=lambda index: -np.float32(scores[index])):
        if all(_box_iou(found[index].box, other.box) <= threshold for other in kept):
            kept.append(found[index])
    return kept


def _box_iou(left: tuple[int, int, int, int], right: tuple[int, int, int, int]) -> float:
    width, height = (min(left[i + 2], right[i + 2]) - max(left[i], right[i]) for i in (0, 1))
    shared = max(width, 0) * max(height, 0)
    areas = [(x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in (left, right)]
    either = sum(areas) - shared
    return float(np.float32(shared) / np.float32(either)) if either else 0.0


def _cleaned(one: Found, min_area: int) -> Found:
    mask, changed = one.mask, False
    for is_hole in (True, False):
        count, labels, stats, _ = cv2.connectedComponentsWithStats((mask ^ is_hole).astype(np.uint8), connectivity=8)
        areas = stats[1:, cv2.CC_STAT_AREA]
        small = [label for label in range(1, count) if areas[label - 1] < min_area]
        if small:
            changed = True
            large = [label for label in range(1, count) if label not in small] or [int(np.argmax(areas)) + 1]
            mask = np.isin(labels, [0, *small] if is_hole else large)
    return replace(one, mask=mask, box=_box(mask)) if changed else one
