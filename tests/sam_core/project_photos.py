"""A small project to improve a model on: grey photos with bright discs, as files in SA-1B layout."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sam_core.masks import rle

SIZE = (64, 96)  # H, W


def disc(center: tuple[int, int], radius: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Return a mask (H, W) of a disc at (x, y)."""
    mask = np.zeros(size, np.uint8)
    cv2.circle(mask, center, radius, 1, -1)
    return mask > 0


def as_drawn(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a mask as somebody drew it who saw what is there."""
    return mask


def write_photo(
    stem: Path,
    rng: np.random.Generator,
    *,
    drawn: Callable[[np.ndarray, np.random.Generator], np.ndarray] = as_drawn,
    facts: dict[str, Any] | None = None,
    prompted: bool = True,
) -> None:
    """Write STEM.png and STEM.json with two discs; drawn: what the person's masks of them are."""
    photo = rng.integers(40, 90, (*SIZE, 3), dtype=np.uint8)
    annotations = []
    for number, x in enumerate((26, 68), start=1):
        center, radius = (x + int(rng.integers(-6, 7)), 32 + int(rng.integers(-8, 9))), int(rng.integers(9, 18))
        mask = disc(center, radius)
        photo[mask] = (60, 80 + 120 * (number - 1), 230)
        row: dict[str, Any] = {"id": f"{stem.name}-{number}", "label": ("left", "right")[number - 1]}
        row["segmentation"] = dict(rle.encode(drawn(mask, rng)))
        if prompted:
            row["prompts"] = [{"points": [list(map(float, center))], "labels": [1], "box": None}]
        annotations.append(row)
    stem.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(f"{stem}.png", photo)
    image = {"width": SIZE[1], "height": SIZE[0], **(facts or {})}
    stem.with_suffix(".json").write_text(json.dumps({"image": image, "annotations": annotations}))


def write_project(
    folder: Path,
    count: int = 12,
    *,
    held_out: int | None = 4,
    drawn: Callable[[np.ndarray, np.random.Generator], np.ndarray] = as_drawn,
) -> Path:
    """Write so many photos; held_out: how many of them say that they are, None leaves that open."""
    rng = np.random.default_rng(11)
    for number in range(count):
        facts = {} if held_out is None else {"held_out": number < held_out}
        write_photo(folder / f"photo-{number:02d}", rng, facts=facts, drawn=drawn)
    return folder
