"""Photos with masks in the layout of SA-1B: NAME.webp (or .jpg, .png) beside NAME.json; which of them to annotate."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path

import numpy as np
from PIL import Image
from pycocotools import mask as coco

from tests.bench.annotator_model import deepest_place, overlap

SUFFIXES = (".webp", ".jpg", ".jpeg", ".png")
# Smaller than this no hand can hit it; larger it is the background rather than a thing.
LEAST_DEPTH_PX = 4.0
MOST_SHARE = 0.6
# Two masks that agree as much as this are one thing.
SAME_IOU = 0.7


@dataclass(frozen=True)
class Photo:
    """One photo and the things in it that somebody wants masks of."""

    name: str
    png: bytes
    width: int
    height: int
    wanted: tuple[np.ndarray, ...]


def choose_photos(folder: Path, photos: int, masks: int, seed: int) -> list[Photo]:
    """Return so many photos of all the sets below a folder, each set in its turn, with up to so many masks each."""
    chance = np.random.default_rng(seed)
    sets: dict[Path, list[Path]] = {}
    for file in sorted(folder.rglob("*.json")):
        sets.setdefault(file.parent, []).append(file)
    shuffled = [[files[i] for i in chance.permutation(len(files))] for files in sets.values()]
    turns = (file for turn in zip_longest(*shuffled) for file in turn if file is not None)
    found = (photo for file in turns if (photo := _read(file, masks, chance)))
    return list(islice(found, photos))


def _read(file: Path, masks: int, chance: np.random.Generator) -> Photo | None:
    picture = next((path for suffix in SUFFIXES if (path := file.with_suffix(suffix)).exists()), None)
    if picture is None:
        return None
    annotations = json.loads(file.read_text())["annotations"]
    order = chance.permutation(len(annotations))
    decoded = (np.asarray(coco.decode(annotations[i]["segmentation"])).astype(bool) for i in order)
    wanted = tuple(islice(_distinct(decoded), masks))
    if not wanted:
        return None
    image = Image.open(picture).convert("RGB")
    out = io.BytesIO()
    image.save(out, "PNG")
    return Photo(f"{file.parent.name}-{file.stem}.png", out.getvalue(), image.width, image.height, wanted)


def _distinct(masks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    taken: list[np.ndarray] = []
    for mask in masks:
        is_thing = mask.mean() <= MOST_SHARE and deepest_place(mask)[2] >= LEAST_DEPTH_PX
        if is_thing and all(overlap(mask, other) < SAME_IOU for other in taken):
            taken.append(mask)
            yield mask
