"""Where to click: a regular grid of points, and the crops that grids are laid over.

Source: Segment Anything (arXiv 2304.02643), appendix B ("Cropping"), and its published code. Must not know: torch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from sam_core.automatic.config import AutomaticConfig

Points = npt.NDArray[np.float64]
BoxXyxy = tuple[int, int, int, int]


@dataclass(frozen=True)
class Crop:
    """Is one region of the photo, half-open in pixels, and its layer; layer 0 is the whole photo."""

    box_xyxy: BoxXyxy
    layer: int

    @property
    def size(self) -> tuple[int, int]:
        """Return (height, width) in pixels."""
        x0, y0, x1, y1 = self.box_xyxy
        return y1 - y0, x1 - x0


def build_point_grid(points_per_side: int) -> Points:
    """Return the centres of points_per_side^2 equal cells, N x 2 (x, y) in the unit square, row by row."""
    offset = 1 / (2 * points_per_side)
    one_side = np.linspace(offset, 1 - offset, points_per_side)
    x, y = np.meshgrid(one_side, one_side)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def points_of(crop: Crop, config: AutomaticConfig) -> Points:
    """Return the crop's grid in pixels of the crop, N x 2 (x, y)."""
    per_side = max(1, int(config.points_per_side / config.crop_points_downscale**crop.layer))
    height, width = crop.size
    grid: Points = build_point_grid(per_side) * np.array([width, height])
    return grid


def crops_of(original_size: tuple[int, int], config: AutomaticConfig) -> list[Crop]:
    """Return the whole photo and, layer by layer, 4^layer overlapping crops of equal size, column by column.

    In the first layer crops overlap by crop_overlap_ratio of the photo's short side, in each further one by half as
    much. Crops that a small photo leaves no pixels for are left out.
    """
    height, width = original_size
    crops = [Crop((0, 0, width, height), 0)]
    for layer in range(1, config.crop_layers + 1):
        per_side = 2**layer
        overlap = int(config.crop_overlap_ratio * min(original_size) * (2 / per_side))
        crop_width, crop_height = (_crop_length(length, per_side, overlap) for length in (width, height))
        starts = [[(length - overlap) * i for i in range(per_side)] for length in (crop_width, crop_height)]
        for x0, y0 in product(*starts):
            x1, y1 = min(x0 + crop_width, width), min(y0 + crop_height, height)
            if x1 > x0 and y1 > y0:
                crops.append(Crop((x0, y0, x1, y1), layer))
    return crops


def _crop_length(length: int, per_side: int, overlap: int) -> int:
    return math.ceil((overlap * (per_side - 1) + length) / per_side)
