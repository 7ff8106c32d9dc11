"""The model's decoding as training wants it: the same function as Sam.decode, several times faster to differentiate.

An image has thousands of tokens and a prompt about ten, so projections move from the image's side of an attention to
the prompt's: q . (W k) = (W^T q) . k, and p (k W) W' = (p k) W W'. Nothing but image tokens themselves is then as
large as the image. Transposed convolutions of stride 2 and kernel 2 are one linear layer per token, and everything
between them works on tokens in one piece of memory; masks stay in that order (cells), as losses do not ask for one.

Image tokens are bfloat16 where asked for, which processors with matrix units multiply several times faster; the
prompt's tokens and all parameters stay float32.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sam_core.modeling.layers import LayerNorm2d
from sam_core.modeling.mask_decoder import MaskDecoder
from sam_core.modeling.prompt_encoder import PromptEncoder
from sam_core.modeling.prompt_sketch import has_box, sketch
from sam_core.modeling.sam import Sam
from sam_core.modeling.transformer import Attention, TwoWayAttentionBlock


def decode(
    sam: Sam,
    embeddings: Tensor,
    coords: Tensor,
    labels: Tensor,
    mask_input: Tensor | None = None,
    *,
    dtype: torch.dtype = torch.float32,
) -> tuple[Tensor, Tensor]:
    """Return float32 logits (B, 4, 16 HW) in the order of cells and predicted IoU (B, 4); else as Sam.decode.

    embeddings: (I, C, H, W) with B a multiple of I: the first B / I prompts are for the first image, and so on.
    dtype: of the image tokens. The rest: as in Sam.decode.
    """
    decoder, prompt = sam.mask_decoder, sam.prompt_encoder
    keys = _image_tokens(prompt, embeddings.to(dtype), coords, labels, mask_input)
    place = prompt.get_dense_pe()[0].flatten(1).to(dtype)  # C x HW
    own = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight])[None].expand(len(coords), -1, -1)
    tokens = torch.cat([own, prompt.embed_points(coords, labels)], dim=1)
    hidden, keys = _transform(decoder, keys, place, tokens)
    hyper = torch.stack(
        [mlp(hidden[:, 1 + i]) for i, mlp in enumerate(decoder.output_hypernetworks_mlps)], dim=1
    )  # B x 4 x C/8
    masks = hyper.to(dtype) @ _upscaled(decoder, keys).transpose(1, 2)
    return masks.float(), decoder.iou_prediction_head(hidden[:, 0])


def in_cell_order(masks: Tensor) -> Tensor:
    """Put masks (..., 4H, 4W) into the order of cells: (..., 16 HW), sixteen in a row for each image token."""
    height, width = masks.shape[-2] // 4, masks.shape[-1] // 4
    out: Tensor = (
        masks.unflatten(-1, (width, 2, 2)).unflatten(-4, (height, 2, 2)).movedim((-3, -2), (-5, -3)).flatten(-6)
    )
    return out


def in_image_order(cells: Tensor, height: int, width: int) -> Tensor:
    """Put masks (..., 16 HW) in the order of cells into rows and columns: (..., 4H, 4W)."""
    split = cells.unflatten(-1, (height, width, 2, 2, 2, 2))
    out: Tensor = split.movedim((-5, -3), (-3, -2)).flatten(-3).flatten(-4, -2)
    return out


def _image_tokens(
    prompt: PromptEncoder, embeddings: Tensor, coords: Tensor, labels: Tensor, mask_input: Tensor | None
) -> Tensor:
    """Return an image's tokens with the dense prompt added, one image a prompt: (B, HW, C)."""
    times = len(coords) // len(embeddings)
    drawn = sketch(mask_input, coords, labels, prompt.mask_input_size[0]) if prompt.sketches else mask_input
    tokens = embeddings.flatten(2).transpose(1, 2)  # I x HW x C
    no_mask = prompt.no_mask_embed.weight.to(tokens.dtype)
    if drawn is None:
        return (tokens + no_mask).repeat_interleave(times, dim=0)
    if mask_input is not None:
        return tokens.repeat_interleave(times, dim=0) + _dense_tokens(prompt, drawn, tokens.dtype)
    rows = has_box(labels).nonzero()[:, 0]
    moved = _dense_tokens(prompt, drawn[rows], tokens.dtype) - no_mask
    return (tokens + no_mask).repeat_interleave(times, dim=0).index_add(0, rows, moved)


def _dense_tokens(prompt: PromptEncoder, drawn: Tensor, dtype: torch.dtype) -> Tensor:
    return prompt.embed_mask(drawn).flatten(2).transpose(1, 2).to(dtype)


