"""The whole model: image encoder, prompt encoder, mask decoder and pixel normalisation.

Source: Segment Anything (arXiv 2304.02643). Pure tensors in, tensors out: resizing and prompt checks are the
predictor's; building variants is the registry's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sam_core.modeling.mask_decoder import MaskDecoder
from sam_core.modeling.prompt_encoder import PromptEncoder


class Sam(nn.Module):
    """Segment anything: encode an image once, decode any number of prompts."""

    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(
        self,
        image_encoder: nn.Module,
        prompt_encoder: PromptEncoder,
        mask_decoder: MaskDecoder,
        *,
        pixel_mean: tuple[float, float, float],
        pixel_std: tuple[float, float, float],
        weighs_click: bool = False,
        drops_specks: bool = False,
        obeys_prompts: bool = False,
        snaps_to_edges: bool = False,
        looks_closer: bool = False,
    ) -> None:
        """Put a model together.

        weighs_click: how a click's candidates are ranked, see sam_core/masks/choice.py. drops_specks: whether masks
        lose their crumbs before they are shown, see sam_core/masks/specks.py. obeys_prompts: whether every click lies
        on its side of the mask that is shown and a box bounds it, see sam_core/masks/obeyed.py. snaps_to_edges:
        whether masks follow the photo's edges, see sam_core/masks/edges.py. looks_closer: whether what is small is
        encoded once more from near by, see sam_core/masks/closer.py. None of them changes what decode returns.
        """
        super().__init__()
        self.weighs_click = weighs_click
        self.drops_specks = drops_specks
        self.obeys_prompts = obeys_prompts
        self.snaps_to_edges = snaps_to_edges
        self.looks_closer = looks_closer
        self.image_encoder = image_encoder
        self.prompt_encoder = prompt_encoder
        self.mask_decoder = mask_decoder
        # not persistent: the published checkpoints do not hold them
        self.register_buffer("pixel_mean", torch.tensor(pixel_mean).reshape(-1, 1, 1), persistent=False)
        self.register_buffer("pixel_std", torch.tensor(pixel_std).reshape(-1, 1, 1), persistent=False)

    @property
    def image_size(self) -> int:
        """Side of the square model input in pixels."""
        return self.prompt_encoder.input_image_size[0]

    @property
    def embedding_size(self) -> int:
        """Side of the embedding grid."""
        return self.prompt_encoder.image_embedding_size[0]

    @property
    def mask_side(self) -> int:
        """Side of the low-res logits."""
        return 4 * self.embedding_size

    def preprocess(self, pixels: Tensor) -> Tensor:
        """Normalise (B, 3, h, w) RGB values in 0..255 and pad with zeros to the right and below."""
        x = (pixels - self.pixel_mean) / self.pixel_std
        height, width = x.shape[-2:]
        return F.pad(x, (0, self.image_size - width, 0, self.image_size - height))

    def encode(self, pixels: Tensor) -> Tensor:
        """Return the image embedding (B, C, grid, grid) of (B, 3, h, w) RGB values, h and w at most image_size."""
        embedding: Tensor = self.image_encoder(self.preprocess(pixels))
        return embedding

    def decode(
        self, image_embeddings: Tensor, coords: Tensor, labels: Tensor, mask_input: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return low-res logits (B, 4, side, side) and predicted IoU (B, 4).

        image_embeddings: (1 or B, C, grid, grid). coords, labels, mask_input: as in PromptEncoder.
        """
        sparse, dense = self.prompt_encoder(coords, labels, mask_input)
        masks, iou = self.mask_decoder(image_embeddings, self.prompt_encoder.get_dense_pe(), sparse, dense)
        return masks, iou
