"""Views of a photo: the whole of it or a crop, as each was encoded, and how their logits become one answer.

The model sees a photo at image_size, however large it is, and small objects as a few cells. Where the whole photo's
answer fits into a crop that has been encoded too (a tile, or a crop that somebody asked for), the crop is asked the
same prompt and both logits are averaged on the crop's grid. The crop's weight grows with how much more of the photo's
own detail it shows. A flipped view counts as much as the plain one. Reasons and figures: docs/adr/0027.

Mirrored by frontend/src/inference/masks/views.ts, the same bits; fixtures/golden/views holds both together.
Arithmetic is double, rounded to float32 where arrays are float32.

Must not know: torch, models, files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil, floor
from typing import Any

import numpy as np
import numpy.typing as npt

from sam_core.geometry import Box, PhotoGeometry, Size
from sam_core.masks.certainty import limit_certainty
from sam_core.masks.upsample import Taps, blend
from sam_core.prompt_kinds import PADDING, TOP_LEFT

FloatBox = tuple[float, float, float, float]
Floats = npt.NDArray[np.float32]

SINGLE_MASK = 0
# How many times as large as the answer a crop around it is: a drawn box says where the object ends and needs
# surroundings; the candidates of a lone click hold their surroundings already.
AROUND_BOX, AROUND_CANDIDATES, AROUND_MASK = 2.0, 1.3, 2.0
LEAST_SIDE_PX = 64
LEAST_SHORT_SIDE_PX = 32
LEAST_GAIN = 1.15  # below that a crop shows hardly more
MARGIN = 0.1  # of the answer's longer side, free between it and the border of a crop it fits into
FAR_SHARE = 0.4  # of the whole photo, where the crop shows no more of its detail


@dataclass(frozen=True)
class View:
    """What was encoded: its geometry (original_size is that of the crop) and where the crop begins on the photo."""

    geometry: PhotoGeometry
    origin_xy: tuple[int, int] = (0, 0)


@dataclass(frozen=True, eq=False)
class ViewAnswer:
    """What the decoder gave for one prompt in one view, as the photo lies.

    coords: T x 2, the prompt in model pixels of the view. logits: 4 x side x side. predicted_iou: 4.
    """

    view: View
    coords: npt.NDArray[Any]
    logits: Floats
    predicted_iou: Floats


def merge_views(answers: Sequence[ViewAnswer]) -> tuple[Floats, Floats]:
    """Return logits (4 x side x side) and predicted IoU (4) of all views together, on the last one's grid.

    answers: from the whole photo to the closest crop, at least one; a flipped view stands beside its plain one.
    """
    levels = [list(same) for _, same in groupby(answers, key=lambda answer: answer.view)]
    view, logits, scores = _mean(levels[0])
    for level in levels[1:]:
        crop, near_logits, near_scores = _mean(level)
        share = crop_weight(view, crop)
        logits = _average(on_grid_of(logits, view, crop), near_logits, share)
        scores = (scores.astype(np.float64) * (1 - share) + near_scores.astype(np.float64) * share).astype(np.float32)
        view = crop
    return logits, scores


def crop_weight(view: View, crop: View) -> float:
    """Return the weight of a crop's logits against a wider view's, 0..1: 1 - FAR_SHARE x the ratio of their details."""
    return 1 - FAR_SHARE * (view.geometry.detail / crop.geometry.detail)


def answer_box(
    points_xy: npt.NDArray[np.float64], labels: npt.NDArray[np.int64], mask_logits: npt.NDArray[Any], view: View
) -> FloatBox:
    """Return the box (x0, y0, x1, y1, pixels of the photo) around the prompts and their mask.

    points_xy, labels: N x 2 in pixels of the photo and N. mask_logits: 4 x side x side in this view. For a lone point
    all ambiguous candidates count, else the single mask. A drawn box is the answer's box, with clicks beyond it.
    """
    real = points_xy[labels != PADDING]
    if (labels == TOP_LEFT).any():
        return _hull(real)
    masks = mask_logits[SINGLE_MASK + 1 :] if len(real) == 1 else mask_logits[SINGLE_MASK : SINGLE_MASK + 1]
    return _hull(np.concatenate([real, _corners_of_cells(masks, view)]))


def crop_that_fits(crops: Iterable[Box], box: FloatBox, photo_size: Size) -> Box | None:
    """Return the smallest crop that holds a box with MARGIN around it, of equals the one most about it; or None.

    Where a crop ends with the photo it needs no margin.
    """
    x0, y0, x1, y1 = box
    margin = max(x1 - x0, y1 - y0) * MARGIN
    low = max(x0 - margin, 0), max(y0 - margin, 0)
    high = min(x1 + margin, photo_size[1]), min(y1 + margin, photo_size[0])
    fitting = [c for c in crops if c[0] <= low[0] and c[1] <= low[1] and c[2] >= high[0] and c[3] >= high[1]]
    return min(fitting, key=lambda crop: (_area(crop), _distance(crop, box)), default=None)


def crop_around(box: FloatBox, labels: npt.NDArray[np.int64], view: View, *, times: float | None = None) -> Box | None:
    """Return the crop (pixels of the photo) in this view that shows an answer's box larger, or None.

    labels: of the prompts. times: the crop's side over the box's; as the prompts say where it is None.
    """
    (height, width), (left, top) = view.geometry.original_size, view.origin_xy
    x0, y0, x1, y1 = box
    side = max(ceil(max(x1 - x0, y1 - y0) * (times or _surroundings(labels))), LEAST_SIDE_PX)
    columns, rows = min(side, width), min(side, height)
    shows_more = max(columns, rows) * LEAST_GAIN <= max(width, height)
    if not shows_more or min(columns, rows) < LEAST_SHORT_SIDE_PX:
        return None
    x = left + min(max(floor((x0 + x1 - columns) / 2 + 0.5) - left, 0), width - columns)
    y = top + min(max(floor((y0 + y1 - rows) / 2 + 0.5) - top, 0), height - rows)
    return x, y, x + columns, y + rows


def holds_view(view: View, crop: View) -> bool:
    """Tell whether a view shows all of another one."""
    (height, width), (near_height, near_width) = view.geometry.original_size, crop.geometry.original_size
    x, y = (crop.origin_xy[i] - view.origin_xy[i] for i in (0, 1))
    return 0 <= x <= width - near_width and 0 <= y <= height - near_height


def on_grid_of(logits: Floats, view: View, crop: View) -> Floats:
    """Return logits (K x side x side) of a view on the grid of a crop of it, bilinearly; never read from padding."""
    if view == crop:
        return logits
    rows, columns = (_taps(logits.shape[-1], view, crop, axis) for axis in (0, 1))
    return np.stack([blend(blend(plane, columns, axis=1), rows, axis=0) for plane in logits])


def _mean(level: list[ViewAnswer]) -> tuple[View, Floats, Floats]:
    """Average a view and its flipped twin; one alone stays as it is."""
    first, *rest = level
    logits, scores = first.logits, first.predicted_iou
    for i, other in enumerate(rest, start=2):
        logits = _average(logits, other.logits, 1 / i)
        scores = (scores.astype(np.float64) * (1 - 1 / i) + other.predicted_iou.astype(np.float64) / i).astype(
            np.float32
        )
    return first.view, logits, scores


def _average(far: Floats, near: Floats, share: float) -> Floats:
    return (limit_certainty(far) * (1 - share) + limit_certainty(near) * share).astype(np.float32)


def _surroundings(labels: npt.NDArray[np.int64]) -> float:
    if (labels == TOP_LEFT).any():
        return AROUND_BOX
    return AROUND_CANDIDATES if int((labels != PADDING).sum()) == 1 else AROUND_MASK


def _hull(points_xy: npt.NDArray[np.float64]) -> FloatBox:
    (x0, y0), (x1, y1) = points_xy.min(axis=0), points_xy.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _distance(crop: Box, box: FloatBox) -> float:
    """Return how far (squared pixels) the middles of both are apart, times four."""
    across, down = (crop[i] + crop[i + 2] - box[i] - box[i + 2] for i in (0, 1))
    return across * across + down * down


def _corners_of_cells(logits: npt.NDArray[Any], view: View) -> npt.NDArray[np.float64]:
    """Return two corners (2 x 2, pixels of the photo) of the box around cells above zero; none (0 x 2) without any."""
    cells = np.any(view.geometry.without_padding(logits) > 0, axis=0)
    rows, columns = np.flatnonzero(cells.any(axis=1)), np.flatnonzero(cells.any(axis=0))
    if not rows.size:
        return np.empty((0, 2))
    ends = {1: np.array([columns[0], columns[-1] + 1]), 0: np.array([rows[0], rows[-1] + 1])}
    side, (left, top) = logits.shape[-1], view.origin_xy
    xs, ys = (view.geometry.cells_to_image(cells, side, axis) for axis, cells in ends.items())
    return np.stack([xs + left, ys + top], axis=1)


def _taps(side: int, view: View, crop: View, axis: int) -> Taps:
    """Return where the crop's cells read the wider view's, bilinearly and never its padding; axis 0 is down."""
    start, near_start = view.origin_xy[1 - axis], crop.origin_xy[1 - axis]
    in_photo = crop.geometry.cells_to_image(np.arange(side) + 0.5, side, axis) + near_start
    at = view.geometry.image_to_cells(in_photo - start, side, axis) - 0.5
    last = view.geometry.cells_on_photo(side)[axis] - 1
    source = np.clip(at, 0, last).astype(np.float32)
    i0 = np.floor(source).astype(np.intp)
    w1 = (source - i0).astype(np.float32)
    return Taps(i0, np.minimum(i0 + 1, last), np.float32(1) - w1, w1, is_identity=False)
