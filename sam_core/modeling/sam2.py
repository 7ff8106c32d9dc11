"""SAM 2.1 on single images: Hiera, square inputs, three embedding tensors, a decoder that reads finer features as well.

Source: SAM 2 (arXiv 2408.00714), appendix D, and its published code. Names are the published checkpoints'; what belongs
to video alone (VIDEO_PARTS) is not built. Must not know: images as files, prompts as objects.
"""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sam_core.embedding import TensorSpec
from sam_core.geometry import Square
from sam_core.modeling.factored_decoder import ImageTerms, in_image_order
from sam_core.modeling.factored_sam2 import MOST_CERTAIN, FactoredHighResDecoder, limited, padded_boxes
from sam_core.modeling.hiera import HieraConfig, HieraEncoder
from sam_core.modeling.layers import MLP
from sam_core.modeling.mask_decoder import NUM_MASK_TOKENS, MaskDecoder
from sam_core.modeling.prompt_encoder import PromptEncoder
from sam_core.modeling.promptable import Embedding, PromptableModel
from sam_core.modeling.published import (
    DECODER_DEPTH,
    DECODER_HEADS,
    DECODER_MLP_DIM,
    PIXEL_MEAN,
    PIXEL_STD,
)
from sam_core.modeling.transformer import TwoWayTransformer

IMAGE_SIZE, STRIDE, DIM = 1024, 16, 256
IMAGE_EMBED, HIGH_RES_0, HIGH_RES_1 = "image_embed", "high_res_feats_0", "high_res_feats_1"
STABILITY_DELTA, STABILITY_THRESHOLD = 0.05, 0.98  # published for single images
VIDEO_PARTS = (
    "memory_attention.",
    "memory_encoder.",
    "mask_downsample.",
    "maskmem_tpos_enc",
    "no_mem_pos_enc",
    "no_obj_",
    "obj_ptr_",
)

TINY = HieraConfig(embed_dim=96, num_heads=1, stages=(1, 2, 7, 2), global_blocks=(5, 7, 9))
SMALL = HieraConfig(embed_dim=96, num_heads=1, stages=(1, 2, 11, 2), global_blocks=(7, 10, 13))
BASE_PLUS = HieraConfig(embed_dim=112, num_heads=2, stages=(2, 3, 16, 3), global_blocks=(12, 16, 20), background=14)
LARGE = HieraConfig(embed_dim=144, num_heads=2, stages=(2, 6, 36, 4), global_blocks=(23, 33, 43), windows=(8, 4, 16, 8))
# for tests: on its grid of 8 x 8 at stride 16, windows of 6 and 3 do not divide their stages
MINIATURE = HieraConfig(
    embed_dim=8, num_heads=1, stages=(1, 2, 3, 2), global_blocks=(4,), windows=(8, 4, 6, 3), background=3
)
MINIATURE_SIDE, MINIATURE_DIM = 128, 32


