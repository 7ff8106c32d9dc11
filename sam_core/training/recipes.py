"""Which recipe improves a model on a project's masks: each is one readable TOML file beside this module.

decoder.toml: the parts that answer prompts, on embeddings that are computed once. neck.toml: what merges the encoder's
maps as well. whole.toml: all of a small model but its first blocks. adapters.toml: low-rank adapters in the encoder of
a large one, for a GPU. Must not know: photos.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from sam_core.modeling.promptable import PromptableModel
from sam_core.training.adapters import projections
from sam_core.training.config import ConfigError, TrainConfig, load_config

RECIPES = ("decoder", "neck", "whole", "adapters")
SMALL_MODEL = 25_000_000  # parameters: up to here a CPU can train all of a model
FOR_NECK, FOR_WHOLE, FOR_ADAPTERS = 6, 16, 16  # images to learn from: fewer would be learned by heart


def choose_recipe(model: PromptableModel, *, images: int, device: torch.device) -> str:
    """Return the recipe for so many images to learn from on a device.

    A small model learns the more of itself the more images there are. A large one learns its decoder, and on a GPU
    adapters in its encoder.
    """
    if sum(one.numel() for one in model.parameters()) <= SMALL_MODEL:
        return "whole" if images >= FOR_WHOLE else "neck" if images >= FOR_NECK else "decoder"
    can_adapt = device.type != "cpu" and images >= FOR_ADAPTERS and bool(projections(model))
    return "adapters" if can_adapt else "decoder"


def load_recipe(name: str, *, seconds: float, threads: int) -> TrainConfig:
    """Return a recipe for a run that trains so many seconds at most; ConfigError for a name that there is not."""
    if name not in RECIPES:
        raise ConfigError(f"no recipe is called {name!r}; there are: {', '.join(RECIPES)}")
    config = load_config(Path(__file__).with_name(f"{name}.toml"))
    run = dataclasses.replace(config.run, minutes=seconds / 60, threads=threads)
    return dataclasses.replace(config, run=run)
