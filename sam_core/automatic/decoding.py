"""Decode a grid of single clicks on one image: the mask decoder's own weights, its sums in a cheaper order.

The answers are those of sam_core.modeling.mask_decoder up to rounding. What makes it faster:

- Predicted IoU comes from the tokens alone, so the masks of clicks that the IoU filter drops are never computed.
- All clicks share one image without a mask prompt: its first-layer keys and values are projected once.
- Few tokens meet many image cells (7 x 8 heads against 4096), so each cross-attention projection of the image is moved
  to the token's side: q . (W k) = (W' q) . k, and sum_t p_t (W v_t) stays a sum over tokens.
- A handful of clicks at a time stays within the processor's cache.

Source: Segment Anything (arXiv 2304.02643), appendix A. Must not know: photos, thresholds, masks at original size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from sam_core.modeling.mask_decoder import NUM_MASK_TOKENS
from sam_core.modeling.sam import Sam
from sam_core.modeling.transformer import Attention, TwoWayAttentionBlock

CLICKS_AT_ONCE_CPU = 4  # 4 x 4096 x 256 floats are 16 MiB: 64 at once took 1.2 to 2 times as long, 1 at once as well
FOREGROUND, PADDING = 1, -1


@dataclass(frozen=True)
class DecodedClicks:
    """Is what the two-way transformer made of B clicks: predicted IoU (B x 4) and what the masks are made from."""

    predicted_iou: Tensor
    image_tokens: Tensor  # B x HW x C
    mask_tokens: Tensor  # B x 4 x C

    def __len__(self) -> int:
        """Return how many clicks there are."""
        return len(self.predicted_iou)


class GridDecoder:
    """Decodes single foreground clicks on one embedded image."""

    def __init__(self, sam: Sam, image_embedding: Tensor) -> None:
        """Prepare what all clicks share; image_embedding is 1 x C x grid x grid, float32, on the model's device."""
        self._sam = sam
        self._grid = image_embedding.shape[-2:]
        source = image_embedding + sam.prompt_encoder.no_mask(1)
        self._cells = source[0].flatten(1).T.contiguous()  # HW x C
        self._positions = sam.prompt_encoder.get_dense_pe()[0].flatten(1).T.contiguous()  # HW x C
        self._placed = self._cells + self._positions
        self._clicks_at_once = CLICKS_AT_ONCE_CPU if image_embedding.device.type == "cpu" else 10**9

    def decode(self, points_model: Tensor) -> list[DecodedClicks]:
        """Decode clicks (B x 2, (x, y) in model pixels) into one or more pieces, in order."""
        return [self._decode(part) for part in torch.split(points_model, self._clicks_at_once)]

    def low_res_logits(self, decoded: DecodedClicks, clicks: Sequence[int], tokens: Sequence[int]) -> Tensor:
        """Return the logits (K x 4*grid x 4*grid) of K wanted masks, given as click and mask token of a piece."""
        wanted = sorted(set(clicks))
        first, norm, _, second, _ = self._sam.mask_decoder.output_upscaling
        height, width = self._grid
        x = decoded.image_tokens[wanted]  # K' x HW x C
        x = _transposed_conv(x, first.weight, first.bias)  # type: ignore[arg-type]  # K' x HW x 4 x C/4
        x = F.gelu(F.layer_norm(x, norm.weight.shape, norm.weight, norm.bias, norm.eps))  # type: ignore[arg-type]
        x = F.gelu(_transposed_conv(x, second.weight, second.bias))  # type: ignore[arg-type]  # K' x HW x 4 x 4 x C/8
        place = {click: index for index, click in enumerate(wanted)}
        masks = []
        for click, token in zip(clicks, tokens, strict=True):
            hyper = self._sam.mask_decoder.output_hypernetworks_mlps[token](decoded.mask_tokens[click, token])
            cells = (x[place[click]] @ hyper).view(height, width, 2, 2, 2, 2)
            masks.append(cells.permute(0, 2, 4, 1, 3, 5).reshape(4 * height, 4 * width))
        return torch.stack(masks)

    def _decode(self, points_model: Tensor) -> DecodedClicks:
        decoder = self._sam.mask_decoder
        layers: list[TwoWayAttentionBlock] = list(decoder.transformer.layers)  # type: ignore[arg-type]
        tokens = self._tokens(points_model)
        queries, cells, placed = tokens, self._cells[None], self._placed[None]
        for index, layer in enumerate(layers):
            queries = _update_tokens(layer, queries, tokens, cells, placed, is_first=index == 0)
            cells = F.layer_norm(
                _image_to_tokens(layer.cross_attn_image_to_token, cells, placed, queries + tokens, queries),
                layer.norm4.normalized_shape,
                layer.norm4.weight,
                layer.norm4.bias,
                layer.norm4.eps,
            )
            placed = cells + self._positions
        attended = _tokens_to_image(decoder.transformer.final_attn_token_to_image, queries + tokens, placed, cells)
        queries = decoder.transformer.norm_final_attn(queries + attended)
        iou = decoder.iou_prediction_head(queries[:, 0])
        return DecodedClicks(iou, cells, queries[:, 1 : 1 + NUM_MASK_TOKENS])

    def _tokens(self, points_model: Tensor) -> Tensor:
        """Return the decoder's tokens of clicks, each followed by the padding point that replaces a box: B x 7 x C."""
        batch = points_model.shape[0]
        coords = torch.stack([points_model, torch.zeros_like(points_model)], dim=1)  # B x 2 x 2
        labels = torch.tensor([FOREGROUND, PADDING], device=coords.device).expand(batch, 2)
        sparse = self._sam.prompt_encoder.embed_points(coords, labels)
        decoder = self._sam.mask_decoder
        outputs = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight])[None].expand(batch, -1, -1)
        return torch.cat([outputs, sparse.to(outputs.dtype)], dim=1)


