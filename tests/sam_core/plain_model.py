"""SAM written down once more, as plainly as possible, to compare the real modules with.

Functions of a state dict and tensors: explicit attention with an explicit bias, loops over windows and heads, zero
padding where the paper pads. Slow on purpose; nothing here is shared with sam_core.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - as everywhere in torch

State = Mapping[str, Tensor]


def part_of(state: State, prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def linear(x: Tensor, state: State, name: str) -> Tensor:
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def layer_norm(x: Tensor, state: State, name: str, eps: float) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return (
        centred / torch.sqrt(centred.pow(2).mean(-1, keepdim=True) + eps) * state[f"{name}.weight"]
        + state[f"{name}.bias"]
    )


def channel_norm(x: Tensor, state: State, name: str) -> Tensor:
    """Normalise B x C x H x W over C."""
    return layer_norm(x.permute(0, 2, 3, 1), state, name, 1e-6).permute(0, 3, 1, 2)


def neck(x: Tensor, state: State) -> Tensor:
    x = channel_norm(F.conv2d(x, state["neck.0.weight"]), state, "neck.1")
    return channel_norm(F.conv2d(x, state["neck.2.weight"], padding=1), state, "neck.3")


def softmax_attention(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | float = 0.0) -> Tensor:
    """Attend queries (... x N x D) to keys and values (... x M x D); bias is ... x N x M."""
    logits = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + bias
    return torch.softmax(logits, dim=-1) @ v


def vit_attention(x: Tensor, state: State, heads: int) -> Tensor:
    """Attend within one square of tokens (S x S x C) with decomposed relative positions."""
    side, dim = x.shape[0], x.shape[2]
    tokens = x.reshape(side * side, dim)
    q, k, v = linear(tokens, state, "qkv").split(dim, dim=1)
    rows = torch.arange(side).repeat_interleave(side)
    columns = torch.arange(side).repeat(side)
    by_row = state["rel_pos_h"][rows[:, None] - rows[None, :] + side - 1]  # N x N x D
    by_column = state["rel_pos_w"][columns[:, None] - columns[None, :] + side - 1]
    width = dim // heads
    mixed = []
    for head in range(heads):
        part = slice(head * width, (head + 1) * width)
        bias = torch.einsum("nd,nmd->nm", q[:, part], by_row) + torch.einsum("nd,nmd->nm", q[:, part], by_column)
        mixed.append(softmax_attention(q[:, part], k[:, part], v[:, part], bias))
    return linear(torch.cat(mixed, dim=1), state, "proj").reshape(side, side, dim)


def in_windows(x: Tensor, side: int, work: Any) -> Tensor:
    """Apply work to each side x side window of one grid (H x W x C), padded with zeros below and to the right."""
    height, width = x.shape[:2]
    padded = F.pad(x, (0, 0, 0, -width % side, 0, -height % side))
    out = torch.zeros_like(padded)
    for top in range(0, padded.shape[0], side):
        for left in range(0, padded.shape[1], side):
            window = slice(top, top + side), slice(left, left + side)
            out[window] = work(padded[window])
    return out[:height, :width]


def vit_encoder(state: State, images: Tensor, *, heads: int, window: int, global_blocks: tuple[int, ...]) -> Tensor:
    """Encode normalised images with a ViT of any depth; LayerNorm's epsilon is 1e-6."""
    patch = state["patch_embed.proj.weight"].shape[-1]
    x = F.conv2d(images, state["patch_embed.proj.weight"], state["patch_embed.proj.bias"], stride=patch)
    x = x.permute(0, 2, 3, 1) + state["pos_embed"]
    depth = len({key.split(".")[1] for key in state if key.startswith("blocks.")})
    for index in range(depth):
        block = part_of(state, f"blocks.{index}.")
        normed = layer_norm(x, block, "norm1", 1e-6)
        side = x.shape[1] if index in global_blocks else window
        attention = part_of(block, "attn.")
        x = x + torch.stack(
            [in_windows(one, side, lambda w, a=attention: vit_attention(w, a, heads)) for one in normed]
        )
        hidden = F.gelu(linear(layer_norm(x, block, "norm2", 1e-6), block, "mlp.lin1"))
        x = x + linear(hidden, block, "mlp.lin2")
    return neck(x.permute(0, 3, 1, 2), state)


