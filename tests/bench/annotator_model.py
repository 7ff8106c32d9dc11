"""A person at the mouse, as a model: where they click, how long pointing and looking takes, when they are content.

Pointing takes what Fitts' law says (Soukoreff and MacKenzie 2004: a throughput of 4.9 bits a second for a mouse), a
look at a mask what Card, Moran and Newell (1980) give for a mental step, a key what they give for a keystroke. Knows
nothing of the browser.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

THROUGHPUT_BITS_PER_S = 4.9
REACTION_S = 0.2
LOOK_S = 1.35
KEY_S = 0.28
# A hand lands about so far from where it aimed: of the thing's own half width, and in pixels of the screen at least.
SCATTER = 0.25
LEAST_SCATTER_PX = 2.0
CONTENT_IOU = 0.9
MOST_CLICKS = 6
# A part that is wrong and no wider than this on the screen is left as it is.
LEAST_ERROR_PX = 3.0


@dataclass(frozen=True)
class Aim:
    """A place of the photo to click at, how wide the thing there is (both in photo pixels), and what it means."""

    x: float
    y: float
    half_width: float
    is_foreground: bool


def pointing_s(distance_px: float, width_px: float) -> float:
    """Return the seconds that a mouse takes over a distance to a target of a width, in pixels of the screen."""
    return REACTION_S + math.log2(distance_px / max(width_px, 1.0) + 1) / THROUGHPUT_BITS_PER_S


def deepest_place(region: np.ndarray) -> tuple[float, float, float]:
    """Return x, y and depth of the pixel that lies deepest in a region; the photo's edges are edges of it."""
    depth = cv2.distanceTransform(np.pad(region.astype(np.uint8), 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return float(x) + 0.5, float(y) + 0.5, float(depth[y, x])


def first_aim(wanted: np.ndarray) -> Aim:
    """Aim at the middle of the thing."""
    x, y, depth = deepest_place(wanted)
    return Aim(x, y, depth, is_foreground=True)


def next_aim(wanted: np.ndarray, seen: np.ndarray) -> Aim:
    """Aim at the middle of the largest part that is wrong."""
    errors = ((wanted & ~seen, True), (seen & ~wanted, False))
    parts = [(largest_part(region), is_missing) for region, is_missing in errors]
    part, is_missing = max(parts, key=lambda one: int(one[0].sum()))
    x, y, depth = deepest_place(part)
    return Aim(x, y, depth, is_foreground=is_missing)


def largest_part(region: np.ndarray) -> np.ndarray:
    """Return the largest connected part of a region."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(region.astype(np.uint8), connectivity=4)
    if count < 2:
        return region
    return np.asarray(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))


def landing(aim: Aim, scale: float, chance: np.random.Generator) -> tuple[float, float]:
    """Return where the hand lands that aims at a place, in photo pixels; `scale`: screen pixels for one of them."""
    scatter = max(aim.half_width * SCATTER, LEAST_SCATTER_PX / scale)
    off = chance.normal(0, scatter / 2, 2)
    return aim.x + float(off[0]), aim.y + float(off[1])


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Return the intersection over union of two masks, 1 for two empty ones."""
    union = int((first | second).sum())
    return float((first & second).sum()) / union if union else 1.0
