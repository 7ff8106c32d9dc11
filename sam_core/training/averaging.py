"""Average old and new weights, which bounds what a model forgets, and choose the share of the new ones.

Source: Wortsman et al., WiSE-FT (arXiv 2109.01903). Must not know: photos; who measures is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

SHARES = (1.0, 0.75, 0.5, 0.25)  # of the new weights; 0 is the old model
MOST_FORGOTTEN = 0.01  # of IoU on the general photos, after one click and for boxes


@dataclass(frozen=True)
class Figures:
    """What a mix of weights does. held_out: mean IoU on held-out masks, None without; general: measure_general's."""

    held_out: float | None
    general: Mapping[str, float]

    def forgets(self, old: Figures) -> float:
        """Return how much IoU is lost on general photos, after one click or for boxes, whichever is more."""
        return max(old.general[name] - self.general[name] for name in ("iou1", "box"))


@torch.no_grad()
def mix(old: Mapping[str, Tensor], new: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Return the state dict with so much of the new weights, 0..1, and the rest of the old ones."""
    return {
        name: torch.lerp(value.float(), new[name].to(value.device).float(), share)
        if value.dtype.is_floating_point
        else value
        for name, value in old.items()
    }


def choose_share(old: Figures, measure: Callable[[float], Figures]) -> tuple[float, list[dict[str, Any]]]:
    """Return the best share of the new weights, and all that was measured.

    Of those that forget no more than MOST_FORGOTTEN the one that is best on held-out masks; without any, the largest.
    0 where none is better than the old model.
    """
    best, best_figures, tried = 0.0, old, [_row(0.0, old)]
    for share in SHARES:
        figures = measure(share)
        tried.append(_row(share, figures))
        if figures.forgets(old) > MOST_FORGOTTEN:
            continue
        if figures.held_out is None or old.held_out is None:
            return share, tried
        if figures.held_out > (best_figures.held_out or 0.0):
            best, best_figures = share, figures
    return best, tried


def _row(share: float, figures: Figures) -> dict[str, Any]:
    held_out = None if figures.held_out is None else round(figures.held_out, 4)
    return {"share": share, "held_out": held_out, "general": {k: round(v, 4) for k, v in figures.general.items()}}
