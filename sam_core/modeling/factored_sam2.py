"""SAM 2.1's mask decoder in factored form: factored_decoder.py with an object token, finer features, padded boxes.

Source of the function: sam2.py, which has it as published. Must not know: photos, thresholds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from sam_core.modeling.factored_decoder import DecodedPrompts, FactoredDecoder, ImageTerms, cells_of
from sam_core.modeling.prompt_encoder import PromptEncoder
from sam_core.modeling.prompt_sketch import has_box
from sam_core.prompt_kinds import PADDING

if TYPE_CHECKING:
    from sam_core.modeling.sam2 import HighResMaskDecoder

MOST_CERTAIN = 32.0  # logit of a mask prompt


class FactoredHighResDecoder(FactoredDecoder):
    """Decodes prompts with the weights of SAM 2.1; holds no tensor of its own."""

    iou_at = 1
    mask_decoder: HighResMaskDecoder

    def __init__(self, prompt_encoder: PromptEncoder, mask_decoder: HighResMaskDecoder) -> None:
        super().__init__(prompt_encoder, mask_decoder)

    def own_tokens(self) -> Tensor:
        """See FactoredDecoder; the first one scores whether there is an object at all."""
        return torch.cat([self.mask_decoder.obj_score_token.weight, super().own_tokens()])

    def predict_iou(self, hidden: Tensor) -> Tensor:
        """See FactoredDecoder."""
        return super().predict_iou(hidden).sigmoid()

    def image_terms_of(self, embeddings: Tensor, half: Tensor, finest: Tensor) -> ImageTerms:
        """Prepare embeddings (I, C, H, W), finer features (I, C / 4, 2H, 2W) and the finest (I, C / 8, 4H, 4W)."""
        terms = self.image_terms(embeddings)
        return ImageTerms(terms.tokens, terms.positions, (cells_of(half, 1), cells_of(finest, 2)))

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
        """See FactoredDecoder."""
        coords, labels, is_attended = padded_boxes(coords, labels)
        return super().decode(terms, coords, labels, limited(mask_input), is_drawn=is_drawn, is_attended=is_attended)


def padded_boxes(coords: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Add a padding point to prompts (B, N); return coordinates, labels and which of the points count.

    The published code gives boxes a padding point as well, unlike SAM's; to other prompts it is as if not there.
    """
    is_attended = torch.cat([torch.ones_like(labels, dtype=torch.bool), has_box(labels)[:, None]], dim=1)
    return F.pad(coords, (0, 0, 0, 1)), F.pad(labels, (0, 1), value=PADDING), is_attended


def limited(mask_input: Tensor | None) -> Tensor | None:
    """Return a mask prompt no more certain than the published code lets it be."""
    return None if mask_input is None else mask_input.clamp(-MOST_CERTAIN, MOST_CERTAIN)
