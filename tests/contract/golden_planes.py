"""What the golden vectors are made from: logits that are the same on every machine."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

SIDE = 256
CHOICE_SIDE = 32
Grid = npt.NDArray[np.float64]


def plain_logits() -> dict[str, npt.NDArray[Any]]:
    """Return planes (32 x 32, the last 8 rows padding): from -4 at the left to 3.75 at the right, and noise."""
    slope = np.tile(np.arange(CHOICE_SIDE, dtype=np.float32) / 4 - 4, (CHOICE_SIDE, 1))
    noise = np.random.default_rng(22).normal(scale=4, size=(CHOICE_SIDE, CHOICE_SIDE)).round(2).astype(np.float32)
    return {"slope": slope, "noise": noise}


def choice_logits() -> npt.NDArray[np.float32]:
    """Return candidates (4 x 32 x 32): a whole with a hole, the same without, a part of it, an unstable band."""
    y, x = np.mgrid[:CHOICE_SIDE, :CHOICE_SIDE]
    whole = (y >= 2) & (y < 22) & (x >= 2) & (x < 29)
    part = (x - 6.5) ** 2 + (y - 6.5) ** 2 < 16
    masks = [whole & ~part, whole, part, (y < 9) & (x > 20)]
    logits = np.where(np.array(masks), 4.0, -4.0).astype(np.float32)
    logits[3] = np.where(masks[3] & ((x + y) % 2 == 0), 0.5, np.where(masks[3], 4.0, -4.0))
    logits[3, 9:11, 21:] = -0.5
    logits[:, 24:] = 4.0  # the padding counts for nothing
    return logits


def make_logits() -> dict[str, npt.NDArray[np.floating[Any]]]:
    """Return low-res logits, 256 x 256: shapes with holes and parts, a wide ring, noise around zero, two constants."""
    rng = np.random.default_rng(20240217)
    ring = np.minimum(disc(120, 120, 100), -disc(120, 130, 40))
    scene = np.maximum.reduce([np.minimum(disc(90, 70, 48), -disc(84, 76, 11)), disc(150, 190, 30), disc(10, 240, 9)])
    grain = rng.integers(-4096, 4097, (SIDE, SIDE)) / 4096
    noise = rng.integers(-3, 4, (SIDE // 8, SIDE // 8)).repeat(8, 0).repeat(8, 1) / 8 + grain / 4
    noise[:16, :16] = 0.0  # exactly on the threshold: not foreground
    return {
        "scene": (scene / 4 + grain).astype(np.float32),
        "ring": (ring / 3).astype(np.float16),
        "noise": noise.astype(np.float16),
        "nothing": np.zeros((SIDE, SIDE), np.float16),
        "everything": np.full((SIDE, SIDE), 6.5, np.float16),
    }


def disc(row: float, column: float, radius: float) -> Grid:
    """Return the signed distance into a disc, 256 x 256, positive inside."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    distance: Grid = radius - np.sqrt((y - row) ** 2 + (x - column) ** 2)
    return distance
