"""The golden case: a click on a made-up embedding whose mask every engine of a browser must reproduce.

The embedding (tensors 1 x C x H x W, float16) is too large to ship, so both languages make it from a seed. In 32-bit
unsigned arithmetic, for each tensor, each channel c and each cell (by, bx) of an 8 x 8 grid, in that order:

    state = state * 1664525 + 1013904223          (starting from the seed)
    bits  = (state >> 31) << 15 | (0x3400 + ((state >> 8) & 0x7FF))       float16 bits of +-[0.25, 1)

and every position of a tensor takes the bits of the cell it lies in: (y * 8 // H, x * 8 // W).
Must not know: how graphs are run in a browser (frontend/src/inference/worker/golden.ts mirrors this module).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sam_core.embedding import Tensors, TensorSpec
from sam_core.errors import ExportError
from sam_core.masks import rle

CELLS = 8
SEEDS = range(1, 9)
POSITIONS = (0.5, 0.3, 0.7)
SMALLEST_SHARE, LARGEST_SHARE = 0.02, 0.9
LITTLE_DOUBT = 0.02
MARGIN = 0.02  # of the spread of the logits: pixels nearer to the threshold may differ between engines

Decode = Callable[[Tensors, NDArray[np.float32]], tuple[NDArray[np.float32], NDArray[np.float32]]]


@dataclass(frozen=True)
class GoldenCase:
    """One click (model pixels) and its candidate with the fewest pixels near the threshold."""

    seed: int
    point: tuple[float, float]
    candidate: int
    logits: NDArray[np.float32]  # side x side
    predicted_iou: float

    def to_manifest(self) -> dict[str, Any]:
        """Return the manifest's entry; the mask is at low resolution."""
        mask = rle.encode(self.logits > 0)
        return {
            "seed": self.seed,
            "point": list(self.point),
            "candidate": self.candidate,
            "mask": {"size": list(mask["size"]), "counts": mask["counts"]},
            "predicted_iou": round(self.predicted_iou, 6),
        }

    @property
    def doubt(self) -> float:
        """Return the share of the mask's pixels that lie near the threshold."""
        area = max(1, int((self.logits > 0).sum()))
        return float((np.abs(self.logits) < MARGIN * self.logits.std()).sum() / area)


def golden_embedding(seed: int, specs: Sequence[TensorSpec]) -> Tensors:
    """Return the embedding of a seed; specs: of tensors 1 x C x H x W."""
    state = seed
    tensors = {}
    for spec in specs:
        _, channels, height, width = spec.shape
        cells = np.empty(channels * CELLS * CELLS, np.uint16)
        for index in range(cells.size):
            state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
            cells[index] = (state >> 31) << 15 | (0x3400 + ((state >> 8) & 0x7FF))
        rows, columns = (np.arange(side) * CELLS // side for side in (height, width))
        blocks = cells.reshape(channels, CELLS, CELLS)[:, rows[:, None], columns[None]]
        tensors[spec.name] = np.ascontiguousarray(blocks).view(np.float16)[None].astype(spec.dtype)
    return tensors


def find_golden_case(decode: Decode, specs: Sequence[TensorSpec], *, image_size: int) -> GoldenCase:
    """Return a clear case; decode (embedding, coords 1 x 1 x 2) gives logits (4, side, side) and IoU (4).

    Raises ExportError when every mask is empty or full.
    """
    best: GoldenCase | None = None
    for seed in SEEDS:
        for case in _cases(decode, seed, golden_embedding(seed, specs), image_size):
            is_usable = SMALLEST_SHARE <= float((case.logits > 0).mean()) <= LARGEST_SHARE
            if is_usable and (best is None or case.doubt < best.doubt):
                best = case
        if best is not None and best.doubt < LITTLE_DOUBT:
            break
    if best is None:
        raise ExportError("the model answers no made-up embedding with a mask, so no engine could be checked")
    return best


def _cases(decode: Decode, seed: int, embedding: Tensors, image_size: int) -> Iterator[GoldenCase]:
    for share in POSITIONS:
        x, y = image_size * share, image_size * (1.0 - share)
        logits, iou = decode(embedding, np.array([[[x, y]]], np.float32))
        for index in range(len(iou)):
            yield GoldenCase(seed, (x, y), index, logits[index], float(iou[index]))