def _update_tokens(
    layer: TwoWayAttentionBlock, queries: Tensor, tokens: Tensor, cells: Tensor, placed: Tensor, *, is_first: bool
) -> Tensor:
    if layer.skip_first_layer_pe:
        queries = layer.self_attn(queries, queries, queries)
    else:
        placed_queries = queries + tokens
        queries = queries + layer.self_attn(placed_queries, placed_queries, queries)
    queries = layer.norm1(queries)
    attention = layer.cross_attn_token_to_image
    if is_first:  # one image for all clicks: its keys and values are projected once for the batch
        batch = queries.shape[0]
        attended = _shared_tokens_to_image(attention, (queries + tokens).flatten(0, 1), placed[0], cells[0])
        attended = attended.view(batch, -1, attended.shape[-1])
    else:
        attended = _tokens_to_image(attention, queries + tokens, placed, cells)
    queries = layer.norm2(queries + attended)
    return layer.norm3(queries + layer.mlp(queries))  # type: ignore[no-any-return]


def _shared_tokens_to_image(attention: Attention, queries: Tensor, placed: Tensor, cells: Tensor) -> Tensor:
    """Attend tokens (N x C) of all clicks to the cells (HW x C) of one image."""
    return attention(queries[None], placed[None], cells[None])[0]  # type: ignore[no-any-return]


def _tokens_to_image(attention: Attention, queries: Tensor, placed: Tensor, cells: Tensor) -> Tensor:
    """Attend tokens (B x T x C) to cells (B x HW x C) without projecting the cells.

    The key's bias adds the same to every logit of a token and drops out of the softmax; the attention weights add up
    to one, so the value's bias is added once.
    """
    heads, inner = attention.num_heads, attention.internal_dim // attention.num_heads
    batch, count, _ = queries.shape
    q = attention.q_proj(queries).view(batch, count, heads, inner)
    key_weight = attention.k_proj.weight.view(heads, inner, -1)
    probes = torch.einsum("bthd,hdc->bthc", q, key_weight).flatten(1, 2) / math.sqrt(inner)  # B x T*heads x C
    weights = (probes @ placed.transpose(1, 2)).softmax(dim=-1)  # B x T*heads x HW
    gathered = (weights @ cells).view(batch, count, heads, -1)  # B x T x heads x C
    value_weight = attention.v_proj.weight.view(heads, inner, -1)
    values = torch.einsum("bthc,hdc->bthd", gathered, value_weight).flatten(2) + attention.v_proj.bias
    return attention.out_proj(values)  # type: ignore[no-any-return]


def _image_to_tokens(attention: Attention, cells: Tensor, placed: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Return cells (1 or B x HW x C) plus what they attend to among tokens (B x T x C), projecting tokens alone."""
    heads, inner = attention.num_heads, attention.internal_dim // attention.num_heads
    batch, count, _ = keys.shape
    k = attention.k_proj(keys).view(batch, count, heads, inner) / math.sqrt(inner)
    v = attention.v_proj(values).view(batch, count, heads, inner)
    query_weight = attention.q_proj.weight.view(heads, inner, -1)
    probes = torch.einsum("bthd,hdc->bcht", k, query_weight).flatten(2)  # B x C x heads*T
    constant = torch.einsum("bthd,hd->bht", k, attention.q_proj.bias.view(heads, inner)).flatten(1)
    out_weight = attention.out_proj.weight.view(-1, heads, inner)
    updates = torch.einsum("bthd,chd->bhtc", v, out_weight).flatten(1, 2)  # B x heads*T x C
    updates = updates + attention.out_proj.bias / heads  # the weights of each head add up to one
    logits = torch.baddbmm(constant[:, None], placed.expand(batch, -1, -1), probes)  # B x HW x heads*T
    weights = logits.view(batch, -1, heads, count).softmax(dim=-1).flatten(2)
    return torch.baddbmm(cells, weights, updates)


def _transposed_conv(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Apply a 2 x 2 transposed convolution of stride 2 to cells (... x C): ... x 4 x C', the four new pixels by row."""
    matrix = weight.flatten(2).transpose(1, 2).flatten(1)  # C x 4*C'
    pixels = x @ matrix
    return pixels.view(*pixels.shape[:-1], 4, -1) + bias
