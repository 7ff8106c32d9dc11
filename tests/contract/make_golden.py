"""Write fixtures/golden/: vectors that pytest and vitest both read, so that Python and TypeScript give the same bits.

    python -m tests.contract.make_golden [folder]

Everything here is built from integers, +, -, *, / and square roots, which IEEE 754 rounds the same on every machine.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sam_core.geometry import Geometry, LongestSide, PhotoGeometry, Square
from sam_core.masks import rle
from sam_core.masks.blending import blend_far
from sam_core.masks.choice import centrality, choose_candidates, click_scores
from sam_core.masks.clicks import keep_clicks
from sam_core.masks.stability import stability_score
from sam_core.masks.upsample import mask_at_original_size
from sam_core.modeling.prompt_sketch import CELL_PX, CERTAIN, IN_BOX, sketch
from tests.contract.golden_embedding import write_embeddings
from tests.contract.golden_planes import CHOICE_SIDE, choice_logits, disc, make_logits, plain_logits
from tests.contract.golden_views import write_views

GOLDEN = Path(__file__).parents[2] / "fixtures" / "golden"

# name, logits, the model's geometry, (height, width) of the photo
UPSAMPLE_CASES: tuple[tuple[str, str, Geometry, tuple[int, int]], ...] = (
    ("landscape", "scene", LongestSide(1024), (1500, 2250)),
    ("portrait", "scene", LongestSide(1024), (2048, 1366)),
    ("square_of_the_model", "scene", LongestSide(1024), (1024, 1024)),
    ("smaller_than_the_model", "scene", LongestSide(1024), (333, 500)),
    ("odd_portrait", "noise", LongestSide(1024), (501, 333)),
    ("odd_landscape_half_model", "noise", LongestSide(512), (97, 131)),
    ("half_model_photo", "scene", LongestSide(512), (768, 1024)),
    ("one_pixel_high", "scene", LongestSide(1024), (1, 512)),
    ("three_pixels_wide", "noise", LongestSide(512), (641, 3)),
    ("one_pixel", "scene", LongestSide(1024), (1, 1)),
    ("twelve_megapixels_landscape", "ring", LongestSide(1024), (3000, 4000)),
    ("twelve_megapixels_portrait", "ring", LongestSide(512), (4032, 3024)),
    ("nothing", "nothing", LongestSide(1024), (480, 640)),
    ("everything", "everything", LongestSide(1024), (480, 640)),
    ("wide_in_a_square", "scene", Square(1024), (1500, 2250)),
    ("tall_in_a_square", "noise", Square(1024), (501, 333)),
    ("strip_in_a_square", "ring", Square(512), (3, 900)),
    ("the_logits_own_size", "scene", Square(1024), (256, 256)),
)


# name, coords, labels, previous mask (one value all over) or None
SKETCH_CASES: tuple[tuple[str, list[tuple[float, float]], list[int], float | None], ...] = (
    ("one click alone", [(20, 30), (0, 0)], [1, -1], None),
    ("a box", [(10.25, 4.5), (50.75, 31)], [2, 3], None),
    ("a box with clicks", [(20, 12), (47.5, 29.25), (10, 4), (52, 33)], [1, 0, 2, 3], None),
    ("a previous mask with clicks", [(3, 3), (60.5, 17.5), (63.5, 63.5), (0, 0)], [1, 0, 1, -1], 0.5),
    ("background over foreground", [(30, 30), (34, 33), (0, 0)], [0, 1, -1], -1.0),
    ("a click outside", [(-20, 10), (0, 0)], [1, -1], 0.5),
    ("a box and a previous mask", [(10, 10), (40, 40)], [2, 3], 0.5),
)
SKETCH_SIDE = 32

# name, coords, labels; the four candidates of each are choice_logits()
CHOICE_CASES: tuple[tuple[str, list[tuple[float, float]], list[int]], ...] = (
    ("the middle of the part", [(13.5, 13.5), (0, 0)], [1, -1]),
    ("the middle of the whole", [(31, 23), (0, 0)], [1, -1]),
    ("the middle of the unstable one", [(50, 10), (0, 0)], [1, -1]),
    ("a background click", [(13.5, 13.5), (0, 0)], [0, -1]),
    ("beside all masks", [(1, 45), (0, 0)], [1, -1]),
    ("beyond the photo", [(70, -3), (0, 0)], [1, -1]),
    ("two clicks", [(13.5, 13.5), (50, 10), (0, 0)], [1, 1, -1]),
    ("a box", [(4, 4), (20, 20)], [2, 3]),
    ("a box and a click", [(13.5, 13.5), (4, 4), (20, 20)], [1, 2, 3]),
    ("a mask prompt alone", [(0, 0)], [-1]),
)
CHOICE_GEOMETRY = PhotoGeometry(2 * CHOICE_SIDE, (48, 64), (96, 128))
CHOICE_IOU = (0.9, 0.8, 0.7, 0.95)

# name, which of plain_logits(), coords, labels
CLICKS_CASES: tuple[tuple[str, str, list[tuple[float, float]], list[int]], ...] = (
    ("clicks that are kept already", "slope", [(40, 20), (4, 20)], [1, 0]),
    ("a click on the doubtful side", "slope", [(31, 20.5), (0, 0)], [1, -1]),
    ("a click far outside", "slope", [(5, 9.25), (0, 0)], [1, -1]),
    ("a background click inside", "slope", [(50, 30), (0, 0)], [0, -1]),
    ("the newer of two that contradict each other", "slope", [(20, 20), (20, 20)], [1, 0]),
    ("at the corner and beyond the photo", "slope", [(0, 0), (90, 90), (-9, 30)], [1, 0, 1]),
    ("on the photo's last row", "noise", [(54, 47), (20, 47)], [0, 1]),
    ("noise", "noise", [(11, 30), (50.5, 12.75), (30, 44)], [1, 0, 1]),
    ("a box alone", "slope", [(4, 4), (20, 20)], [2, 3]),
    ("a box with clicks in it", "noise", [(30, 20), (25, 33), (10, 8), (52, 40)], [1, 0, 2, 3]),
)


# name, which of plain_logits() went before, a click, its label; the other one is the new answer
BLENDING_CASES: tuple[tuple[str, str, tuple[float, float], int], ...] = (
    ("a click on the right side already", "slope", (50, 20), 1),
    ("a click a little beside", "slope", (20, 20.5), 1),
    ("a background click far inside", "slope", (63, 40), 0),
    ("a foreground click far outside", "slope", (0, 0), 1),
    ("noise", "noise", (33.25, 12), 0),
    ("beyond the photo", "noise", (90, 70), 1),
    ("nothing on the click's side", "nothing", (30, 30), 1),
)


def main(folder: Path = GOLDEN) -> None:
    """Write every vector below folder."""
    write_upsample(folder / "upsample")
    write_rle(folder / "rle")
    write_sketch(folder / "sketch")
    write_choice(folder / "choice")
    write_clicks(folder / "clicks")
    write_blending(folder / "blending")
    write_views(folder / "views")
    write_embeddings(folder / "embedding")


def write_upsample(folder: Path) -> None:
    """Write the low-res logits as .npy and cases.json: sizes, and the RLE of the mask at the photo's size."""
    folder.mkdir(parents=True, exist_ok=True)
    logits = make_logits()
    for name, values in logits.items():
        np.save(folder / f"{name}.npy", values)
    cases = []
    for name, source, strategy, original_size in UPSAMPLE_CASES:
        geometry = strategy.of(original_size)
        mask = rle.encode(mask_at_original_size(logits[source], geometry))
        cases.append(
            {
                "name": name,
                "logits": f"{source}.npy",
                "geometry": strategy.name,
                "image_size": strategy.image_size,
                "input_size": geometry.input_size,
                "original_size": original_size,
                "counts": mask["counts"],
                "area": rle.area(mask),
            }
        )
    write_json(folder / "cases.json", {"threshold": 0.0, "cases": cases})


