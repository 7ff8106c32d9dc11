"""The mask decoder in factored form: the function of mask_decoder.py, cheaper where an image has many prompts.

An image has thousands of tokens and a prompt about ten, so each cross-attention's projections move from the image's
side to the prompt's: q . (W k) = (W^T q) . k, and p (k W) W' = (p k) W W'. Only image tokens are then as large as the
image, and until a prompt changes them all prompts of an image share one copy. Transposed convolutions of kernel and
stride 2 are one linear layer per token; masks come in that order (cells), sixteen in a row for each image token.

Image tokens may be bfloat16, which processors with matrix units multiply several times faster; prompt tokens and all
parameters stay float32. Used by Sam.decode, training, evaluation and automatic masks; factored_sam2.py adds SAM 2.1's,
hq.py SAM-HQ's.
Source of the function: Segment Anything (arXiv 2304.02643), appendix A. Must not know: photos, thresholds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sam_core.modeling.layers import LayerNorm2d
from sam_core.modeling.mask_decoder import NUM_MASK_TOKENS, MaskDecoder
from sam_core.modeling.prompt_encoder import PromptEncoder
from sam_core.modeling.prompt_sketch import has_box, sketch
from sam_core.modeling.transformer import Attention, TwoWayAttentionBlock


@dataclass(frozen=True)
class ImageTerms:
    """What all prompts of I images share."""

    tokens: Tensor  # I x HW x C, without a dense prompt
    positions: Tensor  # HW x C
    finer: tuple[Tensor, ...] = ()  # added while up-scaling, in the order of cells: I x 4 HW x C/4, I x 16 HW x C/8


@dataclass(frozen=True)
class DecodedPrompts:
    """Output of the two-way transformer for B prompts."""

    predicted_iou: Tensor  # B x 4
    image_tokens: Tensor  # B x HW x C
    mask_tokens: Tensor  # B x 4 x C; SAM-HQ: B x 5 x C
    finer: tuple[Tensor, ...] = ()  # ImageTerms', for each prompt

    def __len__(self) -> int:
        """Return how many prompts there are."""
        return len(self.predicted_iou)


class FactoredDecoder:
    """Decodes prompts with the weights of a prompt encoder and a mask decoder; holds no tensor of its own.

    iou_at: place of the token that predicts IoU among the decoder's own; those of mask_count masks follow it.
    """

    iou_at, mask_count = 0, NUM_MASK_TOKENS

    def __init__(self, prompt_encoder: PromptEncoder, mask_decoder: MaskDecoder) -> None:
        self.prompt_encoder, self.mask_decoder = prompt_encoder, mask_decoder

    def own_tokens(self) -> Tensor:
        """Return the tokens (K, C) that stand before those of a prompt."""
        return torch.cat([self.mask_decoder.iou_token.weight, self.mask_decoder.mask_tokens.weight])

    def predict_iou(self, hidden: Tensor) -> Tensor:
        """Return predicted IoU (B, 4) from the IoU token's output (B, C)."""
        iou: Tensor = self.mask_decoder.iou_prediction_head(hidden)
        return iou

    def image_terms(self, embeddings: Tensor, *, dtype: torch.dtype = torch.float32) -> ImageTerms:
        """Prepare embeddings (I, C, H, W); dtype: of the image tokens."""
        positions = self.prompt_encoder.get_dense_pe()[0].flatten(1).T
        return ImageTerms(embeddings.to(dtype).flatten(2).transpose(1, 2), positions.to(dtype))

    def decode(
        self,
        terms: ImageTerms,
        coords: Tensor,
        labels: Tensor,
        mask_input: Tensor | None = None,
        *,
        is_drawn: bool = False,
        is_attended: Tensor | None = None,
    ) -> DecodedPrompts:
        """Decode prompts as PromptEncoder takes them; B is a multiple of I, an image's prompts in a row.

        is_drawn: mask_input is what the prompt encoder would sketch; take it as it is. is_attended: (B, N), false for
        points that nothing attends to, as if they were not there; None sees all.
        """
        transformer = self.mask_decoder.transformer
        keys = self._with_dense_prompt(terms.tokens, coords, labels, mask_input, is_drawn=is_drawn)
        own = self.own_tokens()
        all_own = own[None].expand(len(coords), -1, -1)
        tokens = torch.cat([all_own, self.prompt_encoder.embed_points(coords, labels)], dim=1)
        all_attended = None if is_attended is None else F.pad(is_attended, (len(own), 0), value=True)
        queries, placed = tokens, keys + terms.positions
        for layer in cast("Iterable[TwoWayAttentionBlock]", transformer.layers):
            queries, keys = _run_block(layer, queries, keys, tokens, placed, all_attended)
            placed = keys + terms.positions
        attended = tokens_to_image(transformer.final_attn_token_to_image, queries + tokens, placed, keys)
        hidden = transformer.norm_final_attn(queries + attended)
        first = self.iou_at + 1
        finer = tuple(_one_each(one, len(coords)) for one in terms.finer)
        return DecodedPrompts(
            self.predict_iou(hidden[:, self.iou_at]), keys, hidden[:, first : first + self.mask_count], finer
        )

    def masks(self, decoded: DecodedPrompts) -> Tensor:
        """Return the float32 logits of all masks in the order of cells, (B, 4, 16 HW)."""
        mlps = self.mask_decoder.output_hypernetworks_mlps
        hyper = torch.stack([mlp(decoded.mask_tokens[:, i]) for i, mlp in enumerate(mlps)], dim=1)  # B x 4 x C/8
        features = self._upscale(decoded.image_tokens, decoded.finer)
        return (hyper.to(features.dtype) @ features.transpose(1, 2)).float()

    def some_masks(self, decoded: DecodedPrompts, prompts: Sequence[int], tokens: Sequence[int]) -> Tensor:
        """Return the logits of K masks alone, named by prompt and mask token, in the order of cells: (K, 16 HW)."""
        wanted = sorted(set(prompts))
        finer = tuple(one[wanted] for one in decoded.finer)
        features = dict(zip(wanted, self._upscale(decoded.image_tokens[wanted], finer), strict=True))
        mlps = self.mask_decoder.output_hypernetworks_mlps
        return torch.stack(
            [
                features[prompt] @ mlps[token](decoded.mask_tokens[prompt, token])
                for prompt, token in zip(prompts, tokens, strict=True)
            ]
        )

    def _with_dense_prompt(
        self, tokens: Tensor, coords: Tensor, labels: Tensor, mask_input: Tensor | None, *, is_drawn: bool
    ) -> Tensor:
        """Add the dense prompt to image tokens (I, HW, C): (I, HW, C) where an image's prompts share it, else B."""
        prompt = self.prompt_encoder
        sketches = prompt.sketches and not is_drawn
        drawn = sketch(mask_input, coords, labels, prompt.mask_input_size[0]) if sketches else mask_input
        no_mask = prompt.no_mask_embed.weight.to(tokens.dtype)
        if drawn is None:
            return tokens + no_mask
        if mask_input is not None:
            return _one_each(tokens, len(coords)) + self._dense_tokens(drawn, tokens.dtype)
        rows = has_box(labels).nonzero()[:, 0]
        moved = self._dense_tokens(drawn[rows], tokens.dtype) - no_mask
        return _one_each(tokens + no_mask, len(coords)).index_add(0, rows, moved)

    def _dense_tokens(self, drawn: Tensor, dtype: torch.dtype) -> Tensor:
        return self.prompt_encoder.embed_mask(drawn).flatten(2).transpose(1, 2).to(dtype)

    def _upscale(self, image_tokens: Tensor, finer: tuple[Tensor, ...]) -> Tensor:
        """Return features (B, 16 HW, C/8): sixteen cells a token, in the order row, column, row, column."""
        first, norm, _, second, _ = cast("Iterable[Any]", self.mask_decoder.output_upscaling)
        x = _split_in_four(first, image_tokens)
        x = x + finer[0] if finer else x
        x = _split_in_four(second, F.gelu(_normed(x, norm)))
        return F.gelu(x + finer[1] if finer else x)


