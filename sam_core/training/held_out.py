"""The masks that a run is measured on: which, and how the old model does on them.

The old model is measured first. Its time says how many masks the run can afford, and how much of the run's minutes has
to be kept for measuring the new one. Must not know: how anything is learned.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sam_core.modeling.promptable import PromptableModel
from sam_core.training.compare import LEAST_MASKS, SHOWN
from sam_core.training.measure import CLICKS, Key, Measured, measure_general, measure_masks, spread_masks
from sam_core.training.project_folder import ProjectFolder, ProjectImage
from sam_core.training.run_files import BEFORE, read_json, write_json

MOST_COMPARED, MOST_CHECKED, MOST_ON_CURVE = 200, 32, 12  # masks
CHECK_CLICKS = max(SHOWN)
BEFORE_SHARE = 0.12  # of a run's time at most, for the old model on held-out masks
CURVE_SHARE = 0.015  # of a run's time at most, for one check while it trains
MOST_MEASURING = 0.4  # of a run's time, after it has trained
SHARES_TRIED = 4

Chosen = dict[str, list[int]]


@dataclass
class HeldOut:
    """Held-out images, the masks of them that are measured, and how the old model did."""

    images: list[ProjectImage]
    chosen: Chosen
    measured: dict[Key, Measured] = field(default_factory=dict)
    general: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0  # on the masks
    general_seconds: float = 0.0

    @classmethod
    def of(cls, project: ProjectFolder) -> HeldOut:
        """Choose the masks, in an order that has nothing to do with names."""
        images = sorted(project.held_out, key=lambda one: hashlib.sha256(one.name.encode()).digest())
        return cls(images, spread_masks(images, MOST_COMPARED))

    def measure_old(
        self, model: PromptableModel, run: Path, *, seconds: float, tell: Callable[[int, int], None]
    ) -> None:
        """Measure the old model, or read what a run measured before it was stopped. In place.

        seconds: how long the run takes in all. tell: masks and general photos done, of all.
        """
        kept = read_json(run / BEFORE)
        if kept is not None:
            self._read(kept)
            return
        total = sum(len(places) for places in self.chosen.values())
        began = time.monotonic()

        def is_time_left(done: int) -> bool:
            tell(done, total)
            return done < LEAST_MASKS or time.monotonic() - began < seconds * BEFORE_SHARE

        self.measured = measure_masks(model, self.images, self.chosen, on_mask=is_time_left)
        self.seconds = time.monotonic() - began
        self.general = measure_general(model, on_photo=lambda done, photos: tell(total, total))
        self.general_seconds = time.monotonic() - began - self.seconds
        self.chosen = _by_image(list(self.measured))
        rows = [[name, place, one.to_json()] for (name, place), one in self.measured.items()]
        timing = {"seconds": self.seconds, "general_seconds": self.general_seconds}
        write_json(run / BEFORE, {"measured": rows, "general": self.general, **timing})

    def _read(self, kept: dict[str, Any]) -> None:
        known = {image.name: len(image.masks) for image in self.images}
        self.measured = {
            (name, place): Measured.of(one) for name, place, one in kept["measured"] if place < known.get(name, 0)
        }
        self.chosen, self.general = _by_image(list(self.measured)), kept["general"]
        self.seconds, self.general_seconds = kept["seconds"], kept["general_seconds"]

    def some(self, most: int) -> Chosen:
        """Choose so many of the measured masks at most, of as many images as there are."""
        by_image = sorted(self.measured, key=lambda key: (self.chosen[key[0]].index(key[1]), key[0]))
        return _by_image(by_image[:most])

    def measured_of(self, chosen: Chosen) -> dict[Key, Measured]:
        """Return how the old model did on some of the masks."""
        return {(name, place): self.measured[name, place] for name, places in chosen.items() for place in places}

    def checked(self) -> Chosen:
        """Return the masks by which the share of the new weights is chosen."""
        return self.some(MOST_CHECKED)

    def on_curve(self, total_seconds: float) -> Chosen:
        """Return the masks that are measured while a run of so many seconds trains."""
        each = self.seconds / max(1, len(self.measured)) * CHECK_CLICKS / CLICKS
        affordable = int(total_seconds * CURVE_SHARE / each) if each else MOST_ON_CURVE
        return self.some(min(MOST_ON_CURVE, max(2, affordable)))

    def seconds_after(self, total: float) -> float:
        """Return how long measuring takes after training, about: all shares and the comparison."""
        checked = min(MOST_CHECKED, len(self.measured)) / max(1, len(self.measured)) * self.seconds
        shares = SHARES_TRIED * (checked * CHECK_CLICKS / CLICKS + self.general_seconds)
        return min(total * MOST_MEASURING, shares + 1.2 * self.seconds)


def _by_image(keys: Sequence[Key]) -> Chosen:
    chosen: Chosen = {}
    for name, place in keys:
        chosen.setdefault(name, []).append(place)
    return chosen


def count_of(chosen: Chosen) -> int:
    """Return how many masks were chosen."""
    return sum(len(places) for places in chosen.values())


def ious_of(measured: dict[Key, Measured]) -> dict[str, float] | None:
    """Return the mean IoU after one, three and five clicks as iou1, iou3, iou5; None without masks."""
    if not measured:
        return None
    curves = np.array([one.ious[:CHECK_CLICKS] for one in measured.values()])
    return {f"iou{clicks}": round(float(curves[:, clicks - 1].mean()), 4) for clicks in SHOWN}


def figure_of(measured: dict[Key, Measured]) -> float | None:
    """Return one figure: the mean of ious_of."""
    ious = ious_of(measured)
    return None if ious is None else float(np.mean(list(ious.values())))
