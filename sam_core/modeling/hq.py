"""SAM-HQ: SAM with one more output token, whose mask is cut from finer features; SAM's own weights stay as they were.

The finer features join the embedding with the encoder's early ones. No prompt changes them, so they are made once an
image and are a tensor of the embedding, of one size for all encoders. Names are the published checkpoints'.
Source: Ke et al., "Segment Anything in High Quality" (arXiv 2306.01567), section 3, and its published code.
Must not know: images as files, prompts as objects.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sam_core.embedding import IMAGE_EMBEDDINGS, TensorSpec
from sam_core.geometry import LongestSide
from sam_core.modeling.image_encoder import ImageEncoderViT
from sam_core.modeling.layers import MLP, LayerNorm2d
from sam_core.modeling.mask_decoder import NUM_MASK_TOKENS, MaskDecoder
from sam_core.modeling.prompt_encoder import PromptEncoder
from sam_core.modeling.promptable import Embedding, PromptableModel
from sam_core.modeling.published import DECODER_DEPTH, DECODER_HEADS, DECODER_MLP_DIM, PIXEL_MEAN, PIXEL_STD
from sam_core.modeling.tiny_vit import TinyViT
from sam_core.modeling.transformer import TwoWayTransformer

HQ_FEATURES = "hq_features"


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
        own = torch.cat([self.iou_token.weight, self.mask_tokens.weight, self.hf_token.weight])
        hidden, features = self.attend(own, embedding[IMAGE_EMBEDDINGS], image_pe, sparse, dense)
        upscaled = self.output_upscaling(features)
        masks = self.multiply(hidden[:, 1 : 1 + NUM_MASK_TOKENS], upscaled)
        fine = self.embedding_maskfeature(upscaled) + embedding[HQ_FEATURES]  # B x C/8 x 4H x 4W
        hyper = self.hf_mlp(hidden[:, [1 + NUM_MASK_TOKENS]])  # B x 1 x C/8
        return masks, (hyper @ fine.flatten(2)).unflatten(2, fine.shape[-2:]), self.iou_prediction_head(hidden[:, 0])


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
        prompts = self.prompt_encoder
        dense = prompts.no_mask(len(coords)) if mask_input is None else prompts.embed_mask(mask_input)
        return self._decode(embedding, coords, labels, dense)

    def decode_exported(
        self, embedding: Embedding, coords: Tensor, labels: Tensor, mask_input: Tensor, has_mask_input: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See PromptableModel."""
        prompts = self.prompt_encoder
        dense = has_mask_input * prompts.embed_mask(mask_input) + (1 - has_mask_input) * prompts.no_mask(1)
        return self._decode(embedding, coords, labels, dense)

    def _decode(self, embedding: Embedding, coords: Tensor, labels: Tensor, dense: Tensor) -> tuple[Tensor, Tensor]:
        images = len(embedding[IMAGE_EMBEDDINGS])
        if images > 1:  # one is shared by all prompts without copies
            embedding = {
                name: features.repeat_interleave(len(coords) // images, dim=0) for name, features in embedding.items()
            }
        sparse, position = self.prompt_encoder.embed_points(coords, labels), self.prompt_encoder.get_dense_pe()
        masks, hq, iou = self.mask_decoder.decode(embedding, position, sparse, dense)
        return hq.expand_as(masks) if self.hq_token_only else masks + hq, iou


def _enlarge(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Return layers that make maps four times as wide and high."""
    return nn.Sequential(
        nn.ConvTranspose2d(inputs, hidden, kernel_size=2, stride=2),
        LayerNorm2d(hidden),
        nn.GELU(),
        nn.ConvTranspose2d(hidden, outputs, kernel_size=2, stride=2),
    )
