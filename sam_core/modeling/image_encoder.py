"""The ViT image encoder of SAM: an MAE-style vision transformer with windowed and global attention.

Must not know: prompts, masks, files. State-dict names are those of the published checkpoints, so they load unchanged.
Source: Kirillov et al., arXiv 2304.02643, appendix A ("Image encoder"); Li et al., "Exploring Plain Vision
Transformer Backbones" (windowed attention with a few global blocks); Li et al., MViTv2 (decomposed relative positions).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sam_core.modeling.layers import LayerNorm2d, MLPBlock

LAYER_NORM_EPS = 1e-6
# Bias elements handed to the fused kernel at once (1 GiB in float32): one ViT-H image in one call, batches in turns.
MAX_BIAS_ELEMENTS = 2**28


@dataclass(frozen=True, kw_only=True)
class ViTConfig:
    """The dimensions of a ViT image encoder; the defaults are those all published variants share."""

    embed_dim: int
    depth: int
    num_heads: int
    global_blocks: tuple[int, ...]
    image_size: int = 1024
    patch_size: int = 16
    window_size: int = 14
    mlp_ratio: int = 4
    out_chans: int = 256

    @property
    def grid_size(self) -> int:
        """Patches along each side of the square input."""
        return self.image_size // self.patch_size

    @property
    def early_dim(self) -> int:
        """Channels of what forward_early gives beside the embedding."""
        return self.embed_dim


class ImageEncoderViT(nn.Module):
    """Turn normalised, padded images into image embeddings."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.config = config
        self.img_size = config.image_size
        side = config.grid_size
        self.patch_embed = PatchEmbed(config.patch_size, config.embed_dim)
        self.pos_embed = nn.Parameter(torch.zeros(1, side, side, config.embed_dim))
        self.blocks = nn.ModuleList(
            Block(config, window_size=0 if index in config.global_blocks else config.window_size)
            for index in range(config.depth)
        )
        self.neck = nn.Sequential(
            nn.Conv2d(config.embed_dim, config.out_chans, kernel_size=1, bias=False),
            LayerNorm2d(config.out_chans),
            nn.Conv2d(config.out_chans, config.out_chans, kernel_size=3, padding=1, bias=False),
            LayerNorm2d(config.out_chans),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Encode images (B x 3 x image_size x image_size) into embeddings (B x out_chans x grid x grid)."""
        return self.forward_early(images)[0]

    def forward_early(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings and the tokens after the first global block (B x embed_dim x grid x grid), for SAM-HQ."""
        x = self.patch_embed(images) + self.pos_embed  # B x H x W x C
        early = x
        first_global = min(self.config.global_blocks)
        for index, block in enumerate(self.blocks):
            x = block(x)
            early = x if index == first_global else early
        return self.neck(x.permute(0, 3, 1, 2)), early.permute(0, 3, 1, 2)


class PatchEmbed(nn.Module):
    """Cut images into square patches and project each to a token."""

    def __init__(self, patch_size: int, embed_dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, embed_dim, kernel_size=patch_size, stride=patch_size)

    def forward(self, images: Tensor) -> Tensor:
        """Return tokens with channels last (B x H x W x C)."""
        tokens: Tensor = self.proj(images)
        return tokens.permute(0, 2, 3, 1)


class Block(nn.Module):
    """A pre-norm transformer block; attention is global when window_size is 0."""

    def __init__(self, config: ViTConfig, *, window_size: int) -> None:
        super().__init__()
        self.window_size = window_size
        self.norm1 = nn.LayerNorm(config.embed_dim, eps=LAYER_NORM_EPS)
        self.attn = Attention(config.embed_dim, config.num_heads, side=window_size or config.grid_size)
        self.norm2 = nn.LayerNorm(config.embed_dim, eps=LAYER_NORM_EPS)
        self.mlp = MLPBlock(config.embed_dim, config.embed_dim * config.mlp_ratio)

    def forward(self, x: Tensor) -> Tensor:
        """Transform tokens (B x H x W x C) without changing their shape."""
        x = x + self.attn(self.norm1(x), is_windowed=self.window_size > 0)
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class Attention(nn.Module):
    """Multi-head self-attention over side x side tokens with decomposed relative positions."""

    relative_index: Tensor

    def __init__(self, dim: int, num_heads: int, *, side: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.side = side
        head_dim = dim // num_heads
        self.qkv = nn.Linear(dim, dim * 3)
        self.proj = nn.Linear(dim, dim)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * side - 1, head_dim))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * side - 1, head_dim))
        position = torch.arange(side)
        index = position[:, None] - position[None, :] + side - 1  # query x key
        self.register_buffer("relative_index", index, persistent=False)

    def forward(self, x: Tensor, *, is_windowed: bool) -> Tensor:
        """Attend over the whole grid (B x H x W x C), or within windows of side x side tokens."""
        height, width = x.shape[1:3]
        if is_windowed:
            windows = partition_windows(self.qkv(x), self.side, fill=self.qkv.bias)
            mixed = merge_windows(self._attend(windows), height, width)
        else:
            mixed = self._attend(self.qkv(x))
        out: Tensor = self.proj(mixed)
        return out

    def _attend(self, qkv: Tensor) -> Tensor:
        """Mix values (B x side x side x 3C, queries first) into B x side x side x C."""
        batch, tokens = qkv.shape[0], self.side**2
        q, k, v = qkv.reshape(batch, tokens, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)  # B x heads x N x D
        at_once = max(1, MAX_BIAS_ELEMENTS // (self.num_heads * tokens**2))
        mixed = [
            F.scaled_dot_product_attention(*part, attn_mask=self._position_bias(part[0]))
            for part in zip(q.split(at_once), k.split(at_once), v.split(at_once), strict=True)
        ]
        x = mixed[0] if len(mixed) == 1 else torch.cat(mixed)
        return x.transpose(1, 2).reshape(batch, self.side, self.side, -1)

    def _position_bias(self, q: Tensor) -> Tensor:
        """Return what relative position adds to each attention logit (B x heads x N x N)."""
        batch, heads, tokens, head_dim = q.shape
        table_h = self.rel_pos_h[self.relative_index].transpose(1, 2)  # query row x D x key row
        table_w = self.rel_pos_w[self.relative_index].transpose(1, 2)
        grid = q.reshape(batch * heads, self.side, self.side, head_dim)
        by_row = grid @ table_h  # B*heads x row x column x key row
        by_column = (grid.transpose(1, 2) @ table_w).transpose(1, 2)
        bias = by_row[..., :, None] + by_column[..., None, :]
        return bias.view(batch, heads, tokens, tokens)


def partition_windows(x: Tensor, side: int, *, fill: Tensor) -> Tensor:
    """Cut tokens (B x H x W x C) into windows (B*windows x side x side x C), row by row.

    Windows that reach over the grid's lower or right edge are completed with `fill` (C). SAM pads with zeros before
    the projection to queries, keys and values; a zero token becomes that projection's bias, so padding with the bias
    afterwards is the same thing without projecting the padding.
    """
    batch, height, width, channels = x.shape
    rows, columns = _windows_along(height, side), _windows_along(width, side)
    fill = fill.to(x.dtype)
    right = fill.expand(batch, height, columns * side - width, channels)
    below = fill.expand(batch, rows * side - height, columns * side, channels)
    padded = torch.cat([torch.cat([x, right], dim=2), below], dim=1)
    windows = padded.view(batch, rows, side, columns, side, channels).transpose(2, 3)
    return windows.reshape(-1, side, side, channels)


def merge_windows(windows: Tensor, height: int, width: int) -> Tensor:
    """Put windows back into a grid (B x height x width x C) and drop the padding."""
    side, channels = windows.shape[1], windows.shape[3]
    rows, columns = _windows_along(height, side), _windows_along(width, side)
    x = windows.view(-1, rows, columns, side, side, channels).transpose(2, 3)
    return x.reshape(-1, rows * side, columns * side, channels)[:, :height, :width]


def _windows_along(length: int, side: int) -> int:
    # Not -(-length // side): ONNX divides towards zero, and an exported graph would count one window too few.
    return (length + side - 1) // side
