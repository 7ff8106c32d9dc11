"""Views (docs/adr/0027): what tiles, the flipped photo and sharpening give on large photos.

    python -m tests.bench views --data DIR [--photos 8] [--masks 2] [--side 3]

Reads DIR, folders of photos with their masks in SA-1B layout, takes `--photos` of each folder and `--masks` of each
photo, and lays side x side photos beside each other: one large photo, as people's cameras make them, on which true
masks are known. Prints mean IoU with the whole photo alone, with every view that is ready, and sharpened, apart for
masks whose box is smaller than a tenth of the large photo, and the paired gain of the views with its standard error;
"flip" and "crops" are what each gains alone: which goes first where the policy's time holds two views.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from sam_core.evaluation.clicks import Bool, Tally, click_on, draw_box
from sam_core.evaluation.run import photos_below, read_rgb
from sam_core.masks import rle
from sam_core.multi_view import MultiViewPredictor
from sam_core.registry import build_model

SMALL = 0.1  # of the large photo's side
PHOTO_PX = 448


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--photos", type=int, default=8, help="of each folder in DIR")
    parser.add_argument("--masks", type=int, default=2, help="of each photo in DIR")
    parser.add_argument("--side", type=int, default=3, help="photos beside each other")
    wanted = parser.parse_args()
    report = measure_gain(wanted.data, photos=wanted.photos, masks=wanted.masks, side=wanted.side)
    print(json.dumps(report, indent=1))


@torch.inference_mode()
def measure_gain(data: Path, *, photos: int, masks: int, side: int) -> dict[str, Any]:
    """Ask for masks on photos laid side by side, with the whole photo alone and with all views."""
    sam = build_model("sam_lite")
    full = sam.policy
    alone = replace(full, uses_flip=False, uses_crops=False)
    policies = (alone, replace(alone, uses_flip=True), replace(alone, uses_crops=True), full)
    tallies = {(name, policy): Tally() for name in ("small", "large") for policy in policies}
    for image, wanted in mosaics(data, photos=photos, masks=masks, side=side):
        for policy in policies:
            sam.policy = policy
            asked = MultiViewPredictor(sam, image)
            for mask in wanted:
                _, _, width, height = cv2.boundingRect(mask.astype(np.uint8))
                name = "small" if max(width, height) < SMALL * len(image) else "large"
                tallies[name, policy].extend(click_on(asked, mask, 2))
                tallies[name, policy].extend(draw_box(asked, mask))
    reports = {name: summary(*(tallies[name, policy] for policy in policies)) for name in ("small", "large")}
    return reports | {"photo_px": side * PHOTO_PX}


def summary(alone: Tally, flip: Tally, crops: Tally, full: Tally) -> dict[str, Any]:
    """Return means of the whole photo and of all views, and the paired gains with their standard errors."""
    report: dict[str, Any] = {"masks": len(alone.first)}
    for name in ("first", "best", "box", "two_clicks"):
        report[name] = gain(read(alone, name), read(full, name))
        report[name] |= {
            what: {key: gain(read(alone, name), read(tally, name))[key] for key in ("gain", "error")}
            for what, tally in (("flip", flip), ("crops", crops))
        }
        if name != "two_clicks":
            report[name]["sharpened"] = mean(read(full, f"{name}_sharpened"))
    return report


def read(tally: Tally, name: str) -> NDArray[np.float64]:
    """Return one figure of every mask."""
    return np.array(tally.curves)[:, 1] if name == "two_clicks" else np.array(getattr(tally, name))


def gain(before: NDArray[np.float64], after: NDArray[np.float64]) -> dict[str, float]:
    """Return both means, and the mean of the differences with its standard error."""
    difference = after - before
    error = float(difference.std(ddof=1) / np.sqrt(len(difference)))
    return {"whole": mean(before), "views": mean(after), "gain": mean(difference), "error": round(error, 4)}


def mean(values: Any) -> float:
    """Return the mean to four decimals."""
    return round(float(np.mean(values)), 4)


def mosaics(data: Path, *, photos: int, masks: int, side: int) -> Iterator[tuple[NDArray[np.uint8], list[Bool]]]:
    """Yield side x side photos, drawn at random from all folders, as one, and true masks on it."""
    sets: dict[str, list[tuple[Path, list[dict[str, Any]]]]] = {}
    for name, photo, rles in photos_below(data):
        if rles:
            sets.setdefault(name, []).append((photo, rles))
    chosen = [one for items in sets.values() for one in items[:: max(1, len(items) // photos)][:photos]]
    order = np.random.default_rng(3).permutation(len(chosen))
    for start in range(0, len(order) - side * side + 1, side * side):
        image = np.zeros((side * PHOTO_PX, side * PHOTO_PX, 3), np.uint8)
        wanted = []
        for place, index in enumerate(order[start : start + side * side]):
            photo, rles = chosen[index]
            top, left = place // side * PHOTO_PX, place % side * PHOTO_PX
            own = read_rgb(photo)[:PHOTO_PX, :PHOTO_PX]
            below, right = PHOTO_PX - own.shape[0], PHOTO_PX - own.shape[1]
            tile = cv2.copyMakeBorder(own, 0, below, 0, right, cv2.BORDER_REFLECT)
            image[top : top + PHOTO_PX, left : left + PHOTO_PX] = tile
            for one in rles[:: max(1, len(rles) // masks)][:masks]:
                mask = np.zeros(image.shape[:2], dtype=np.bool_)
                small = rle.decode(one)[:PHOTO_PX, :PHOTO_PX]
                mask[top : top + small.shape[0], left : left + small.shape[1]] = small
                if mask.any():
                    wanted.append(mask)
        yield image, wanted


if __name__ == "__main__":
    main()
