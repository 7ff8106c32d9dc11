"""Masks on their way through the filters: columns of equal length, with RLE instead of pixels.

Must not know: torch, photos.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sam_core.masks import rle
from sam_core.masks.boxes import xywh_to_inclusive


@dataclass(frozen=True)
class Candidate:
    """Is one mask of the photo with what is known about it; boxes and the point are in pixels of the photo."""

    mask: rle.CocoRle
    box_xywh: tuple[int, int, int, int]
    area_px: int
    predicted_iou: float
    stability_score: float
    point: tuple[float, float]
    crop_box_xyxy: tuple[int, int, int, int]

    def to_sa1b(self, number: int) -> dict[str, Any]:
        """Return the annotation as SA-1B JSON holds it.

        bbox is the tight COCO box of the mask; the published code writes it one pixel smaller each way.
        """
        x0, y0, x1, y1 = self.crop_box_xyxy
        return {
            "id": number,
            "segmentation": self.mask,
            "bbox": [float(side) for side in self.box_xywh],
            "area": self.area_px,
            "predicted_iou": self.predicted_iou,
            "stability_score": self.stability_score,
            "crop_box": [float(side) for side in (x0, y0, x1 - x0, y1 - y0)],
            "point_coords": [list(self.point)],
        }


@dataclass
class Candidates:
    """Is a list of candidates that gives its columns as arrays."""

    rows: list[Candidate] = field(default_factory=list)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.rows)

    def take(self, indices: Sequence[int] | npt.NDArray[np.intp]) -> Candidates:
        """Return the candidates at the indices, in their order."""
        return Candidates([self.rows[index] for index in indices])

    @property
    def masks(self) -> list[rle.CocoRle]:
        """Return the masks."""
        return [row.mask for row in self.rows]

    @property
    def boxes_inclusive(self) -> npt.NDArray[np.int64]:
        """Return the boxes, N x 4, as first and last pixel (x, y)."""
        boxes = np.array([row.box_xywh for row in self.rows], np.int64).reshape(-1, 4)
        return np.asarray(xywh_to_inclusive(boxes))

    @property
    def predicted_ious(self) -> npt.NDArray[np.float32]:
        """Return the predicted IoU of each."""
        return np.array([row.predicted_iou for row in self.rows], np.float32)

    @property
    def crop_areas(self) -> npt.NDArray[np.int64]:
        """Return the area in pixels of the crop that each was found in."""
        boxes = np.array([row.crop_box_xyxy for row in self.rows], np.int64).reshape(-1, 4)
        return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))
