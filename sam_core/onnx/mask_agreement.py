"""How far the masks of two encoder graphs of one model agree, and how long each takes.

Prompts are those of a person who looks at a whole photo: clicks on a grid, then a box around each mask that they gave.
Both embeddings are decoded by the same decoder in float32, and the masks compared are those shown: the chosen
candidate at the photo's size. Must not know: how the graphs differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray

from sam_core.backends.onnx_backend import OnnxEncoder
from sam_core.backends.torch_backend import TorchBackend
from sam_core.masks.boxes import mask_box_xyxy
from sam_core.modeling.promptable import PromptableModel
from sam_core.predictor import ImageEmbedding, MaskPrediction, Predictor, Prompts

CLICKS_AT = (0.2, 0.5, 0.8)  # of width and height
Photo = NDArray[np.uint8]


@dataclass(frozen=True)
class Agreement:
    """iou: mean over all prompts; worst_iou: the 5th percentile; seconds: of one encoding, medians over the photos."""

    iou: float
    worst_iou: float
    prompts: int
    photos: int
    seconds: float
    float32_seconds: float


def measure_agreement(sam: PromptableModel, plain: Path, other: Path, photos: Sequence[Photo]) -> Agreement:
    """Compare two encoder graphs of a model on photos (H x W x 3); plain is the one in float32."""
    decoder = TorchBackend(sam, encoder_dtype=torch.float32)
    one, two = (Predictor(sam, "", encoder=OnnxEncoder(file), decoder=decoder) for file in (plain, other))
    for predictor in (one, two):
        predictor.embed(photos[0])  # loads the graph
    plain_seconds, seconds, ious = [], [], []
    for photo in photos:
        wanted, took = _embed(one, photo)
        plain_seconds.append(took)
        given, took = _embed(two, photo)
        seconds.append(took)
        ious += _agreements(one, two, wanted, given)
    return Agreement(
        iou=float(np.mean(ious)),
        worst_iou=float(np.percentile(ious, 5)),
        prompts=len(ious),
        photos=len(photos),
        seconds=float(np.median(seconds)),
        float32_seconds=float(np.median(plain_seconds)),
    )


def _embed(predictor: Predictor, photo: Photo) -> tuple[ImageEmbedding, float]:
    start = perf_counter()
    embedding = predictor.embed(photo)
    return embedding, perf_counter() - start


def _agreements(one: Predictor, two: Predictor, wanted: ImageEmbedding, given: ImageEmbedding) -> list[float]:
    """Return the IoU of both masks for each click, and for the box around each click's mask."""
    clicks = _clicks(wanted.original_size)
    expected = one.predict(wanted, clicks)
    ious = _ious(expected, two.predict(given, clicks))
    boxes = _boxes(expected)
    if boxes is not None:
        ious += _ious(one.predict(wanted, boxes), two.predict(given, boxes))
    return ious


def _clicks(size: tuple[int, int]) -> Prompts:
    height, width = size
    points = np.array([[[x * width, y * height]] for y in CLICKS_AT for x in CLICKS_AT])
    return Prompts(point_coords=points, point_labels=np.ones(points.shape[:2], np.int64))


def _boxes(answer: MaskPrediction) -> Prompts | None:
    boxes = np.array([mask_box_xyxy(answer.mask(row)) for row in range(len(answer))], np.float64)
    boxes = np.unique(boxes[boxes[:, 2] > boxes[:, 0]], axis=0)
    return Prompts(boxes_xyxy=boxes) if len(boxes) else None


def _ious(one: MaskPrediction, other: MaskPrediction) -> list[float]:
    return [_iou(one.mask(row), other.mask(row)) for row in range(len(one))]


def _iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Two empty masks agree wholly."""
    union = int((one | other).sum())
    return float((one & other).sum()) / union if union else 1.0