def cells_of(maps: Tensor, splits: int) -> Tensor:
    """Put maps (I, C, 2^splits H, 2^splits W) into the order of cells, channels last: (I, 4^splits HW, C)."""
    height, width = (int(side) for side in maps.shape[2:])
    twos = [2] * splits
    places = torch.arange(height * width, dtype=torch.int32, device=maps.device)
    split = places.reshape(height >> splits, *twos, width >> splits, *twos)
    pairs = [axis for level in range(1, splits + 1) for axis in (level, 1 + splits + level)]
    order = split.permute(0, 1 + splits, *pairs).flatten()
    # Rows of channels are moved whole: a runtime takes five times as long for one permutation of all axes.
    return maps.flatten(2).transpose(1, 2).index_select(1, order)


def in_cell_order(masks: Tensor) -> Tensor:
    """Put masks (..., 4H, 4W) into the order of cells: (..., 16 HW), sixteen in a row for each image token."""
    height, width = masks.shape[-2] // 4, masks.shape[-1] // 4
    out: Tensor = (
        masks.unflatten(-1, (width, 2, 2)).unflatten(-4, (height, 2, 2)).movedim((-3, -2), (-5, -3)).flatten(-6)
    )
    return out


def in_image_order(cells: Tensor, height: int, width: int) -> Tensor:
    """Put masks (..., 16 HW) in the order of cells into rows and columns: (..., 4H, 4W)."""
    split = cells.reshape(-1, height, width, 2, 2, 2, 2).permute(0, 1, 3, 5, 2, 4, 6)  # rows, then columns
    return split.reshape(*cells.shape[:-1], 4 * height, 4 * width)


