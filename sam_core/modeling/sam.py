"""SAM: image encoder, prompt encoder, mask decoder, one embedding tensor, the longest side as its geometry.

Source: Segment Anything (arXiv 2304.02643). Pure tensors in, tensors out: geometry and prompt checks are the
predictor's; building variants is the registry's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sam_core.embedding import IMAGE_EMBEDDINGS, TensorSpec
from sam_core.geometry import LongestSide
from sam_core.masks.policy import PUBLISHED, MaskPolicy
from sam_core.modeling.factored_decoder import FactoredDecoder, ImageTerms, in_image_order
from sam_core.modeling.mask_decoder import MaskDecoder
from sam_core.modeling.prompt_encoder import PromptEncoder
from sam_core.modeling.prompt_sketch import has_box, sketch_box, sketch_clicks
from sam_core.modeling.promptable import Channels, Embedding, PromptableModel


class Sam(PromptableModel):
    """Segment anything: encode an image once, decode any number of prompts."""

    def __init__(
        self,
        image_encoder: nn.Module,
        prompt_encoder: PromptEncoder,
        mask_decoder: MaskDecoder,
        *,
        pixel_mean: Channels,
        pixel_std: Channels,
        policy: MaskPolicy = PUBLISHED,
    ) -> None:
        """Put a model together; policy: what happens to its masks after decode, which it never changes itself."""
        super().__init__(pixel_mean=pixel_mean, pixel_std=pixel_std, policy=policy)
        self.image_encoder = image_encoder
        self.prompt_encoder = prompt_encoder
        self.mask_decoder = mask_decoder

    @property
    def geometry(self) -> LongestSide:
        """How photos become the model's input, and the way back."""
        return LongestSide(self.prompt_encoder.input_image_size[0])

    @property
    def sketches(self) -> bool:
        """Whether clicks and boxes are drawn into the mask prompt as well."""
        return self.prompt_encoder.sketches

    @property
    def embedding_size(self) -> int:
        """Side of the embedding grid."""
        return self.prompt_encoder.image_embedding_size[0]

    @property
    def embedding(self) -> tuple[TensorSpec, ...]:
        """The tensors of one image's embedding."""
        side = self.embedding_size
        return (TensorSpec(IMAGE_EMBEDDINGS, (1, self.prompt_encoder.embed_dim, side, side)),)

    @property
    def mask_side(self) -> int:
        """Side of the low-res logits."""
        return 4 * self.embedding_size

    @property
    def factored(self) -> FactoredDecoder:
        """The decoder in its cheaper form, on this model's weights."""
        return FactoredDecoder(self.prompt_encoder, self.mask_decoder)

    def image_terms(self, embedding: Embedding) -> ImageTerms:
        """Return what all prompts of I images share."""
        return self.factored.image_terms(embedding[IMAGE_EMBEDDINGS])

    def encode_input(self, square: Tensor) -> dict[str, Tensor]:
        """See PromptableModel: one tensor (B, C, grid, grid)."""
        return {IMAGE_EMBEDDINGS: self.image_encoder(square)}

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
        decoded = self.factored.decode(self.image_terms(embedding), coords, labels, mask_input, is_drawn=is_drawn)
        height, width = embedding[IMAGE_EMBEDDINGS].shape[-2:]
        return in_image_order(self.factored.masks(decoded), height, width), decoded.predicted_iou

    def decode_as_published(
        self, embedding: Embedding, coords: Tensor, labels: Tensor, mask_input: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Answer as `decode` does, by the published sequence of operations; of 1 or B images."""
        sparse, dense = self.prompt_encoder(coords, labels, mask_input)
        position = self.prompt_encoder.get_dense_pe()
        masks, iou = self.mask_decoder(embedding[IMAGE_EMBEDDINGS], position, sparse, dense)
        return masks, iou

    def decode_exported(
        self, embedding: Embedding, coords: Tensor, labels: Tensor, mask_input: Tensor, has_mask_input: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See PromptableModel; the published sequence of operations."""
        sparse = self.prompt_encoder.embed_points(coords, labels)
        dense = self._dense_exported(coords, labels, mask_input, has_mask_input)
        position = self.prompt_encoder.get_dense_pe()
        low_res, iou = self.mask_decoder(embedding[IMAGE_EMBEDDINGS], position, sparse, dense)
        return low_res, iou

    def _dense_exported(self, coords: Tensor, labels: Tensor, mask_input: Tensor, has_mask: Tensor) -> Tensor:
        encoder, is_used = self.prompt_encoder, has_mask
        if self.sketches:
            ground = torch.where(has_mask > 0, mask_input, sketch_box(coords, labels, self.mask_side))
            mask_input = sketch_clicks(ground, coords, labels)
            is_used = torch.maximum(has_mask, has_box(labels).to(has_mask.dtype))
        return is_used * encoder.embed_mask(mask_input) + (1 - is_used) * encoder.no_mask(1)
