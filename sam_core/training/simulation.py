"""The simulated annotator: click, look at the answer, click into what is wrong; and which of that is learned from.

Source: Segment Anything (arXiv 2304.02643), appendix A, "Training algorithm". Must not know: photos, optimisers, files.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sam_core.modeling.factored_decoder import in_cell_order, in_image_order
from sam_core.modeling.prompt_sketch import has_box
from sam_core.modeling.sam import Sam
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


def simulate(
    sam: Sam,
    embeddings: Tensor,
    masks: Tensor,
    config: PromptConfig,
    dtype: torch.dtype = torch.float32,
    *,
    max_clicks: int = Stage.max_clicks,
    dice_weight: float = 1.0,
) -> list[MaskLosses]:
    """Prompt for each mask (N, H, W) bool until the drawn length; return the losses of decodings with gradient.

    embeddings: (I, C, grid, grid); the first N / I masks are the first image's, and so on. dtype: of image tokens.
    Decodings without gradient only move the simulated annotator on.
    """
    length = draw_length(config, max_clicks)
    repeat_at = int(torch.randint(1, length, ())) if length > 3 else -1
    coords, labels = first_prompts(masks, config, image_size=sam.image_size)
    mask_input: Tensor | None = None
    losses: list[MaskLosses] = []
    rows = torch.arange(masks.shape[0], device=masks.device)
    height, width = sam.prompt_encoder.image_embedding_size
    cells = in_cell_order(masks)
    learned = grad_iterations(config, length)
    for iteration in range(length):
        with_grad = iteration in learned
        with torch.set_grad_enabled(with_grad):
            inputs = embeddings if with_grad else embeddings.detach()
            terms = sam.factored.image_terms(inputs, dtype=dtype)
            decoded = sam.factored.decode(terms, coords, labels, mask_input)
            logits, iou = sam.factored.masks(decoded), decoded.predicted_iou
        if with_grad:
            is_ambiguous = ~has_box(labels) if iteration == 0 else torch.zeros_like(rows, dtype=torch.bool)
            losses.append(mask_losses(logits, iou, cells, is_ambiguous, dice_weight=dice_weight))
        if iteration == length - 1:
            break
        chosen = iou[:, 1:].argmax(dim=1) + 1 if iteration == 0 else torch.zeros_like(rows)
        previous = in_image_order(logits.detach()[rows, chosen], height, width)
        mask_input = previous[:, None]
        if iteration != repeat_at:
            new_coords, new_labels = next_clicks(masks, previous > 0, config)
            coords = torch.cat([coords, new_coords], dim=1)
            labels = torch.cat([labels, new_labels], dim=1)
    return losses


def total_loss(losses: list[MaskLosses]) -> Tensor:
    """Sum the terms of all decodings: the single mask, the best of three and the IoU head."""
    terms = [one.best_of_three + one.single + IOU_WEIGHT * one.iou for one in losses]
    return torch.stack(terms).sum()
