"""One run of training: model, optimisers, average and counters, saved and restored together.

Source of a step: Segment Anything (arXiv 2304.02643), appendix A. A run goes on after going back from a loss that is
not a number, at a lower rate, and after running out of memory, with smaller batches; both are part of its state.
Must not know: where photos come from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sam_core.modeling.promptable import PromptableModel
from sam_core.training.adapters import add_adapters, plain_state
from sam_core.training.checkpoint import Ema, learned_weights, load_state, save_atomically
from sam_core.training.config import Stage, TrainConfig, config_of
from sam_core.training.errors import NotANumberError, OutOfMemoryError
from sam_core.training.losses import MaskLosses
from sam_core.training.optimizers import build_optimizers, fast_dtype
from sam_core.training.parts import encode, freeze
from sam_core.training.simulation import simulate, total_loss

START, LAST = "start.pt", "last.pt"
MOST_RETURNS = 3
LOWER_RATE = 0.25


class Trainer:
    """One run in a folder: start.pt holds the weights that it began with, last.pt what it needs to go on exactly.

    returns: how often it went back. shrinks: how often its batches were made smaller.
    """

    def __init__(
        self,
        model: PromptableModel,
        config: TrainConfig,
        folder: Path,
        *,
        started_from: str,
        device: torch.device | None = None,
    ) -> None:
        """Prepare a run of a model, which changes; device None: CUDA where there is one."""
        self.config, self.folder, self.started_from = config, folder, started_from
        self.device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.dtype = fast_dtype(self.device)
        torch.manual_seed(config.run.seed)
        torch.set_num_threads(config.run.threads)
        if config.optim.adapter_rank:
            add_adapters(model, config.optim.adapter_rank)
        freeze(model, config.optim)
        self.model = model.eval().to(self.device)
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
        self.optimizers = build_optimizers(self.model, config.optim)
        self.ema = Ema(self.model, config.optim.ema_decay)
        self.step, self.seconds, self.images, self.returns, self.shrinks = 0, 0.0, 0, 0, 0

    def begin(self) -> None:
        """Save the first state, to which a run goes back that fails at once."""
        start = plain_state(self.model.state_dict(), is_merged=False)
        save_atomically({"model": start, "version": self.started_from}, self.folder / START)
        self.save()

    @classmethod
    def resume(cls, model: PromptableModel, folder: Path, *, device: torch.device | None = None) -> Trainer:
        """Go on with the run in a folder as if it had never stopped; model: an untrained one of its variant.

        Raises CheckpointError where there is no such run.
        """
        state = load_state(folder / LAST)
        model.load_state_dict(load_state(folder / START)["model"])
        config = config_of(state["config"], where=str(folder / LAST))
        trainer = cls(model, config, folder, started_from=state["started_from"], device=device)
        trainer.restore(state)
        return trainer

    def averaged_state(self) -> dict[str, Tensor]:
        """Return the averaged weights under the model's own names, adapters merged."""
        return plain_state({**self.model.state_dict(), **self.ema.shadow}, is_merged=True)

    def state(self) -> dict[str, Any]:
        """Everything that a resumed run needs beside start.pt."""
        return {
            "config": self.config.to_dict(),
            "started_from": self.started_from,
            "model": learned_weights(self.model),
            "ema": self.ema.shadow,
            "optimizers": [one.state_dict() for one in self.optimizers],
            "step": self.step,
            "seconds": self.seconds,
            "images": self.images,
            "returns": self.returns,
            "shrinks": self.shrinks,
            "rng": torch.get_rng_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Become what a saved state says."""
        self.model.load_state_dict(state["model"], strict=False)
        self.ema.shadow = {name: value.to(self.device) for name, value in state["ema"].items()}
        for one, kept in zip(self.optimizers, state["optimizers"], strict=True):
            one.load_state_dict(kept)
        self.step, self.seconds, self.images = state["step"], state["seconds"], state["images"]
        self.returns, self.shrinks = state["returns"], state["shrinks"]
        torch.set_rng_state(state["rng"])

    def save(self) -> None:
        """Write last.pt."""
        save_atomically(self.state(), self.folder / LAST)

    def go_back(self) -> None:
        """Return to the last saved state and lower all rates; NotANumberError after MOST_RETURNS times."""
        returns, shrinks = self.returns + 1, self.shrinks
        if returns > MOST_RETURNS:
            raise NotANumberError(
                f"the loss was not a number, and again at {LOWER_RATE**MOST_RETURNS:.0%} of the rate; look for damaged "
                "photos among the data, or take a recipe with a lower rate"
            )
        self.restore(load_state(self.folder / LAST))
        self.returns, self.shrinks = returns, shrinks
        self.save()

    def shrink(self) -> None:
        """Take smaller batches from now on; OutOfMemoryError where they are of one image and one mask already."""
        self.model.zero_grad(set_to_none=True)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        _, stage = self.config.stage_at(self.step)
        if self.shrinks + 1 >= len(batch_sizes(stage.batch_images, self.config.data.masks_per_image)):
            raise OutOfMemoryError(
                f"the {self.device.type} has not enough memory for one image with one mask: use a machine with more, "
                "a smaller model, or the recipe decoder"
            )
        self.shrinks += 1

    @property
    def is_done(self) -> bool:
        """Whether all steps, or all minutes, are over."""
        return self.step >= self.config.steps or self.time_share >= 1

    @property
    def time_share(self) -> float:
        """How much of the run's minutes is over, 0 where it has none."""
        minutes = self.config.run.minutes
        return min(1.0, self.seconds / (60 * minutes)) if minutes else 0.0

    @property
    def batch(self) -> tuple[int, int]:
        """Images a step and masks an image, as large as the memory lets them be."""
        _, stage = self.config.stage_at(self.step)
        return batch_sizes(stage.batch_images, self.config.data.masks_per_image)[self.shrinks]

    def train_step(self, inputs: Tensor | Mapping[str, Tensor], masks: Tensor, stage: Stage) -> dict[str, float]:
        """Take one optimiser step on pixels (B, 3, S, S) uint8 or their embedding, and masks (B, M, side, side) uint8.

        FloatingPointError where loss or gradient are not finite; the weights are as before then.
        """
        config = self.config
        rate = config.learning_rate(self.step, time_share=self.time_share) * LOWER_RATE**self.returns
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * group["lr_ratio"]
        flat_masks = masks[:, : self.batch[1]].to(self.device).flatten(0, 1).bool()
        losses = simulate(
            self.model,
            self._embedding(inputs),
            flat_masks,
            config.prompts,
            self.dtype,
            max_clicks=stage.max_clicks,
            dice_weight=config.optim.dice_weight,
        )
        loss = total_loss(losses)
        self.model.zero_grad(set_to_none=True)
        loss.backward()
        learned = [p for p in self.model.parameters() if p.requires_grad]
        norm = float(torch.nn.utils.clip_grad_norm_(learned, config.optim.clip_norm))
        if not math.isfinite(norm) or not math.isfinite(float(loss.detach())):
            raise FloatingPointError(f"the gradient at step {self.step} is not finite")
        for optimizer in self.optimizers:
            optimizer.step()
        self.ema.update(self.model, self.step)
        self.step += 1
        self.images += len(masks)
        return describe(losses, float(loss.detach()), norm, rate)

    def _embedding(self, inputs: Tensor | Mapping[str, Tensor]) -> dict[str, Tensor]:
        if isinstance(inputs, Tensor):
            pixels = inputs.to(self.device).float().contiguous(memory_format=torch.channels_last)
            return encode(self.model, pixels, self.config.optim, self.dtype)
        return {name: value.to(self.device).float() for name, value in inputs.items()}


def batch_sizes(images: int, masks: int) -> list[tuple[int, int]]:
    """Return images a step and masks an image, from what a recipe says down to one of each."""
    sizes = [(images, masks)]
    while sizes[-1] != (1, 1):
        images, masks = (images // 2, masks) if images > 1 else (1, masks // 2)
        sizes.append((images, masks))
    return sizes


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