class HighResMaskDecoder(MaskDecoder):
    """SAM's mask decoder with finer features added while it up-scales, a sigmoid on the IoU, and an object score."""

    def __init__(self, dim: int, *, heads: int = DECODER_HEADS, mlp_dim: int = DECODER_MLP_DIM) -> None:
        super().__init__(dim, TwoWayTransformer(DECODER_DEPTH, dim, heads, mlp_dim=mlp_dim), iou_head_hidden_dim=dim)
        for layer in self.transformer.layers:
            layer.mlp = MLP(dim, mlp_dim, dim, num_layers=2)  # the published names
        self.obj_score_token = nn.Embedding(1, dim)
        self.pred_obj_score_head = MLP(dim, dim, 1, num_layers=3)
        self.conv_s0 = nn.Conv2d(dim, dim // 8, kernel_size=1)
        self.conv_s1 = nn.Conv2d(dim, dim // 4, kernel_size=1)

    def decode(
        self, embedding: Embedding, image_pe: Tensor, sparse: Tensor, dense: Tensor, *, is_attended: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits (B, 4, 4H, 4W), predicted IoU (B, 4) and the object score (B, 1), a logit.

        embedding: of 1 or B images. image_pe: (1, C, H, W). sparse: (B, N, C), of which only those count that
        is_attended (B, N) says. dense: (B, C, H, W).
        """
        batch, (height, width) = len(sparse), dense.shape[-2:]
        own = torch.cat([self.obj_score_token.weight, self.iou_token.weight, self.mask_tokens.weight])
        tokens = torch.cat([own[None].expand(batch, -1, -1), sparse], dim=1)  # B x N x C
        keys = (embedding[IMAGE_EMBED] + dense).flatten(2).transpose(1, 2)  # B x HW x C
        attn_mask = F.pad(is_attended, (len(own), 0), value=True)[:, None, None]  # B x 1 x 1 x N
        hidden, keys = self.transformer(keys, image_pe.flatten(2).transpose(1, 2), tokens, attn_mask)
        upscaled = self._upscale(keys.transpose(1, 2).unflatten(2, (height, width)), embedding)
        mask_tokens = hidden[:, 2 : 2 + NUM_MASK_TOKENS]
        hyper = torch.stack([mlp(mask_tokens[:, i]) for i, mlp in enumerate(self.output_hypernetworks_mlps)], dim=1)
        masks = (hyper @ upscaled.flatten(2)).unflatten(2, upscaled.shape[-2:])
        return masks, self.iou_prediction_head(hidden[:, 1]).sigmoid(), self.pred_obj_score_head(hidden[:, 0])

    def _upscale(self, features: Tensor, embedding: Embedding) -> Tensor:
        """Return (B, C / 8, 4H, 4W)."""
        first, norm, gelu, second, _ = self.output_upscaling
        x = gelu(norm(first(features) + embedding[HIGH_RES_1]))
        return F.gelu(second(x) + embedding[HIGH_RES_0])


class Sam2(PromptableModel):
    """SAM 2.1, image by image."""

    def __init__(
        self,
        config: HieraConfig,
        *,
        image_size: int = IMAGE_SIZE,
        dim: int = DIM,
        decoder: HighResMaskDecoder | None = None,
    ) -> None:
        """Build a variant; another image_size, dim and decoder make a small one for tests."""
        super().__init__(pixel_mean=PIXEL_MEAN, pixel_std=PIXEL_STD)
        grid = image_size // STRIDE
        self.dim = dim
        self.image_encoder = HieraEncoder(config, out_dim=dim)
        self.sam_prompt_encoder = PromptEncoder(dim, (grid, grid), (image_size, image_size))
        self.sam_mask_decoder = decoder or HighResMaskDecoder(dim)
        self.no_mem_embed = nn.Parameter(torch.zeros(1, 1, dim))

    @property
    def geometry(self) -> Square:
        """How photos become the model's input, and the way back."""
        return Square(self.sam_prompt_encoder.input_image_size[0])

    @property
    def mask_side(self) -> int:
        """Side of the low-res logits."""
        return 4 * self.sam_prompt_encoder.image_embedding_size[0]

    @property
    def embedding(self) -> tuple[TensorSpec, ...]:
        """The tensors of one image's embedding, as the published decoder takes them."""
        side = self.mask_side
        return (
            TensorSpec(IMAGE_EMBED, (1, self.dim, side // 4, side // 4)),
            TensorSpec(HIGH_RES_0, (1, self.dim // 8, side, side)),
            TensorSpec(HIGH_RES_1, (1, self.dim // 4, side // 2, side // 2)),
        )

    def encode_input(self, square: Tensor) -> dict[str, Tensor]:
        """See PromptableModel."""
        finest, finer, coarse = self.image_encoder(square)
        return {
            IMAGE_EMBED: coarse + self.no_mem_embed[0, 0, :, None, None],
            HIGH_RES_0: self.sam_mask_decoder.conv_s0(finest),
            HIGH_RES_1: self.sam_mask_decoder.conv_s1(finer),
        }

    @property
    def factored(self) -> FactoredHighResDecoder:
        """The decoder in its cheaper form, on this model's weights."""
        return FactoredHighResDecoder(self.sam_prompt_encoder, self.sam_mask_decoder)

    def image_terms(self, embedding: Embedding) -> ImageTerms:
        """Return what all prompts of I images share."""
        return self.factored.image_terms_of(embedding[IMAGE_EMBED], embedding[HIGH_RES_1], embedding[HIGH_RES_0])

    def decode(
        self,
        embedding: Embedding,
        coords: Tensor,
        labels: Tensor,
        mask_input: Tensor | None = None,
        *,
        is_drawn: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """See PromptableModel; the single mask gives way to the best of the others where it is not stable."""
        decoded = self.factored.decode(self.image_terms(embedding), coords, labels, mask_input)
        logits = in_image_order(self.factored.masks(decoded), *self.sam_prompt_encoder.image_embedding_size)
        return stable_single_mask(logits, decoded.predicted_iou)

    def decode_as_published(
        self, embedding: Embedding, coords: Tensor, labels: Tensor, mask_input: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Answer as `decode` does, by the published sequence of operations; of 1 or B images."""
        prompts, mask = self.sam_prompt_encoder, limited(mask_input)
        dense = prompts.no_mask(len(coords)) if mask is None else prompts.embed_mask(mask)
        return self._decode(embedding, coords, labels, dense)

    def decode_exported(
        self, embedding: Embedding, coords: Tensor, labels: Tensor, mask_input: Tensor, has_mask_input: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See PromptableModel; the published sequence of operations."""
        prompts = self.sam_prompt_encoder
        given = prompts.embed_mask(mask_input.clamp(-MOST_CERTAIN, MOST_CERTAIN))
        dense = has_mask_input * given + (1 - has_mask_input) * prompts.no_mask(1)
        return self._decode(embedding, coords, labels, dense)

    def _decode(self, embedding: Embedding, coords: Tensor, labels: Tensor, dense: Tensor) -> tuple[Tensor, Tensor]:
        coords, labels, is_attended = padded_boxes(coords, labels)
        prompts = self.sam_prompt_encoder
        sparse = prompts.embed_points(coords, labels)
        logits, iou, _ = self.sam_mask_decoder.decode(
            embedding, prompts.get_dense_pe(), sparse, dense, is_attended=is_attended
        )
        return stable_single_mask(logits, iou)


def stable_single_mask(logits: Tensor, iou: Tensor) -> tuple[Tensor, Tensor]:
    """Put the best of three masks in place of a single mask whose stability is below the threshold.

    logits: (B, 4, S, S), iou: (B, 4). Stability is the IoU of the mask cut off at +-STABILITY_DELTA; 1 if it is empty.
    """
    inner, outer = ((logits[:, 0] > cut).sum(dim=(1, 2)).float() for cut in (STABILITY_DELTA, -STABILITY_DELTA))
    is_stable = torch.where(outer > 0, inner / outer, 1.0) >= STABILITY_THRESHOLD
    best = 1 + iou[:, 1:].argmax(dim=1)
    rows = torch.arange(len(iou), device=iou.device)
    chosen = torch.where(is_stable, 0, best)
    return (
        torch.cat([logits[rows, chosen][:, None], logits[:, 1:]], dim=1),
        torch.cat([iou[rows, chosen][:, None], iou[:, 1:]], dim=1),
    )


def image_state(model: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the part of a published checkpoint that single images need.

    Names that are neither this part's nor video's stay, and so does all of SAM 2.0, for the loader to refuse.
    """
    if is_sam_2_0(state):
        return state
    return {name: value for name, value in state.items() if not name.startswith(VIDEO_PARTS)}


def is_sam_2_0(names: Collection[str]) -> bool:
    """Tell SAM 2.0's checkpoints from SAM 2.1's; without the parts for video both have the same names."""
    return "no_obj_embed_spatial" not in names and any(name.startswith("memory_attention.") for name in names)


def build_miniature(seed: int) -> Sam2:
    """Return a small SAM 2.1 whose weights depend on the seed alone; leaves the caller's random state as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        decoder = HighResMaskDecoder(MINIATURE_DIM, heads=4, mlp_dim=64)
        model = Sam2(MINIATURE, image_size=MINIATURE_SIDE, dim=MINIATURE_DIM, decoder=decoder)
        for name, parameter in model.named_parameters():
            # Training starts these at zero; a miniature that leaves them there would hide mistakes.
            if "pos" in name or "embed" in name or "token" in name:
                nn.init.normal_(parameter, std=0.5)
    return model
