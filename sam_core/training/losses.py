"""Losses on low-res logits: focal and dice, 20 to 1 as published, and squared error of the predicted IoU.

Source: Segment Anything (arXiv 2304.02643), appendix A, "Losses and training"; focal loss arXiv 1708.02002.

Masks are flat here, (N, P): neither loss asks where a cell lies. Of four masks of a decoding two are learnt from, so
the gradient is written out and computed for those alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

FOCAL_WEIGHT = 20.0
# published 1; a run of thousands of steps, not tens of thousands, leaves the ranking of the candidates far behind
IOU_WEIGHT = 4.0
# of a mask that is not the prompt's answer; above 0, as a caller may still ask for it
UNUSED_WEIGHT = 0.2
# not the 0.25 of detection: that lets a short run forget the foreground for its first hundreds of steps (seen here)
FOCAL_ALPHA = 0.5
FOCAL_GAMMA = 2.0


@dataclass(frozen=True)
class MaskLosses:
    """Losses of one decoding: scalars with gradient, and the IoU of each mask without."""

    single: Tensor  # token 0, which answers boxes and several prompts
    best_of_three: Tensor  # the lowest of candidates 1..3, which answer a single click
    iou: Tensor  # squared error of the predicted IoU, all four
    true_iou: Tensor  # N x 4


class MaskError(torch.autograd.Function):
    """FOCAL_WEIGHT times the focal loss plus dice_weight times dice of logits (N, M, P) and targets (N, P): (N, M).

    With y the logit, negated where the target is true, and m = sigmoid(y) what is missing there, focal loss is
    alpha m^2 softplus(y), for FOCAL_GAMMA 2 and one alpha for both kinds of cells and no other; dice needs no more than
    the sums of m and of m on the target.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor, dice_weight: float) -> Tensor:
        """Compute the losses."""
        ctx.save_for_backward(logits, targets)
        ctx.dice_weight = dice_weight
        wanted = targets[:, None].to(logits.dtype)  # N x 1 x P
        y = logits * (1 - 2 * wanted)
        miss = torch.sigmoid(y)
        focal = (miss * miss).mul_(F.softplus(y)).mean(dim=-1) * FOCAL_ALPHA
        both, foreground = _overlap(miss, wanted)
        return FOCAL_WEIGHT * focal + dice_weight * (1 - (2 * both + 1) / (foreground + wanted.sum(dim=-1) + 1))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Return the gradient of the logits; masks whose loss nobody uses cost nothing."""
        logits, targets = ctx.saved_tensors
        gradient = gradients[0]
        rows, masks = gradient.nonzero(as_tuple=True)
        wanted = targets[rows, None].to(logits.dtype)  # R x 1 x P
        sign = 1 - 2 * wanted
        y = logits[rows, masks][:, None] * sign
        miss = torch.sigmoid(y)
        left = 1 - miss
        both, foreground = _overlap(miss, wanted)
        total = (foreground + wanted.sum(dim=-1) + 1)[..., None]
        # of the dice coefficient by each probability, which moves by m (1 - m) a logit
        dice = (2 * wanted - ((2 * both + 1)[..., None] / total)) / total
        slope = (2 * left * F.softplus(y) + miss).mul_(miss).mul_(miss).mul_(sign)
        found = slope.mul_(FOCAL_WEIGHT * FOCAL_ALPHA / logits.shape[-1]) - ctx.dice_weight * dice * miss * left
        out = torch.zeros_like(logits)
        out[rows, masks] = (found * gradient[rows, masks][:, None, None])[:, 0]
        return out, None, None


def _overlap(miss: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sums of the probability on the target and of all of it, (N, M), from what is missing (N, M, P)."""
    missed = (miss @ wanted.transpose(1, 2))[..., 0]
    both = wanted.sum(dim=-1) - missed
    return both, both + miss.sum(dim=-1) - missed


@torch.no_grad()
def mask_iou(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the IoU (N, M) of thresholded logits (N, M, P) and targets (N, P) bool."""
    found = (logits > 0).to(torch.float32)
    wanted = targets.to(torch.float32)
    both = (found @ wanted[..., None])[..., 0]
    union = found.sum(dim=-1) + wanted.sum(dim=-1)[:, None] - both
    return both / union.clamp(min=1)


def mask_losses(
    logits: Tensor, predicted_iou: Tensor, masks: Tensor, is_ambiguous: Tensor, *, dice_weight: float = 1.0
) -> MaskLosses:
    """Compare logits (N, 4, P) and predicted IoU (N, 4) with the wanted masks (N, P) bool.

    is_ambiguous: (N,) bool, whether the prompt is a single click. What does not answer it counts UNUSED_WEIGHT.
    """
    each: Tensor = MaskError.apply(logits, masks, dice_weight)  # N x 4
    true_iou = mask_iou(logits, masks)
    of_three = torch.where(is_ambiguous, 1.0, UNUSED_WEIGHT)
    of_single = torch.where(is_ambiguous, UNUSED_WEIGHT, 1.0)
    return MaskLosses(
        single=(of_single * each[:, 0]).mean(),
        best_of_three=(of_three * each[:, 1:].min(dim=1).values).mean(),
        iou=F.mse_loss(predicted_iou.float(), true_iou),
        true_iou=true_iou,
    )
