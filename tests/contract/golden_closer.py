"""Write fixtures/golden/closer: what is looked at more closely, what views' logits become, and what a mirror does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sam_core.masks.closer import (
    Box,
    View,
    closer_share,
    merged_logits,
    merged_scores,
    part_size,
    part_to_look_at,
    shares_for_each,
    shares_of,
)
from sam_core.masks.mirrored import mirrored_coords, mirrored_logits
from sam_core.masks.upsample import MaskGeometry
from sam_core.transforms import Size, input_size_for
from tests.contract.golden_planes import CHOICE_SIDE as SIDE
from tests.contract.golden_planes import obeyed_logits

IMAGE_SIZE = 64

# name, (height, width) of the photo, the part of it seen from afar (None: all of it), the part seen from near by
MERGES: tuple[tuple[str, Size, Box | None, Box], ...] = (
    ("a part of a small photo", (48, 64), None, (10, 3, 42, 35)),
    ("a part of a large photo, at its corner", (3000, 4000), None, (3333, 2400, 4000, 3000)),
    ("a tall part of a wide photo", (301, 907), None, (111, 0, 246, 301)),
    ("a part of a part", (1200, 1600), (100, 300, 741, 800), (333, 401, 461, 500)),
)

# name, size of the photo, the parts that were seen, from afar to near; of two of the same part one is in a mirror
CHAINS: tuple[tuple[str, Size, tuple[Box | None, ...]], ...] = (
    ("the photo alone", (48, 64), (None,)),
    ("in a mirror", (48, 64), (None, None)),
    ("in a mirror, and so a part of a small photo", (48, 64), (None, None, (10, 3, 42, 35), (10, 3, 42, 35))),
    (
        "two parts of a large photo, the last one in a mirror",
        (3000, 4000),
        (None, None, (600, 500, 1400, 1100), (700, 550, 800, 650), (700, 550, 800, 650)),
    ),
)

# name, share of a part, predicted IoU of two candidates before it and in it, which one is shown
GUARDS: tuple[tuple[str, float, tuple[float, float], tuple[float, float], int], ...] = (
    ("as sure as before", 0.6, (0.9, 0.5), (0.85, 0.25), 0),
    ("less sure of what is shown", 0.6, (0.9, 0.5), (0.75, 0.25), 0),
    ("less sure of the other one", 0.375, (0.9, 0.5), (0.75, 0.45), 1),
    ("less sure by just a tenth", 0.6, (0.9, 0.6), (0.8, 0.5), 1),
)

# name, size, the part that was seen, points, labels, which of shown_planes() each candidate is
Case = tuple[str, Size, Box | None, list[tuple[float, float]], list[int], str]
LOOKS: tuple[Case, ...] = (
    ("a click on something small", (1500, 2000), None, [(410, 300), (0, 0)], [1, -1], "ssss"),
    ("the largest of three candidates counts, the single mask does not", (1500, 2000), None, [(410, 300)], [1], "wsms"),
    ("something large", (1500, 2000), None, [(410, 300), (0, 0)], [1, -1], "sssw"),
    ("a click without any mask", (1500, 2000), None, [(1990.5, 1480.25), (0, 0)], [1, -1], "nnnn"),
    ("two clicks: the single mask counts", (1500, 2000), None, [(410, 300), (900, 310)], [1, 0], "swww"),
    ("a box", (1500, 2000), None, [(300, 200), (500.5, 260)], [2, 3], "wwww"),
    ("a box and a click beyond it", (1500, 2000), None, [(90, 700), (300, 200), (500, 260)], [1, 2, 3], "wwww"),
    ("a large box", (1500, 2000), None, [(300, 200), (900, 1260)], [2, 3], "ssss"),
    ("in a part of the photo", (1500, 2000), (500, 400, 1500, 1150), [(700, 540), (0, 0)], [1, -1], "ssss"),
    ("a small photo", (70, 60), None, [(30, 30), (0, 0)], [1, -1], "ssss"),
    ("a strip", (30, 900), None, [(180, 8), (0, 0)], [1, -1], "ssss"),
)

# name, size of the photo, prompts in model pixels, labels
MIRRORS: tuple[tuple[str, Size, list[tuple[float, float]], list[int]], ...] = (
    ("a click on a wide photo", (48, 64), [(10.25, 7.5), (0, 0)], [1, -1]),
    (
        "a click and a box on a tall one, whose last cell lies half on it",
        (64, 39),
        [(3, 60), (2.5, 4), (30, 50)],
        [0, 2, 3],
    ),
    ("no prompt", (10, 64), [], []),
)


def shown_planes() -> dict[str, npt.NDArray[np.float32]]:
    """Return logits (32 x 32): a small mask, one in the middle between, one of nearly all, none."""
    planes = {name: np.full((SIDE, SIDE), -3, np.float32) for name in "smwn"}
    planes["s"][4:7, 5:9] = 2
    planes["m"][4:13, 5:11] = 2
    planes["w"][:, 1:] = 2
    return planes


def view_of(size: Size, part: Box | None) -> View:
    """Return the view of a photo, or of a part of it."""
    seen = size if part is None else part_size(part)
    return View(MaskGeometry(IMAGE_SIZE, input_size_for(seen, IMAGE_SIZE), seen), (0, 0) if part is None else part[:2])


def write_closer(folder: Path) -> None:
    """Write cases.json: merges with their inputs and every value, and the parts that are looked at."""
    folder.mkdir(parents=True, exist_ok=True)
    planes, shown = obeyed_logits(), shown_planes()
    content = {
        "image_size": IMAGE_SIZE,
        "side": SIDE,
        "far": [planes[name].ravel().tolist() for name in ("noise", "slope")],
        "near": [planes[name].T.ravel().tolist() for name in ("noise", "slope")],
        "far_scores": [0.5, 0.875],
        "near_scores": [0.8125, 0.25],
        "shown": {name: plane.ravel().tolist() for name, plane in shown.items()},
        "merges": [_merge(name, size, part, closer, planes) for name, size, part, closer in MERGES],
        "guards": [_guard(*guard) for guard in GUARDS],
        "chains": [_chain(*chain) for chain in CHAINS],
        "looks": [_look(case, shown) for case in LOOKS],
        "mirrors": [_mirror(*case, planes["noise"]) for case in MIRRORS],
    }
    (folder / "cases.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _merge(
    name: str, size: Size, part: Box | None, closer: Box, planes: dict[str, npt.NDArray[np.float32]]
) -> dict[str, Any]:
    far = np.stack([planes["noise"], planes["slope"]])
    near = np.stack([planes["noise"].T, planes["slope"].T])
    views = view_of(size, part), view_of(size, closer)
    scores = np.array([0.5, 0.875], np.float32), np.array([0.8125, 0.25], np.float32)
    share = closer_share(*views)
    shares = np.array([share, share / 2])
    return {
        "name": name,
        "photo": {"width": size[1], "height": size[0]},
        "part": part,
        "closer": closer,
        "share": share,
        "logits": merged_logits(far, near, *views, shares).ravel().tolist(),
        "scores": merged_scores(*scores, shares).tolist(),
    }


def _guard(
    name: str, share: float, scores: tuple[float, float], closer: tuple[float, float], shown: int
) -> dict[str, Any]:
    before, there = np.array(scores, np.float32), np.array(closer, np.float32)
    return {
        "name": name,
        "share": share,
        "scores": before.tolist(),
        "closer_scores": there.tolist(),
        "shown": shown,
        "shares": shares_for_each(share, before, there, shown).tolist(),
    }


def _chain(name: str, size: Size, parts: tuple[Box | None, ...]) -> dict[str, Any]:
    return {
        "name": name,
        "photo": {"width": size[1], "height": size[0]},
        "parts": parts,
        "shares": shares_of([view_of(size, part) for part in parts]),
    }


def _mirror(
    name: str, size: Size, points: list[tuple[float, float]], labels: list[int], plane: npt.NDArray[np.float32]
) -> dict[str, Any]:
    geometry = view_of(size, None).geometry
    coords = np.array(points, np.float32).reshape(-1, 2)
    return {
        "name": name,
        "photo": {"width": size[1], "height": size[0]},
        "coords": coords.ravel().tolist(),
        "labels": labels,
        "mirrored": mirrored_coords(coords, np.array(labels, np.int64), geometry, SIDE).ravel().tolist(),
        "logits": mirrored_logits(plane, geometry).ravel().tolist(),
    }


def _look(case: Case, shown: dict[str, npt.NDArray[np.float32]]) -> dict[str, Any]:
    name, size, part, points, labels, candidates = case
    stack = np.stack([shown[one] for one in candidates])
    look = part_to_look_at(np.array(points, dtype=np.float64), np.array(labels), stack, view_of(size, part))
    return {
        "name": name,
        "photo": {"width": size[1], "height": size[0]},
        "part": part,
        "points": points,
        "labels": labels,
        "shown": candidates,
        "look": look,
    }
