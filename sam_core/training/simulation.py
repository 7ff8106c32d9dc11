"""The simulated annotator: click, look at the answer, click into what is wrong; and which of that is learned from.

Source: Segment Anything (arXiv 2304.02643), appendix A, "Training algorithm". Must not know: photos, optimisers, files.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sam_core.embedding import IMAGE_EMBEDDINGS
from sam_core.modeling.factored_decoder import in_cell_order, in_image_order
from sam_core.modeling.prompt_sketch import has_box
from sam_core.modeling.promptable import Embedding, PromptableModel
from sam_core.modeling.sam import Sam
from sam_core.modeling.sam2 import Sam2
from sam_core.training.clicks import first_prompts, next_clicks
from sam_core.training.config import PromptConfig, Stage
from sam_core.training.losses import IOU_WEIGHT, MaskLosses, mask_losses


def draw_length(config: PromptConfig, max_clicks: int) -> int:
    """Number of decodings of this step: published 10 (8 clicks and 2 repeats, the first prompt among them)."""
    most = max_clicks + 2
    if config.grad_iterations == "all":
        return most
    if float(torch.rand(())) < config.single_probability:
        return 1
    length = 2
    while length < most and float(torch.rand(())) < config.length_decay:
        length += 1
    return length


def grad_iterations(config: PromptConfig, length: int) -> set[int]:
    """Which of length decodings are back-propagated."""
    if config.grad_iterations == "all":
        return set(range(length))
    if config.grad_iterations == "last":
        return {length - 1}
    between = torch.randperm(max(0, length - 2))[: config.learned_between] + 1
    return {0, length - 1, *between.tolist()}


def decode_cells(
    model: PromptableModel,
    embedding: Embedding,
    coords: Tensor,
    labels: Tensor,
    mask_input: Tensor | None,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor]:
    """Return logits (B, 4, 16 HW) in the order of cells and predicted IoU (B, 4), the single mask as decoded.

    dtype: of the image tokens, where the model's decoder lets one choose.
    """
    if isinstance(model, Sam):
        terms = model.factored.image_terms(embedding[IMAGE_EMBEDDINGS], dtype=dtype)
        decoded = model.factored.decode(terms, coords, labels, mask_input)
        return model.factored.masks(decoded), decoded.predicted_iou
    if isinstance(model, Sam2):  # Sam2.decode may put another candidate in the place of the single mask
        decoded = model.factored.decode(model.image_terms(embedding), coords, labels, mask_input)
        return model.factored.masks(decoded), decoded.predicted_iou
    logits, iou = model.decode(embedding, coords, labels, mask_input)
    return in_cell_order(logits), iou


def simulate(
    model: PromptableModel,
    embedding: Embedding,
    masks: Tensor,
    config: PromptConfig,
    dtype: torch.dtype = torch.float32,
    *,
    max_clicks: int = Stage.max_clicks,
    dice_weight: float = 1.0,
) -> list[MaskLosses]:
    """Prompt for each mask (N, H, W) bool until the drawn length; return the losses of decodings with gradient.

    embedding: of I images; the first N / I masks are the first image's, and so on. dtype: of image tokens.
    Decodings without gradient only move the simulated annotator on.
    """
    length = draw_length(config, max_clicks)
    repeat_at = int(torch.randint(1, length, ())) if length > 3 else -1
    cell_px = model.image_size // model.mask_side
    coords, labels = first_prompts(masks, config, image_size=model.image_size, cell_px=cell_px)
    mask_input: Tensor | None = None
    losses: list[MaskLosses] = []
    rows = torch.arange(masks.shape[0], device=masks.device)
    grid = model.mask_side // 4
    cells = in_cell_order(masks)
    learned = grad_iterations(config, length)
    for iteration in range(length):
        with_grad = iteration in learned
        with torch.set_grad_enabled(with_grad):
            logits, iou = decode_cells(model, embedding, coords, labels, mask_input, dtype)
        if with_grad:
            is_ambiguous = ~has_box(labels) if iteration == 0 else torch.zeros_like(rows, dtype=torch.bool)
            losses.append(mask_losses(logits, iou, cells, is_ambiguous, dice_weight=dice_weight))
        if iteration == length - 1:
            break
        chosen = iou[:, 1:].argmax(dim=1) + 1 if iteration == 0 else torch.zeros_like(rows)
        previous = in_image_order(logits.detach()[rows, chosen], grid, grid)
        mask_input = previous[:, None]
        if iteration != repeat_at:
            new_coords, new_labels = next_clicks(masks, previous > 0, config, cell_px=cell_px)
            coords = torch.cat([coords, new_coords], dim=1)
            labels = torch.cat([labels, new_labels], dim=1)
    return losses


def total_loss(losses: list[MaskLosses]) -> Tensor:
    """Sum the terms of all decodings: the single mask, the best of three and the IoU head."""
    terms = [one.best_of_three + one.single + IOU_WEIGHT * one.iou for one in losses]
    return torch.stack(terms).sum()
