"""The data engine on a folder of one domain: rounds of photos, a scripted annotator, an improved model after each.

    python -m tests.bench loop --data DIR [--rounds 3] [--photos 20] [--minutes 7] [--threads 2] [--general DIR]

In each round the annotator makes the masks of some new photos with the model of that round: clicks in the middle of the
largest error until the IoU is .85, and after 8 clicks draws the rest by hand, which gives the true mask. Then the model
learns from all masks so far; where the verdict is worse, the old one stays. Everything is measured on photos apart, of
groups that no round sees: IoU after 1, 3 and 8 clicks, clicks to .80 (8 at most), the share that gets there.
`--general` is a folder of other photos, for what is forgotten: first click and box, old model and last one. Prints one
JSON object.
"""

import argparse
import hashlib
import json
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from sam_core.evaluation.clicks import click_through, clicks_to_reach, iou_of, middle_of
from sam_core.evaluation.run import photos_below
from sam_core.masks import rle
from sam_core.modeling.promptable import PromptableModel
from sam_core.multi_view import MultiViewPredictor
from sam_core.prompt_kinds import BOX, FOREGROUND, PADDING
from sam_core.registry import build_model
from sam_core.training.improve import improve
from sam_core.training.measure import measure_masks, wanted_mask
from sam_core.training.photo_memory import read_image
from sam_core.training.project_folder import ProjectImage, read_project

CONTENT_IOU, MOST_CLICKS = 0.85, 8
REACHED = 0.80
MOST_MASKS = 3  # of a photo apart, and of a general one


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="sam_lite")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--photos", type=int, default=20, help="new ones a round")
    parser.add_argument("--apart", type=int, default=60, help="photos to measure on at most")
    parser.add_argument("--minutes", type=float, default=7.0, help="of each improvement")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--recipe")
    parser.add_argument("--general", type=Path)
    parser.add_argument("--keep", type=Path, help="a folder for the runs, else they are removed")
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory(prefix="maskwright-loop-") as made:
        print(json.dumps(run_rounds(args, args.keep or Path(made))))


def run_rounds(args: argparse.Namespace, home: Path) -> dict[str, Any]:
    """Run all rounds below a folder and return the report."""
    apart, to_mask = divide(args.data, apart=args.apart, to_mask=args.rounds * args.photos)
    checkpoint: Path | None = None
    model = build_model(args.model)
    report: dict[str, Any] = {
        "data": args.data.name,
        "model": args.model,
        "apart": len(apart),
        "rounds": [{"photos": 0, **figures(model, apart)}],
    }
    if args.general:
        report["general_before"] = general_figures(model, args.general)
    project = home / "project"
    project.mkdir(parents=True, exist_ok=True)
    for number in range(1, args.rounds + 1):
        new = to_mask[(number - 1) * args.photos : number * args.photos]
        effort = annotate(model, new, project)
        cpu_s, began = used_s(), time.monotonic()
        options = {"minutes": args.minutes, "recipe": args.recipe, "threads": args.threads, "device": "cpu"}
        done = improve(args.model, project, run=home / f"run-{number}", checkpoint=checkpoint, **options)
        spent = {"minutes": (time.monotonic() - began) / 60, "cpu_minutes": (used_s() - cpu_s) / 60}
        if done.verdict != "worse":
            checkpoint, model = done.weights, build_model(args.model, done.weights)
        row = {"photos": number * args.photos, **effort, **{k: round(v, 1) for k, v in spent.items()}}
        told = {key: done.result[key] for key in ("verdict", "reason", "recipe", "share", "shares", "steps")}
        report["rounds"].append({**row, **told, **figures(model, apart)})
        print(json.dumps(report["rounds"][-1]), file=sys.stderr, flush=True)
    if args.general:
        report["general_after"] = general_figures(model, args.general)
    return report