def conv_bn(x: Tensor, state: State, name: str, *, stride: int = 1, is_depthwise: bool = False) -> Tensor:
    weight = state[f"{name}.c.weight"]
    groups = weight.shape[0] if is_depthwise else 1
    x = F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2, groups=groups)
    mean, variance, scale, shift = (
        state[f"{name}.bn.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / torch.sqrt(variance + 1e-5) * scale + shift


def tiny_vit_attention(x: Tensor, state: State, heads: int) -> Tensor:
    """Attend within one window (S x S x C), the norm included, with a bias for each (|dy|, |dx|)."""
    side, dim = x.shape[0], x.shape[2]
    tokens = layer_norm(x.reshape(side * side, dim), state, "norm", 1e-5)
    qkv = linear(tokens, state, "qkv").reshape(side * side, heads, 3, dim // heads)
    offsets: dict[tuple[int, int], int] = {}
    positions = [(y, x) for y in range(side) for x in range(side)]
    index = [
        [offsets.setdefault((abs(a[0] - b[0]), abs(a[1] - b[1])), len(offsets)) for b in positions] for a in positions
    ]
    bias = state["attention_biases"][:, torch.tensor(index)]
    q, k, v = qkv.unbind(2)  # each N x heads x D
    mixed = [softmax_attention(q[:, head], k[:, head], v[:, head], bias[head]) for head in range(heads)]
    return linear(torch.cat(mixed, dim=1), state, "proj").reshape(side, side, dim)


def tiny_vit_block(x: Tensor, state: State, *, heads: int, window: int) -> Tensor:
    """One block on B x H x W x C."""
    attention = part_of(state, "attn.")
    x = x + torch.stack([in_windows(one, window, lambda w: tiny_vit_attention(w, attention, heads)) for one in x])
    x = conv_bn(x.permute(0, 3, 1, 2), state, "local_conv", is_depthwise=True).permute(0, 2, 3, 1)
    hidden = F.gelu(linear(layer_norm(x, state, "mlp.norm", 1e-5), state, "mlp.fc1"))
    return x + linear(hidden, state, "mlp.fc2")


def tiny_vit_encoder(state: State, images: Tensor, *, heads: tuple[int, ...], windows: tuple[int, ...]) -> Tensor:
    """Encode normalised images; the last merging keeps the resolution."""
    x = F.gelu(conv_bn(images, state, "patch_embed.seq.0", stride=2))
    x = conv_bn(x, state, "patch_embed.seq.2", stride=2)
    for stage in range(4):
        layer = part_of(state, f"layers.{stage}.")
        for index in range(len({key.split(".")[1] for key in layer if key.startswith("blocks.")})):
            block = part_of(layer, f"blocks.{index}.")
            if stage == 0:
                hidden = F.gelu(conv_bn(F.gelu(conv_bn(x, block, "conv1")), block, "conv2", is_depthwise=True))
                x = F.gelu(conv_bn(hidden, block, "conv3") + x)
            else:
                tokens = tiny_vit_block(x.permute(0, 2, 3, 1), block, heads=heads[stage], window=windows[stage])
                x = tokens.permute(0, 3, 1, 2)
        if stage < 3:
            x = F.gelu(conv_bn(x, layer, "downsample.conv1"))
            x = F.gelu(conv_bn(x, layer, "downsample.conv2", stride=1 if stage == 2 else 2, is_depthwise=True))
            x = conv_bn(x, layer, "downsample.conv3")
    return neck(x, state)


def fourier(state: State, unit: Tensor) -> Tensor:
    angles = 2 * math.pi * ((2 * unit - 1) @ state["pe_layer.positional_encoding_gaussian_matrix"])
    return torch.cat([torch.sin(angles), torch.cos(angles)], dim=-1)


def sparse_tokens(state: State, coords: Tensor, labels: Tensor, image_size: int) -> Tensor:
    """Encode one prompt's points and corners (T x 2, T): position plus a learnt kind, or "not a point" alone."""
    tokens = []
    for point, label in zip(coords, labels.tolist(), strict=True):
        if label == -1:
            tokens.append(state["not_a_point_embed.weight"][0])
        else:
            tokens.append(
                fourier(state, (point + 0.5) / image_size) + state[f"point_embeddings.{int(label)}.weight"][0]
            )
    return torch.stack(tokens)


def dense_map(state: State, mask: Tensor | None, grid: int) -> Tensor:
    """Encode a mask prompt (1 x 1 x 4G x 4G), or the absence of one."""
    if mask is None:
        return state["no_mask_embed.weight"].reshape(1, -1, 1, 1).expand(1, -1, grid, grid)
    x = mask
    for index in (0, 3):
        x = F.conv2d(x, state[f"mask_downscaling.{index}.weight"], state[f"mask_downscaling.{index}.bias"], stride=2)
        x = F.gelu(channel_norm(x, state, f"mask_downscaling.{index + 1}"))
    return F.conv2d(x, state["mask_downscaling.6.weight"], state["mask_downscaling.6.bias"])


def grid_positions(state: State, grid: int) -> Tensor:
    """Encode the centres of the embedding's cells, row by row (G*G x C)."""
    centres = [[(x + 0.5) / grid, (y + 0.5) / grid] for y in range(grid) for x in range(grid)]
    return fourier(state, torch.tensor(centres))


def attend(state: State, name: str, q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    part = part_of(state, f"{name}.")
    q, k, v = linear(q, part, "q_proj"), linear(k, part, "k_proj"), linear(v, part, "v_proj")
    width = q.shape[1] // heads
    mixed = [softmax_attention(*(t[:, head * width : (head + 1) * width] for t in (q, k, v))) for head in range(heads)]
    return linear(torch.cat(mixed, dim=1), part, "out_proj")


def two_way(state: State, image: Tensor, positions: Tensor, tokens: Tensor, heads: int) -> tuple[Tensor, Tensor]:
    """Run the two-way transformer on one prompt: image tokens (G*G x C), prompt tokens (T x C)."""
    queries, keys = tokens, image
    for index in range(2):
        layer = part_of(state, f"layers.{index}.")
        if index == 0:
            queries = attend(layer, "self_attn", queries, queries, queries, heads)
        else:
            placed = queries + tokens
            queries = queries + attend(layer, "self_attn", placed, placed, queries, heads)
        queries = layer_norm(queries, layer, "norm1", 1e-5)
        update = attend(layer, "cross_attn_token_to_image", queries + tokens, keys + positions, keys, heads)
        queries = layer_norm(queries + update, layer, "norm2", 1e-5)
        update = linear(torch.relu(linear(queries, layer, "mlp.lin1")), layer, "mlp.lin2")
        queries = layer_norm(queries + update, layer, "norm3", 1e-5)
        update = attend(layer, "cross_attn_image_to_token", keys + positions, queries + tokens, queries, heads)
        keys = layer_norm(keys + update, layer, "norm4", 1e-5)
    update = attend(state, "final_attn_token_to_image", queries + tokens, keys + positions, keys, heads)
    return layer_norm(queries + update, state, "norm_final_attn", 1e-5), keys


def perceptron(x: Tensor, state: State, name: str) -> Tensor:
    for index in range(3):
        x = linear(x, state, f"{name}.layers.{index}")
        x = torch.relu(x) if index < 2 else x
    return x


def decode(state: State, embedding: Tensor, sparse: Tensor, dense: Tensor, *, heads: int) -> tuple[Tensor, Tensor]:
    """Decode one prompt: low-res logits (4 x 4G x 4G) and predicted IoU (4)."""
    decoder, grid = part_of(state, "mask_decoder."), embedding.shape[-1]
    own = torch.cat([decoder["iou_token.weight"], decoder["mask_tokens.weight"]])
    image = (embedding + dense)[0].flatten(1).T
    positions = grid_positions(part_of(state, "prompt_encoder."), grid)
    transformer = part_of(decoder, "transformer.")
    tokens, image = two_way(transformer, image, positions, torch.cat([own, sparse]), heads)
    up = image.T.reshape(1, -1, grid, grid)
    name = "output_upscaling"
    up = F.conv_transpose2d(up, decoder[f"{name}.0.weight"], decoder[f"{name}.0.bias"], stride=2)
    up = F.gelu(channel_norm(up, decoder, f"{name}.1"))
    up = F.gelu(F.conv_transpose2d(up, decoder[f"{name}.3.weight"], decoder[f"{name}.3.bias"], stride=2))
    masks = [
        (perceptron(tokens[1 + i], decoder, f"output_hypernetworks_mlps.{i}")[:, None, None] * up[0]).sum(0)
        for i in range(4)
    ]
    return torch.stack(masks), perceptron(tokens[0], decoder, "iou_prediction_head")
