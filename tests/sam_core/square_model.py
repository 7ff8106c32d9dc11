"""A miniature unlike SAM: square inputs, three embedding tensors, a decoder of its own. Untrained, seeded.

What the product asks of a model is PromptableModel; this one says whether it asks for more.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sam_core.embedding import TensorSpec
from sam_core.geometry import Square
from sam_core.modeling.mask_decoder import MaskDecoder
from sam_core.modeling.prompt_encoder import PromptEncoder
from sam_core.modeling.promptable import Embedding, PromptableModel
from sam_core.modeling.published import PIXEL_MEAN, PIXEL_STD
from sam_core.modeling.transformer import TwoWayTransformer
from sam_core.registry import ModelSpec

SIDE, GRID, DIM = 64, 8, 32
COARSE, MIDDLE, FINE = "coarse", "middle", "fine"


class SquareModel(PromptableModel):
    """Encodes by three convolutions, decodes as SAM does and adds what the finer maps say."""

    def __init__(self) -> None:
        super().__init__(pixel_mean=PIXEL_MEAN, pixel_std=PIXEL_STD)
        self.image_encoder = nn.ModuleDict(
            {
                COARSE: nn.Conv2d(3, DIM, kernel_size=8, stride=8),
                MIDDLE: nn.Conv2d(3, 8, kernel_size=4, stride=4),
                FINE: nn.Conv2d(3, 4, kernel_size=2, stride=2),
            }
        )
        self.prompt_encoder = PromptEncoder(DIM, (GRID, GRID), (SIDE, SIDE))
        self.mask_decoder = MaskDecoder(DIM, TwoWayTransformer(2, DIM, 4, mlp_dim=64), iou_head_hidden_dim=32)
        self.enlarge = nn.ConvTranspose2d(8, 4, kernel_size=2, stride=2)

    @property
    def geometry(self) -> Square:
        return Square(SIDE)

    @property
    def mask_side(self) -> int:
        return 4 * GRID

    @property
    def embedding(self) -> tuple[TensorSpec, ...]:
        return (
            TensorSpec(COARSE, (1, DIM, GRID, GRID)),
            TensorSpec(MIDDLE, (1, 8, 2 * GRID, 2 * GRID)),
            TensorSpec(FINE, (1, 4, 4 * GRID, 4 * GRID)),
        )

    def encode_input(self, square: Tensor) -> dict[str, Tensor]:
        return {name: convolution(square) for name, convolution in self.image_encoder.items()}

    def decode(
        self,
        embedding: Embedding,
        coords: Tensor,
        labels: Tensor,
        mask_input: Tensor | None = None,
        *,
        is_drawn: bool = False,
    ) -> tuple[Tensor, Tensor]:
        prompts = self.prompt_encoder
        dense = prompts.no_mask(len(coords)) if mask_input is None else prompts.embed_mask(mask_input)
        return self._decode(embedding, coords, labels, dense)

    def decode_exported(
        self, embedding: Embedding, coords: Tensor, labels: Tensor, mask_input: Tensor, has_mask_input: Tensor
    ) -> tuple[Tensor, Tensor]:
        prompts = self.prompt_encoder
        dense = has_mask_input * prompts.embed_mask(mask_input) + (1 - has_mask_input) * prompts.no_mask(1)
        return self._decode(embedding, coords, labels, dense)

    def _decode(self, embedding: Embedding, coords: Tensor, labels: Tensor, dense: Tensor) -> tuple[Tensor, Tensor]:
        sparse, position = self.prompt_encoder.embed_points(coords, labels), self.prompt_encoder.get_dense_pe()
        masks, iou = self.mask_decoder(embedding[COARSE], position, sparse, dense)
        return masks + embedding[FINE] + self.enlarge(embedding[MIDDLE]), iou


def build_square(seed: int = 7) -> SquareModel:
    """Return the model with weights that depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = SquareModel()
        for name, parameter in model.named_parameters():
            if "embed" in name or "token" in name:
                nn.init.normal_(parameter, std=0.5)
    return model.eval()


SPEC = ModelSpec(
    name="square_test",
    description="a seeded miniature with three embedding tensors and square inputs",
    image_size=SIDE,
    embed_dim=DIM,
    build_untrained=build_square,
)
