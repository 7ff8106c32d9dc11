"""How good a model is: the standard click protocol on a folder in SA-1B layout.

The first click is in the middle of the object (the maximum of its distance transform), each next one in the middle
of the largest error region; previous logits are the mask prompt; IoU is taken at the photo's own size. Source of the
protocol: click-segmentation practice (RITM, arXiv 2102.06583), candidates as in Segment Anything. Where a model looks
closer at what is small, what is measured is what people see after that; "at_once" holds the figures before it.

Must not know: training. Memory holds one photo and one mask of it at a time.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from sam_core.asking import AskedPhoto
from sam_core.errors import SamCoreError
from sam_core.masks import rle
from sam_core.modeling.sam import Sam
from sam_core.registry import build_model, model_version

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
DROP = 0.05  # a click that lowers the IoU by more than this made the mask much worse
CONFIDENT = 0.88  # the published threshold of automatic masks on predicted IoU
PLAUSIBLE = 0.75
FOREGROUND, PADDING = 1, -1
CORNERS = (2, 3)
CANDIDATES = range(4)

Bool = NDArray[np.bool_]


class EvaluationError(SamCoreError):
    """The folder holds nothing to evaluate on."""


@dataclass
class Tally:
    """What is kept of every mask: bounded by a few numbers a mask."""

    first: list[float] = field(default_factory=list)
    best: list[float] = field(default_factory=list)
    box: list[float] = field(default_factory=list)
    first_at_once: list[float] = field(default_factory=list)
    best_at_once: list[float] = field(default_factory=list)
    box_at_once: list[float] = field(default_factory=list)
    curves: list[list[float]] = field(default_factory=list)
    predicted: list[float] = field(default_factory=list)
    actual: list[float] = field(default_factory=list)
    images: int = 0

    def extend(self, other: Tally) -> None:
        """Add another tally's masks and images."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))

    def report(self, clicks: int) -> dict[str, Any]:
        """Summarise as the figures that are compared between models; IoU in 0..1, clicks as means."""
        curves = np.array(self.curves)
        drops = np.diff(curves, axis=1) < -DROP
        return {
            "first_click_iou": _mean(self.first),
            "first_click_best_iou": _mean(self.best),
            "iou_after": [_mean(curves[:, i]) for i in range(clicks)],
            "noc85": _mean(clicks_to_reach(curves, 0.85)),
            "noc90": _mean(clicks_to_reach(curves, 0.90)),
            "box_iou": _mean(self.box),
            "at_once": {
                "first_click_iou": _mean(self.first_at_once),
                "first_click_best_iou": _mean(self.best_at_once),
                "box_iou": _mean(self.box_at_once),
            },
            "drop_share": _mean(drops.ravel()) if drops.size else 0.0,
            "iou_calibration": calibration(np.array(self.predicted), np.array(self.actual)),
            "images": self.images,
            "masks": len(self.first),
        }


def _mean(values: Any) -> float:
    return round(float(np.mean(values)), 4)


def clicks_to_reach(curves: NDArray[np.float64], threshold: float) -> NDArray[np.int64]:
    """Return for each row of IoU after 1, 2, ... clicks how many it took to reach threshold, or all of them."""
    reached = curves >= threshold
    count: NDArray[np.int64] = np.where(reached.any(axis=1), reached.argmax(axis=1) + 1, curves.shape[1])
    return count


def calibration(predicted: NDArray[np.float64], actual: NDArray[np.float64]) -> dict[str, float]:
    """Compare predicted with true IoU: correlation, mean error, and how far confident masks can be trusted."""
    confident = predicted >= CONFIDENT
    varied = len(predicted) > 1 and predicted.std() > 0 and actual.std() > 0
    return {
        "correlation": round(float(np.corrcoef(predicted, actual)[0, 1]), 4) if varied else 0.0,
        "mean_absolute_error": _mean(np.abs(predicted - actual)),
        "confident_share": _mean(confident),
        "confident_that_are_plausible": _mean(actual[confident] >= PLAUSIBLE) if confident.any() else 0.0,
    }


