"""Pictures of what changed most: before, after, and the person's mask, beside each other.

Must not know: models.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sam_core.training.compare import Pair
from sam_core.training.data import decode_at
from sam_core.training.measure import SHOWN_CLICKS
from sam_core.training.photo_memory import DataError, read_image

MOST_EACH = 10  # better and worse: twenty in all
HEIGHT_PX, TILE_PX, GAP_PX = 512, 512, 6
MODEL_RGB, PERSON_RGB = (230, 159, 0), (0, 158, 115)  # told apart by everybody (Okabe and Ito)
QUALITY = 80


def gain_of(pair: Pair) -> float:
    """Return by how much a mask's IoU after SHOWN_CLICKS clicks rose."""
    at = min(SHOWN_CLICKS, len(pair.before.ious)) - 1
    return pair.after.ious[at] - pair.before.ious[at]


def draw_pictures(pairs: Sequence[Pair], folder: Path) -> list[str]:
    """Write worse-01.webp ... and better-01.webp ..., the largest change first; return their names."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.webp"):
        old.unlink()
    ranked = sorted(pairs, key=gain_of)
    chosen = {
        "worse": [one for one in ranked[:MOST_EACH] if gain_of(one) < 0],
        "better": [one for one in ranked[::-1][:MOST_EACH] if gain_of(one) > 0],
    }
    written = []
    for kind, some in chosen.items():
        for place, pair in enumerate(some, start=1):
            try:
                picture = draw_pair(pair)
            except DataError:  # the photo has gone meanwhile
                continue
            name = f"{kind}-{place:02d}.webp"
            picture.save(folder / name, quality=QUALITY)
            written.append(name)
    return written


def draw_pair(pair: Pair) -> Image.Image:
    """Return before | after | the person's mask, HEIGHT_PX high at most."""
    photo = read_image(pair.image.path, max_side_px=TILE_PX)
    size = (photo.shape[0], photo.shape[1])
    wanted = decode_at(pair.mask.rle, size)
    tiles = [
        _tinted(photo, decode_at(pair.before.shown, size), wanted, MODEL_RGB),
        _tinted(photo, decode_at(pair.after.shown, size), wanted, MODEL_RGB),
        _tinted(photo, wanted, wanted, PERSON_RGB),
    ]
    gap = np.full((size[0], GAP_PX, 3), 255, np.uint8)
    return Image.fromarray(np.concatenate([tiles[0], gap, tiles[1], gap, tiles[2]], axis=1)[:HEIGHT_PX])


def _tinted(
    photo: NDArray[np.uint8], mask: NDArray[np.uint8], wanted: NDArray[np.uint8], rgb: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Return the photo with a mask tinted and the person's outline drawn."""
    tinted = photo.astype(np.float32)
    tinted[mask > 0] = tinted[mask > 0] * 0.5 + np.array(rgb, np.float32) * 0.5
    drawn = np.ascontiguousarray(tinted.astype(np.uint8))
    outlines, _ = cv2.findContours(wanted, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(drawn, outlines, -1, PERSON_RGB, 1)
    return drawn