def write_sketch(folder: Path) -> None:
    """Write cases.json: prompts in model pixels and the mask prompt they are drawn as, a symbol a cell."""
    folder.mkdir(parents=True, exist_ok=True)
    symbols = {"#": CERTAIN, "-": -CERTAIN, "o": IN_BOX, ".": 0.5, ",": -1.0}
    of_value = {value: symbol for symbol, value in symbols.items()}
    cases = []
    for name, coords, labels, previous in SKETCH_CASES:
        ground = None if previous is None else torch.full((1, 1, SKETCH_SIDE, SKETCH_SIDE), previous)
        drawn = sketch(ground, torch.tensor([coords], dtype=torch.float32), torch.tensor([labels]), SKETCH_SIDE)
        rows = None if drawn is None else ["".join(of_value[v] for v in row) for row in drawn[0, 0].tolist()]
        flat = [value for point in coords for value in point]
        cases.append({"name": name, "coords": flat, "labels": labels, "previous": previous, "rows": rows})
    sizes = {"image_size": SKETCH_SIDE * CELL_PX, "mask_side": SKETCH_SIDE}
    write_json(folder / "cases.json", {**sizes, "symbols": symbols, "cases": cases})


def write_choice(folder: Path) -> None:
    """Write cases.json: prompts in model pixels on the same four candidates, how these do, and which is shown."""
    folder.mkdir(parents=True, exist_ok=True)
    logits, iou = choice_logits(), np.array([CHOICE_IOU], np.float32)
    on_photo = CHOICE_GEOMETRY.without_padding(logits)
    cases = []
    for name, coords, labels in CHOICE_CASES:
        tokens, kinds = np.array([coords]), np.array([labels])
        counts = (kinds != -1).sum(axis=1)
        weighed = click_scores(iou, logits[None], tokens, kinds, CHOICE_GEOMETRY)
        cell = CHOICE_GEOMETRY.cells_of(tokens[0, 0], CHOICE_SIDE)
        cases.append(
            {
                "name": name,
                "coords": [value for point in coords for value in point],
                "labels": labels,
                "centrality": [round(float(value), 4) for value in centrality(on_photo, cell)],
                "chosen": int(choose_candidates(iou, counts)[0]),
                "ranks": [round(float(value), 4) for value in weighed[0]],
                "chosen_if_weighed": int(choose_candidates(weighed, counts)[0]),
            }
        )
    height, width = CHOICE_GEOMETRY.input_size
    content = {
        "image_size": CHOICE_GEOMETRY.image_size,
        "input_size": {"width": width, "height": height},
        "side": CHOICE_SIDE,
        "predicted_iou": CHOICE_IOU,
        "logits": [["".join(CHOICE_SYMBOLS[v] for v in row) for row in mask] for mask in logits.tolist()],
        "symbols": {symbol: value for value, symbol in CHOICE_SYMBOLS.items()},
        "stability": [round(float(value), 4) for value in stability_score(on_photo)],
        "cases": cases,
    }
    write_json(folder / "cases.json", content)


