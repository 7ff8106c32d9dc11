"""The default model's image encoder: EfficientNet-Lite0 with a feature pyramid that ends at stride 8.

Sources: EfficientNet-Lite (Apache-2.0, TensorFlow "same" padding, ReLU6, no squeeze-excite); feature pyramids
(arXiv 1612.03144). Batch norm is frozen: it lives in each convolution as a fixed scale and a trainable bias,
so that training and inference compute the same function and export folds it away for nothing.

Detail below the embedding's stride reaches it by space-to-depth of the stride-4 map, and far context by attention: ten
blocks at stride 32, where there are only 256 tokens, and six at stride 16. All but the first two turn queries and keys
by their place (rotary embedding, arXiv 2104.09864, for each axis), so that things that look alike stay apart.

The neck grew while it was trained (docs/adr/0007): a block added to it begins as the identity and says so by
begins_as_identity, so that weights from before it load and give what they gave.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sam_core.modeling.layers import LayerNorm2d, MLPBlock

# (kernel, stride, expansion, output channels) of EfficientNet-Lite0's sixteen blocks
LITE0_BLOCKS: tuple[tuple[int, int, int, int], ...] = (
    (3, 1, 1, 16),
    *((3, 2, 6, 24), (3, 1, 6, 24)),
    *((5, 2, 6, 40), (5, 1, 6, 40)),
    *((3, 2, 6, 80), (3, 1, 6, 80), (3, 1, 6, 80)),
    *((5, 1, 6, 112), (5, 1, 6, 112), (5, 1, 6, 112)),
    *((5, 2, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192)),
    (3, 1, 6, 320),
)
STEM_CHANNELS = 32
# the last block at stride 4, 8, 16 and 32, and its channels
TAPS = {2: 24, 4: 40, 10: 112, 15: 320}
SLOWEST = 100.0


class ScaledConv(nn.Module):
    """Convolution with TensorFlow's "same" padding, a fixed output scale and a bias: conv plus frozen batch norm."""

    scale: Tensor

    def __init__(self, cin: int, cout: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(cout, cin // groups, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(cout))
        self.register_buffer("scale", torch.ones(cout))
        self.kernel, self.stride, self.groups = kernel, stride, groups
        nn.init.kaiming_normal_(self.weight, mode="fan_out")

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight * self.scale[:, None, None, None]
        if self.stride == 1:
            return F.conv2d(x, weight, self.bias, padding=self.kernel // 2, groups=self.groups)
        # "same" for even sizes and stride 2 pads one pixel more at the bottom and the right
        total = self.kernel - self.stride
        before, after = total // 2, total - total // 2
        x = F.pad(x, (before, after, before, after))
        return F.conv2d(x, weight, self.bias, stride=self.stride, groups=self.groups)


class InvertedResidual(nn.Module):
    """Expand, depth-wise convolve, project; add the input where shapes agree."""

    def __init__(self, cin: int, cout: int, *, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        mid = cin * expansion
        self.expand = ScaledConv(cin, mid, 1) if expansion > 1 else None
        self.depthwise = ScaledConv(mid, mid, kernel, stride=stride, groups=mid)
        self.project = ScaledConv(mid, cout, 1)
        self.has_skip = stride == 1 and cin == cout

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(y)))
        out: Tensor = x + y if self.has_skip else y
        return out


def rotary_angles(height: int, width: int, half: int, *, like: Tensor) -> Tensor:
    """Return angles (height * width, half) in radians: half of them turn with a cell's column, half with its row.

    The first turns one radian a cell, each next one is slower by the same factor, down to nearly one in SLOWEST cells.
    """
    steps = torch.arange(half // 2, device=like.device, dtype=like.dtype)
    rates = SLOWEST ** (-steps / (half // 2))
    rows = torch.arange(height, device=like.device, dtype=like.dtype)[:, None, None] * rates
    columns = torch.arange(width, device=like.device, dtype=like.dtype)[None, :, None] * rates
    shape = (height, width, half // 2)
    return torch.cat([columns.expand(shape), rows.expand(shape)], dim=-1).flatten(0, 1)


def rotated(x: Tensor, angles: Tensor) -> Tensor:
    """Turn each pair (x[i], x[i + c/2]) of x (..., tokens, c) by angles (tokens, c/2)."""
    first, second = x.chunk(2, dim=-1)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


def zero(layer: nn.Linear | nn.Conv2d) -> None:
    """Let a residual branch that ends with layer begin by adding nothing. In place."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


class ContextBlock(nn.Module):
    """Pre-norm self-attention and MLP over all cells of a small map.

    has_place: queries and keys turn with their cell's place. Such a block begins as the identity.
    """

    begins_as_identity: bool

    def __init__(self, dim: int, num_heads: int, *, has_place: bool = False) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = MLPBlock(dim, 2 * dim)
        self.num_heads = num_heads
        self.has_place = has_place
        self.begins_as_identity = has_place
        if has_place:
            zero(self.proj)
            zero(self.mlp.lin2)

    def forward(self, grid: Tensor) -> Tensor:
        """Map (B, dim, height, width) to the same shape."""
        height, width = grid.shape[-2:]
        x = grid.flatten(2).transpose(1, 2)  # B x HW x c
        qkv = self.qkv(self.norm1(x)).unflatten(2, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = qkv[0], qkv[1], qkv[2]  # B x heads x HW x c
        if self.has_place:
            angles = rotary_angles(height, width, query.shape[-1] // 2, like=query)
            query, key = rotated(query, angles), rotated(key, angles)
        attended = F.scaled_dot_product_attention(query, key, value)
        x = x + self.proj(attended.transpose(1, 2).flatten(2))
        x = x + self.mlp(self.norm2(x))
        out: Tensor = x.transpose(1, 2).unflatten(2, (height, width))
        return out


class ConvBlock(nn.Module):
    """Depth-wise 5x5, then an inverted bottleneck per pixel; residual (arXiv 2201.03545)."""

    def __init__(self, dim: int, *, begins_as_identity: bool = False) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(dim, dim, 5, padding=2, groups=dim)
        self.norm = LayerNorm2d(dim)
        self.expand = nn.Conv2d(dim, 2 * dim, 1)
        self.project = nn.Conv2d(2 * dim, dim, 1)
        self.begins_as_identity = begins_as_identity
        if begins_as_identity:
            zero(self.project)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.project(F.gelu(self.expand(self.norm(self.depthwise(x)))))
        return out


class LiteNeck(nn.Module):
    """Merge the maps at stride 4, 8, 16 and 32 into one at stride 8."""

    def __init__(self, out_chans: int, context_dim: int = 192) -> None:
        super().__init__()
        c4, c8, c16, c32 = TAPS.values()
        self.lateral4 = nn.Conv2d(4 * c4, out_chans, 1)
        self.lateral8 = nn.Conv2d(c8, out_chans, 1)
        self.lateral16 = nn.Conv2d(c16, out_chans, 1)
        self.to_context = nn.Conv2d(c32, context_dim, 1)
        self.context = nn.Sequential(*(ContextBlock(context_dim, num_heads=6) for _ in range(2)))
        self.context32 = nn.Sequential(*(ContextBlock(context_dim, num_heads=6, has_place=True) for _ in range(8)))
        self.from_context = nn.Conv2d(context_dim, out_chans, 1)
        self.merge16 = ConvBlock(out_chans)
        self.context16 = nn.Sequential(*(ContextBlock(out_chans, num_heads=4, has_place=True) for _ in range(6)))
        self.merge8 = nn.Sequential(*(ConvBlock(out_chans, begins_as_identity=index >= 2) for index in range(4)))
        self.norm = LayerNorm2d(out_chans)

    def forward(self, f4: Tensor, f8: Tensor, f16: Tensor, f32: Tensor) -> Tensor:
        p32 = self.from_context(self.context32(self.context(self.to_context(f32))))
        up = F.interpolate(p32, scale_factor=2.0, mode="bilinear", align_corners=False)
        p16 = self.context16(self.merge16(self.lateral16(f16) + up))
        up = F.interpolate(p16, scale_factor=2.0, mode="bilinear", align_corners=False)
        p8 = self.lateral8(f8) + self.lateral4(F.pixel_unshuffle(f4, 2)) + up
        out: Tensor = self.norm(self.merge8(p8))
        return out


class LiteImageEncoder(nn.Module):
    """Encode normalised images (B, 3, S, S), S a multiple of 32, as (B, out_chans, S/8, S/8)."""

    def __init__(self, img_size: int, out_chans: int) -> None:
        super().__init__()
        self.img_size = img_size
        self.stem = ScaledConv(3, STEM_CHANNELS, 3, stride=2)
        blocks: list[nn.Module] = []
        cin = STEM_CHANNELS
        for kernel, stride, expansion, cout in LITE0_BLOCKS:
            blocks.append(InvertedResidual(cin, cout, kernel=kernel, stride=stride, expansion=expansion))
            cin = cout
        self.blocks = nn.ModuleList(blocks)
        self.neck = LiteNeck(out_chans)

    def forward(self, x: Tensor) -> Tensor:
        taps: list[Tensor] = []
        self.run_blocks(self.start(x), taps, 0, len(self.blocks))
        out: Tensor = self.neck(*taps)
        return out

    def start(self, x: Tensor) -> Tensor:
        """Return the stem's map at stride 2."""
        return F.relu6(self.stem(x))

    def run_blocks(self, x: Tensor, taps: list[Tensor], first: int, end: int) -> Tensor:
        """Run blocks first to end - 1 on x; what the neck wants of them is added to taps."""
        for index in range(first, end):
            x = self.blocks[index](x)
            if index in TAPS:
                taps.append(x)
        return x
