"""Hiera with a feature pyramid: SAM 2's image encoder, from a square image to feature maps of strides 4, 8 and 16.

Sources: Ryali et al., Hiera (arXiv 2306.00989); Bolya et al., Window attention is bugged (arXiv 2311.05613) for the
positions; SAM 2 (arXiv 2408.00714), appendix D, and its published configurations for the sizes. Module names follow the
published checkpoints. Must not know: prompts, masks, files.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LAYER_NORM_EPS = 1e-6
MLP_RATIO = 4
POOL = 2  # each new stage halves height and width


@dataclass(frozen=True, kw_only=True)
class HieraConfig:
    """Sizes of one variant.

    embed_dim, num_heads: of the first stage; each next one has twice as many. stages: blocks of each. global_blocks: of
    all blocks, those without windows. windows: window side of each stage. background: side of the position map that is
    stretched over the image.
    """

    embed_dim: int
    num_heads: int
    stages: tuple[int, int, int, int]
    global_blocks: tuple[int, ...]
    windows: tuple[int, int, int, int] = (8, 4, 14, 7)
    background: int = 7

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each stage."""
        return tuple(self.embed_dim * 2**stage for stage in range(len(self.stages)))


class Hiera(nn.Module):
    """The trunk: blocks with windowed attention in four stages."""

    def __init__(self, config: HieraConfig) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(config.embed_dim)
        self.pos_embed = nn.Parameter(torch.zeros(1, config.embed_dim, config.background, config.background))
        side = config.windows[0]
        self.pos_embed_window = nn.Parameter(torch.zeros(1, config.embed_dim, side, side))
        self.blocks = nn.ModuleList(_blocks(config))
        self.stage_ends = [sum(config.stages[: stage + 1]) - 1 for stage in range(len(config.stages))]

    def forward(self, images: Tensor) -> list[Tensor]:
        """Encode (B, 3, S, S), S a multiple of 32, into maps of strides 4, 8, 16 and 32 (B, C, S / stride, ...)."""
        x = self.patch_embed(images)  # B x H x W x C
        x = x + self.positions(*_size_of(x))
        maps = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self.stage_ends:
                maps.append(x.permute(0, 3, 1, 2))
        return maps

    def positions(self, height: int, width: int) -> Tensor:
        """Return (1, H, W, C): a stretched map plus one that repeats with each window."""
        side = self.pos_embed_window.shape[-1]
        stretched = F.interpolate(self.pos_embed, (height, width), mode="bicubic")
        repeated = self.pos_embed_window.repeat(1, 1, height // side, width // side)
        return (stretched + repeated).permute(0, 2, 3, 1)


def _blocks(config: HieraConfig) -> list[Block]:
    blocks: list[Block] = []
    for stage, count in enumerate(config.stages):
        for place in range(count):
            begins = stage > 0 and place == 0
            # the block that pools still works in the windows of the stage before
            window = config.windows[stage - begins]
            blocks.append(
                Block(
                    config.widths[stage - begins],
                    config.widths[stage],
                    num_heads=config.num_heads * 2**stage,
                    window=0 if len(blocks) in config.global_blocks else window,
                    pools=begins,
                )
            )
    return blocks


class PatchEmbed(nn.Module):
    """Overlapping patches of 7 x 7 pixels, every 4 pixels."""

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, embed_dim, kernel_size=7, stride=4, padding=3)

    def forward(self, images: Tensor) -> Tensor:
        """Return tokens with channels last (B, H, W, C)."""
        tokens: Tensor = self.proj(images).permute(0, 2, 3, 1)
        return tokens


class Block(nn.Module):
    """A pre-norm transformer block; one that pools halves height and width and widens the tokens."""

    def __init__(self, dim: int, dim_out: int, *, num_heads: int, window: int, pools: bool) -> None:
        """window: side in tokens, before pooling; 0 is attention over the whole grid."""
        super().__init__()
        self.window, self.pools = window, pools
        self.norm1 = nn.LayerNorm(dim, eps=LAYER_NORM_EPS)
        self.attn = Attention(dim, dim_out, num_heads, pools=pools)
        self.norm2 = nn.LayerNorm(dim_out, eps=LAYER_NORM_EPS)
        self.mlp = GeluMlp(dim_out, dim_out * MLP_RATIO)
        if dim != dim_out:
            self.proj = nn.Linear(dim, dim_out)

    def forward(self, x: Tensor) -> Tensor:
        """Transform tokens (B, H, W, C)."""
        normed = self.norm1(x)
        shortcut = pool_tokens(self.proj(normed)) if self.pools else x
        out = shortcut + self._attend(normed, *_size_of(shortcut))
        mixed: Tensor = out + self.mlp(self.norm2(out))
        return mixed

    def _attend(self, x: Tensor, height: int, width: int) -> Tensor:
        """Return (B, height, width, C), the size after pooling if there is some."""
        if not self.window:
            whole: Tensor = self.attn(x)
            return whole
        windows = self.attn(partition_windows(x, self.window))
        return merge_windows(windows, height, width)


