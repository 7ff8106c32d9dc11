"""Low-rank adapters in the attention of an image encoder, and how they become plain weights again.

An adapter adds up x down, of a small rank, to the weight of a projection to queries, keys and values; the weight itself
stays. Merged, the model has its own names and shapes again, so that everybody loads it as before.
Source: Hu et al., LoRA (arXiv 2106.09685); for SAM's encoder: Zhang and Liu, SAMed (arXiv 2304.13785).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sam_core.modeling.promptable import PromptableModel
from sam_core.training.config import ConfigError

PLACE = ".parametrizations."
ORIGINAL, ADAPTER = ".parametrizations.weight.original", ".parametrizations.weight.0"


class LowRank(nn.Module):
    """Adds what it learned to a weight (outputs x inputs); it begins by adding nothing."""

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        outputs, inputs = weight.shape
        self.down = nn.Parameter(torch.randn(rank, inputs) / math.sqrt(inputs))
        self.up = nn.Parameter(torch.zeros(outputs, rank))

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weight with the adapter."""
        return weight + self.up @ self.down


def is_adapter(name: str) -> bool:
    """Tell an adapter's parameter by its name from the weight that it adapts."""
    return PLACE in name and not name.endswith(".original")


def projections(model: PromptableModel) -> list[nn.Linear]:
    """Return the projections to queries, keys and values of a model's image encoder, its neck excepted."""
    return [
        module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
        and name.startswith("image_encoder.")
        and not name.startswith("image_encoder.neck")
        and name.endswith(".qkv")
    ]


def add_adapters(model: PromptableModel, rank: int) -> None:
    """Give each attention of the encoder an adapter; ConfigError where there is no attention. In place."""
    found = projections(model)
    if not found:
        raise ConfigError("this model's encoder has no attention to adapt; take the recipe whole, neck or decoder")
    for module in found:
        parametrize.register_parametrization(module, "weight", LowRank(module.weight, rank))


def plain_state(state: Mapping[str, Tensor], *, is_merged: bool) -> dict[str, Tensor]:
    """Return a state dict under the model's own names; is_merged: with what adapters add, else without."""
    plain: dict[str, Tensor] = {}
    for name, value in state.items():
        if PLACE not in name:
            plain[name] = value
        elif name.endswith(ORIGINAL):
            adapter = name.removesuffix(ORIGINAL) + ADAPTER
            added = state[f"{adapter}.up"] @ state[f"{adapter}.down"] if is_merged else 0.0
            plain[name.removesuffix(ORIGINAL) + ".weight"] = value + added
    return plain
