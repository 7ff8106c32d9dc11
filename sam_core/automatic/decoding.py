"""Decode a grid of single clicks on one image, the masks of those alone that are wanted.

Predicted IoU comes from the tokens alone, so in a factored decoder the masks of clicks that the IoU filter drops
are never computed. Any other model decodes them whole. Must not know: photos, thresholds, masks at original size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from sam_core.modeling.factored_decoder import DecodedPrompts, FactoredDecoder, in_image_order
from sam_core.modeling.promptable import Embedding, PromptableModel
from sam_core.modeling.sam import Sam
from sam_core.modeling.sam2 import Sam2
from sam_core.prompt_kinds import FOREGROUND, PADDING

CLICKS_AT_ONCE_CPU = 4  # 4 x 4096 x 256 floats are 16 MiB: 64 at once took 1.2 to 2 times as long, 1 at once as well


class DecodedClicks(Protocol):
    """Some clicks after decoding."""

    @property
    def predicted_iou(self) -> Tensor:
        """B x 4."""
        ...

    def low_res_logits(self, clicks: Sequence[int], tokens: Sequence[int]) -> Tensor:
        """Return the logits (K x side x side) of K wanted masks, given as click and mask token."""
        ...


class GridDecoder:
    """Decodes single foreground clicks on one embedded image."""

    def __init__(self, model: PromptableModel, embedding: Embedding) -> None:
        """Prepare what all clicks share; embedding: float32, on the model's device."""
        self._decode_some = _Factored(model, embedding) if isinstance(model, Sam | Sam2) else _Whole(model, embedding)
        device = next(iter(embedding.values())).device
        self._clicks_at_once = CLICKS_AT_ONCE_CPU if device.type == "cpu" else 10**9

    def decode(self, points_model: Tensor) -> list[DecodedClicks]:
        """Decode clicks (B x 2, (x, y) in model pixels) into one or more pieces, in order."""
        return [self._decode_some(*_as_prompts(part)) for part in torch.split(points_model, self._clicks_at_once)]


def _as_prompts(points_model: Tensor) -> tuple[Tensor, Tensor]:
    """Return coordinates and labels of clicks, each followed by the padding point that replaces a box."""
    coords = torch.stack([points_model, torch.zeros_like(points_model)], dim=1)  # B x 2 x 2
    return coords, torch.tensor([FOREGROUND, PADDING], device=coords.device).expand(len(coords), 2)


class _Factored:
    def __init__(self, model: Sam | Sam2, embedding: Embedding) -> None:
        side = model.mask_side // 4
        self._decoder, self._grid = model.factored, (side, side)
        self._terms = model.image_terms(embedding)

    def __call__(self, coords: Tensor, labels: Tensor) -> DecodedClicks:
        return _FactoredClicks(self._decoder, self._grid, self._decoder.decode(self._terms, coords, labels))


@dataclass(frozen=True)
class _FactoredClicks:
    decoder: FactoredDecoder
    grid: tuple[int, int]
    decoded: DecodedPrompts

    @property
    def predicted_iou(self) -> Tensor:
        return self.decoded.predicted_iou

    def low_res_logits(self, clicks: Sequence[int], tokens: Sequence[int]) -> Tensor:
        return in_image_order(self.decoder.some_masks(self.decoded, clicks, tokens), *self.grid)


class _Whole:
    def __init__(self, model: PromptableModel, embedding: Embedding) -> None:
        self._model, self._embedding = model, embedding

    def __call__(self, coords: Tensor, labels: Tensor) -> DecodedClicks:
        return _WholeClicks(*self._model.decode(self._embedding, coords.float(), labels))


@dataclass(frozen=True)
class _WholeClicks:
    logits: Tensor  # B x 4 x side x side
    predicted_iou: Tensor

    def low_res_logits(self, clicks: Sequence[int], tokens: Sequence[int]) -> Tensor:
        return self.logits[list(clicks), list(tokens)]
