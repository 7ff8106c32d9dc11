"""Simulated annotators: first clicks, noisy boxes and clicks into the error region.

Source: Segment Anything (arXiv 2304.02643), appendix A, "Training algorithm"; clicks in the middle as well, where
people click and where models are measured (RITM, arXiv 2102.06583). Everything happens on the low-res grid of the
logits; cell_px says how many model pixels a cell covers along each side, 2 in sam_lite, 4 in the published models.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from sam_core.prompt_kinds import BOX, FOREGROUND, PADDING
from sam_core.training.config import PromptConfig

CELL_PX = 2
MIDDLE_POWER = 16  # in a disc, clicks in its middle lie an eighth of the radius off on average


def depths_of(regions: Tensor) -> Tensor:
    """Return how many cells each cell of (N, H, W) bool regions lies inside its region's border; 0 outside."""
    padded = np.pad(regions.cpu().numpy().astype(np.uint8), ((0, 0), (1, 1), (1, 1)))
    depths = [cv2.distanceTransform(region, cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1] for region in padded]
    return torch.as_tensor(np.stack(depths), device=regions.device)


def draw_cells(regions: Tensor, depths: Tensor, *, central: Tensor) -> Tensor:
    """Draw one cell (x, y) of each of the (N, H, W) bool regions.

    Where central (N,) is true, near the deepest by depths (N, H, W), else anywhere. An empty region gives any cell.
    """
    flat, deep = regions.flatten(1).float(), depths.flatten(1)
    middle = (deep / deep.amax(dim=1, keepdim=True).clamp(min=1)).pow(MIDDLE_POWER)
    weight = torch.where(central[:, None], middle, flat)
    # Gumbel-max: argmax of log weight plus Gumbel noise is a draw in proportion to the weight
    noise = -torch.log(-torch.log(torch.rand_like(flat).clamp(1e-9, 1 - 1e-7)))
    index = (torch.log(weight + 1e-12) + noise).argmax(dim=1)
    width = regions.shape[-1]
    return torch.stack([index % width, index // width], dim=-1)


def cells_to_pixels(cells: Tensor, cell_px: int = CELL_PX) -> Tensor:
    """Move cells (N, 2) to a random model pixel inside each, as float (x, y)."""
    return cells.float() * cell_px + torch.randint(0, cell_px, cells.shape, device=cells.device)


def boxes_of(masks: Tensor, cell_px: int = CELL_PX) -> Tensor:
    """Return the boxes (N, 4) xyxy in model pixels of non-empty masks (N, H, W)."""
    rows, columns = masks.any(dim=2).int(), masks.any(dim=1).int()
    y0, x0 = rows.argmax(dim=1), columns.argmax(dim=1)
    y1 = rows.shape[1] - rows.flip(1).argmax(dim=1)
    x1 = columns.shape[1] - columns.flip(1).argmax(dim=1)
    return torch.stack([x0, y0, x1, y1], dim=1).float() * cell_px


def noisy_boxes(masks: Tensor, config: PromptConfig, *, image_size: int, cell_px: int = CELL_PX) -> Tensor:
    """Return boxes (N, 4) xyxy with Gaussian noise: published, of 10 % of the side, at most 20 px at 1024 px input."""
    boxes = boxes_of(masks, cell_px)
    sides = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    limit = config.box_noise_max_px * image_size / 1024
    noise = torch.randn_like(boxes) * config.box_noise_ratio * sides
    if config.box_noise_varies:
        noise = noise * torch.rand(len(boxes), 1, device=boxes.device)
    return (boxes + noise.clamp(-limit, limit)).clamp(0, image_size)


def first_prompts(
    masks: Tensor, config: PromptConfig, *, image_size: int, cell_px: int = CELL_PX
) -> tuple[Tensor, Tensor]:
    """Draw a click or a box for each mask (N, H, W) bool: coords (N, 2, 2) and labels (N, 2)."""
    count = masks.shape[0]
    central = torch.rand(count, device=masks.device) < config.central_click_probability
    click = cells_to_pixels(draw_cells(masks, depths_of(masks), central=central), cell_px)
    # a click comes with the padding point, a box without it: two tokens either way
    click_coords = torch.stack([click, torch.zeros_like(click)], dim=1)
    box_coords = noisy_boxes(masks, config, image_size=image_size, cell_px=cell_px).reshape(count, 2, 2)
    is_box = torch.rand(count, device=masks.device) < config.box_probability
    coords = torch.where(is_box[:, None, None], box_coords, click_coords)
    click_labels = torch.tensor([FOREGROUND, PADDING], device=masks.device)
    labels = torch.where(is_box[:, None], torch.tensor(BOX.labels, device=masks.device), click_labels)
    return coords, labels


def next_clicks(
    masks: Tensor, predicted: Tensor, config: PromptConfig, *, cell_px: int = CELL_PX
) -> tuple[Tensor, Tensor]:
    """Draw a click into each error region: coords (N, 1, 2), labels (N, 1).

    Foreground where a mask cell was missed, background where one was wrongly added. No error: a foreground click.
    """
    missed, added = masks & ~predicted, predicted & ~masks
    right = ~(missed | added).flatten(1).any(dim=1)
    missed = torch.where(right[:, None, None], masks, missed)
    central = torch.rand(masks.shape[0], device=masks.device) < config.central_click_probability
    cells = draw_cells(missed | added, depths_of(missed) + depths_of(added), central=central)
    rows = torch.arange(masks.shape[0], device=masks.device)
    labels = masks[rows, cells[:, 1], cells[:, 0]].long()
    return cells_to_pixels(cells, cell_px)[:, None], labels[:, None]
