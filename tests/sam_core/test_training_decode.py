"""Training decodes, encodes and judges by formulas of its own: here they meet the plain ones, gradients included."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from sam_core.modeling.lite import build_sam_lite
from sam_core.modeling.sam import Sam
from sam_core.training.config import OptimConfig
from sam_core.training.decode import decode, in_cell_order, in_image_order
from sam_core.training.loop import encode, freeze
from sam_core.training.losses import (
    FOCAL_ALPHA,
    FOCAL_GAMMA,
    FOCAL_WEIGHT,
    UNUSED_WEIGHT,
    MaskLosses,
    mask_losses,
)

SIZE = 64
SIDE = SIZE // 2
IMAGES, PROMPTS = 2, 6
KINDS = ("clicks", "boxes", "mixed", "mask")
Outcome = tuple[Tensor, Tensor, dict[str, Tensor]]


def numbers(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def lively_model(seed: int) -> Sam:
    """A model in which no weight is zero and no click looks like another."""
    torch.manual_seed(seed)
    model = build_sam_lite(SIZE)
    for parameter in model.parameters():
        if parameter.ndim < 2:
            torch.nn.init.normal_(parameter, mean=float(parameter.detach().mean()), std=0.1)
    return model


@pytest.fixture(scope="module")
def sam() -> Sam:
    return lively_model(seed=1)


def prompts(kind: str) -> tuple[Tensor, Tensor, Tensor | None]:
    coords = numbers(PROMPTS, 2, 2, seed=2).sigmoid() * SIZE
    coords[:, 1] = coords[:, 0] * 0.5 + SIZE * 0.5
    click, box = torch.tensor([1, -1]), torch.tensor([2, 3])
    is_box = {"boxes": [True] * PROMPTS, "mixed": [False, True, True, False, False, True]}.get(kind, [False] * PROMPTS)
    labels = torch.where(torch.tensor(is_box)[:, None], box, click)
    return coords, labels, numbers(PROMPTS, 1, SIDE, SIDE, seed=3) * 4 if kind == "mask" else None


def outcome(sam: Sam, run: Callable[[Tensor], tuple[Tensor, Tensor]]) -> Outcome:
    """Run on fixed embeddings; return logits, predicted IoU and the gradients of a fixed sum of them."""
    grid = sam.embedding_size
    embeddings = numbers(IMAGES, 128, grid, grid, seed=4).requires_grad_()
    sam.zero_grad()
    logits, iou = run(embeddings)
    if logits.ndim == 3:
        logits = in_image_order(logits, grid, grid)
    weights = numbers(*logits.shape, seed=5)
    ((logits * weights).sum() + (iou * weights[..., 0, 0]).sum()).backward()
    gradients = {n: p.grad.clone() for n, p in sam.named_parameters() if p.grad is not None}
    assert embeddings.grad is not None
    return logits.detach(), iou.detach(), gradients | {"embeddings": embeddings.grad}


def apart(a: Tensor, b: Tensor) -> float:
    return float((a - b).detach().norm() / b.detach().norm())


@pytest.mark.parametrize("kind", KINDS)
def test_decoding_is_the_models_own(sam: Sam, kind: str) -> None:
    coords, labels, mask = prompts(kind)
    times = PROMPTS // IMAGES
    plain = outcome(sam, lambda e: sam.decode(e.repeat_interleave(times, dim=0), coords, labels, mask))
    fast = outcome(sam, lambda e: decode(sam, e, coords, labels, mask))
    torch.testing.assert_close(fast[0], plain[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(fast[1], plain[1], rtol=1e-4, atol=1e-5)
    largest = max(float(g.norm()) for g in plain[2].values())
    # in both, a bias on keys moves all scores of a query alike: what is left of its gradient is rounding
    lively = {n: g for n, g in plain[2].items() if float(g.norm()) > 1e-6 * largest}
    assert len(lively) > 80
    assert max(apart(fast[2][n], g) for n, g in lively.items()) < 2e-3


@pytest.mark.parametrize(("what", "most"), [("logits", 0.05), ("gradient", 0.2)])
def test_half_precision_changes_less_than_autocast_does(what: str, most: float) -> None:
    """Over some models together: how far rounding moves one of them is chance."""
    errors = [half_precision_errors(lively_model(seed), what) for seed in range(1, 6)]
    assert all(1e-5 < ours < most for ours, _ in errors)
    assert sum(ours for ours, _ in errors) < sum(theirs for _, theirs in errors)


def half_precision_errors(sam: Sam, what: str) -> tuple[float, float]:
    """How far bfloat16 moves the logits, or the embeddings' gradient: in training, and with PyTorch's own autocast."""
    coords, labels, mask = prompts("mask")

    def autocast(embeddings: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits, iou = sam.decode(embeddings.repeat_interleave(PROMPTS // IMAGES, dim=0), coords, labels, mask)
        return logits.float(), iou.float()

    plain = outcome(sam, lambda e: decode(sam, e, coords, labels, mask))
    ours = outcome(sam, lambda e: decode(sam, e, coords, labels, mask, dtype=torch.bfloat16))
    theirs = outcome(sam, autocast)
    assert ours[0].dtype == torch.float32
    if what == "logits":
        return apart(ours[0], plain[0]), apart(theirs[0], plain[0])
    gradient = plain[2]["embeddings"]
    return apart(ours[2]["embeddings"], gradient), apart(theirs[2]["embeddings"], gradient)


def test_a_shift_learns_right_from_many_cells_in_half_precision(sam: Sam) -> None:
    grid = 32
    embeddings = numbers(8, 128, grid, grid, seed=6)
    coords, labels = torch.full((8, 2, 2), 9.0), torch.tensor([[1, -1]] * 8)
    large = build_sam_lite(8 * grid)
    large.load_state_dict(sam.state_dict())
    shift = large.mask_decoder.output_upscaling[1].bias
    assert isinstance(shift, Tensor)
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        large.zero_grad()
        logits, _ = decode(large, embeddings, coords, labels, dtype=dtype)
        (logits.sum(dim=(0, 2)) * torch.tensor([1.0, 0.5, 0.2, 0.1])).sum().backward()
        assert shift.grad is not None
        found.append(shift.grad.clone())
    assert apart(found[1], found[0]) < 0.05


def test_cells_and_rows_are_one_anothers_inverse() -> None:
    masks = torch.arange(2 * 12 * 20).reshape(2, 12, 20)
    cells = in_cell_order(masks)
    assert cells.shape == (2, 240)
    torch.testing.assert_close(in_image_order(cells, 3, 5), masks)
    # the second image token's sixteen cells are the block of four by four beside the first one's
    assert set(cells[0, 16:32].tolist()) == set(masks[0, :4, 4:8].flatten().tolist())


@pytest.mark.parametrize("config", [OptimConfig(), OptimConfig(frozen_blocks=3), OptimConfig(frozen_encoder=True)])
def test_encoding_is_the_models_own(config: OptimConfig) -> None:
    torch.manual_seed(2)
    sam = build_sam_lite(SIZE)
    freeze(sam, config)
    pixels = numbers(2, 3, SIZE, SIZE, seed=7).sigmoid() * 255
    plain = sam.encode(pixels)
    torch.testing.assert_close(encode(sam, pixels, config, torch.float32), plain)
    half = encode(sam, pixels, config, torch.bfloat16)
    assert half.dtype == torch.float32
    assert apart(half, plain) < 0.05
    assert half.requires_grad != config.frozen_encoder
    if config.frozen_encoder:
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
