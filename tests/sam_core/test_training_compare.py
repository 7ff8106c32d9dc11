"""What decides between an old model and a new one: intervals, verdicts, the share of the new weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from sam_core.masks import rle
from sam_core.training.averaging import MOST_FORGOTTEN, Figures, choose_share, mix
from sam_core.training.compare import Pair, compare_all, interval_of, pairs_of, size_of, verdict_of
from sam_core.training.measure import Measured, spread_masks
from sam_core.training.project_folder import ProjectImage, ProjectMask

SHOWN = dict(rle.encode(np.ones((4, 4), bool)))
GENERAL = {"before": {"iou1": 0.7}, "after": {"iou1": 0.7}}


def mask(label: str = "", area_share: float = 0.05) -> ProjectMask:
    return ProjectMask(id=1, label=label, rle=SHOWN, area_share=area_share, prompt=None)


def image(number: int, masks: int = 2) -> ProjectImage:
    name = f"{number}"
    return ProjectImage(name, Path(name), (4, 4), name, tuple(mask("ab"[k % 2], 0.2 * k) for k in range(masks)))


def measured(first: float, *, replayed: float | None = None) -> Measured:
    steps = tuple(min(1.0, first + 0.02 * k) for k in range(8))
    return Measured(steps, SHOWN, None if replayed is None else (replayed,))


def pairs(gains: list[float], *, replayed: float | None = None) -> list[Pair]:
    """Two masks of each photo, better by that photo's gain."""
    images = [image(number) for number in range(len(gains))]
    keys = [(one.name, place) for one in images for place in (0, 1)]
    before = {key: measured(0.5, replayed=None if replayed is None else 0.5) for key in keys}
    after = {
        key: measured(0.5 + gains[int(key[0])], replayed=None if replayed is None else 0.5 + replayed) for key in keys
    }
    return pairs_of(images, before, after)


def verdict(some: list[Pair], share: float = 1.0) -> str:
    return verdict_of(some, compare_all(some, GENERAL), share=share)[0]


def test_an_interval_holds_its_mean_and_is_wider_for_fewer_groups() -> None:
    values = np.random.default_rng(3).normal(0.1, 0.2, 60)
    alone = interval_of(values, [str(k) for k in range(60)])
    grouped = interval_of(np.repeat(values[:6], 10), [str(k // 10) for k in range(60)])
    assert alone["low"] < alone["mean"] < alone["high"]
    assert grouped["high"] - grouped["low"] > 2 * (alone["high"] - alone["low"])
    assert interval_of(np.full(9, 0.25), list("aaabbbccc")) == {"mean": 0.25, "low": 0.25, "high": 0.25}


def test_verdicts() -> None:
    assert verdict(pairs([0.1, 0.12, 0.08, 0.1, 0.15, 0.1])) == "better"
    assert verdict(pairs([-0.1, -0.12, -0.08, -0.1, -0.15, -0.1])) == "worse"
    assert verdict(pairs([0.1, -0.12, 0.08, -0.1, 0.15, -0.1])) == "same"
    assert verdict(pairs([0.001] * 8)) == "same"  # certain, and too little to see
    assert verdict(pairs([0.1, 0.1, 0.1])) == "unknown"
    assert verdict(pairs([0.1] * 4)) == "unknown"  # eight masks
    assert verdict(pairs([0.1] * 6), share=0.0) == "same"
    assert verdict([]) == "unknown"
    assert verdict(pairs([0.1] * 6, replayed=-0.2)) == "worse"
    assert verdict(pairs([0.1] * 6, replayed=0.2)) == "better"


def test_a_comparison_says_clicks_labels_and_sizes() -> None:
    some = pairs([0.4, 0.36, 0.4, 0.4, 0.3, 0.4])
    found = compare_all(some, GENERAL)
    simulated = found["simulated"]
    assert simulated["before"]["iou"][0] == 0.5
    assert len(simulated["after"]["iou"]) == 8
    assert simulated["before"]["clicks_to_85"] == 8
    assert simulated["after"]["clicks_to_85"] == pytest.approx((4 * 1 + 1 + 4) / 6, abs=0.2)
    assert simulated["difference"]["clicks_to_85"]["high"] < 0
    assert found["replayed"] is None
    assert [(row["label"], row["masks"]) for row in found["by_label"]] == [("a", 6), ("b", 6)]
    assert [row["size"] for row in found["by_size"]] == ["large", "small"]
    assert [size_of(mask(area_share=share)) for share in (0.0, 0.02, 0.15, 0.9)] == [
        "small",
        "medium",
        "large",
        "large",
    ]


def figures(held_out: float | None, general: float) -> Figures:
    return Figures(held_out, {"iou1": general, "iou3": general, "box": general})


def test_the_share_is_the_best_on_held_out_masks_that_forgets_little() -> None:
    old = figures(0.5, 0.8)
    found = {1.0: figures(0.9, 0.7), 0.75: figures(0.8, 0.795), 0.5: figures(0.85, 0.8), 0.25: figures(0.6, 0.8)}
    share, tried = choose_share(old, found.__getitem__)
    assert share == 0.5
    assert [row["share"] for row in tried] == [0.0, 1.0, 0.75, 0.5, 0.25]
    assert choose_share(old, lambda share: figures(0.9, 0.8 - 2 * MOST_FORGOTTEN))[0] == 0.0
    assert choose_share(old, lambda share: figures(0.4, 0.8))[0] == 0.0
    assert choose_share(figures(None, 0.8), lambda share: figures(None, 0.8 - 0.015 * share))[0] == 0.5


def test_a_mix_lies_between_the_weights() -> None:
    old, new = {"w": torch.zeros(3), "n": torch.tensor(4)}, {"w": torch.ones(3), "n": torch.tensor(4)}
    mixed = mix(old, new, 0.25)
    assert mixed["w"].tolist() == [0.25] * 3
    assert mixed["n"].item() == 4


def test_masks_are_chosen_from_as_many_images_as_there_are() -> None:
    images = [image(0, 10), image(1, 1), image(2, 6)]
    assert spread_masks(images, 6) == {"0": [0, 5], "1": [0], "2": [0, 2, 4]}
    assert spread_masks(images, 2) == {"0": [0], "1": [0]}
    assert sum(map(len, spread_masks(images, 99).values())) == 17
    assert spread_masks([], 5) == {}
