"""A closer look: what is small on a photo is encoded once more from near by, and both answers become one.

The model sees a photo at image_size, however large it is, and what is small on it as a few cells. So where the answer
to a prompt is small, the part of the photo around it is encoded as well, the same prompt is asked there, and the logits
of both views are averaged on the finer grid. A part that is still too large to show all of the photo's detail is
looked at in the same way. How much the closer view counts depends on how much more of the photo's own detail it shows;
a view in a mirror counts as much as its twin. Models ask for it (`Sam.looks_closer`); figures and reasons:
docs/adr/0024.

A view is the whole photo or a part of it, as it was encoded. Mirrored by frontend/src/inference/closer.ts, the same
bits; fixtures/golden/closer holds both together. fround rounds to the nearest float32, all else is double arithmetic.

Must not know: torch, models, files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor
from typing import Any

import numpy as np
import numpy.typing as npt

from sam_core.masks.choice import CLEARLY
from sam_core.masks.grid import without_padding
from sam_core.masks.upsample import MaskGeometry, Size, Taps, blend

FloatBox = tuple[float, float, float, float]
Box = tuple[int, int, int, int]

SINGLE_MASK = 0
FOREGROUND, TOP_LEFT, BOTTOM_RIGHT, PADDING = 1, 2, 3, -1
# What is looked at is this many times as large as what it is about: a drawn box says where the object ends and needs
# surroundings; the candidates of a lone click hold their surroundings already.
AROUND_BOX, AROUND_CANDIDATES, AROUND_MASK = 2.0, 1.3, 2.0
LEAST_SIDE_PX = 64
LEAST_SHORT_SIDE_PX = 32
LEAST_GAIN = 1.15  # below that a closer look shows hardly more
LOOKS = 3  # one closer than the other, at most
CERTAIN = 8.0  # no view outvotes the other by being very sure
FAR_SHARE = 0.4  # of the view from afar, where the closer one shows no more of the photo's own detail


@dataclass(frozen=True)
class View:
    """Is what was encoded: its geometry (original_size is that of the part) and where the part begins on the photo."""

    geometry: MaskGeometry
    origin_xy: tuple[int, int] = (0, 0)

    @property
    def detail(self) -> float:
        """How many of the model's pixels show one of the photo's; 1 at most, as more of them show no more."""
        return min(1.0, max(self.geometry.input_size) / max(self.geometry.original_size))

    @property
    def shows_all(self) -> bool:
        """Whether a view from nearer by has no more of the photo's own detail to show."""
        return self.detail == 1.0


def part_to_look_at(
    points_xy: npt.NDArray[np.float64], labels: npt.NDArray[np.int64], shown: npt.NDArray[Any], view: View
) -> Box | None:
    """Return the part of the photo that deserves a closer look (x0, y0, x1, y1, in its pixels), or None.

    points_xy, labels: the prompts, N x 2 in pixels of the photo and N. shown: the four candidates' logits that were
    shown for them in this view, 4 x side x side.
    """
    real = points_xy[labels != PADDING]
    if (labels == TOP_LEFT).any():
        return _around(_hull(real), view, AROUND_BOX)
    is_ambiguous = len(real) == 1
    masks = shown[1:] if is_ambiguous else shown[SINGLE_MASK : SINGLE_MASK + 1]
    corners = _corners_of_cells(masks, view)
    return _around(_hull(np.concatenate([real, corners])), view, AROUND_CANDIDATES if is_ambiguous else AROUND_MASK)


def holds(part: Box, points_xy: npt.NDArray[np.float64]) -> bool:
    """Tell whether all points (N x 2, pixels of the photo) lie in a part of it, its border included."""
    low, high = np.array(part[:2]), np.array(part[2:])
    return bool(((points_xy >= low) & (points_xy <= high)).all())