def write_clicks(folder: Path) -> None:
    """Write cases.json: logits, prompts in model pixels, and the cells that keeping them changes, with their values."""
    folder.mkdir(parents=True, exist_ok=True)
    planes = plain_logits()
    cases = []
    for name, plane, coords, labels in CLICKS_CASES:
        before = planes[plane]
        after = keep_clicks(before[None], np.array(coords), np.array(labels), CHOICE_GEOMETRY)[0]
        changed = {int(cell): float(after.flat[cell]) for cell in np.flatnonzero(after != before)}
        flat = [value for point in coords for value in point]
        cases.append({"name": name, "plane": plane, "coords": flat, "labels": labels, "changed": changed})
    height, width = CHOICE_GEOMETRY.input_size
    content = {
        "image_size": CHOICE_GEOMETRY.image_size,
        "input_size": {"width": width, "height": height},
        "side": CHOICE_SIDE,
        "planes": {name: plane.ravel().tolist() for name, plane in planes.items()},
        "cases": cases,
    }
    write_json(folder / "cases.json", content)


def write_blending(folder: Path) -> None:
    """Write cases.json: the previous logits, a click in model pixels, and the new logits blended with them."""
    folder.mkdir(parents=True, exist_ok=True)
    planes = plain_logits() | {"nothing": np.full((CHOICE_SIDE, CHOICE_SIDE), -2, np.float32)}
    cases = []
    for name, previous, click, label in BLENDING_CASES:
        new = planes["noise"].T if previous == "slope" else planes["slope"].T
        blended = blend_far(new, planes[previous], np.array(click), label, CHOICE_GEOMETRY)
        values = {"new": new.ravel().tolist(), "blended": blended.ravel().tolist()}
        cases.append({"name": name, "previous": previous, "click": click, "label": label, **values})
    height, width = CHOICE_GEOMETRY.input_size
    content = {
        "image_size": CHOICE_GEOMETRY.image_size,
        "input_size": {"width": width, "height": height},
        "side": CHOICE_SIDE,
        "planes": {name: plane.ravel().tolist() for name, plane in planes.items()},
        "cases": cases,
    }
    write_json(folder / "cases.json", content)


