"""The phase of an improvement that learns: steps, checks on held-out masks, saving, stopping."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch

from sam_core.training.checkpoint import learned_weights
from sam_core.training.embedding_pool import EmbeddingPool
from sam_core.training.errors import StoppedError
from sam_core.training.held_out import CHECK_CLICKS, HeldOut, ious_of
from sam_core.training.loop import Figures, MakeBatches, crop_batches, run_steps
from sam_core.training.measure import measure_masks
from sam_core.training.parts import is_encoding_fixed
from sam_core.training.project_folder import ProjectFolder
from sam_core.training.run_files import Progress
from sam_core.training.trainer import Trainer

CHECKS = 4
SECONDS_BETWEEN_SAVES = 20.0


class Learning:
    """Trains until steps or minutes are over. is_stopped: whether somebody asked for that."""

    def __init__(
        self,
        trainer: Trainer,
        project: ProjectFolder,
        held_out: HeldOut,
        progress: Progress,
        is_stopped: Callable[[], bool],
    ) -> None:
        self.trainer, self.project, self.held_out = trainer, project, held_out
        self.progress, self.is_stopped = progress, is_stopped
        self.on_curve = held_out.on_curve(60 * trainer.config.run.minutes)
        self.losses: list[float] = []
        self.saved_at = time.monotonic()
        self.next_check = int(self.share * CHECKS) + 1

    @property
    def share(self) -> float:
        """How much of the training is over, 0..1."""
        return min(1.0, max(self.trainer.step / self.trainer.config.steps, self.trainer.time_share))

    def run(self) -> None:
        """Train to the end; raise StoppedError after saving."""
        pool = EmbeddingPool(self.trainer.folder, self.project.records())
        if self.trainer.step == 0:
            self._tell(held_out=ious_of(self.held_out.measured_of(self.on_curve)))
        run_steps(self.trainer, self._batches(pool), self._on_step)
        pool.remove()

    def _batches(self, pool: EmbeddingPool) -> MakeBatches:
        is_fixed = is_encoding_fixed(self.trainer.config.optim)
        return pool.batches if is_fixed else crop_batches(self.project.records())

    def _on_step(self, figures: Figures) -> None:
        self.losses.append(figures["loss"])
        is_checked = self.share >= self.next_check / CHECKS or self.trainer.is_done
        if is_checked:
            self.next_check = int(self.share * CHECKS) + 1
            self._tell(held_out=self._check())
        else:
            self._tell()
        is_stopped = self.is_stopped()
        if is_checked or is_stopped or time.monotonic() - self.saved_at > SECONDS_BETWEEN_SAVES:
            self.trainer.save()
            self.saved_at = time.monotonic()
        if is_stopped:
            raise StoppedError("the run was stopped; go on with --resume")

    def _tell(self, *, held_out: dict[str, float] | None = None) -> None:
        more: dict[str, object] = {} if held_out is None else {"held_out": held_out}
        if self.losses:
            more["loss"] = round(float(np.mean(self.losses)), 4)
        percent, step = round(100 * self.share), self.trainer.step
        if self.progress.tell("train", percent, 100, is_due=held_out is not None, step=step, **more):
            self.losses.clear()

    def _check(self) -> dict[str, float] | None:
        with averaged(self.trainer):
            measured = measure_masks(
                self.trainer.model, self.held_out.images, self.on_curve, clicks=CHECK_CLICKS, is_replayed=False
            )
        return ious_of(measured)


@contextmanager
def averaged(trainer: Trainer) -> Iterator[None]:
    """Put the averaged weights into a trainer's model for a while."""
    learned = learned_weights(trainer.model)
    live = {name: value.clone() for name, value in learned.items()}
    with torch.no_grad():
        for name, value in learned.items():
            value.copy_(trainer.ema.shadow[name])
    try:
        yield
    finally:
        with torch.no_grad():
            for name, value in learned.items():
                value.copy_(live[name])