def _run_block(
    block: TwoWayAttentionBlock,
    queries: Tensor,
    keys: Tensor,
    tokens: Tensor,
    placed: Tensor,
    is_attended: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Return new prompt tokens (B, N, C) and image tokens (B, HW, C).

    placed: keys (I or B, HW, C) at their places. is_attended: (B, N), the tokens that may be attended to.
    """
    attn_mask = None if is_attended is None else is_attended[:, None, None]
    if block.skip_first_layer_pe:
        queries = block.self_attn(queries, queries, queries, attn_mask)
    else:
        q = queries + tokens
        queries = queries + block.self_attn(q, q, queries, attn_mask)
    queries = block.norm1(queries)
    queries = block.norm2(queries + tokens_to_image(block.cross_attn_token_to_image, queries + tokens, placed, keys))
    queries = block.norm3(queries + block.mlp(queries))
    keys = add_tokens_to_image(
        block.cross_attn_image_to_token, keys, placed, queries + tokens, queries, is_attended=is_attended
    )
    return queries, _normed(keys, block.norm4)


def tokens_to_image(attention: Attention, queries: Tensor, placed: Tensor, keys: Tensor) -> Tensor:
    """Attend queries (B, N, C) to image tokens (I or B, HW, C); return (B, N, C).

    The key's bias adds one number to all scores of a query, which the softmax takes away.
    """
    heads, count = attention.num_heads, queries.shape[1]
    key_weight, value_weight = (_by_head(one.weight, heads) for one in (attention.k_proj, attention.v_proj))
    query = attention.q_proj(queries).unflatten(2, (heads, -1)) * key_weight.shape[1] ** -0.5  # B x N x H x d
    moved = torch.einsum("bnhd,hdc->bhnc", query, key_weight).flatten(1, 2).to(keys.dtype)  # B x HN x C
    moved = moved.reshape(len(keys), -1, keys.shape[2])  # an image's prompts in one product: I x THN x C
    # image tokens on the left: their gradient then comes in their own order
    scores = (placed @ moved.transpose(1, 2)).transpose(1, 2)
    attended = (scores.softmax(dim=-1) @ keys).reshape(len(queries), heads, count, -1).to(queries.dtype)
    values = torch.einsum("bhnc,hdc->bnhd", attended, value_weight) + _by_head(attention.v_proj.bias, heads)
    out: Tensor = attention.out_proj(values.flatten(2))
    return out


def add_tokens_to_image(
    attention: Attention, keys: Tensor, placed: Tensor, at: Tensor, values: Tensor, *, is_attended: Tensor | None = None
) -> Tensor:
    """Return image tokens (I or B, HW, C) plus what they attend to among prompt tokens (B, N, C): (B, HW, C)."""
    heads, (batch, count, _) = attention.num_heads, at.shape
    query_weight, query_bias = (_by_head(one, heads) for one in (attention.q_proj.weight, attention.q_proj.bias))
    key = attention.k_proj(at).unflatten(2, (heads, -1)) * query_weight.shape[1] ** -0.5  # B x N x H x d
    value = attention.v_proj(values).unflatten(2, (heads, -1))
    moved = torch.einsum("bnhd,hdc->bhnc", key, query_weight).flatten(1, 2).to(keys.dtype)  # B x HN x C
    moved = moved.reshape(len(keys), -1, keys.shape[2])  # an image's prompts in one product: I x THN x C
    shift = torch.einsum("bnhd,hd->bhn", key, query_bias)
    if is_attended is not None:
        shift = shift.masked_fill(~is_attended[:, None], -torch.inf)
    shift = shift.reshape(len(keys), 1, -1).to(keys.dtype)  # I x 1 x THN
    scores = torch.baddbmm(shift, placed, moved.transpose(1, 2)).unflatten(2, (-1, heads, count))
    shares = scores.softmax(dim=4).flatten(3).transpose(1, 2).flatten(0, 1)  # B x HW x HN
    out_weight = attention.out_proj.weight.unflatten(1, (heads, -1))  # C x H x d
    brought = torch.einsum("bnhd,chd->bhnc", value, out_weight).flatten(1, 2)  # B x HN x C
    brought = brought + attention.out_proj.bias / heads  # the shares of each head add up to one
    out: Tensor = torch.baddbmm(_one_each(keys, batch), shares, brought.to(keys.dtype))
    return out


def _by_head(parameter: Tensor, heads: int) -> Tensor:
    """Return a projection's weight as (H, d, C), its bias as (H, d)."""
    split: Tensor = parameter.unflatten(0, (heads, -1))
    return split


def _one_each(keys: Tensor, batch: int) -> Tensor:
    """Return image tokens for each of `batch` prompts; a view where they are one image's."""
    if len(keys) in (1, batch):
        return keys.expand(batch, -1, -1)
    return keys.repeat_interleave(batch // len(keys), dim=0)


def _normed(x: Tensor, norm: nn.LayerNorm | LayerNorm2d) -> Tensor:
    """Normalise x (..., C) over its last axis."""
    channels = [len(norm.weight)]  # a number, also while the decoder is traced
    if x.dtype == norm.weight.dtype:
        return F.layer_norm(x, channels, norm.weight, norm.bias, norm.eps)
    plain = F.layer_norm(x, channels, eps=norm.eps)
    # torch adds the gradients of scale and shift up in bfloat16 if given them: wrong by half over 100,000 cells
    return torch.addcmul(norm.bias.to(x.dtype), plain, norm.weight.to(x.dtype))


def _split_in_four(convolution: nn.ConvTranspose2d, x: Tensor) -> Tensor:
    """Apply a transposed convolution of kernel and stride 2 to cells (B, P, C): (B, 4 P, C')."""
    weight = convolution.weight.permute(2, 3, 1, 0).flatten(0, 2)  # 4C' x C
    bias = convolution.bias.repeat(4)  # type: ignore[union-attr]  # SAM's have one
    out: Tensor = F.linear(x, weight.to(x.dtype), bias.to(x.dtype)).unflatten(2, (4, -1)).flatten(1, 2)
    return out