def merged_views(
    views: Sequence[View],
    logits: Sequence[npt.NDArray[np.float32]],
    scores: Sequence[npt.NDArray[np.float32]],
    shown: int | None,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return logits (K x side x side) and predicted IoU (K) of all views together, on the last one's grid.

    views come from afar to near, at least one, with the logits and scores of each. shown: the candidate that is shown,
    None if none of them is.
    """
    seen, sure = logits[0], scores[0]
    for i, ((view, closer), share) in enumerate(zip(pairwise(views), shares_of(views), strict=True), start=1):
        shares = np.full(len(sure), share)
        if shown is not None and closer != views[0]:
            shares = shares_for_each(share, sure, scores[i], shown)
        seen = merged_logits(seen, logits[i], view, closer, shares)
        sure = merged_scores(sure, scores[i], shares)
    return seen, sure


def merged_logits(
    logits: npt.NDArray[np.float32],
    closer_logits: npt.NDArray[np.float32],
    view: View,
    closer: View,
    shares: npt.NDArray[np.float64],
) -> npt.NDArray[np.float32]:
    """Return logits (K x side x side) on the closer view's grid: those of both views, averaged.

    The closer view is a part of the other, or all of it, and counts shares (K) for each candidate.
    """
    share = shares[:, None, None]
    far = np.clip(_on_grid_of(logits, view, closer), -CERTAIN, CERTAIN).astype(np.float64)
    near = np.clip(closer_logits, -CERTAIN, CERTAIN).astype(np.float64)
    return (far * (1 - share) + near * share).astype(np.float32)


def merged_scores(
    scores: npt.NDArray[np.float32], closer_scores: npt.NDArray[np.float32], shares: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    """Return what both views predict of their candidates' IoU, averaged like the logits."""
    far, near = scores.astype(np.float64), closer_scores.astype(np.float64)
    return (far * (1 - shares) + near * shares).astype(np.float32)


def shares_for_each(
    share: float,
    scores: npt.NDArray[np.float32],
    closer_scores: npt.NDArray[np.float32],
    shown: int,
) -> npt.NDArray[np.float64]:
    """Return what a part counts for each candidate (K): share, and nothing for the one that is shown where it is
    clearly less sure of that than all views before it (scores, K) together. Such a part cuts off what belongs to it.
    """
    shares = np.full(len(scores), share)
    if closer_scores[shown] < scores[shown] - CLEARLY:
        shares[shown] = 0
    return shares


def shares_of(views: Sequence[View]) -> list[float]:
    """Return what each view but the first counts beside all before it, 0..1; they come from afar to near.

    Of two views of the same part the second one is in a mirror.
    """
    shares, total, own = [], 1.0, 1.0
    for before, view in pairwise(views):
        if view != before:
            share = closer_share(before, view)
            own = total * share / (1 - share)
        total += own
        shares.append(own / total)
    return shares


def closer_share(view: View, closer: View) -> float:
    """Return what the closer view counts, 0..1: the more, the less of the photo's detail the other one shows."""
    return 1 - FAR_SHARE * (view.detail / closer.detail)


def _around(hull: FloatBox, view: View, times: float) -> Box | None:
    (height, width), (left, top) = view.geometry.original_size, view.origin_xy
    x0, y0, x1, y1 = hull
    side = max(ceil(max(x1 - x0, y1 - y0) * times), LEAST_SIDE_PX)
    columns, rows = min(side, width), min(side, height)
    shows_more = max(columns, rows) * LEAST_GAIN <= max(width, height)
    if not shows_more or min(columns, rows) < LEAST_SHORT_SIDE_PX:
        return None
    x = left + min(max(floor((x0 + x1 - columns) / 2 + 0.5) - left, 0), width - columns)
    y = top + min(max(floor((y0 + y1 - rows) / 2 + 0.5) - top, 0), height - rows)
    return x, y, x + columns, y + rows


def _hull(points_xy: npt.NDArray[np.float64]) -> FloatBox:
    (x0, y0), (x1, y1) = points_xy.min(axis=0), points_xy.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)


def _corners_of_cells(shown: npt.NDArray[Any], view: View) -> npt.NDArray[np.float64]:
    """Return two corners (2 x 2, pixels of the photo) of the box around cells above zero; none (0 x 2) without any."""
    cells = np.any(without_padding(shown, view.geometry) > 0, axis=0)
    rows, columns = np.flatnonzero(cells.any(axis=1)), np.flatnonzero(cells.any(axis=0))
    if not rows.size:
        return np.empty((0, 2))
    (height, width), (input_height, input_width) = view.geometry.original_size, view.geometry.input_size
    cell = view.geometry.image_size / shown.shape[-1]
    xs = np.array([columns[0], columns[-1] + 1]) * cell * width / input_width + view.origin_xy[0]
    ys = np.array([rows[0], rows[-1] + 1]) * cell * height / input_height + view.origin_xy[1]
    return np.stack([xs, ys], axis=1)


def _on_grid_of(logits: npt.NDArray[np.float32], view: View, closer: View) -> npt.NDArray[np.float32]:
    rows, columns = (_taps(logits.shape[-1], view, closer, axis) for axis in (0, 1))
    return np.stack([blend(blend(plane, columns, axis=1), rows, axis=0) for plane in logits])


def _taps(side: int, view: View, closer: View, axis: int) -> Taps:
    """Return where the closer view's cells read the other's, bilinearly and never its padding; axis 0 is down."""
    geometry, near = view.geometry, closer.geometry
    cell = geometry.image_size / side
    start, near_start = view.origin_xy[1 - axis], closer.origin_xy[1 - axis]
    in_photo = (np.arange(side) + 0.5) * cell * near.original_size[axis] / near.input_size[axis] + near_start
    at = (in_photo - start) * geometry.input_size[axis] / geometry.original_size[axis] / cell - 0.5
    last = ceil(geometry.input_size[axis] / cell) - 1
    source = np.clip(at, 0, last).astype(np.float32)
    i0 = np.floor(source).astype(np.intp)
    w1 = (source - i0).astype(np.float32)
    return Taps(i0, np.minimum(i0 + 1, last), np.float32(1) - w1, w1, is_identity=False)


def part_size(part: Box) -> Size:
    """Return (H, W) of a part."""
    return part[3] - part[1], part[2] - part[0]
