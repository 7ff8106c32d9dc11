"""TinyViT-5M as MobileSAM uses it: convolutions first, windowed attention after, a SAM neck at the end.

Must not know: prompts, masks, files. State-dict names are those of mobile_sam.pt, so that file loads unchanged.
Source: Wu et al., "TinyViT", arXiv 2207.10666; Zhang et al., "Faster Segment Anything", arXiv 2306.14289. MobileSAM's
one change to TinyViT: the last merging keeps the resolution, so that the grid ends at 1/16 of the input.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sam_core.modeling.image_encoder import merge_windows, partition_windows
from sam_core.modeling.layers import LayerNorm2d

CLASSIFIER_CLASSES = 1000
EARLY_STAGE = 1  # with its merging: the first features at 1/16 of the input


@dataclass(frozen=True, kw_only=True)
class TinyViTConfig:
    """The dimensions of the encoder, one entry a stage; the defaults are TinyViT-5M's."""

    image_size: int = 1024
    embed_dims: tuple[int, ...] = (64, 128, 160, 320)
    depths: tuple[int, ...] = (2, 2, 6, 2)
    num_heads: tuple[int, ...] = (2, 4, 5, 10)
    window_sizes: tuple[int, ...] = (7, 7, 14, 7)
    mlp_ratio: int = 4
    conv_expand_ratio: int = 4
    out_chans: int = 256

    @property
    def grid_size(self) -> int:
        """Cells along each side of the embedding: two strides in the stem, one after each of the first two stages."""
        return self.image_size // 16

    @property
    def early_dim(self) -> int:
        """Channels of what forward_early gives beside the embedding."""
        return self.embed_dims[EARLY_STAGE + 1]


class TinyViT(nn.Module):
    """Turn normalised, padded images into image embeddings."""

    def __init__(self, config: TinyViTConfig) -> None:
        super().__init__()
        self.config = config
        self.img_size = config.image_size
        dims = config.embed_dims
        self.patch_embed = PatchEmbed(dims[0])
        last = len(dims) - 1
        self.layers = nn.ModuleList(
            Stage(
                _stage_blocks(config, index),
                None if index == last else PatchMerging(dims[index], dims[index + 1], stride=1 if index == 2 else 2),
            )
            for index in range(len(dims))
        )
        self.norm_head = UnusedWeights(weight=(dims[-1],), bias=(dims[-1],))
        self.head = UnusedWeights(weight=(CLASSIFIER_CLASSES, dims[-1]), bias=(CLASSIFIER_CLASSES,))
        self.neck = nn.Sequential(
            nn.Conv2d(dims[-1], config.out_chans, kernel_size=1, bias=False),
            LayerNorm2d(config.out_chans),
            nn.Conv2d(config.out_chans, config.out_chans, kernel_size=3, padding=1, bias=False),
            LayerNorm2d(config.out_chans),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Encode images (B x 3 x image_size x image_size) into embeddings (B x out_chans x grid x grid)."""
        return self.forward_early(images)[0]

    def forward_early(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings and the features after EARLY_STAGE (B x early_dim x grid x grid), for SAM-HQ."""
        # Channels last in memory from the start: tokens then need no transposing (1.2 times as fast on a CPU).
        x = self.patch_embed(images.contiguous(memory_format=torch.channels_last))  # B x C x H x W
        early = x
        for index, stage in enumerate(self.layers):
            x = stage(x)
            early = x if index == EARLY_STAGE else early
        return self.neck(x), early


class UnusedWeights(nn.Module):
    """Weights of the image classifier that mobile_sam.pt carries along; no answer depends on them.

    They are buffers, not parameters: they round-trip through the state dict and no optimiser sees them.
    """

    def __init__(self, **shapes: tuple[int, ...]) -> None:
        super().__init__()
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape))


class ConvBN(nn.Sequential):
    """A convolution without bias and its batch norm, under the names `c` and `bn`."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.add_module("c", conv)
        self.add_module("bn", nn.BatchNorm2d(outputs))


class PatchEmbed(nn.Module):
    """Two convolutions of stride 2: a quarter of the resolution."""

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.seq = nn.Sequential(
            ConvBN(3, embed_dim // 2, 3, stride=2), nn.GELU(), ConvBN(embed_dim // 2, embed_dim, 3, stride=2)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return features (B x embed_dim x H/4 x W/4)."""
        out: Tensor = self.seq(images)
        return out


