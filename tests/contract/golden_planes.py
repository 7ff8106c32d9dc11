"""What the golden vectors are made from: logits and photos that are the same on every machine."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

SIDE = 256
CHOICE_SIDE = 32
SPECKS_SYMBOLS = {4.0: "#", 0.5: "+", 0.0: "0", -0.5: "-", -4.0: "."}
Grid = npt.NDArray[np.float64]


def obeyed_logits() -> dict[str, npt.NDArray[np.float32]]:
    """Return planes (32 x 32, the last 8 rows padding): from -4 at the left to 3.75 at the right, and noise."""
    slope = np.tile(np.arange(CHOICE_SIDE, dtype=np.float32) / 4 - 4, (CHOICE_SIDE, 1))
    noise = np.random.default_rng(22).normal(scale=4, size=(CHOICE_SIDE, CHOICE_SIDE)).round(2).astype(np.float32)
    return {"slope": slope, "noise": noise}


def edges_photos() -> dict[str, npt.NDArray[np.uint8]]:
    """Return photos (24 x 32 cells x 3): an edge in all colours with grain, and nothing but grey."""
    rng = np.random.default_rng(9)
    edge = np.full((24, CHOICE_SIDE, 3), (40, 90, 60))
    edge[:, 14:] = (200, 80, 120)
    grainy = (edge + rng.integers(-6, 7, edge.shape)).astype(np.uint8)
    return {"edge": grainy, "grey": np.full((24, CHOICE_SIDE, 3), 128, np.uint8)}


def edges_logits() -> dict[str, npt.NDArray[np.float32]]:
    """Return planes (32 x 32, the last 8 rows padding): a mask that ends beside the edge, a small one, none at all."""
    beside = np.full((CHOICE_SIDE, CHOICE_SIDE), -6, np.float32)
    beside[:, 12:] = 5
    beside[:, 12:15] = (-0.5, 0.5, 1.5)
    small = np.full((CHOICE_SIDE, CHOICE_SIDE), -7, np.float32)
    small[4:8, 25:30] = 2.25
    return {"beside": beside, "small": small, "none": np.full((CHOICE_SIDE, CHOICE_SIDE), -5, np.float32)}


def specks_logits() -> dict[str, npt.NDArray[np.float32]]:
    """Return planes (32 x 32, the last 8 rows padding): a body of 306 cells with crumbs and holes, noise, one sign."""
    body = np.full((CHOICE_SIDE, CHOICE_SIDE), -4.0, np.float32)
    body[3:21, 2:20] = 4.0
    body[4, 4] = -0.5  # pin holes: 1, 2 (one of them on the threshold) and 3 cells
    body[8, 4:6] = (-4.0, 0.0)
    body[12, 4:7] = -4.0
    body[15:18, 8:11] = -4.0  # a hole that stays, with a crumb in it
    body[16, 9] = 0.5
    body[10, 2] = -4.0  # open to the outside
    body[2, 1] = 0.5  # a crumb that touches the body at a corner
    body[22:24, 21:27] = 4.0  # crumbs at the padding: 12 cells
    body[2, 28:30] = 0.5
    body[5:13, 30:32] = 4.0  # 16 cells on the border
    body[14:18, 22:30] = 4.0  # a part that stays: 32 cells of 306 - 1
    body[24:] = 4.0
    noise = np.random.default_rng(20).choice(np.float32(list(SPECKS_SYMBOLS)), (CHOICE_SIDE, CHOICE_SIDE))
    noise[:, 10:] = np.where(np.random.default_rng(21).random((CHOICE_SIDE, 22)) < 0.6, 4.0, noise[:, 10:])
    whole = np.full((CHOICE_SIDE, CHOICE_SIDE), 4.0, np.float32)
    return {"body": body, "noise": noise, "nothing": -whole, "everything": whole}


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
    return radius - np.sqrt((y - row) ** 2 + (x - column) ** 2)