def middle_of(region: Bool) -> tuple[int, int, float]:
    """Return (x, y) of the pixel furthest from a region's border, and that distance; 0.0 if it is empty."""
    padded = np.pad(region.astype(np.uint8), 1)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 0)[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(x), int(y), float(depth[y, x])


def next_click(wanted: Bool, predicted: Bool) -> tuple[int, int, int]:
    """Return (x, y, label) in the middle of the largest error region: 1 where missed, 0 where wrongly added."""
    missed_x, missed_y, missed = middle_of(wanted & ~predicted)
    added_x, added_y, added = middle_of(predicted & ~wanted)
    if missed == 0 and added == 0:
        return (*middle_of(wanted)[:2], FOREGROUND)
    return (missed_x, missed_y, FOREGROUND) if missed >= added else (added_x, added_y, 0)


def iou_of(a: Bool, b: Bool) -> float:
    """Intersection over union of two masks of one shape."""
    union = int(np.count_nonzero(a | b))
    return int(np.count_nonzero(a & b)) / union if union else 1.0


def click_on(photo: AskedPhoto, wanted: Bool, clicks: int) -> Tally:
    """Click on a wanted mask (H x W) up to clicks times."""
    x, y, _ = middle_of(wanted)
    points, labels = np.array([[x, y], [0, 0]], dtype=np.float64), np.array([FOREGROUND, PADDING])
    at_once = photo.answer_at_once(points, labels)
    ious_at_once = [iou_of(at_once.mask(k), wanted) for k in CANDIDATES]
    answer = photo.look_closer(at_once)
    ious = ious_at_once if answer is at_once else [iou_of(answer.mask(k), wanted) for k in CANDIDATES]
    curve = [ious[answer.chosen]]
    for _ in range(clicks - 1):
        x, y, label = next_click(wanted, answer.mask())
        points, labels = np.concatenate([points, [[x, y]]]), np.append(labels, label)
        answer = photo.ask_on(points, labels, answer)
        curve.append(iou_of(answer.mask(), wanted))
    return Tally(
        first=curve[:1],
        best=[max(ious[1:])],
        first_at_once=[ious_at_once[at_once.chosen]],
        best_at_once=[max(ious_at_once[1:])],
        predicted=[float(v) for v in at_once.merged[1][1:]],
        actual=ious_at_once[1:],
        curves=[curve],
    )


def draw_box(photo: AskedPhoto, wanted: Bool) -> tuple[float, float]:
    """Prompt with the tight box of a wanted mask; return the IoU of the answer, the single mask, at once and then."""
    x, y, w, h = cv2.boundingRect(wanted.astype(np.uint8))
    points, labels = np.array([[x, y], [x + w, y + h]], dtype=np.float64), np.array(CORNERS)
    at_once = photo.answer_at_once(points, labels)
    return iou_of(at_once.mask(), wanted), iou_of(photo.look_closer(at_once).mask(), wanted)


@torch.inference_mode()
def evaluate_photo(sam: Sam, image_rgb: NDArray[np.uint8], rles: list[dict[str, Any]], clicks: int) -> Tally:
    """Evaluate one photo (H, W, 3) RGB on its masks; masks of another size than the photo raise EvaluationError."""
    photo = AskedPhoto(sam, image_rgb)
    tally = Tally(images=1)
    for one in rles:
        wanted = rle.decode(one)
        if wanted.shape != photo.size:
            raise EvaluationError(f"a mask is not of the photo's size {photo.size}")
        if wanted.any():
            mask = click_on(photo, wanted, clicks)
            at_once, then = draw_box(photo, wanted)
            mask.box_at_once, mask.box = [at_once], [then]
            tally.extend(mask)
    return tally


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
    sam: Sam, folder: Path, *, clicks: int, max_masks: int | None = None, max_images: int | None = None
) -> dict[str, Tally]:
    """Evaluate a model on a folder by set.

    max_masks: masks a photo, spread evenly over its list. max_images: photos a set, spread likewise.
    """
    sets: dict[str, list[tuple[Path, list[dict[str, Any]]]]] = {}
    for name, photo, rles in photos_below(folder):
        if rles:
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
    parser = argparse.ArgumentParser(prog="python -m sam_core evaluate", description="Measure a model by clicks.")
    parser.add_argument("--model", default="sam_lite")
    parser.add_argument("--checkpoint", help="weights file instead of the model's own")
    parser.add_argument("--data", type=Path, required=True, help="folder in SA-1B layout, sets in sub-folders")
    parser.add_argument("--clicks", type=int, default=20)
    parser.add_argument("--max-masks", type=int, help="masks a photo at most, evenly spread")
    parser.add_argument("--max-images", type=int, help="photos a set at most, evenly spread")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(argv)
    if args.clicks < 1:
        parser.error("--clicks must be at least 1")
    sam = build_model(args.model, args.checkpoint)
    tallies = evaluate_folder(sam, args.data, clicks=args.clicks, max_masks=args.max_masks, max_images=args.max_images)
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
    lines.append(f"drops > {DROP}: {report['drop_share']}, calibration: {report['iou_calibration']}")
    return "\n".join(lines)
