"""Measure a model on masks that it did not learn from: by simulated clicks, and by the prompts that people gave.

The click protocol is evaluation/clicks.py's, on one view of the photo: what the workspace adds with further views it
adds to the old model and to the new one. Photos are looked at in twice the model's size and MOST_SIDE_PX at most, so
that time and memory have a bound. Must not know: optimisers, verdicts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sam_core.evaluation.clicks import Bool, click_through, iou_of, replay
from sam_core.masks import rle
from sam_core.modeling.promptable import PromptableModel
from sam_core.multi_view import MultiViewPredictor
from sam_core.prompt_kinds import BOX
from sam_core.training.data import decode_at
from sam_core.training.photo_memory import DataError, read_image
from sam_core.training.project_folder import ProjectImage, ProjectMask, Prompt, read_project

CLICKS = 8
SHOWN_CLICKS = 3  # pictures show the mask after so many
MOST_SIDE_PX = 1024
VIEWS = 1
GENERAL_FOLDER = Path(__file__).with_name("general")
GENERAL_CLICKS = 3
Key = tuple[str, int]  # an image's name, a mask's place in it


@dataclass(frozen=True)
class Measured:
    """How one mask came about: IoU after 1, 2, ... clicks; the mask then, as RLE; IoU after each step of a replay."""

    ious: tuple[float, ...]
    shown: dict[str, Any]
    replayed: tuple[float, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what Measured.of reads."""
        return {"ious": self.ious, "shown": self.shown, "replayed": self.replayed}

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Measured:
        """Read what to_json gave."""
        replayed = raw["replayed"]
        return cls(tuple(raw["ious"]), raw["shown"], None if replayed is None else tuple(replayed))


@torch.inference_mode()
def measure_masks(
    model: PromptableModel,
    images: Sequence[ProjectImage],
    chosen: Mapping[str, Sequence[int]],
    *,
    clicks: int = CLICKS,
    is_replayed: bool = True,
    on_mask: Callable[[int], bool | None] = lambda done: None,
) -> dict[Key, Measured]:
    """Measure the chosen masks of images, places by image name; an image that cannot be read any more is left out.

    on_mask: is told how many masks are done, and ends it all by answering False.
    """
    found: dict[Key, Measured] = {}
    for image in images:
        places = chosen.get(image.name, ())
        if not places:
            continue
        try:
            photo_rgb = read_image(image.path, max_side_px=seen_side_px(model))
        except DataError:
            continue
        photo = MultiViewPredictor(model, photo_rgb, most_views=VIEWS)
        for place in places:
            found[image.name, place] = _measure(photo, image, image.masks[place], clicks, is_replayed=is_replayed)
            if on_mask(len(found)) is False:
                return found
    return found


def seen_side_px(model: PromptableModel) -> int:
    """Return the longest side at which photos are looked at."""
    return min(MOST_SIDE_PX, 2 * model.image_size)


def _measure(
    photo: MultiViewPredictor, image: ProjectImage, mask: ProjectMask, clicks: int, *, is_replayed: bool
) -> Measured:
    wanted = wanted_mask(mask, photo.size)
    masks = [seen for _, seen in click_through(photo, wanted, clicks)]
    prompt = mask.prompt if is_replayed else None
    return Measured(
        ious=tuple(iou_of(seen, wanted) for seen in masks),
        shown=dict(rle.encode(masks[min(SHOWN_CLICKS, clicks) - 1])),
        replayed=None if prompt is None else tuple(_replay(photo, image, prompt, wanted)),
    )


def wanted_mask(mask: ProjectMask, size: tuple[int, int]) -> Bool:
    """Return a person's mask (H x W) at the size at which its photo is looked at; never empty."""
    wanted: Bool = decode_at(mask.rle, size) > 0
    if not wanted.any():  # a speck that vanishes where the photo is made smaller
        ys, xs = np.nonzero(rle.decode(mask.rle))
        height, width = mask.rle["size"]
        wanted[int(ys[0] * size[0] / height), int(xs[0] * size[1] / width)] = True
    return wanted


def _replay(photo: MultiViewPredictor, image: ProjectImage, prompt: Prompt, wanted: Bool) -> Iterator[float]:
    scale = np.array([photo.size[1] / image.size[1], photo.size[0] / image.size[0]])
    points = np.array(prompt.points, dtype=np.float64).reshape(-1, 2) * scale
    box = None if prompt.box is None else np.array(prompt.box, dtype=np.float64).reshape(2, 2) * scale
    steps = replay(photo, points, np.array(prompt.labels, dtype=np.int64), box)
    for seen in islice(steps, CLICKS):
        yield iou_of(seen, wanted)


def spread_masks(images: Sequence[ProjectImage], most: int) -> dict[str, list[int]]:
    """Choose so many masks at most, of as many images as there are: places by image name, evenly over each list."""
    chosen: dict[str, list[int]] = {}
    left = most
    for count, image in enumerate(images):
        share = max(1, left // (len(images) - count))
        take = min(share, len(image.masks), left)
        if take:
            chosen[image.name] = [place * len(image.masks) // take for place in range(take)]
        left -= take
    return chosen


@torch.inference_mode()
def measure_general(model: PromptableModel, *, on_photo: Callable[[int, int], None]) -> dict[str, float]:
    """Return the mean IoU on the general photos after one and three clicks and for boxes: iou1, iou3, box."""
    curves, boxes = list[tuple[float, ...]](), list[float]()
    images = general_images()
    for done, image in enumerate(images, start=1):
        photo = MultiViewPredictor(model, read_image(image.path, max_side_px=seen_side_px(model)), most_views=VIEWS)
        for mask in image.masks:
            wanted = wanted_mask(mask, photo.size)
            curves.append(tuple(iou_of(seen, wanted) for _, seen in click_through(photo, wanted, GENERAL_CLICKS)))
            boxes.append(iou_of(photo.answer(_box_of(wanted), np.array(BOX.labels)).mask(), wanted))
        on_photo(done, len(images))
    means = np.mean(np.array(curves), axis=0)
    return {"iou1": float(means[0]), "iou3": float(means[GENERAL_CLICKS - 1]), "box": float(np.mean(boxes))}


def general_images() -> list[ProjectImage]:
    """Return the general photos that ship with sam_core, with careful masks (general/SOURCES.md)."""
    found = read_project(GENERAL_FOLDER)
    return sorted([*found.trained, *found.held_out], key=lambda one: one.name)


def _box_of(wanted: Bool) -> NDArray[np.float64]:
    ys, xs = np.nonzero(wanted)
    return np.array([[xs.min(), ys.min()], [xs.max() + 1, ys.max() + 1]], dtype=np.float64)