class Attention(nn.Module):
    """Multi-head self-attention; a pooling one asks with pooled queries."""

    def __init__(self, dim: int, dim_out: int, num_heads: int, *, pools: bool) -> None:
        super().__init__()
        self.num_heads, self.pools = num_heads, pools
        self.qkv = nn.Linear(dim, 3 * dim_out)
        self.proj = nn.Linear(dim_out, dim_out)

    def forward(self, x: Tensor) -> Tensor:
        """Attend among tokens (B, H, W, C)."""
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        q = pool_tokens(q) if self.pools else q
        mixed = F.scaled_dot_product_attention(self._by_head(q), self._by_head(k), self._by_head(v))
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(q.shape))
        return out

    def _by_head(self, x: Tensor) -> Tensor:
        split: Tensor = x.flatten(1, 2).unflatten(2, (self.num_heads, -1)).transpose(1, 2)  # B x heads x N x c
        return split


class GeluMlp(nn.Module):
    """Two linear layers with GELU between them, under the published names."""

    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(dim, hidden_dim), nn.Linear(hidden_dim, dim)])

    def forward(self, x: Tensor) -> Tensor:
        """Transform the last axis."""
        out: Tensor = self.layers[1](F.gelu(self.layers[0](x)))
        return out


def pool_tokens(x: Tensor) -> Tensor:
    """Return the largest of each 2 x 2 tokens (B, H, W, C): (B, H / 2, W / 2, C)."""
    return F.max_pool2d(x.permute(0, 3, 1, 2), POOL).permute(0, 2, 3, 1)


def partition_windows(x: Tensor, side: int) -> Tensor:
    """Cut tokens (B, H, W, C) into windows (B * windows, side, side, C), zeros to the right and below where needed."""
    height, width = _size_of(x)
    rows, columns = _windows_along(height, side), _windows_along(width, side)
    x = F.pad(x, (0, 0, 0, columns * side - width, 0, rows * side - height))
    grid = x.reshape(-1, rows, side, columns, side, x.shape[-1])
    return grid.transpose(2, 3).reshape(-1, side, side, x.shape[-1])


def merge_windows(windows: Tensor, height: int, width: int) -> Tensor:
    """Put windows (B * windows, side, side, C) together and cut what was added: (B, height, width, C)."""
    side, _ = _size_of(windows)
    rows, columns = _windows_along(height, side), _windows_along(width, side)
    grid = windows.reshape(-1, rows, columns, side, side, windows.shape[-1]).transpose(2, 3)
    return grid.reshape(-1, rows * side, columns * side, windows.shape[-1])[:, :height, :width]


def _windows_along(length: int, side: int) -> int:
    return -(-length // side)


def _size_of(tokens: Tensor) -> tuple[int, int]:
    """Return height and width of tokens (B, H, W, C) as numbers: a model's are fixed, and so they are in a graph."""
    return int(tokens.shape[1]), int(tokens.shape[2])


class FeaturePyramid(nn.Module):
    """The neck: each map at one width; stride 16 also gets stride 32, enlarged, which is then left out."""

    def __init__(self, widths: tuple[int, ...], out_dim: int) -> None:
        """widths: of the trunk's maps, from stride 4 to stride 32."""
        super().__init__()
        # the published list begins with the coarsest map
        self.convs = nn.ModuleList(Lateral(width, out_dim) for width in reversed(widths))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Return the maps of strides 4, 8 and 16 (B, out_dim, ...)."""
        coarsest, *finer = (conv(one) for conv, one in zip(self.convs, reversed(maps), strict=True))
        finer[0] = finer[0] + F.interpolate(coarsest, scale_factor=2.0, mode="nearest")
        return finer[::-1]


class Lateral(nn.Module):
    """A 1 x 1 convolution under its published name."""

    def __init__(self, width: int, out_dim: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, out_dim, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """Change the width of (B, C, H, W)."""
        out: Tensor = self.conv(x)
        return out


class HieraEncoder(nn.Module):
    """Trunk and neck, as the checkpoints name them."""

    def __init__(self, config: HieraConfig, *, out_dim: int) -> None:
        super().__init__()
        self.trunk = Hiera(config)
        self.neck = FeaturePyramid(config.widths, out_dim)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Encode (B, 3, S, S) into maps of strides 4, 8 and 16 (B, out_dim, ...)."""
        maps: list[Tensor] = self.neck(self.trunk(images))
        return maps
