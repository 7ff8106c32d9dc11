"""Training encodes and judges by formulas of its own: here they meet the plain ones, gradients included."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from sam_core.embedding import IMAGE_EMBEDDINGS
from sam_core.modeling.lite import build_sam_lite
from sam_core.training.config import OptimConfig
from sam_core.training.losses import (
    FOCAL_ALPHA,
    FOCAL_GAMMA,
    FOCAL_WEIGHT,
    UNUSED_WEIGHT,
    MaskLosses,
    mask_losses,
)
from sam_core.training.parts import encode, freeze, is_encoding_fixed
from tests.sam_core.test_factored_decoder import SIZE, apart, numbers


@pytest.mark.parametrize(
    "config",
    [
        OptimConfig(),
        OptimConfig(frozen_blocks=3),
        OptimConfig(parts=("decoder",)),
        OptimConfig(parts=("decoder", "neck")),
    ],
)
def test_encoding_is_the_models_own(config: OptimConfig) -> None:
    torch.manual_seed(2)
    sam = build_sam_lite(SIZE)
    freeze(sam, config)
    pixels = numbers(2, 3, SIZE, SIZE, seed=7).sigmoid() * 255
    plain = sam.encode(pixels)[IMAGE_EMBEDDINGS]
    torch.testing.assert_close(encode(sam, pixels, config, torch.float32)[IMAGE_EMBEDDINGS], plain)
    half = encode(sam, pixels, config, torch.bfloat16)[IMAGE_EMBEDDINGS]
    assert half.dtype == torch.float32
    assert apart(half, plain) < 0.05
    assert half.requires_grad != is_encoding_fixed(config)
    if is_encoding_fixed(config):
        return
    half.square().sum().backward()
    assert [n for n, p in sam.image_encoder.named_parameters() if p.requires_grad and p.grad is None] == []


def plain_error(logits: Tensor, targets: Tensor, dice_weight: float) -> Tensor:
    """Focal and dice loss of logits (N, M, P) as their papers write them."""
    wanted = targets[:, None].to(logits.dtype).expand_as(logits)
    p = logits.sigmoid()
    right = torch.where(wanted > 0, p, 1 - p)
    alpha = torch.where(wanted > 0, FOCAL_ALPHA, 1 - FOCAL_ALPHA)
    cross_entropy = binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    focal = (alpha * (1 - right) ** FOCAL_GAMMA * cross_entropy).mean(dim=-1)
    dice = 1 - (2 * (p * wanted).sum(-1) + 1) / (p.sum(-1) + wanted.sum(-1) + 1)
    return FOCAL_WEIGHT * focal + dice_weight * dice


@pytest.mark.parametrize("dice_weight", [1.0, 2.5])
@pytest.mark.parametrize("scale", [0.1, 3.0, 40.0])
def test_losses_and_their_gradient_are_the_published_ones(scale: float, dice_weight: float) -> None:
    logits = (numbers(3, 4, 50, seed=8) * scale).double().requires_grad_()
    targets = numbers(3, 50, seed=9) > 0.5
    predicted = numbers(3, 4, seed=10).sigmoid().double()
    is_click = torch.tensor([True, False, False])
    losses = mask_losses(logits, predicted, targets, is_click, dice_weight=dice_weight)
    each = plain_error(logits, targets, dice_weight)
    u = UNUSED_WEIGHT
    single = (each[:, 0] * torch.tensor([u, 1, 1])).mean()
    best_of_three = (each[:, 1:].min(dim=1).values * torch.tensor([1, u, u])).mean()
    torch.testing.assert_close(losses.single, single)
    torch.testing.assert_close(losses.best_of_three, best_of_three)
    (gradient,) = torch.autograd.grad(losses.single + 2 * losses.best_of_three, logits)
    (plain,) = torch.autograd.grad(single + 2 * best_of_three, logits)
    torch.testing.assert_close(gradient, plain)
    # the single mask and the best candidate learn, the other two do not
    assert gradient.abs().sum(dim=-1).gt(0).sum(dim=1).tolist() == [2, 2, 2]
    found = logits > 0
    both = (found & targets[:, None]).sum(-1)
    torch.testing.assert_close(losses.true_iou, both / (found | targets[:, None]).sum(-1))


def judged(logits: Tensor, targets: Tensor) -> MaskLosses:
    """The losses of one prompt that is no single click."""
    return mask_losses(logits, torch.zeros(1, 4), targets, torch.tensor([False]))


def test_losses_by_hand() -> None:
    losses = judged(torch.zeros(1, 4, 2), torch.tensor([[True, False]]))
    # p = 1/2: cross-entropy ln 2, miss 1/2, alpha 1/2; dice 1 - 2/3
    focal = 0.5 * 0.25 * torch.log(torch.tensor(2.0))
    torch.testing.assert_close(losses.single, 20 * focal + 1 / 3)
    torch.testing.assert_close(losses.best_of_three, UNUSED_WEIGHT * losses.single)


def test_nothing_wanted_and_nothing_found_is_no_error() -> None:
    losses = judged(torch.full((1, 4, 9), -30.0), torch.zeros(1, 9, dtype=torch.bool))
    torch.testing.assert_close(losses.single, torch.tensor(0.0))
    assert losses.true_iou.tolist() == [[0.0] * 4]
