"""The figures of automatic mask generation.

Source: Segment Anything (arXiv 2304.02643), appendix B, and the defaults of its published code. Must not know: torch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from sam_core.errors import InvalidPromptError

UNBOUNDED = "predicted_iou_threshold"  # the IoU head is a plain linear layer: an untrained one answers anything
MAX_POINTS_PER_SIDE = 1024
MAX_CROP_LAYERS = 5  # 4^5 crops: more than any photo has pixels for


@dataclass(frozen=True, kw_only=True)
class AutomaticConfig:
    """Says which masks to look for and which to keep; thresholds are ratios, 0..1.

    predicted_iou_threshold, stability_score_threshold: what a mask must reach; 0 keeps all.

    points_per_side: grid of the whole photo; crop layer n has points_per_side / crop_points_downscale**n.
    crop_layers: 0 looks at the whole photo alone, 1 also at 2 x 2 crops, 2 at 4 x 4 as well.
    min_region_area_px: parts and holes smaller than this are removed; 0 keeps them.
    max_area_ratio: masks over this share of the photo are dropped; 1 keeps all.
    mask_nms_threshold: IoU of the masks themselves above which the weaker goes; None keeps what box NMS kept.
    is_exact: never decide on low-resolution logits what the photo's own pixels could decide otherwise.
    """

    points_per_side: int = 32
    points_per_batch: int = 64
    predicted_iou_threshold: float = 0.88
    stability_score_threshold: float = 0.95
    stability_score_offset: float = 1.0
    box_nms_threshold: float = 0.7
    crop_layers: int = 0
    crop_nms_threshold: float = 0.7
    crop_overlap_ratio: float = 512 / 1500
    crop_points_downscale: int = 2
    crop_edge_tolerance_px: float = 20.0
    min_region_area_px: int = 100
    max_area_ratio: float = 0.95
    mask_nms_threshold: float | None = 0.7
    is_exact: bool = False

    def __post_init__(self) -> None:
        """Refuse figures that mean nothing, with InvalidPromptError."""
        for field in fields(self):
            value = getattr(self, field.name)
            is_ratio = field.name.endswith(("_threshold", "_ratio")) and value is not None
            if is_ratio and not 0 <= value <= (math.inf if field.name == UNBOUNDED else 1):
                raise InvalidPromptError(f"{field.name} must lie between 0 and 1, got {value}")
        if min(self.points_per_side, self.points_per_batch, self.crop_points_downscale) < 1:
            raise InvalidPromptError("points per side, points per batch and their downscale must be 1 or more")
        if self.points_per_side > MAX_POINTS_PER_SIDE:
            raise InvalidPromptError(f"points per side must be {MAX_POINTS_PER_SIDE} or less")
        if not 0 <= self.crop_layers <= MAX_CROP_LAYERS:
            raise InvalidPromptError(f"crop_layers must lie between 0 and {MAX_CROP_LAYERS}, got {self.crop_layers}")
        if self.stability_score_offset < 0 or self.crop_edge_tolerance_px < 0 or self.min_region_area_px < 0:
            raise InvalidPromptError("an offset, a tolerance and an area cannot be negative")
