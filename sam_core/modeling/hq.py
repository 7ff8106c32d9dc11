"""SAM-HQ: SAM with one more output token, whose mask is cut from finer features; SAM's own weights stay as they were.

The finer features join the embedding with the encoder's early ones. No prompt changes them, so they are made once an
image and are a tensor of the embedding, of one size for all encoders. Names are the published checkpoints'.
Source: Ke et al., "Segment Anything in High Quality" (arXiv 2306.01567), section 3, and its published code.
Must not know: images as files, prompts as objects.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sam_core.embedding import IMAGE_EMBEDDINGS, TensorSpec
from sam_core.geometry import LongestSide
from sam_core.modeling.factored_decoder import DecodedPrompts, FactoredDecoder
from sam_core.modeling.image_encoder import ImageEncoderViT
from sam_core.modeling.layers import MLP, LayerNorm2d
from sam_core.modeling.mask_decoder import NUM_MASK_TOKENS, MaskDecoder
from sam_core.modeling.prompt_encoder import PromptEncoder
from sam_core.modeling.promptable import Embedding, PromptableModel
from sam_core.modeling.published import DECODER_DEPTH, DECODER_HEADS, DECODER_MLP_DIM, PIXEL_MEAN, PIXEL_STD
from sam_core.modeling.tiny_vit import TinyViT
from sam_core.modeling.transformer import TwoWayTransformer

HQ_FEATURES = "hq_features"
NUM_HQ_TOKENS = NUM_MASK_TOKENS + 1


class HqMaskDecoder(MaskDecoder):
    """SAM's mask decoder and the HQ token with its features; early_dim: channels of the encoder's early features."""

    def __init__(self, dim: int, *, early_dim: int, heads: int = DECODER_HEADS, mlp_dim: int = DECODER_MLP_DIM) -> None:
        super().__init__(dim, TwoWayTransformer(DECODER_DEPTH, dim, heads, mlp_dim=mlp_dim), iou_head_hidden_dim=dim)
        self.hf_token = nn.Embedding(1, dim)
        self.hf_mlp = MLP(dim, dim, dim // 8, num_layers=3)
        self.compress_vit_feat = _enlarge(early_dim, dim, dim // 8)
        self.embedding_encoder = _enlarge(dim, dim // 4, dim // 8)
        self.embedding_maskfeature = nn.Sequential(
            nn.Conv2d(dim // 8, dim // 4, kernel_size=3, padding=1),
            LayerNorm2d(dim // 4),
            nn.GELU(),
            nn.Conv2d(dim // 4, dim // 8, kernel_size=3, padding=1),
        )

    def hq_features(self, image_embeddings: Tensor, early: Tensor) -> Tensor:
        """Return (B, C / 8, 4H, 4W) of embeddings (B, C, H, W) and early features (B, early_dim, H, W)."""
        features: Tensor = self.embedding_encoder(image_embeddings) + self.compress_vit_feat(early)
        return features

    def decode(
        self, embedding: Embedding, image_pe: Tensor, sparse: Tensor, dense: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return SAM's logits (B, 4, 4H, 4W), the HQ token's (B, 1, 4H, 4W) and the predicted IoU (B, 4) of SAM's.

        embedding: of 1 or B images; the rest as MaskDecoder.forward takes it.
        """
        hidden, features = self.attend(self.own_tokens(), embedding[IMAGE_EMBEDDINGS], image_pe, sparse, dense)
        upscaled = self.output_upscaling(features)
        masks = self.multiply(hidden[:, 1 : 1 + NUM_MASK_TOKENS], upscaled)
        fine = self.embedding_maskfeature(upscaled) + embedding[HQ_FEATURES]  # B x C/8 x 4H x 4W
        hyper = self.hf_mlp(hidden[:, [NUM_HQ_TOKENS]])  # B x 1 x C/8
        return masks, (hyper @ fine.flatten(2)).unflatten(2, fine.shape[-2:]), self.iou_prediction_head(hidden[:, 0])

    def own_tokens(self) -> Tensor:
        """Return the tokens (6, C) that stand before those of a prompt: IoU, SAM's masks, the HQ mask."""
        return torch.cat([self.iou_token.weight, self.mask_tokens.weight, self.hf_token.weight])


class FactoredHqDecoder(FactoredDecoder):
    """SAM-HQ's decoder in its cheaper form: the transformer of factored_decoder.py, and one convolution less.

    The HQ token multiplies what the last convolution gives, so it multiplies that convolution's weights instead.
    """

    mask_count = NUM_HQ_TOKENS
    mask_decoder: HqMaskDecoder

    def __init__(self, prompt_encoder: PromptEncoder, mask_decoder: HqMaskDecoder) -> None:
        super().__init__(prompt_encoder, mask_decoder)

    def own_tokens(self) -> Tensor:
        """See FactoredDecoder."""
        return self.mask_decoder.own_tokens()

    def image_masks(self, decoded: DecodedPrompts, hq_features: Tensor) -> tuple[Tensor, Tensor]:
        """Return SAM's logits (B, 4, 4H, 4W) and the HQ token's (B, 1, 4H, 4W); hq_features: of 1 or B images."""
        decoder, size = self.mask_decoder, self.prompt_encoder.image_embedding_size
        upscaled = decoder.output_upscaling(decoded.image_tokens.transpose(1, 2).unflatten(2, size))
        hyper = decoder.hf_mlp(decoded.mask_tokens[:, NUM_MASK_TOKENS])  # B x C/8
        hq = self._last_convolution(upscaled, hyper) + (hyper[:, None] @ hq_features.flatten(2))[:, 0]
        masks = decoder.multiply(decoded.mask_tokens[:, :NUM_MASK_TOKENS], upscaled)
        return masks, hq.unflatten(1, upscaled.shape[-2:])[:, None]

    def _last_convolution(self, upscaled: Tensor, hyper: Tensor) -> Tensor:
        """Return hyper . embedding_maskfeature(upscaled), (B, 16 HW)."""
        layers = self.mask_decoder.embedding_maskfeature
        mixed, last = layers[:-1](upscaled), cast(nn.Conv2d, layers[-1])  # B x C/4 x 4H x 4W
        kernels = (hyper @ last.weight.flatten(1)).unflatten(1, last.weight.shape[1:])  # B x C/4 x 3 x 3
        cut = F.conv2d(mixed.flatten(0, 1)[None], kernels, padding=1, groups=len(kernels))[0]
        bias = cast(Tensor, last.bias)
        return cut.flatten(1) + (hyper @ bias)[:, None]


