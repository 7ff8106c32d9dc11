"""Old model against new on the same masks: figures, what is likely chance, and a plain verdict.

A difference's interval comes from a paired bootstrap over groups of photos, since masks of one photo are alike.
Must not know: models, files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sam_core.evaluation.clicks import clicks_to_reach
from sam_core.training.measure import CLICKS, SHOWN_CLICKS, Key, Measured
from sam_core.training.project_folder import ProjectImage, ProjectMask

DRAWS = 2000
INTERVAL = (2.5, 97.5)  # percentiles
LEAST_GROUPS, LEAST_MASKS = 4, 10  # fewer say nothing
LEAST_GAIN = 0.005  # of IoU: less is no difference that anybody sees
LEAST_REPLAYED = 10
SHOWN = (1, 3, 5)
SIZES = (("small", 0.0), ("medium", 0.02), ("large", 0.15))  # share of the photo from which on
REACHED = (0.85, 0.90)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """One mask, measured with the old model and with the new one."""

    image: ProjectImage
    mask: ProjectMask
    before: Measured
    after: Measured


def pairs_of(
    images: Sequence[ProjectImage], before: Mapping[Key, Measured], after: Mapping[Key, Measured]
) -> list[Pair]:
    """Return the masks that both models were measured on, in the order of images."""
    return [
        Pair(image, mask, before[image.name, place], after[image.name, place])
        for image in images
        for place, mask in enumerate(image.masks)
        if (image.name, place) in before and (image.name, place) in after
    ]


def interval_of(differences: Floats, groups: Sequence[str]) -> dict[str, float]:
    """Return mean, low and high of differences (N,), by drawing whole groups again and again."""
    _, numbers = np.unique(np.array(groups), return_inverse=True)
    sums, counts = np.bincount(numbers, differences), np.bincount(numbers)
    drawn = np.random.default_rng(1).integers(len(sums), size=(DRAWS, len(sums)))
    low, high = np.percentile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), INTERVAL)
    return {"mean": _round(differences.mean()), "low": _round(low), "high": _round(high)}


def _round(value: float) -> float:
    return round(float(value), 4)


def curves_of(pairs: Sequence[Pair], curve: Callable[[Measured], Sequence[float]]) -> tuple[Floats, Floats]:
    """Return IoU after 1..CLICKS clicks before and after (N, CLICKS); a shorter curve keeps its last value."""
    whole = [
        [[*one, *[one[-1]] * (CLICKS - len(one))] for one in (list(curve(p.before)), list(curve(p.after)))]
        for p in pairs
    ]
    both = np.array(whole, dtype=np.float64).reshape(len(pairs), 2, CLICKS)
    return both[:, 0], both[:, 1]


def figures_of(curves: Floats) -> dict[str, Any]:
    """Return the figures of one model."""
    clicks = {f"clicks_to_{round(100 * at)}": _round(clicks_to_reach(curves, at).mean()) for at in REACHED}
    return {"iou": [_round(value) for value in curves.mean(axis=0)], **clicks, "masks": len(curves)}


def compare(pairs: Sequence[Pair], curve: Callable[[Measured], Sequence[float]]) -> dict[str, Any] | None:
    """Return before, after and their difference; None without pairs."""
    if not pairs:
        return None
    before, after = curves_of(pairs, curve)
    groups = [one.image.group for one in pairs]
    gains = after - before
    difference = {f"iou{clicks}": interval_of(gains[:, clicks - 1], groups) for clicks in SHOWN}
    difference["iou1_and_3"] = interval_of(_main_gain(gains), groups)
    for at in REACHED:
        fewer = (clicks_to_reach(after, at) - clicks_to_reach(before, at)).astype(np.float64)
        difference[f"clicks_to_{round(100 * at)}"] = interval_of(fewer, groups)
    return {"before": figures_of(before), "after": figures_of(after), "difference": difference}


def _main_gain(gains: Floats) -> Floats:
    """What decides: the gain after one click and after three, in the mean."""
    mean: Floats = gains[:, [0, SHOWN_CLICKS - 1]].mean(axis=1)
    return mean


def by_clicks(one: Measured) -> Sequence[float]:
    """The curve of simulated clicks."""
    return one.ious


def by_replay(one: Measured) -> Sequence[float]:
    """The curve of the person's own prompt."""
    return one.replayed or ()


def compare_all(pairs: Sequence[Pair], general: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Return the whole comparison: simulated, replayed, by label, by size, and the general photos as given."""
    replayed = [one for one in pairs if one.before.replayed and one.after.replayed]
    return {
        "simulated": compare(pairs, by_clicks),
        "replayed": compare(replayed, by_replay),
        "by_label": _by(pairs, "label", lambda one: one.mask.label),
        "by_size": _by(pairs, "size", lambda one: size_of(one.mask)),
        "general": general,
    }


def size_of(mask: ProjectMask) -> str:
    """Return small, medium or large, by a mask's share of its photo."""
    return [name for name, share in SIZES if mask.area_share >= share][-1]


def _by(pairs: Sequence[Pair], key: str, kind: Callable[[Pair], str]) -> list[dict[str, Any]]:
    rows = []
    for value in sorted({kind(one) for one in pairs}):
        some = [one for one in pairs if kind(one) == value]
        before, after = curves_of(some, by_clicks)
        gain = interval_of(_main_gain(after - before), [one.image.group for one in some])
        means = {name: [_round(v) for v in one.mean(axis=0)] for name, one in (("before", before), ("after", after))}
        rows.append({key: value, "masks": len(some), **means, "difference": gain})
    return rows


def verdict_of(pairs: Sequence[Pair], comparison: dict[str, Any], *, share: float) -> tuple[str, str]:
    """Return better, same, worse or unknown, and a sentence that says why."""
    groups = len({one.image.group for one in pairs})
    if groups < LEAST_GROUPS or len(pairs) < LEAST_MASKS:
        return "unknown", (
            f"Too few to tell: {len(pairs)} masks of {groups} photos were held out; {LEAST_MASKS} masks of "
            f"{LEAST_GROUPS} photos are the least."
        )
    simulated, replayed = comparison["simulated"], comparison["replayed"]
    gain, words = simulated["difference"]["iou1_and_3"], _in_words(simulated, len(pairs), groups)
    if share == 0:
        return "same", "No mix with the new weights was better without forgetting general photos; the old ones stay."
    if gain["high"] < 0:
        return "worse", words
    if replayed and replayed["before"]["masks"] >= LEAST_REPLAYED and replayed["difference"]["iou1_and_3"]["high"] < 0:
        return "worse", f"With the prompts that people really gave it is worse. {words}"
    if gain["low"] > 0 and gain["mean"] >= LEAST_GAIN:
        return "better", words
    return "same", f"The difference may be chance. {words}"


def _in_words(simulated: dict[str, Any], masks: int, photos: int) -> str:
    before, after, gain = simulated["before"]["iou"], simulated["after"]["iou"], simulated["difference"]["iou1_and_3"]
    return (
        f"IoU after one click {before[0]:.2f} before and {after[0]:.2f} now, after three {before[2]:.2f} and "
        f"{after[2]:.2f}; the mean gain lies between {gain['low']:+.2f} and {gain['high']:+.2f}. Measured on {masks} "
        f"masks of {photos} photos that it did not learn from."
    )
