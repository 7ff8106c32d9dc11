"""Write fixtures/golden/views: which crop fits an answer, what views become together, and what a flip does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sam_core.geometry import Box, Geometry, LongestSide, Size, Square
from sam_core.masks.flip import flipped_coords, flipped_logits
from sam_core.masks.views import (
    View,
    ViewAnswer,
    answer_box,
    crop_around,
    crop_that_fits,
    crop_weight,
    merge_views,
    on_grid_of,
)
from tests.contract.golden_planes import CHOICE_SIDE as SIDE
from tests.contract.golden_planes import plain_logits

IMAGE_SIZE = 64
LONGEST_SIDE, SQUARE = LongestSide(IMAGE_SIZE), Square(IMAGE_SIZE)

# name, (height, width) of the photo, the crops of each view (None: all of it); one that stands twice is flipped then
MERGES: tuple[tuple[str, Size, tuple[Box | None, ...]], ...] = (
    ("one view alone", (48, 64), (None,)),
    ("the photo and its flip", (48, 64), (None, None)),
    ("a crop of a small photo", (48, 64), (None, (10, 3, 42, 35))),
    ("a crop of a large photo, at its corner", (3000, 4000), (None, (3333, 2400, 4000, 3000))),
    ("a tall crop of a wide photo, with flips", (301, 907), (None, None, (111, 0, 246, 301), (111, 0, 246, 301))),
)

# name, size, the view's crop, points, labels, which of answer_planes() each candidate is, the crops that are ready
Case = tuple[str, Size, Box | None, list[tuple[float, float]], list[int], str, list[Box]]
LEFT, RIGHT, MIDDLE = (0, 0, 1200, 900), (800, 0, 2000, 900), (150, 100, 1350, 1000)
TILES = [LEFT, RIGHT, MIDDLE]
ANSWERS: tuple[Case, ...] = (
    ("a click on something small", (1500, 2000), None, [(410, 300), (0, 0)], [1, -1], "ssss", TILES),
    ("the largest of three counts, not the single mask", (1500, 2000), None, [(410, 300)], [1], "wsms", TILES),
    ("something large", (1500, 2000), None, [(410, 300), (0, 0)], [1, -1], "sssw", TILES),
    ("a click without any mask", (1500, 2000), None, [(1990.5, 300.25), (0, 0)], [1, -1], "nnnn", TILES),
    ("no crop there", (1500, 2000), None, [(1990.5, 1480.25), (0, 0)], [1, -1], "nnnn", TILES),
    ("two clicks: the single mask counts", (1500, 2000), None, [(410, 300), (900, 310)], [1, 0], "swww", TILES),
    ("a box", (1500, 2000), None, [(300, 200), (500.5, 260)], [2, 3], "wwww", TILES),
    ("a box and a click beyond it", (1500, 2000), None, [(90, 700), (300, 200), (500, 260)], [1, 2, 3], "wwww", TILES),
    ("a box that touches the crop", (1500, 2000), None, [(900, 200), (1195, 260)], [2, 3], "ssss", TILES),
    ("a smaller crop is better", (1500, 2000), None, [(410, 300)], [1], "ssss", [*TILES, (200, 50, 800, 650)]),
    ("no crop is ready", (1500, 2000), None, [(410, 300), (0, 0)], [1, -1], "ssss", []),
    ("in a crop", (1500, 2000), (500, 400, 1500, 1150), [(700, 540), (0, 0)], [1, -1], "ssss", []),
    ("a small photo", (70, 60), None, [(30, 30), (0, 0)], [1, -1], "ssss", []),
    ("a strip", (30, 900), None, [(180, 8), (0, 0)], [1, -1], "ssss", []),
)

# name, size of the photo, prompts in model pixels, labels
FLIPS: tuple[tuple[str, Size, list[tuple[float, float]], list[int]], ...] = (
    ("a click on a wide photo", (48, 64), [(10.25, 7.5), (0, 0)], [1, -1]),
    (
        "a click and a box on a tall one, whose last cell lies half on it",
        (64, 39),
        [(3, 60), (2.5, 4), (30, 50)],
        [0, 2, 3],
    ),
    ("no prompt", (10, 64), [], []),
)


def answer_planes() -> dict[str, npt.NDArray[np.float32]]:
    """Return logits (32 x 32): a small mask, one in the middle between, one of nearly all, none."""
    planes = {name: np.full((SIDE, SIDE), -3, np.float32) for name in "smwn"}
    planes["s"][4:7, 5:9] = 2
    planes["m"][4:13, 5:11] = 2
    planes["w"][:, 1:] = 2
    return planes


def view_of(size: Size, crop: Box | None, geometry: Geometry) -> View:
    """Return the view of a photo, or of a crop of it."""
    x0, y0, x1, y1 = crop or (0, 0, size[1], size[0])
    return View(geometry.of((y1 - y0, x1 - x0)), (x0, y0))


def write_views(folder: Path) -> None:
    """Write cases.json: merges with their inputs and every value, and the crops that answers fit into."""
    folder.mkdir(parents=True, exist_ok=True)
    planes, answers = plain_logits(), answer_planes()
    content = {
        "image_size": IMAGE_SIZE,
        "side": SIDE,
        "planes": {name: plane.ravel().tolist() for name, plane in planes.items()},
        "answer_planes": {name: plane.ravel().tolist() for name, plane in answers.items()},
        "merges": [_merge(*merge, planes, LONGEST_SIDE) for merge in MERGES] + [_merge(*MERGES[-1], planes, SQUARE)],
        "answers": [_answer(case, answers, geometry) for geometry in (LONGEST_SIDE, SQUARE) for case in ANSWERS],
        "flips": [_flip(*case, planes["noise"], geometry) for geometry in (LONGEST_SIDE, SQUARE) for case in FLIPS],
    }
    (folder / "cases.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _merge(
    name: str,
    size: Size,
    crops: tuple[Box | None, ...],
    planes: dict[str, npt.NDArray[np.float32]],
    geometry: Geometry,
) -> dict[str, Any]:
    """Merge views whose logits are noise and slope, the transposed, the reversed and so on."""
    noise, slope = planes["noise"], planes["slope"]
    logits = [(noise, slope), (slope.T, noise.T), (noise.T, slope), (noise[::-1], slope[:, ::-1])]
    scores = [(0.5, 0.875), (0.25, 0.75), (0.8125, 0.25), (0.1, 0.3)]
    views = [view_of(size, crop, geometry) for crop in crops]
    answers = [
        ViewAnswer(view, np.zeros((0, 2)), np.stack(own), np.array(iou, np.float32))
        for view, own, iou in zip(views, logits, scores, strict=False)
    ]
    merged, iou = merge_views(answers)
    return {
        "name": f"{name}, {geometry.name}",
        "geometry": geometry.name,
        "photo": {"width": size[1], "height": size[0]},
        "crops": crops,
        "logits": [answer.logits.ravel().tolist() for answer in answers],
        "scores": [answer.predicted_iou.tolist() for answer in answers],
        "share": crop_weight(views[0], views[-1]),
        "merged": merged.ravel().tolist(),
        "predicted_iou": iou.tolist(),
        "on_last_grid": on_grid_of(answers[0].logits, views[0], views[-1]).ravel().tolist(),
    }


def _flip(
    name: str,
    size: Size,
    points: list[tuple[float, float]],
    labels: list[int],
    plane: npt.NDArray[np.float32],
    geometry: Geometry,
) -> dict[str, Any]:
    photo = geometry.of(size)
    coords = np.array(points, np.float32).reshape(-1, 2)
    return {
        "name": f"{name}, {geometry.name}",
        "geometry": geometry.name,
        "photo": {"width": size[1], "height": size[0]},
        "coords": coords.ravel().tolist(),
        "labels": labels,
        "flipped": flipped_coords(coords, np.array(labels, np.int64), photo, SIDE).ravel().tolist(),
        "logits": flipped_logits(plane, photo).ravel().tolist(),
    }


def _answer(case: Case, planes: dict[str, npt.NDArray[np.float32]], geometry: Geometry) -> dict[str, Any]:
    name, size, crop, points, labels, candidates, ready = case
    view, kinds = view_of(size, crop, geometry), np.array(labels)
    box = answer_box(np.array(points, dtype=np.float64), kinds, np.stack([planes[one] for one in candidates]), view)
    return {
        "name": f"{name}, {geometry.name}",
        "geometry": geometry.name,
        "photo": {"width": size[1], "height": size[0]},
        "crop": crop,
        "points": points,
        "labels": labels,
        "candidates": candidates,
        "ready": ready,
        "box": box,
        "fits": crop_that_fits(ready, box, size),
        "around": crop_around(box, kinds, view),
    }