class HqSam(PromptableModel):
    """SAM-HQ.

    hq_token_only: every candidate is the HQ token's mask; else, as published by default, SAM's four with it added.
    """

    def __init__(
        self,
        image_encoder: ImageEncoderViT | TinyViT,
        *,
        decoder: HqMaskDecoder | None = None,
        hq_token_only: bool = False,
    ) -> None:
        """Build a variant around an encoder; another decoder makes a small one for tests."""
        super().__init__(pixel_mean=PIXEL_MEAN, pixel_std=PIXEL_STD)
        config = image_encoder.config
        side, dim = config.grid_size, config.out_chans
        self.hq_token_only = hq_token_only
        self.image_encoder = image_encoder
        self.prompt_encoder = PromptEncoder(dim, (side, side), (config.image_size, config.image_size))
        self.mask_decoder = decoder or HqMaskDecoder(dim, early_dim=config.early_dim)

    @property
    def geometry(self) -> LongestSide:
        """How photos become the model's input, and the way back."""
        return LongestSide(self.prompt_encoder.input_image_size[0])

    @property
    def mask_side(self) -> int:
        """Side of the low-res logits."""
        return self.prompt_encoder.mask_input_size[0]

    @property
    def embedding(self) -> tuple[TensorSpec, ...]:
        """SAM's tensor, and the features that the HQ token's mask is cut from."""
        side, dim = self.mask_side, self.prompt_encoder.embed_dim
        return (
            TensorSpec(IMAGE_EMBEDDINGS, (1, dim, side // 4, side // 4)),
            TensorSpec(HQ_FEATURES, (1, dim // 8, side, side)),
        )

    def encode_input(self, square: Tensor) -> dict[str, Tensor]:
        """See PromptableModel."""
        features, early = self.image_encoder.forward_early(square)
        return {IMAGE_EMBEDDINGS: features, HQ_FEATURES: self.mask_decoder.hq_features(features, early)}

    def decode(
        self,
        embedding: Embedding,
        coords: Tensor,
        labels: Tensor,
        mask_input: Tensor | None = None,
        *,
        is_drawn: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """See PromptableModel."""
        factored = FactoredHqDecoder(self.prompt_encoder, self.mask_decoder)
        terms = factored.image_terms(embedding[IMAGE_EMBEDDINGS])
        decoded = factored.decode(terms, coords, labels, mask_input)
        fine = embedding[HQ_FEATURES]
        if len(fine) > 1:  # one is shared by all prompts without copies
            fine = fine.repeat_interleave(len(coords) // len(fine), dim=0)
        return self._joined(*factored.image_masks(decoded, fine)), decoded.predicted_iou

    def decode_as_published(
        self, embedding: Embedding, coords: Tensor, labels: Tensor, mask_input: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Answer as `decode` does, by the published sequence of operations; of 1 or B images."""
        return self._decode(embedding, coords, labels, self.prompt_encoder.dense_map(coords, labels, mask_input))

    def decode_exported(
        self, embedding: Embedding, coords: Tensor, labels: Tensor, mask_input: Tensor, has_mask_input: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See PromptableModel; the published sequence of operations."""
        prompts = self.prompt_encoder
        dense = has_mask_input * prompts.embed_mask(mask_input) + (1 - has_mask_input) * prompts.no_mask(1)
        return self._decode(embedding, coords, labels, dense)

    def _decode(self, embedding: Embedding, coords: Tensor, labels: Tensor, dense: Tensor) -> tuple[Tensor, Tensor]:
        sparse, position = self.prompt_encoder.embed_points(coords, labels), self.prompt_encoder.get_dense_pe()
        masks, hq, iou = self.mask_decoder.decode(embedding, position, sparse, dense)
        return self._joined(masks, hq), iou

    def _joined(self, masks: Tensor, hq: Tensor) -> Tensor:
        return hq.expand_as(masks) if self.hq_token_only else masks + hq


def _enlarge(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Return layers that make maps four times as wide and high."""
    return nn.Sequential(
        nn.ConvTranspose2d(inputs, hidden, kernel_size=2, stride=2),
        LayerNorm2d(hidden),
        nn.GELU(),
        nn.ConvTranspose2d(hidden, outputs, kernel_size=2, stride=2),
    )
