"""Evaluate a model on a folder in SA-1B layout: `python -m sam_core evaluate`.

Photos are split by the hash of their names: a third is kept apart and decides which steps after the decoder pay
(CONTRIBUTING.md); nobody tunes on it. Must not know: training. Memory holds one photo and one mask of it at a time.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from sam_core.command_parser import CommandParser, at_least_one
from sam_core.errors import SamCoreError
from sam_core.evaluation.clicks import Tally, click_on, draw_box
from sam_core.masks import rle
from sam_core.modeling.promptable import PromptableModel
from sam_core.multi_view import MultiViewPredictor
from sam_core.registry import build_model, model_version

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
SPLITS = ("all", "tuning", "apart")
KEPT_APART = 3  # one photo of so many


class EvaluationError(SamCoreError):
    """The folder holds nothing to evaluate on."""


@torch.inference_mode()
def evaluate_photo(
    sam: PromptableModel, image_rgb: NDArray[np.uint8], rles: list[dict[str, Any]], clicks: int
) -> Tally:
    """Evaluate one photo (H, W, 3) RGB on its masks; masks of another size than the photo raise EvaluationError."""
    photo = MultiViewPredictor(sam, image_rgb)
    tally = Tally(images=1)
    for one in rles:
        wanted = rle.decode(one)
        if wanted.shape != photo.size:
            raise EvaluationError(f"a mask is not of the photo's size {photo.size}")
        if wanted.any():
            tally.extend(click_on(photo, wanted, clicks))
            tally.extend(draw_box(photo, wanted))
    return tally


def is_kept_apart(photo: Path) -> bool:
    """Tell whether a photo belongs to the third that nothing is tuned on, by the hash of its name."""
    return int(hashlib.sha256(photo.stem.encode()).hexdigest(), 16) % KEPT_APART == 0


def photos_below(folder: Path) -> Iterator[tuple[str, Path, list[dict[str, Any]]]]:
    """Yield (set name, photo, RLEs) of every NAME.json with a photo beside it."""
    for json_path in sorted(folder.rglob("*.json")):
        photo = next((p for s in IMAGE_SUFFIXES if (p := json_path.with_suffix(s)).exists()), None)
        if photo is None:
            continue
        annotations = json.loads(json_path.read_text(encoding="utf-8")).get("annotations", [])
        yield json_path.parent.name, photo, [a["segmentation"] for a in annotations]


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """Read a photo upright as (H, W, 3) uint8 RGB."""
    with Image.open(path) as image:
        return np.array(ImageOps.exif_transpose(image).convert("RGB"))


def evaluate_folder(
    sam: PromptableModel,
    folder: Path,
    *,
    clicks: int,
    max_masks: int | None = None,
    max_images: int | None = None,
    split: str = "all",
) -> dict[str, Tally]:
    """Evaluate a model on a folder by set.

    max_masks: masks a photo, spread evenly over its list. max_images: photos a set, spread likewise. split: one of
    SPLITS.
    """
    sets: dict[str, list[tuple[Path, list[dict[str, Any]]]]] = {}
    for name, photo, rles in photos_below(folder):
        if rles and (split == "all" or is_kept_apart(photo) == (split == "apart")):
            sets.setdefault(name, []).append((photo, rles))
    if not sets:
        raise EvaluationError(f"no photo with masks below {folder}")
    tallies: dict[str, Tally] = {}
    for name, items in sets.items():
        tallies[name] = Tally()
        for photo, rles in _spread(items, max_images):
            tallies[name].extend(evaluate_photo(sam, read_rgb(photo), _spread(rles, max_masks), clicks))
        sys.stderr.write(f"{name}: {tallies[name].images} photos, {len(tallies[name].first)} masks\n")
    return tallies


def _spread(items: list[Any], limit: int | None) -> list[Any]:
    if limit is None or len(items) <= limit:
        return items
    return [items[i * len(items) // limit] for i in range(limit)]


def build_report(tallies: dict[str, Tally], *, clicks: int, version: str) -> dict[str, Any]:
    """Return the figures over all masks, and by set."""
    total = Tally()
    for tally in tallies.values():
        total.extend(tally)
    return {
        "model": version,
        **total.report(clicks),
        "sets": {name: tally.report(clicks) for name, tally in tallies.items()},
    }


def main(argv: list[str]) -> int:
    """Run `python -m sam_core evaluate` with argv and print the report."""
    parser = CommandParser(prog="python -m sam_core evaluate", description="Measure a model by clicks.")
    parser.add_argument("--model", default="sam_lite")
    parser.add_argument("--checkpoint", help="weights file instead of the model's own")
    parser.add_argument("--data", type=Path, required=True, help="folder in SA-1B layout, sets in sub-folders")
    parser.add_argument("--clicks", type=at_least_one, default=20)
    parser.add_argument("--max-masks", type=at_least_one, help="masks a photo at most, evenly spread")
    parser.add_argument("--max-images", type=at_least_one, help="photos a set at most, evenly spread")
    parser.add_argument(
        "--split", choices=SPLITS, default="all", help="the photos kept apart, those to tune on, or all"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(argv)
    sam = build_model(args.model, args.checkpoint)
    limits = {"max_masks": args.max_masks, "max_images": args.max_images, "split": args.split}
    tallies = evaluate_folder(sam, args.data, clicks=args.clicks, **limits)
    report = build_report(tallies, clicks=args.clicks, version=model_version(args.model, args.checkpoint))
    sys.stdout.write((json.dumps(report) if args.json else _as_text(report)) + "\n")
    return 0


def _as_text(report: dict[str, Any]) -> str:
    lines = [
        f"{'set':12s} {'first':>6s} {'best':>6s} {'box':>6s} {'5':>6s} {'last':>6s} {'NoC85':>6s} {'NoC90':>6s} masks"
    ]
    for name, row in [*report["sets"].items(), ("all", report)]:
        after = row["iou_after"]
        figures = [row["first_click_iou"], row["first_click_best_iou"], row["box_iou"]]
        figures += [after[min(4, len(after) - 1)], after[-1], row["noc85"], row["noc90"]]
        lines.append(f"{name:12s} " + " ".join(f"{v:6.3f}" for v in figures) + f" {row['masks']}")
    lines += [f"{name}: {report[name]}" for name in ("sharpened", "refining", "iou_calibration")]
    return "\n".join(lines)