def used_s() -> float:
    """Return the seconds of processor time that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def divide(folder: Path, *, apart: int, to_mask: int) -> tuple[list[ProjectImage], list[ProjectImage]]:
    """Return photos to measure on and photos to mask, of different groups, in an order of hashes."""
    found = read_project(folder)
    groups: dict[str, list[ProjectImage]] = {}
    for image in [*found.trained, *found.held_out]:
        groups.setdefault(image.group, []).append(image)
    names = sorted(groups, key=lambda name: hashlib.sha256(f"loop {name}".encode()).digest())
    measured: list[ProjectImage] = []
    masked: list[ProjectImage] = []
    for name in names:
        (masked if len(masked) < to_mask else measured).extend(groups[name])
    if len(masked) < to_mask or not measured:
        sys.exit(f"{folder} has too few photos for so many rounds; ask for fewer")
    return measured[:apart], masked[:to_mask]


def figures(model: PromptableModel, apart: list[ProjectImage]) -> dict[str, float]:
    """Return how a model does on the photos apart."""
    chosen = {image.name: list(range(min(MOST_MASKS, len(image.masks)))) for image in apart}
    measured = measure_masks(model, apart, chosen, clicks=MOST_CLICKS, is_replayed=False)
    curves = np.array([one.ious for one in measured.values()])
    means = {f"iou{clicks}": curves[:, clicks - 1].mean() for clicks in (1, 3, MOST_CLICKS)}
    reached = {
        "clicks_to_80": clicks_to_reach(curves, REACHED).mean(),
        "reach_80": (curves >= REACHED).any(axis=1).mean(),
    }
    return {**{name: round(float(value), 4) for name, value in (means | reached).items()}, "masks": len(curves)}


@torch.inference_mode()
def annotate(model: PromptableModel, images: list[ProjectImage], project: Path) -> dict[str, float]:
    """Make the masks of some photos with a model and put both into the project; return the effort."""
    clicks, by_hand = [], 0
    for image in images:
        pixels = read_image(image.path, max_side_px=100_000)
        photo = MultiViewPredictor(model, pixels, most_views=1)
        annotations = []
        for number, mask in enumerate(image.masks, start=1):
            wanted = wanted_mask(mask, photo.size)
            answers, points, labels, drawn = click_through(photo, wanted, MOST_CLICKS), None, None, wanted
            for answer, seen in answers:
                points, labels = answer.points, answer.labels
                if iou_of(seen, wanted) >= CONTENT_IOU:
                    drawn = seen
                    break
            if points is None or labels is None:
                continue
            by_hand += drawn is wanted
            is_real = labels != PADDING
            clicks.append(int(is_real.sum()))
            prompt = {"points": points[is_real].tolist(), "labels": labels[is_real].tolist(), "box": None}
            annotations.append({"id": number, "segmentation": dict(rle.encode(drawn)), "prompts": [prompt]})
        name = image.name.replace("/", "-")
        shutil.copy(image.path, project / f"{name}{image.path.suffix}")
        content = {"image": {"group": image.group}, "annotations": annotations}
        (project / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return {"clicks_a_mask": round(float(np.mean(clicks)), 2), "by_hand": round(by_hand / len(clicks), 3)}


@torch.inference_mode()
def general_figures(model: PromptableModel, folder: Path, *, most_photos: int = 8) -> dict[str, float]:
    """Return mean IoU after one click and for boxes on other photos: so many of each set, MOST_MASKS + 1 of each."""
    sets: dict[str, list[tuple[Path, list[dict[str, Any]]]]] = {}
    for name, path, rles in photos_below(folder):
        sets.setdefault(name, []).append((path, rles))
    first, box = [], []
    for photos in sets.values():
        for path, rles in _spread(photos, most_photos):
            photo = MultiViewPredictor(model, read_image(path, max_side_px=1024), most_views=1)
            for one in _spread(rles, MOST_MASKS + 1):
                wanted = cv2.resize(rle.decode(one).astype(np.uint8), photo.size[::-1], interpolation=0) > 0
                if not wanted.any():
                    continue
                x, y, _ = middle_of(wanted)
                click = np.array([[x, y], [0, 0]], dtype=np.float64)
                first.append(iou_of(photo.answer(click, np.array([FOREGROUND, PADDING])).mask(), wanted))
                left, top, width, height = cv2.boundingRect(wanted.astype(np.uint8))
                corners = np.array([[left, top], [left + width, top + height]], dtype=np.float64)
                box.append(iou_of(photo.answer(corners, np.array(BOX.labels)).mask(), wanted))
    return {"first_click": round(float(np.mean(first)), 4), "box": round(float(np.mean(box)), 4), "masks": len(first)}


def _spread(items: list[Any], most: int) -> list[Any]:
    return items if len(items) <= most else [items[i * len(items) // most] for i in range(most)]


if __name__ == "__main__":
    main()
