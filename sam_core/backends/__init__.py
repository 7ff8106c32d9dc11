"""What a predictor asks of a runtime: encode pixels, decode prompts. One implementation for torch, one for onnxruntime.

Must not know: torch, onnxruntime, photos, files. Geometry, prompt checks and the mask policy are the predictor's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sam_core.embedding import Tensors, TensorSpec
from sam_core.geometry import Geometry, Pixels
from sam_core.masks.policy import MaskPolicy

Floats = NDArray[np.float32]


class ModelFacts(Protocol):
    """What is known of a model without running it. `Sam` itself is one."""

    @property
    def geometry(self) -> Geometry:
        """How photos become the model's input, and the way back."""
        ...

    @property
    def mask_side(self) -> int:
        """Side of the low-res logits."""
        ...

    @property
    def embedding(self) -> tuple[TensorSpec, ...]:
        """The tensors of an image embedding."""
        ...

    @property
    def policy(self) -> MaskPolicy:
        """What happens to masks after decoding."""
        ...


class EncoderBackend(Protocol):
    """Runs the image encoder."""

    def encode(self, model_rgb: Pixels) -> Tensors:
        """Return the embedding of a resized image (H x W x 3, values 0..255, not padded)."""
        ...


class DecoderBackend(Protocol):
    """Runs prompt encoder and mask decoder."""

    def decode(
        self, embedding: Tensors, coords: Floats, labels: NDArray[np.int64], mask_input: Floats | None
    ) -> tuple[Floats, Floats]:
        """Return logits (B x 4 x S x S) and predicted IoU (B x 4) of B prompts that have as many tokens each.

        coords (B x T x 2, model pixels), labels (B x T) and mask_input (B x 1 x S x S):
        as Prompts.to_tokens gives them.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class ExportedModel:
    """The facts of a model whose graphs lie in a folder."""

    geometry: Geometry
    mask_side: int
    embedding: tuple[TensorSpec, ...]
    policy: MaskPolicy
