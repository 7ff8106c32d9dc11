"""Losses on low-res logits: focal and dice 20 to 1, and squared error of the predicted IoU.

Source: Segment Anything (arXiv 2304.02643), appendix A, "Losses and training"; focal loss arXiv 1708.02002.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

FOCAL_WEIGHT = 20.0
DICE_WEIGHT = 1.0
# published 1; a run of thousands of steps, not tens of thousands, leaves the ranking of the candidates far behind
IOU_WEIGHT = 4.0
# not the 0.25 of detection: that lets a short run forget the foreground for its first hundreds of steps (seen here)
FOCAL_ALPHA = 0.5
FOCAL_GAMMA = 2.0


@dataclass(frozen=True)
class MaskLosses:
    """Losses of one decoding: scalars with gradient, and the IoU of each mask without."""

    single: Tensor  # token 0
    best_of_three: Tensor  # the lowest of candidates 1..3
    iou: Tensor  # squared error of the predicted IoU, all four
    true_iou: Tensor  # N x 4


def focal_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean focal loss over the last axis of (..., P)."""
    ce = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    p = torch.sigmoid(logits)
    miss = p + targets - 2 * p * targets  # 1 - p_t
    alpha = FOCAL_ALPHA * targets + (1 - FOCAL_ALPHA) * (1 - targets)
    return (alpha * miss.pow(FOCAL_GAMMA) * ce).mean(dim=-1)


def dice_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return one minus the soft dice coefficient over the last axis of (..., P)."""
    p = torch.sigmoid(logits)
    numerator = 2 * (p * targets).sum(dim=-1)
    return 1 - (numerator + 1) / (p.sum(dim=-1) + targets.sum(dim=-1) + 1)


@torch.no_grad()
def mask_iou(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the IoU of thresholded logits and targets over the last axis of (..., P)."""
    predicted, wanted = logits > 0, targets > 0.5
    union = (predicted | wanted).sum(dim=-1)
    return (predicted & wanted).sum(dim=-1) / union.clamp(min=1)


def mask_losses(logits: Tensor, predicted_iou: Tensor, masks: Tensor) -> MaskLosses:
    """Compare logits (N, 4, H, W) and predicted IoU (N, 4) with the wanted masks (N, H, W) bool."""
    flat = logits.float().flatten(2)  # N x 4 x P
    targets = masks.float().flatten(1)[:, None].expand_as(flat)
    each = FOCAL_WEIGHT * focal_loss(flat, targets) + DICE_WEIGHT * dice_loss(flat, targets)  # N x 4
    true_iou = mask_iou(flat, targets)
    return MaskLosses(
        single=each[:, 0].mean(),
        best_of_three=each[:, 1:].min(dim=1).values.mean(),
        iou=F.mse_loss(predicted_iou.float(), true_iou),
        true_iou=true_iou,
    )
