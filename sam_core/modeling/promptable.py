"""What the product asks of a model, whatever is inside: its facts, encoding, decoding. `Sam` is one.

Backends, exports, evaluation and automatic masks know this class alone. So a new model is one module beside this one
and a row of the registry; an embedding may have any number of tensors, by their names (sam_core.embedding), and
geometry is one of sam_core.geometry. Must not know: images as files, prompts as objects.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sam_core.embedding import TensorSpec
from sam_core.geometry import Geometry, Pixels
from sam_core.masks.policy import PUBLISHED, MaskPolicy

Embedding = Mapping[str, Tensor]
Channels = tuple[float, float, float]


def to_tensor(model_rgb: Pixels) -> Tensor:
    """Return a resized image (H x W x 3) as a float tensor (1 x 3 x H x W), neither normalised nor padded."""
    return torch.from_numpy(model_rgb).permute(2, 0, 1)[None].float()


class PromptableModel(nn.Module, ABC):
    """Encodes an image once, decodes any number of prompts about it.

    policy: what happens to its masks after decode, which it never changes itself.
    """

    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self, *, pixel_mean: Channels, pixel_std: Channels, policy: MaskPolicy = PUBLISHED) -> None:
        """Hold what all models have; pixel_mean and pixel_std are of RGB values in 0..255."""
        super().__init__()
        self.policy = policy
        # not persistent: the published checkpoints do not hold them
        self.register_buffer("pixel_mean", torch.tensor(pixel_mean).reshape(-1, 1, 1), persistent=False)
        self.register_buffer("pixel_std", torch.tensor(pixel_std).reshape(-1, 1, 1), persistent=False)

    @property
    @abstractmethod
    def geometry(self) -> Geometry:
        """How photos become the model's input, and the way back."""

    @property
    @abstractmethod
    def embedding(self) -> tuple[TensorSpec, ...]:
        """The tensors of one image's embedding, in the order of the graphs' inputs."""

    @property
    @abstractmethod
    def mask_side(self) -> int:
        """Side of the low-res logits and of a mask prompt."""

    @abstractmethod
    def encode_input(self, square: Tensor) -> dict[str, Tensor]:
        """Return the embedding of normalised and padded pixels (B, 3, image_size, image_size)."""

    @abstractmethod
    def decode(
        self,
        embedding: Embedding,
        coords: Tensor,
        labels: Tensor,
        mask_input: Tensor | None = None,
        *,
        is_drawn: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """Return low-res logits (B, 4, side, side) and predicted IoU (B, 4), the single mask first.

        embedding: of I images; the first B / I prompts are for the first image, and so on. coords (B, T, 2) in model
        pixels, labels (B, T), mask_input (B, 1, side, side) or None: as Prompts.to_tokens gives them. is_drawn: clicks
        and boxes are in mask_input already, where the model sketches them. Traced for the browser's graphs.
        """

    def decode_as_published(
        self, embedding: Embedding, coords: Tensor, labels: Tensor, mask_input: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Answer as `decode` does, by the published sequence of operations where that has another; of 1 or B images."""
        return self.decode(embedding, coords, labels, mask_input)

    @abstractmethod
    def decode_exported(
        self, embedding: Embedding, coords: Tensor, labels: Tensor, mask_input: Tensor, has_mask_input: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Answer one prompt as `decode` does, in operations that can be traced; has_mask_input (1,) is 1 or 0."""

    @property
    def sketches(self) -> bool:
        """Whether clicks and boxes are drawn into the mask prompt as well (prompt_sketch)."""
        return False

    @property
    def image_size(self) -> int:
        """Side of the square model input in pixels."""
        return self.geometry.image_size

    def preprocess(self, pixels: Tensor) -> Tensor:
        """Normalise (B, 3, h, w) RGB values in 0..255 and pad with zeros to the right and below."""
        x = (pixels - self.pixel_mean) / self.pixel_std
        height, width = x.shape[-2:]
        return F.pad(x, (0, self.image_size - width, 0, self.image_size - height))

    def encode(self, pixels: Tensor) -> dict[str, Tensor]:
        """Return the embedding of (B, 3, h, w) RGB values in 0..255, resized as the geometry says."""
        return self.encode_input(self.preprocess(pixels))
