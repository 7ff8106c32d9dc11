"""Improve a model on a project's own masks: learn, average with the old weights, compare, and say what came of it.

    from sam_core.training.improve import improve
    done = improve("sam_lite", Path("masks/"), run=Path("run/"), minutes=15)
    print(done.verdict, done.weights)

Phases: prepare, before (the old model on held-out masks), train, average (the share of the new weights), compare. Each
leaves a file in the run's folder, so that a run that was stopped or killed goes on where it was (is_resumed).
Decisions: docs/adr/0035. Must not know: the application.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sam_core.backends.torch_backend import choose_device
from sam_core.modeling.promptable import PromptableModel
from sam_core.registry import build_model, model_spec
from sam_core.training.averaging import Figures, choose_share, mix
from sam_core.training.checkpoint import export_weights, load_state
from sam_core.training.compare import Pair, compare_all, pairs_of, verdict_of
from sam_core.training.config import ConfigError
from sam_core.training.errors import OutOfMemoryError, StoppedError, is_out_of_memory, saying_disk_full
from sam_core.training.held_out import CHECK_CLICKS, SHARES_TRIED, Chosen, HeldOut, count_of, figure_of
from sam_core.training.learning import Learning
from sam_core.training.measure import measure_general, measure_masks
from sam_core.training.parents import Parent, find_parent, label_of
from sam_core.training.project_folder import ProjectFolder, read_project
from sam_core.training.recipes import choose_recipe, load_recipe
from sam_core.training.run_files import (
    BEGUN,
    PICTURES,
    RESULT,
    SHARE,
    Progress,
    Row,
    forget_unbegun,
    locked,
    read_json,
    write_json,
)
from sam_core.training.side_by_side import draw_pictures
from sam_core.training.trainer import LAST, START, Trainer

WEIGHTS = "weights.pt"
DEFAULT_THREADS = 2
LEAST_TRAINED_SHARE = 0.5  # of a run's time that goes into training at least


@dataclass(frozen=True)
class Improvement:
    """What came of a run: its folder, the new weights, and result.json as read (docs/contracts.md)."""

    run: Path
    weights: Path
    result: Row

    @property
    def verdict(self) -> str:
        """better, same, worse, or unknown where too few masks were held out."""
        return str(self.result["verdict"])


@dataclass(frozen=True)
class Options:
    """How a run was asked for. minutes: of all phases together, about."""

    minutes: float
    recipe: str | None = None
    device: str | torch.device | None = None
    threads: int = DEFAULT_THREADS


def improve(
    model: PromptableModel | str | Path,
    folder: Path,
    *,
    run: Path,
    minutes: float,
    recipe: str | None = None,
    checkpoint: Path | None = None,
    device: str | torch.device | None = None,
    threads: int = DEFAULT_THREADS,
    is_resumed: bool = False,
    on_progress: Callable[[Row], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Improvement:
    """Improve a model on a folder in SA-1B layout (project_folder.py); the model given is not changed.

    model: a model, a variant's name, or a weight file; checkpoint: weights of the variant named. run: the folder for
    all that comes of it. is_resumed: go on with the run in that folder, or begin where there is none yet.
    Raises DataError and ConfigError for what cannot be done, CheckpointError for weights, and StoppedError,
    OutOfMemoryError, DiskFullError and NotANumberError (errors.py); after the last four the run can be resumed.
    """
    options = Options(minutes=minutes, recipe=recipe, device=device, threads=threads)
    if not minutes > 0:
        raise ConfigError(f"minutes is {minutes}; give more than 0")
    with saying_disk_full(run), locked(run):
        done = read_json(run / RESULT)
        if done is not None and is_resumed:
            return Improvement(run, run / WEIGHTS, done)
        if not is_resumed and ((run / BEGUN).exists() or done is not None):
            raise ConfigError(f"{run} holds a run already; go on with it by --resume, or name another folder")
        if not is_resumed:
            forget_unbegun(run)
        try:
            return _Run(model, checkpoint, folder, run, options, on_progress, should_stop).finish()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise OutOfMemoryError("there is not enough memory to run this model on one image") from error


class _Run:
    """One improvement, from its first phase that is not done yet to its last."""

    def __init__(
        self,
        model: PromptableModel | str | Path,
        checkpoint: Path | None,
        folder: Path,
        run: Path,
        options: Options,
        on_progress: Callable[[Row], None] | None,
        should_stop: Callable[[], bool] | None,
    ) -> None:
        self.run, self.options, self.should_stop = run, options, should_stop
        self.device = choose_device(options.device)
        torch.set_num_threads(options.threads)
        kept_steps = int(load_state(run / LAST)["step"]) if (run / LAST).exists() else 0
        self.progress = Progress(run, on_progress, kept_steps=kept_steps)
        self.parent = self._find_parent(model, checkpoint)
        self.project = read_project(folder, self._tell_files)
        self.held_out = HeldOut.of(self.project)

    def _tell_files(self, done: int, total: int) -> None:
        self._tell("prepare", done, total)

    def _tell(self, phase: str, done: int, total: int) -> None:
        """Say how far a phase is; StoppedError where somebody asked to stop."""
        if self._is_stopped():
            raise StoppedError("the run was stopped; go on with --resume")
        self.progress.tell(phase, done, total)

    def _is_stopped(self) -> bool:
        return self.should_stop is not None and self.should_stop()

    def _find_parent(self, model: PromptableModel | str | Path, checkpoint: Path | None) -> Parent:
        """Return the old model: as the run was begun with, whatever has become of its file since."""
        begun = read_json(self.run / BEGUN)
        if begun is not None and (self.run / START).exists():
            return Parent(begun["model"], begun["parent"], load_state(self.run / START)["model"])
        return find_parent(model, checkpoint)

    def finish(self) -> Improvement:
        """Run all phases that are not done yet."""
        old = self.model_of(self.parent.state)
        seconds = 60 * self.options.minutes
        tell = partial(self._tell, "before")
        self.held_out.measure_old(old, self.run, seconds=seconds, tell=tell)
        trainer = self._train()
        share, tried = self._average(trainer)
        return self._compare(trainer, share, tried)

    def model_of(self, state: dict[str, Tensor]) -> PromptableModel:
        """Return the variant with a state dict, ready to measure."""
        model = model_spec(self.parent.name).build_untrained()
        model.load_state_dict(state)
        return model.eval().to(self.device)

    def _train(self) -> Trainer:
        if (self.run / LAST).exists() and (self.run / BEGUN).exists():
            untrained = model_spec(self.parent.name).build_untrained()
            trainer = Trainer.resume(untrained, self.run, device=self.device)
        else:
            trainer = self._begin()
        Learning(trainer, self.project, self.held_out, self.progress, self._is_stopped).run()
        return trainer

    def _begin(self) -> Trainer:
        model = self.model_of(self.parent.state)
        images = len(self.project.trained)
        name = self.options.recipe or choose_recipe(model, images=images, device=self.device)
        total = 60 * self.options.minutes
        seconds = max(total * LEAST_TRAINED_SHARE, total - self.progress.seconds - self.held_out.seconds_after(total))
        config = load_recipe(name, seconds=seconds, threads=self.options.threads)
        trainer = Trainer(model, config, self.run, started_from=self.parent.version, device=self.device)
        begun = {"model": self.parent.name, "parent": self.parent.version, "recipe": name}
        write_json(self.run / BEGUN, {**begun, "minutes": self.options.minutes, "device": self.device.type})
        trainer.begin()
        return trainer

    def _average(self, trainer: Trainer) -> tuple[float, list[dict[str, Any]]]:
        """Return the share of the new weights that ships, and all that were tried; write the weights."""
        kept = read_json(self.run / SHARE)
        if kept is not None and (self.run / WEIGHTS).exists():
            return kept["share"], kept["tried"]
        new, checked, old = trainer.averaged_state(), self.held_out.checked(), self.held_out
        before = Figures(figure_of(old.measured_of(checked)), old.general)
        measured = iter(range(SHARES_TRIED))
        share, tried = choose_share(
            before, lambda share: self._figures(mix(self.parent.state, new, share), checked, next(measured))
        )
        self._write_weights(trainer, mix(self.parent.state, new, share), share)
        write_json(self.run / SHARE, {"share": share, "tried": tried})
        return share, tried

    def _figures(self, state: dict[str, Tensor], checked: Chosen, place: int) -> Figures:
        """Measure a mix; place: how many were measured before it."""
        model, masks = self.model_of(state), count_of(checked)

        def tell(done: int) -> None:
            self._tell("average", place * masks + done, SHARES_TRIED * masks)

        measured = measure_masks(
            model, self.held_out.images, checked, clicks=CHECK_CLICKS, is_replayed=False, on_mask=tell
        )
        general = measure_general(model, on_photo=lambda done, total: tell(masks))
        return Figures(figure_of(measured), general)

    def _write_weights(self, trainer: Trainer, state: dict[str, Tensor], share: float) -> None:
        spec = model_spec(self.parent.name)
        recipe = trainer.config.to_dict()
        recipe["data"].pop("folders")
        training = {
            "parent": self.parent.version,
            "started_from": self.parent.version,
            "share": share,
            "steps": trainer.step,
            "images": trainer.images,
            "minutes": round(trainer.seconds / 60, 1),
            "device": self.device.type,
            "seed": trainer.config.run.seed,
            "sets": {"project": len(self.project.trained)},
            "recipe": recipe,
        }
        config = {"name": spec.name, "image_size": spec.image_size, "embed_dim": spec.embed_dim}
        cpu = {name: value.cpu() for name, value in state.items()}
        version = label_of(self.parent.name, cpu)
        export_weights(cpu, self.run / WEIGHTS, version=version, training=training, config=config)

    def _compare(self, trainer: Trainer, share: float, tried: list[dict[str, Any]]) -> Improvement:
        new, old = build_model(self.parent.name, self.run / WEIGHTS).to(self.device), self.held_out
        total = len(old.measured)
        after = measure_masks(new, old.images, old.chosen, on_mask=lambda done: self._tell("compare", done, total))
        pairs = pairs_of(old.images, old.measured, after)
        general = {
            kind: next(row["general"] for row in tried if row["share"] == at)
            for kind, at in (("before", 0.0), ("after", share))
        }
        comparison = compare_all(pairs, general)
        verdict, reason = verdict_of(pairs, comparison, share=share)
        draw_pictures(pairs, self.run / PICTURES)
        result = {
            "verdict": verdict,
            "reason": reason,
            "recipe": (read_json(self.run / BEGUN) or {})["recipe"],
            "share": share,
            "shares": tried,
            "parent": self.parent.version,
            "version": load_state(self.run / WEIGHTS)["version"],
            "model": self.parent.name,
            **_counts(self.project, len(pairs)),
            "steps": trainer.step,
            "seconds": round(self.progress.seconds, 1),
            "device": self.device.type,
            "comparison": comparison,
            "per_mask": [_row(pair) for pair in pairs],
        }
        write_json(self.run / RESULT, result)
        self.progress.tell("compare", total, total, is_due=True)
        return Improvement(self.run, self.run / WEIGHTS, result)


def _counts(project: ProjectFolder, compared: int) -> Row:
    def masks_of(images: list[Any]) -> int:
        return sum(len(one.masks) for one in images)

    trained, held_out = project.trained, project.held_out
    return {
        "images": {"trained": len(trained), "held_out": len(held_out), "skipped": project.skipped_images},
        "masks": {
            "trained": masks_of(trained),
            "held_out": masks_of(held_out),
            "compared": compared,
            "empty": project.empty_masks,
        },
        "skipped": project.skipped,
    }


def _row(pair: Pair) -> Row:
    before, after = (one.ious[min(3, len(one.ious)) - 1] for one in (pair.before, pair.after))
    return {"image": pair.image.name, "id": pair.mask.id, "before": round(before, 4), "after": round(after, 4)}