CHOICE_SYMBOLS = {4.0: "#", 0.5: "+", -0.5: "-", -4.0: "."}


def write_rle(folder: Path) -> None:
    """Write cases.json: small masks as text with their RLE, area and box; pairs with IoU and merges; bad counts."""
    folder.mkdir(parents=True, exist_ok=True)
    masks = make_masks()
    cases = [rle_case(name, mask) for name, mask in masks.items()]
    pairs = [rle_pair(left, right, masks) for left, right in (("ring", "block"), ("ring", "full"), ("empty", "ring"))]
    write_json(folder / "cases.json", {"masks": cases, "pairs": pairs, "invalid": INVALID})


def make_masks() -> dict[str, rle.BoolMask]:
    """Return small masks with every property that has broken a mask somewhere."""
    ring = np.zeros((9, 7), bool)
    ring[1:8, 1:6] = True
    ring[3:6, 2:4] = False
    block = np.zeros((9, 7), bool)
    block[4:, 3:] = True
    wrap = np.zeros((5, 4), bool)
    wrap[4, 1] = wrap[0, 2] = True
    checker = (np.add.outer(np.arange(6), np.arange(8)) % 2).astype(bool)
    tall = disc(128, 128, 120)[:, 90:170] > 0
    corner = np.zeros((3, 50), bool)
    corner[0, 0] = True
    return {
        "ring": ring, "block": block, "full": np.ones((9, 7), bool), "empty": np.zeros((9, 7), bool),
        "run_into_next_column": wrap, "checkerboard": checker, "tall_disc": tall, "first_pixel": corner,
        "last_pixel": corner[::-1, ::-1], "one_pixel": np.ones((1, 1), bool),
        "one_high": checker[:1], "one_wide": checker[:, :1],
    }  # fmt: skip


def rle_case(name: str, mask: rle.BoolMask) -> dict[str, Any]:
    """Return one mask, its rows as text, with what must be computed from it."""
    encoded = rle.encode(mask)
    return {
        "name": name,
        "rows": ["".join(".#"[int(pixel)] for pixel in row) for row in mask],
        "size": encoded["size"],
        "counts": encoded["counts"],
        "runs": rle.to_runs(encoded).tolist(),
        "area": rle.area(encoded),
        "bbox_xywh": rle.bbox_xywh(encoded),
    }


def rle_pair(left: str, right: str, masks: dict[str, rle.BoolMask]) -> dict[str, Any]:
    """Return two masks by name with their IoU, union, intersection and difference."""
    first, second = rle.encode(masks[left]), rle.encode(masks[right])
    return {
        "left": left,
        "right": right,
        "iou": float(rle.iou_matrix([first], [second])[0, 0]),
        "union": rle.union([first, second])["counts"],
        "intersection": rle.encode(masks[left] & masks[right])["counts"],
        "difference": rle.encode(masks[left] & ~masks[right])["counts"],
    }


INVALID: list[dict[str, Any]] = [
    {"name": "adds up to less", "size": [4, 4], "counts": "4"},
    {"name": "adds up to more", "size": [1, 1], "counts": "4"},
    {"name": "ends inside a number", "size": [4, 4], "counts": "1P"},
    {"name": "negative run", "size": [4, 4], "counts": "1O"},
    {"name": "foreign character", "size": [4, 4], "counts": "!!"},
    {"name": "empty", "size": [4, 4], "counts": ""},
    {"name": "a run of 2^34", "size": [4, 4], "counts": "oooooo7"},
    {"name": "more runs than pixels", "size": [1, 1], "counts": "0010"},
    {"name": "a billion pixels", "size": [40000, 40000], "counts": "0"},
    {"name": "no pixels", "size": [0, 4], "counts": "0"},
]


def write_json(path: Path, content: object) -> None:
    """Write JSON that is the same bytes for the same content."""
    path.write_text(json.dumps(content, indent=1, ensure_ascii=True) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:2]))
