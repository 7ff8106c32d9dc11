"""What masks lose when an embedding's numbers have 8 bits: `make bench BENCH=embedding_bits ARGS="--data DIR"`.

Prints JSON: IoU, at low resolution, of each prompt's chosen mask with the one from float16, for numbers scaled per
channel and per tensor. Half of the prompts are random clicks, half random boxes; they are the same in every run.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sam_core.backends.torch_backend import TorchPredictor, load_predictor
from sam_core.image_files import read_image
from sam_core.predictor import Prompts

LEVELS = 255
CHANNEL, TENSOR = (2, 3), (1, 2, 3)  # axes that share a scale
Array = NDArray[np.floating]


def in_8_bits(tensor: Array, axes: tuple[int, ...]) -> Array:
    """Return a tensor (1, C, H, W) as it comes back from 8 bits, between its least and its largest number."""
    given = tensor.astype(np.float32)
    low, high = given.min(axis=axes, keepdims=True), given.max(axis=axes, keepdims=True)
    step = np.where(high > low, (high - low) / LEVELS, 1.0).astype(np.float32)
    again: Array = (np.round((given - low) / step) * step + low).astype(np.float32)
    return again


def prompts(random: np.random.Generator, width: int, height: int, count: int) -> Iterator[Prompts]:
    """Yield count clicks, then count boxes of .15 to .4 of the photo's sides."""
    size = np.array([width - 1, height - 1])
    clicks = random.uniform(0.05, 0.95, (count, 1, 2)) * size
    yield Prompts(point_coords=clicks, point_labels=np.ones((count, 1), np.int64))
    corner = random.uniform(0, 0.6, (count, 2))
    other = corner + random.uniform(0.15, 0.4, (count, 2))
    yield Prompts(boxes_xyxy=np.concatenate([corner * size, other * size], axis=1))


def compare(predictor: TorchPredictor, photo: Path, random: np.random.Generator, count: int) -> dict[str, list[float]]:
    """Return the IoU of each prompt on one photo, by how numbers are scaled."""
    pixels = read_image(photo)
    embedding = predictor.embed(pixels).astype(np.float16)
    found: dict[str, list[float]] = {"channel": [], "tensor": []}
    for some in prompts(random, pixels.shape[1], pixels.shape[0], count):
        expected = predictor.predict(embedding, some)
        for name, axes in (("channel", CHANNEL), ("tensor", TENSOR)):
            tensors = {key: in_8_bits(value, axes) for key, value in embedding.tensors.items()}
            got = predictor.predict(replace(embedding, tensors=tensors), some)
            for row, chosen in enumerate(expected.chosen):
                one, other = (answer.mask_logits[row, chosen] > 0 for answer in (expected, got))
                either = int((one | other).sum())
                found[name].append(float((one & other).sum()) / either if either else 1.0)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Masks from embeddings of 8 bits against those of float16.")
    parser.add_argument("--data", type=Path, required=True, help="a folder with photos, in sub-folders too")
    parser.add_argument("--model", default="sam_lite")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--photos", type=int, default=10, help="evenly spread over the folder")
    parser.add_argument("--prompts", type=int, default=20, help="a photo")
    args = parser.parse_args()
    predictor = load_predictor(args.model, args.checkpoint, device="cpu")
    files = sorted(file for kind in ("*.webp", "*.jpg", "*.png") for file in args.data.rglob(kind))
    chosen = [files[i] for i in np.linspace(0, len(files) - 1, args.photos).astype(int)]
    random = np.random.default_rng(0)
    rows = [compare(predictor, photo, random, args.prompts // 2) for photo in chosen]
    print(json.dumps({name: _figures([iou for row in rows for iou in row[name]]) for name in rows[0]}))


def _figures(ious: list[float]) -> dict[str, float]:
    values = np.array(ious)
    figures = {"mean": values.mean(), "p5": np.percentile(values, 5), "least": values.min()}
    return {"prompts": len(values), **{k: round(float(v), 4) for k, v in figures.items()}} | {
        "below_99": round(float((values < 0.99).mean()), 3)
    }


if __name__ == "__main__":
    main()
