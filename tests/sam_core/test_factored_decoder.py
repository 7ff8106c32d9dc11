"""The factored decoder meets the published one: answers, gradients, batches over several images, half precision."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from sam_core.embedding import IMAGE_EMBEDDINGS
from sam_core.modeling.factored_decoder import in_cell_order, in_image_order
from sam_core.modeling.lite import build_sam_lite
from sam_core.modeling.sam import Sam
from tests.sam_core.tiny_models import untrained_sam

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


def decode(
    sam: Sam,
    embeddings: Tensor,
    coords: Tensor,
    labels: Tensor,
    mask: Tensor | None = None,
    *,
    dtype: torch.dtype = torch.float32,
) -> tuple[Tensor, Tensor]:
    """As training does it: masks stay in the order of cells."""
    decoded = sam.factored.decode(sam.factored.image_terms(embeddings, dtype=dtype), coords, labels, mask)
    return sam.factored.masks(decoded), decoded.predicted_iou


def published(
    sam: Sam, embeddings: Tensor, coords: Tensor, labels: Tensor, mask: Tensor | None
) -> tuple[Tensor, Tensor]:
    return sam.decode_as_published({IMAGE_EMBEDDINGS: embeddings}, coords, labels, mask)


def apart(a: Tensor, b: Tensor) -> float:
    return float((a - b).detach().norm() / b.detach().norm())


@pytest.mark.parametrize("kind", KINDS)
def test_answers_and_gradients_are_the_published_ones(sam: Sam, kind: str) -> None:
    coords, labels, mask = prompts(kind)
    times = PROMPTS // IMAGES
    plain = outcome(sam, lambda e: published(sam, e.repeat_interleave(times, dim=0), coords, labels, mask))
    fast = outcome(sam, lambda e: decode(sam, e, coords, labels, mask))
    torch.testing.assert_close(fast[0], plain[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(fast[1], plain[1], rtol=1e-4, atol=1e-5)
    largest = max(float(g.norm()) for g in plain[2].values())
    # in both, a bias on keys moves all scores of a query alike: what is left of its gradient is rounding
    lively = {n: g for n, g in plain[2].items() if float(g.norm()) > 1e-6 * largest}
    assert len(lively) > 80
    assert max(apart(fast[2][n], g) for n, g in lively.items()) < 2e-3


@pytest.mark.parametrize("name", ["sam_tiny_test", "sam_lite"])
@pytest.mark.parametrize("kind", KINDS)
@torch.inference_mode()
def test_decode_answers_as_published_for_one_image_and_for_many(name: str, kind: str) -> None:
    torch.manual_seed(5)
    model = untrained_sam(name).eval()
    grid, dim, side = model.embedding_size, model.prompt_encoder.embed_dim, model.mask_side
    coords, labels, mask = prompts(kind)
    coords = coords * (model.image_size / SIZE)
    mask = None if mask is None else numbers(PROMPTS, 1, side, side, seed=3) * 4
    for images in (1, 2, PROMPTS):
        embeddings = numbers(images, dim, grid, grid, seed=4)
        each = embeddings.repeat_interleave(PROMPTS // images, dim=0)
        logits, iou = model.decode({IMAGE_EMBEDDINGS: embeddings}, coords, labels, mask)
        expected, expected_iou = published(model, each, coords, labels, mask)
        assert logits.shape == (PROMPTS, 4, side, side)
        torch.testing.assert_close(logits, expected, rtol=0, atol=1e-4 * max(1.0, float(expected.abs().max())))
        torch.testing.assert_close(iou, expected_iou, rtol=0, atol=1e-5)


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
            logits, iou = published(sam, embeddings.repeat_interleave(PROMPTS // IMAGES, dim=0), coords, labels, mask)
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
