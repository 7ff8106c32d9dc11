"""Everything a training run can be told, as one TOML file.

Values not in the file take the defaults below. The recipe is the published one (Segment Anything, appendix A)
where a comment says so; the rest is what small data needs.
"""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sam_core.errors import SamCoreError

T = TypeVar("T")
OPTIMIZERS = ("adamw", "muon")


class ConfigError(SamCoreError):
    """The training configuration does not make sense."""


@dataclass(frozen=True)
class DataConfig:
    """Which photos, how they are cropped and which targets they give."""

    folders: tuple[str, ...] = ()  # SA-1B-layout folders; each sub-folder is one set
    set_power: float = 0.5  # a set of n photos is drawn with weight n ** set_power
    set_weights: dict[str, float] = field(default_factory=dict)  # factors on top, by set name
    masks_per_image: int = 3
    min_mask_area_ratio: float = 0.0008  # of the model input
    max_mask_area_ratio: float = 0.9  # published: masks over 90 % of the image are left out
    scale_range: tuple[float, float] = (0.6, 2.0)  # longest side of the photo, in model inputs
    max_stretch: float = 1.0  # a crop becomes wider or higher by up to this ratio; 1: keeps its proportions
    focus_probability: float = 0.7  # a crop is centred on a mask
    near_probability: float = 0.0  # a crop is what a closer look shows (sam_core/masks/closer.py): a mask from near by
    near_range: tuple[float, float] = (1.2, 4.0)  # its side, in longer sides of the mask's box
    rotation_probability: float = 0.0  # a photo is turned by up to max_rotation first
    max_rotation: float = 15.0  # degrees, either way
    flip_probability: float = 0.5
    color_jitter: float = 0.3
    gray_probability: float = 0.05
    paste_probability: float = 0.15  # an object of another photo is pasted in
    twin_probability: float = 0.0  # of pastes, an object's own copy beside it instead: things that look alike
    union_probability: float = 0.25  # of a region with a neighbour of the same annotator, where photos have annotators
    workers: int = 1


@dataclass(frozen=True)
class PromptConfig:
    """Simulated prompts. Published: 8 clicks and 2 iterations with no new click, all with gradient."""

    box_probability: float = 0.3
    central_click_probability: float = 0.7  # in the middle of the mask or error, as people do; published: 0, anywhere
    box_noise_ratio: float = 0.1  # published
    box_noise_max_px: float = 20.0  # published, at 1024 px input; scaled with the input
    box_noise_varies: bool = False  # of that, each box has a random share: some are drawn with care
    max_clicks: int = 8  # published
    grad_iterations: str = "first_last"  # or "last", or "all", the published recipe
    single_probability: float = 0.3  # unless "all": the step ends after the first decoding
    length_decay: float = 0.6  # unless "all": each further iteration happens with this probability
    learned_between: int = 0  # of "first_last": how many of the iterations between, drawn anew each step, learn too


@dataclass(frozen=True)
class OptimConfig:
    """AdamW as published, or Muon, with a lower rate for the pre-trained encoder and a cosine schedule."""

    dice_weight: float = 1.0  # published: focal 20 to dice 1
    optimizer: str = "adamw"  # or "muon": it for matrices, AdamW for the rest, at the same rates
    steps: int = 6000
    batch_images: int = 8
    lr: float = 8e-4  # published
    encoder_lr: float = 1.5e-4
    added_lr: float = 0.0  # of blocks that the starting weights lack; 0: lr
    frozen_blocks: int = 0  # blocks of the pre-trained encoder, stem included, that keep their ImageNet weights
    frozen_encoder: bool = False  # all of the encoder keeps its weights: its time goes into longer click sequences
    weight_decay: float = 0.05
    warmup_steps: int = 250  # published
    final_lr_ratio: float = 0.02
    clip_norm: float = 1.0
    ema_decay: float = 0.999
    max_minutes: float = 0.0  # the schedule ends at this time if the steps are not done before; 0: steps alone


@dataclass(frozen=True)
class RunConfig:
    """Where a run lives and how often it reports."""

    image_size: int = 256
    seed: int = 1
    log_every: int = 20
    checkpoint_minutes: float = 5.0
    threads: int = 2


@dataclass(frozen=True)
class TrainConfig:
    """The whole configuration of a run."""

    data: DataConfig = DataConfig()
    prompts: PromptConfig = PromptConfig()
    optim: OptimConfig = OptimConfig()
    run: RunConfig = RunConfig()


def load_config(path: Path) -> TrainConfig:
    """Read a TOML file with the tables [data], [prompts], [optim] and [run]; ConfigError names what is wrong."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    tables = {f.name: f for f in dataclasses.fields(TrainConfig)}
    unknown = set(raw) - set(tables)
    if unknown:
        raise ConfigError(f"{path}: unknown tables {sorted(unknown)}; known: {sorted(tables)}")
    return TrainConfig(
        data=_data(_table(DataConfig, raw.get("data", {}), path), path),
        prompts=_table(PromptConfig, raw.get("prompts", {}), path),
        optim=_optim(_table(OptimConfig, raw.get("optim", {}), path), path),
        run=_table(RunConfig, raw.get("run", {}), path),
    )


def _data(config: DataConfig, path: Path) -> DataConfig:
    if not config.max_stretch >= 1:
        raise ConfigError(f"{path}: max_stretch is {config.max_stretch!r}; from 1, which keeps proportions, upwards")
    return config


def _optim(config: OptimConfig, path: Path) -> OptimConfig:
    if config.optimizer not in OPTIMIZERS:
        raise ConfigError(f"{path}: optimizer is {config.optimizer!r}; known: {list(OPTIMIZERS)}")
    return config


def _table(kind: type[T], values: dict[str, Any], path: Path) -> T:
    known = {f.name for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = set(values) - known
    if unknown:
        raise ConfigError(f"{path}: unknown keys {sorted(unknown)} for {kind.__name__}; known: {sorted(known)}")
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