def _transform(decoder: MaskDecoder, keys: Tensor, place: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Run the two-way transformer on image tokens (B, HW, C) at place (C, HW) and prompt tokens (B, N, C)."""
    transformer = decoder.transformer
    queries = tokens
    for layer in transformer.layers:
        queries, keys = _block(layer, queries, keys, tokens, place)  # type: ignore[arg-type]
    attended = tokens_to_image(transformer.final_attn_token_to_image, queries + tokens, keys, place)
    return transformer.norm_final_attn(queries + attended), keys


def _block(
    block: TwoWayAttentionBlock, queries: Tensor, keys: Tensor, tokens: Tensor, place: Tensor
) -> tuple[Tensor, Tensor]:
    if block.skip_first_layer_pe:
        queries = block.self_attn(queries, queries, queries)
    else:
        q = queries + tokens
        queries = queries + block.self_attn(q, q, queries)
    queries = block.norm1(queries)
    queries = block.norm2(queries + tokens_to_image(block.cross_attn_token_to_image, queries + tokens, keys, place))
    queries = block.norm3(queries + block.mlp(queries))
    keys = keys + image_to_tokens(block.cross_attn_image_to_token, keys, place, queries + tokens, queries)
    return queries, _normed(keys, block.norm4)


def _heads(linear: nn.Linear, num_heads: int) -> tuple[Tensor, Tensor]:
    """Return weight (H, d, C) and bias (H, d) of a projection to heads."""
    return linear.weight.unflatten(0, (num_heads, -1)), linear.bias.unflatten(0, (num_heads, -1))


def tokens_to_image(attention: Attention, queries: Tensor, keys: Tensor, place: Tensor) -> Tensor:
    """Attend queries (B, N, C) to image tokens (B, HW, C), whose keys are at place (C, HW); return (B, N, C)."""
    heads, count = attention.num_heads, queries.shape[1]
    key_weight, _ = _heads(attention.k_proj, heads)  # its bias adds one number to all scores of a query: nothing
    value_weight, value_bias = _heads(attention.v_proj, heads)
    query = attention.q_proj(queries).unflatten(2, (heads, -1)) * key_weight.shape[1] ** -0.5  # B x N x H x d
    moved = torch.einsum("bnhd,hdc->bhnc", query, key_weight).flatten(1, 2).to(keys.dtype)  # B x HN x C
    scores = _scores(moved, keys, place)
    seen = (scores.softmax(dim=-1) @ keys).unflatten(1, (heads, count)).to(queries.dtype)  # B x H x N x C
    values = torch.einsum("bhnc,hdc->bnhd", seen, value_weight) + value_bias
    out: Tensor = attention.out_proj(values.flatten(2))
    return out


def image_to_tokens(attention: Attention, keys: Tensor, place: Tensor, at: Tensor, values: Tensor) -> Tensor:
    """Attend image tokens (B, HW, C) at place (C, HW) to prompt tokens at (B, N, C) with values (B, N, C)."""
    heads, count = attention.num_heads, at.shape[1]
    query_weight, query_bias = _heads(attention.q_proj, heads)
    key = attention.k_proj(at).unflatten(2, (heads, -1)) * query_weight.shape[1] ** -0.5  # B x N x H x d
    value = attention.v_proj(values).unflatten(2, (heads, -1))
    moved = torch.einsum("bnhd,hdc->bhnc", key, query_weight).flatten(1, 2).to(keys.dtype)  # B x HN x C
    shift = torch.einsum("bnhd,hd->bhn", key, query_bias).flatten(1, 2).to(keys.dtype)[..., None]
    scores = _scores(moved, keys, place) + shift
    shares = scores.unflatten(1, (heads, count)).softmax(dim=2).flatten(1, 2)
    out_weight = attention.out_proj.weight.unflatten(1, (heads, -1))  # C x H x d
    brought = torch.einsum("bnhd,chd->bhnc", value, out_weight).flatten(1, 2).to(keys.dtype)  # B x HN x C
    out: Tensor = shares.transpose(1, 2) @ brought + attention.out_proj.bias.to(keys.dtype)
    return out


def _scores(queries: Tensor, keys: Tensor, place: Tensor) -> Tensor:
    """Return queries . (keys + place), (B, Q, HW), for queries (B, Q, C), keys (B, HW, C) and place (C, HW)."""
    # keys on the left: their gradient then comes in their own order
    return (keys @ queries.transpose(1, 2)).transpose(1, 2) + queries @ place


def _upscaled(decoder: MaskDecoder, keys: Tensor) -> Tensor:
    """Return features (B, HW * 16, C/8): sixteen cells a token, in the order row, column, row, column."""
    first, norm, _, second, _ = decoder.output_upscaling
    x = _split_in_four(first, keys)  # type: ignore[arg-type]
    x = F.gelu(_normed(x, norm))  # type: ignore[arg-type]
    return F.gelu(_split_in_four(second, x))  # type: ignore[arg-type]


def _normed(x: Tensor, norm: nn.LayerNorm | LayerNorm2d) -> Tensor:
    """Normalise x (..., C) over its last axis."""
    plain = F.layer_norm(x, x.shape[-1:], eps=norm.eps)
    # torch adds the gradients of scale and shift up in bfloat16 if given them: wrong by half over 100,000 cells
    return torch.addcmul(norm.bias.to(x.dtype), plain, norm.weight.to(x.dtype))


def _split_in_four(convolution: nn.ConvTranspose2d, x: Tensor) -> Tensor:
    """Apply a transposed convolution of kernel and stride 2 to cells (B, P, C): (B, 4 P, C')."""
    weight = convolution.weight.permute(2, 3, 1, 0).flatten(0, 2)  # 4C' x C
    bias = convolution.bias.repeat(4)  # type: ignore[union-attr]
    out: Tensor = F.linear(x, weight.to(x.dtype), bias.to(x.dtype)).unflatten(2, (4, -1)).flatten(1, 2)
    return out
