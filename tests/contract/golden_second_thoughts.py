"""Write fixtures/golden/second_thoughts: masks that a lone click may mean, and the three that stand best for all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sam_core.masks.choice import still_chosen
from sam_core.masks.second_thoughts import from_whole_to_part, others_beside, sizes_and_overlaps
from sam_core.masks.upsample import MaskGeometry

SIDE = 32
GEOMETRY = MaskGeometry(2 * SIDE, (39, 64), (78, 128))  # the last row of cells lies half on the photo

# Each mask is the cells from (x0, y0) up to (x1, y1); the first three are the candidates themselves.
Rectangle = tuple[int, int, int, int]
PARTS_AND_WHOLES: tuple[Rectangle, ...] = (
    (4, 4, 12, 12),
    (4, 4, 20, 12),
    (2, 2, 28, 18),
    (4, 4, 12, 11),
    (4, 4, 19, 13),
    (2, 2, 28, 19),
    (4, 4, 8, 8),
    (5, 4, 8, 8),
    (4, 4, 8, 9),
    (0, 0, 32, 32),  # beyond the photo, which is 20 rows
    (20, 4, 28, 12),
    (0, 0, 0, 0),
)
ALIKE: tuple[Rectangle, ...] = ((4, 4, 12, 12),) * 12
NOTHING: tuple[Rectangle, ...] = ((0, 25, 32, 32),) * 12
FALLING = tuple(1.75 - i / 16 for i in range(12))
LAST_IS_BEST = (*FALLING[:11], 1.9)
NEARLY_BEST = (1.5, 1.4375, 1.5625, *(1.0 for _ in range(9)))

# name, masks, what each is ranked by, the candidate that is shown (0..2)
CASES: tuple[tuple[str, tuple[Rectangle, ...], tuple[float, ...], int], ...] = (
    ("the best is shown already", PARTS_AND_WHOLES, FALLING, 0),
    ("another candidate is clearly better", PARTS_AND_WHOLES, FALLING, 2),
    ("another candidate is better, but not clearly", PARTS_AND_WHOLES, NEARLY_BEST, 0),
    ("a new mask is clearly better", PARTS_AND_WHOLES, LAST_IS_BEST, 1),
    ("all are alike", ALIKE, FALLING, 1),
    ("all are empty on the photo", NOTHING, LAST_IS_BEST, 2),
)


def planes_of(masks: tuple[Rectangle, ...]) -> npt.NDArray[np.float32]:
    """Return logits (N x 32 x 32) above zero in each mask."""
    planes = np.full((len(masks), SIDE, SIDE), -2, np.float32)
    for plane, (x0, y0, x1, y1) in zip(planes, masks, strict=True):
        plane[y0:y1, x0:x1] = 3
    return planes


def write_second_thoughts(folder: Path) -> None:
    """Write cases.json: masks as cells, their scores, and what is made of them."""
    folder.mkdir(parents=True, exist_ok=True)
    (height, width), (photo_height, photo_width) = GEOMETRY.input_size, GEOMETRY.original_size
    content = {
        "image_size": GEOMETRY.image_size,
        "input_size": {"width": width, "height": height},
        "photo": {"width": photo_width, "height": photo_height},
        "side": SIDE,
        "cases": [_case(*case) for case in CASES],
    }
    (folder / "cases.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _case(name: str, masks: tuple[Rectangle, ...], ranks: tuple[float, ...], kept: int) -> dict[str, Any]:
    scores = np.array(ranks, np.float32)
    sizes, iou = sizes_and_overlaps(planes_of(masks), GEOMETRY)
    own = still_chosen(scores, int(scores.argmax()), kept)
    others = others_beside(own, scores, iou)
    return {
        "name": name,
        "masks": masks,
        "scores": scores.tolist(),
        "kept": kept,
        "sizes": sizes.tolist(),
        "iou": iou.tolist(),
        "own": own,
        "others": others,
        "places": from_whole_to_part([own, *others], sizes),
    }