class Stage(nn.Module):
    """Blocks at one resolution, then the merging that leads to the next."""

    def __init__(self, blocks: Sequence[nn.Module], downsample: nn.Module | None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """Transform features (B x C x H x W)."""
        for block in self.blocks:
            x = block(x)
        return x if self.downsample is None else self.downsample(x)


class MBConv(nn.Module):
    """An inverted residual block: widen, mix in space, narrow."""

    def __init__(self, dim: int, expand_ratio: int) -> None:
        super().__init__()
        hidden = dim * expand_ratio
        self.conv1 = ConvBN(dim, hidden)
        self.conv2 = ConvBN(hidden, hidden, 3, groups=hidden)
        self.conv3 = ConvBN(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Transform features (B x C x H x W) without changing their shape."""
        hidden = F.gelu(self.conv2(F.gelu(self.conv1(x))))
        return F.gelu(self.conv3(hidden) + x)


class PatchMerging(nn.Module):
    """Change the width and, with stride 2, halve the resolution."""

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = ConvBN(inputs, outputs)
        self.conv2 = ConvBN(outputs, outputs, 3, stride=stride, groups=outputs)
        self.conv3 = ConvBN(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Transform features (B x inputs x H x W) into B x outputs x H/stride x W/stride."""
        out: Tensor = self.conv3(F.gelu(self.conv2(F.gelu(self.conv1(x)))))
        return out


class TinyViTBlock(nn.Module):
    """Windowed attention, a depth-wise convolution across the windows' borders, and an MLP."""

    def __init__(self, dim: int, num_heads: int, *, window_size: int, mlp_ratio: int) -> None:
        super().__init__()
        self.window_size = window_size
        self.attn = WindowAttention(dim, num_heads, side=window_size)
        self.local_conv = ConvBN(dim, dim, 3, groups=dim)
        self.mlp = Mlp(dim, dim * mlp_ratio)

    def forward(self, x: Tensor) -> Tensor:
        """Transform features (B x C x H x W) without changing their shape."""
        tokens: Tensor = x.permute(0, 2, 3, 1)  # B x H x W x C
        tokens = tokens + self.attn(tokens)
        tokens = self.local_conv(tokens.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        tokens = tokens + self.mlp(tokens)
        return tokens.permute(0, 3, 1, 2)


class WindowAttention(nn.Module):
    """Multi-head self-attention within windows, with a learnt bias for each pair of offsets (|dy|, |dx|)."""

    attention_bias_idxs: Tensor

    def __init__(self, dim: int, num_heads: int, *, side: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.side = side
        self.norm = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, dim * 3)
        self.proj = nn.Linear(dim, dim)
        self.attention_biases = nn.Parameter(torch.zeros(num_heads, side * side))
        row, column = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
        offset = [(axis.reshape(-1, 1) - axis.reshape(1, -1)).abs() for axis in (row, column)]
        self.register_buffer("attention_bias_idxs", offset[0] * side + offset[1], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Attend within windows of the grid (B x H x W x C)."""
        height, width = x.shape[1:3]
        # MobileSAM pads before the norm, and the norm of a zero token is the norm's bias.
        padding = self.qkv(self.norm.bias)
        qkv = partition_windows(self.qkv(self.norm(x)), self.side, fill=padding)
        qkv = qkv.reshape(qkv.shape[0], self.side**2, self.num_heads, -1).transpose(1, 2)
        q, k, v = qkv.chunk(3, dim=-1)  # windows x heads x N x D, interleaved head by head
        bias = self.attention_biases[:, self.attention_bias_idxs].to(q.dtype)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias[None])
        windows = mixed.transpose(1, 2).reshape(-1, self.side, self.side, x.shape[3])
        out: Tensor = self.proj(merge_windows(windows, height, width))
        return out


class Mlp(nn.Module):
    """A pre-norm two-layer perceptron."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Transform tokens (... x C) without changing their shape."""
        out: Tensor = self.fc2(F.gelu(self.fc1(self.norm(x))))
        return out


def _stage_blocks(config: TinyViTConfig, index: int) -> list[nn.Module]:
    dim, depth = config.embed_dims[index], config.depths[index]
    if index == 0:
        return [MBConv(dim, config.conv_expand_ratio) for _ in range(depth)]
    heads, window = config.num_heads[index], config.window_sizes[index]
    return [TinyViTBlock(dim, heads, window_size=window, mlp_ratio=config.mlp_ratio) for _ in range(depth)]
