"""Prompt encoder: points, boxes and a previous mask become sparse tokens and a dense map.

Source: Segment Anything (arXiv 2304.02643), appendix A, "Prompt encoder". A box is a pair of points with the
labels 2 (top left) and 3 (bottom right); -1 is padding. Module names follow the published checkpoints.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from sam_core.modeling.layers import LayerNorm2d
from sam_core.modeling.prompt_sketch import has_box, sketch
from sam_core.prompt_kinds import BOX, PADDING, POINTS

NUM_POINT_EMBEDDINGS = len(POINTS.labels + BOX.labels)


class PositionEmbeddingRandom(nn.Module):
    """Random Fourier features of a position in the unit square."""

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self, num_pos_feats: int, scale: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", scale * torch.randn(2, num_pos_feats))

    def encode(self, coords: Tensor) -> Tensor:
        """Encode (..., 2) positions (x, y) in [0, 1] as (..., 2 * num_pos_feats)."""
        matrix = self.positional_encoding_gaussian_matrix
        angles = 2 * math.pi * ((2 * coords.to(matrix.dtype) - 1) @ matrix)
        return torch.cat([angles.sin(), angles.cos()], dim=-1)

    def grid(self, height: int, width: int) -> Tensor:
        """Return the encoding of the cell centres of a grid: (2 * num_pos_feats, H, W)."""
        device = self.positional_encoding_gaussian_matrix.device
        y = (torch.arange(height, device=device) + 0.5) / height
        x = (torch.arange(width, device=device) + 0.5) / width
        coords = torch.stack([x.expand(height, width), y[:, None].expand(height, width)], dim=-1)
        return self.encode(coords).permute(2, 0, 1)


class PromptEncoder(nn.Module):
    """Encode prompts for one image size.

    embed_dim: token width. image_embedding_size: (H, W) of the embedding grid. input_image_size: (H, W) of the
    padded model input, the unit of all coordinates here. mask_in_chans: inner width of the mask branch.
    sketches: clicks and boxes are drawn into the mask prompt too (prompt_sketch); not so in the published model.
    """

    def __init__(
        self,
        embed_dim: int,
        image_embedding_size: tuple[int, int],
        input_image_size: tuple[int, int],
        mask_in_chans: int = 16,
        *,
        sketches: bool = False,
    ) -> None:
        super().__init__()
        self.sketches = sketches
        self.embed_dim = embed_dim
        self.image_embedding_size = image_embedding_size
        self.input_image_size = input_image_size
        self.pe_layer = PositionEmbeddingRandom(embed_dim // 2)
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, embed_dim) for _ in range(NUM_POINT_EMBEDDINGS))
        self.not_a_point_embed = nn.Embedding(1, embed_dim)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, mask_in_chans // 4, kernel_size=2, stride=2),
            LayerNorm2d(mask_in_chans // 4),
            nn.GELU(),
            nn.Conv2d(mask_in_chans // 4, mask_in_chans, kernel_size=2, stride=2),
            LayerNorm2d(mask_in_chans),
            nn.GELU(),
            nn.Conv2d(mask_in_chans, embed_dim, kernel_size=1),
        )
        self.no_mask_embed = nn.Embedding(1, embed_dim)

    @property
    def mask_input_size(self) -> tuple[int, int]:
        """(H, W) of a mask prompt: four times the embedding grid."""
        height, width = self.image_embedding_size
        return 4 * height, 4 * width

    def get_dense_pe(self) -> Tensor:
        """Return the position encoding of the embedding grid, (1, C, H, W)."""
        return self.pe_layer.grid(*self.image_embedding_size)[None]

    def embed_points(self, coords: Tensor, labels: Tensor) -> Tensor:
        """Turn (B, N, 2) model pixels (x, y) and (B, N) labels in -1..3 into tokens (B, N, C).

        The half pixel to a pixel's centre is added here.
        """
        height, width = self.input_image_size
        unit = (coords + 0.5) / coords.new_tensor([width, height])
        table = torch.cat([e.weight for e in (self.not_a_point_embed, *self.point_embeddings)])  # 5 x C
        kind = table[labels.long() + 1]  # B x N x C
        position = self.pe_layer.encode(unit)
        return kind + position * (labels != PADDING)[..., None].to(position.dtype)

    def embed_mask(self, mask_input: Tensor) -> Tensor:
        """Turn previous low-res logits (B, 1, 4H, 4W) into a dense map (B, C, H, W)."""
        dense: Tensor = self.mask_downscaling(mask_input)
        return dense

    def no_mask(self, batch: int) -> Tensor:
        """Return the dense map that stands for "no mask prompt", (B, C, H, W)."""
        height, width = self.image_embedding_size
        return self.no_mask_embed.weight.reshape(1, -1, 1, 1).expand(batch, -1, height, width)

    def forward(self, coords: Tensor, labels: Tensor, mask_input: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return sparse tokens (B, N, C) and the dense map (B, C, H, W).

        coords, labels: as in embed_points, box corners and padding included (Prompts.to_tokens builds them).
        """
        return self.embed_points(coords, labels), self.dense_map(coords, labels, mask_input)

    def dense_map(self, coords: Tensor, labels: Tensor, mask_input: Tensor | None) -> Tensor:
        """Return the dense map (B, C, H, W) of a mask prompt, or of what is sketched of the other prompts."""
        empty = self.no_mask(coords.shape[0])
        drawn = sketch(mask_input, coords, labels, self.mask_input_size[0]) if self.sketches else mask_input
        if drawn is None:
            return empty
        dense = self.embed_mask(drawn)
        if mask_input is not None:
            return dense
        return torch.where(has_box(labels)[:, None, None, None], dense, empty)
