"""Everything a training run can be told, as one TOML file: sam_lite.toml is the recipe of the default model.

Those that improve a model on a project's own masks are decoder.toml, neck.toml, whole.toml and adapters.toml. Values
not in the file take the defaults below. The recipe is the published one (Segment Anything, appendix A) where a comment
says so; the rest is what small data needs.
"""

from __future__ import annotations

import dataclasses
import math
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sam_core.errors import SamCoreError

T = TypeVar("T")
OPTIMIZERS = ("adamw", "muon")
PARTS = ("decoder", "neck", "encoder")  # decoder: the prompt encoder and the mask decoder
SIZE_STEP = 32  # the encoder's largest stride
OWN_SIZE = 0  # a stage's image_size: the model's own


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
    near_probability: float = 0.0  # a crop is a zoom view of one mask (sam_core/masks/views.py)
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
    grad_iterations: str = "first_last"  # or "last", or "all", the published recipe
    single_probability: float = 0.3  # unless "all": the step ends after the first decoding
    length_decay: float = 0.6  # unless "all": each further iteration happens with this probability
    learned_between: int = 0  # of "first_last": how many of the iterations between, drawn anew each step, learn too


@dataclass(frozen=True)
class Stage:
    """One part of the schedule. The rate goes from lr to end_lr by half a cosine."""

    steps: int = 6000
    image_size: int = 256  # side of the square input, in pixels; 0: the model's own
    batch_images: int = 8
    max_clicks: int = 8  # longest click sequence; published
    lr: float = 8e-4  # published
    end_lr: float = 1.6e-5


@dataclass(frozen=True)
class OptimConfig:
    """AdamW as published, or Muon, with a lower rate for the pre-trained encoder."""

    dice_weight: float = 1.0  # published: focal 20 to dice 1
    optimizer: str = "adamw"  # or "muon": it for matrices, AdamW for the rest, at the same rates
    encoder_lr_ratio: float = 0.2  # rate of the pre-trained encoder over the schedule's
    parts: tuple[str, ...] = PARTS  # what learns; the rest keeps its weights
    frozen_blocks: int = 0  # blocks of the encoder, what comes before them included, that keep their weights
    adapter_rank: int = (
        0  # of low-rank adapters in the encoder's attention (arXiv 2106.09685), which learn beside parts
    )
    weight_decay: float = 0.05
    warmup_steps: int = 250  # published
    clip_norm: float = 1.0
    ema_decay: float = 0.999


@dataclass(frozen=True)
class RunConfig:
    """What a run begins with, and how often it reports."""

    seed: int = 1
    log_every: int = 20
    checkpoint_steps: int = 200
    threads: int = 2
    minutes: float = 0.0  # of training at most, with a schedule of one stage; 0: the steps alone count


@dataclass(frozen=True)
class TrainConfig:
    """The whole configuration of a run."""

    data: DataConfig = DataConfig()
    prompts: PromptConfig = PromptConfig()
    schedule: tuple[Stage, ...] = (Stage(),)
    optim: OptimConfig = OptimConfig()
    run: RunConfig = RunConfig()

    @property
    def steps(self) -> int:
        """Steps of all stages together."""
        return sum(stage.steps for stage in self.schedule)

    def stages(self) -> Iterator[tuple[int, int, Stage]]:
        """Yield each stage with the step and the sample that it begins with."""
        step = sample = 0
        for stage in self.schedule:
            yield step, sample, stage
            step, sample = step + stage.steps, sample + stage.steps * stage.batch_images

    def stage_at(self, step: int) -> tuple[int, Stage]:
        """Return the stage that a step belongs to, and the step that it begins with."""
        first, _, stage = [one for one in self.stages() if one[0] <= step][-1]
        return first, stage

    def learning_rate(self, step: int, *, time_share: float = 0.0) -> float:
        """Return the rate of a step: the stage's, after a linear warm-up over the first steps of the run.

        time_share: how much of the run's minutes is over, 0..1; the stage is as far as its steps or they are.
        """
        first, stage = self.stage_at(step)
        progress = min(1.0, max((step - first) / stage.steps, time_share))
        cosine = 0.5 * (1 + math.cos(math.pi * progress))
        warmup = min(1.0, (step + 1) / max(1, self.optim.warmup_steps))
        return warmup * (stage.end_lr + (stage.lr - stage.end_lr) * cosine)

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as config_of reads it."""
        return dataclasses.asdict(self)


def load_config(path: Path) -> TrainConfig:
    """Read a TOML file with the tables [data], [prompts], [optim], [run] and [[schedule]], one for each stage.

    ConfigError names what is wrong.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except ValueError as error:  # no TOML, or no text at all
        raise ConfigError(f"{path}: {error}") from error
    return config_of(raw, where=str(path))


def config_of(raw: dict[str, Any], *, where: str) -> TrainConfig:
    """Return the configuration of plain tables; `where` names them in a ConfigError."""
    tables = {f.name for f in dataclasses.fields(TrainConfig)}
    unknown = set(raw) - tables
    if unknown:
        raise ConfigError(f"{where}: unknown tables {sorted(unknown)}; known: {sorted(tables)}")
    config = TrainConfig(
        data=_table(DataConfig, raw.get("data", {}), where),
        prompts=_table(PromptConfig, raw.get("prompts", {}), where),
        schedule=tuple(_table(Stage, stage, where) for stage in raw.get("schedule", [{}])),
        optim=_table(OptimConfig, raw.get("optim", {}), where),
        run=_table(RunConfig, raw.get("run", {}), where),
    )
    _check(config, where)
    return config


def _check(config: TrainConfig, where: str) -> None:
    if not config.data.max_stretch >= 1:
        stretch = config.data.max_stretch
        raise ConfigError(f"{where}: max_stretch is {stretch!r}; from 1, which keeps proportions, upwards")
    if config.optim.optimizer not in OPTIMIZERS:
        raise ConfigError(f"{where}: optimizer is {config.optim.optimizer!r}; known: {list(OPTIMIZERS)}")
    if not set(config.optim.parts) <= set(PARTS) or not (config.optim.parts or config.optim.adapter_rank):
        raise ConfigError(f"{where}: parts is {list(config.optim.parts)}; name some of {list(PARTS)}")
    if config.run.minutes and len(config.schedule) > 1:
        raise ConfigError(f"{where}: a run of so many minutes has one stage; leave [run] minutes or the stages away")
    for stage in config.schedule:
        if stage.image_size != OWN_SIZE:
            _check_size(stage, where)
        if stage.steps < 1 or stage.batch_images < 1:
            raise ConfigError(
                f"{where}: a stage has {stage.steps} steps of {stage.batch_images} images; each must be at least 1"
            )


def _check_size(stage: Stage, where: str) -> None:
    if stage.image_size < SIZE_STEP or stage.image_size % SIZE_STEP:
        raise ConfigError(
            f"{where}: a stage works at {stage.image_size} px; it must be a multiple of {SIZE_STEP}, or 0, which is "
            "the model's own size"
        )


def _table(kind: type[T], values: dict[str, Any], where: str) -> T:
    known = {f.name for f in dataclasses.fields(kind)}  # type: ignore[arg-type]  # T is a dataclass
    unknown = set(values) - known
    if unknown:
        raise ConfigError(f"{where}: unknown keys {sorted(unknown)} for {kind.__name__}; known: {sorted(known)}")
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
