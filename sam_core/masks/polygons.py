"""Polygons that follow pixel corners, exact both ways, with holes as keyholes.

A polygon is a flat list [x0, y0, x1, y1, ...] in pixels, as in COCO; a mask is a list of them, and their union is the
mask. COCO has no holes, so each hole is joined to the ring around it by a cut of no width. Contours as cv2 draws them
run through pixel centres and lose area; these run around the pixels, so that pycocotools gives back the same mask.
Must not know: torch, models, JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco

from sam_core.errors import InvalidMaskError
from sam_core.masks import rle
from sam_core.masks.counts import check_size
from sam_core.masks.rings import Ring, join_holes, trace_rings

Polygon = list[float]
MAX_OUTSIDE_RATIO = 1.0  # how far outside the photo a corner may lie, in sides of the photo


def polygons_from_rle(mask: Mapping[str, Any], *, tolerance_px: float = 0.0) -> list[Polygon]:
    """Return the polygons of an RLE; with no tolerance, rle_from_polygons gives back the same pixels.

    tolerance_px: how far a simplified outline may run from the exact one. Parts never vanish; holes may.
    """
    x, y, width, height = rle.bbox_xywh(mask)
    if width == 0:
        return []
    region = rle.decode_within(mask, rows=slice(y, y + height), columns=slice(x, x + width))
    return [_flatten(ring, x, y) for ring in _outlines(region, tolerance_px)]


def rle_from_polygons(polygons: Sequence[Sequence[float]], *, size: tuple[int, int]) -> rle.CocoRle:
    """Return the union of polygons as the RLE of a mask of (height, width), filled as pycocotools fills them.

    Raises InvalidMaskError for lists that are no polygon: fewer than three corners, an odd number of numbers, values
    that are not finite or far outside the photo (which would take pycocotools unbounded memory).
    """
    height, width = check_size(size)
    checked = [_check_polygon(polygon, height, width) for polygon in polygons]
    if not checked:
        return rle.empty((height, width))
    parts = coco.frPyObjects(checked, height, width)
    return rle.union([{"size": [height, width], "counts": part["counts"]} for part in parts])


def _check_polygon(polygon: Sequence[float], height: int, width: int) -> list[float]:
    try:
        corners = np.asarray(polygon, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidMaskError(f"a polygon must be a flat list of numbers: {error}") from error
    if corners.ndim != 1 or corners.size < 6 or corners.size % 2:
        raise InvalidMaskError(f"a polygon must be a flat list x, y, ... of three corners or more, got {corners.shape}")
    limits = np.array([width, height]) * (0.5 + MAX_OUTSIDE_RATIO) + 1
    off_centre = np.abs(corners.reshape(-1, 2) - np.array([width, height]) / 2)
    if not bool(np.isfinite(corners).all()) or bool((off_centre > limits).any()):
        raise InvalidMaskError(f"a polygon has a corner that is not finite or far outside {width} x {height} pixels")
    return list(corners.tolist())


def _outlines(mask: rle.BoolMask, tolerance_px: float) -> list[Ring]:
    if tolerance_px < 0:
        raise InvalidMaskError(f"a tolerance cannot be negative, got {tolerance_px}")
    joined = join_holes(trace_rings(mask))
    if tolerance_px == 0:
        return [_without_straight_points(ring) for ring, _ in joined]
    return [_simplified(ring, anchors, tolerance_px) for ring, anchors in joined]


def _simplified(ring: Ring, anchors: list[int], tolerance_px: float) -> Ring:
    """Simplify the stretches between the ends of the cuts, so that both sides of a cut stay on each other."""
    closed = np.concatenate([ring, ring[:1]])
    fixed = _with_far_points(closed, sorted({0, *anchors, len(ring)}))
    pieces = [
        cv2.approxPolyDP(closed[first : last + 1, None], tolerance_px, closed=False)[:-1, 0]
        for first, last in pairwise(fixed)
    ]
    simplified: Ring = np.concatenate(pieces).astype(np.int32)
    is_flat = len(simplified) < 3 or np.ptp(simplified, axis=0).min() == 0
    return _without_straight_points(ring) if is_flat else simplified


def _with_far_points(closed: Ring, fixed: list[int]) -> list[int]:
    """Also fix the farthest point of each stretch that ends where it starts: it has no chord to measure from."""
    points = []
    for first, last in pairwise(fixed):
        points.append(first)
        if last - first > 1 and (closed[first] == closed[last]).all():
            away = np.abs(closed[first : last + 1] - closed[first]).sum(axis=1)
            points.append(first + int(np.argmax(away)))
    return [*points, fixed[-1]]


def _without_straight_points(ring: Ring) -> Ring:
    steps = np.diff(ring, axis=0, append=ring[:1])
    turns = (steps != np.roll(steps, 1, axis=0)).any(axis=1)
    corners: Ring = ring[turns]
    return corners


def _flatten(ring: Ring, x: int, y: int) -> Polygon:
    flat: npt.NDArray[np.float64] = (ring + np.array([x, y])).astype(np.float64).ravel()
    return list(flat.tolist())
