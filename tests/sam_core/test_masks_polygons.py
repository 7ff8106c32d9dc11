"""Polygons against the masks they came from, filled by our own reader (pycocotools) and by an even-odd count."""

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sam_core.errors import InvalidMaskError
from sam_core.masks import rle
from sam_core.masks.polygons import polygons_from_rle, rle_from_polygons
from sam_core.masks.rings import is_hole, trace_rings

masks = st.tuples(st.integers(1, 16), st.integers(1, 16)).flatmap(lambda shape: hnp.arrays(bool, shape))

RINGS = np.zeros((17, 19), bool)
RINGS[1:16, 1:18] = True
RINGS[3:14, 3:16] = False
RINGS[5:12, 5:14] = True
RINGS[7:10, 7:9] = RINGS[7:10, 10:12] = False  # a ring around an island with two holes
NOISE = np.random.default_rng(5).random((60, 90)) < 0.6


def polygons_from_mask(mask: np.ndarray, **options: Any) -> Any:
    return polygons_from_rle(rle.encode(mask), **options)


def even_odd(polygons: Any, shape: Any) -> Any:
    """Fill by counting, for each pixel centre, the vertical edges on its left: an independent reader."""
    filled = np.zeros(shape, int)
    for polygon in polygons:
        x, y = np.asarray(polygon).reshape(-1, 2).T.astype(int)
        for x0, y0, x1, y1 in zip(x, y, np.roll(x, -1), np.roll(y, -1), strict=True):
            assert x0 == x1 or y0 == y1
            if x0 == x1:
                filled[min(y0, y1) : max(y0, y1), x0:] += 1
    return filled % 2 == 1


@settings(deadline=None)
@given(masks)
@example(np.ones((1, 1), bool))
@example(np.ones((1, 12), bool))
@example(np.ones((12, 5), bool))
@example(np.zeros((4, 3), bool))
@example(RINGS)
@example(NOISE)
@example(~NOISE)
@example(np.indices((9, 9)).sum(0) % 2 == 0)
def test_polygons_give_back_the_mask(mask: np.ndarray) -> None:
    polygons = polygons_from_mask(mask)
    assert rle_from_polygons(polygons, size=mask.shape) == rle.encode(mask)
    assert np.array_equal(even_odd(polygons, mask.shape), mask)
    assert all(len(polygon) >= 8 and len(polygon) % 2 == 0 for polygon in polygons)


def test_a_pixel_is_a_square_and_a_rectangle_has_four_corners() -> None:
    mask = np.zeros((5, 6), bool)
    mask[2, 3] = True
    assert polygons_from_mask(mask) == [[3, 2, 4, 2, 4, 3, 3, 3]]
    mask[1:4, 1:5] = True
    assert polygons_from_mask(mask) == [[1, 1, 5, 1, 5, 4, 1, 4]]


def test_a_hole_becomes_a_keyhole_in_one_polygon() -> None:
    ring = np.ones((5, 5), bool)
    ring[2, 2] = False
    (polygon,) = polygons_from_mask(ring)
    assert len(polygon) == 2 * (4 + 4 + 2)  # the ring, the hole, and the cut's end on the ring, passed twice
    assert rle.area(rle_from_polygons([polygon], size=(5, 5))) == 24


def test_rings_bound_parts_clockwise_and_holes_the_other_way() -> None:
    rings = trace_rings(RINGS)
    assert sorted(is_hole(ring) for ring in rings) == [False, False, True, True, True]
    steps = np.abs(np.diff(rings[0], axis=0, append=rings[0][:1]))
    assert (steps.sum(axis=1) == 1).all()


def disc(radius: Any = 90, hole: int = 0) -> Any:
    y, x = np.mgrid[:220, :260]
    distance = np.hypot(y - 105, x - 130)
    return (distance < radius) & (distance >= hole)


@pytest.mark.parametrize("tolerance", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("hole", [0, 40])
def test_simplifying_saves_corners_and_stays_within_the_tolerance(tolerance: float, hole: int) -> None:
    mask = disc(hole=hole)
    exact, simple = polygons_from_mask(mask), polygons_from_mask(mask, tolerance_px=tolerance)
    assert sum(map(len, simple)) < sum(map(len, exact)) / 3
    again = rle.decode(rle_from_polygons(simple, size=mask.shape))
    iou = (again & mask).sum() / (again | mask).sum()
    assert iou > 1 - 0.03 * tolerance
    assert again[105, 130] == (hole == 0)


@settings(deadline=None)
@given(masks, st.floats(0.1, 8))
def test_simplified_parts_never_vanish_and_always_read_back(mask: np.ndarray, tolerance: float) -> None:
    polygons = polygons_from_mask(mask, tolerance_px=tolerance)
    assert len(polygons) == len(polygons_from_mask(mask))
    assert rle_from_polygons(polygons, size=mask.shape)["size"] == list(mask.shape)


def test_parts_overlap_as_a_union() -> None:
    left, right = [0, 0, 4, 0, 4, 4, 0, 4], [2, 0, 6, 0, 6, 4, 2, 4]
    assert rle.area(rle_from_polygons([left, right], size=(4, 8))) == 24
    assert rle.area(rle_from_polygons([], size=(4, 8))) == 0


@pytest.mark.parametrize(
    "polygon",
    [
        [],
        [0, 0, 4, 4],
        [0, 0, 4, 0, 4],
        [0, 0, 4, 0, 4, float("nan")],
        [0, 0, 4, 0, 1e12, 4],
        [0, 0, -500, 0, 4, 4],
        [[0, 0], [4, 0], [4, 4]],
        ["a"] * 6,
        None,
    ],
)
def test_what_is_no_polygon_is_refused(polygon: Any) -> None:
    with pytest.raises(InvalidMaskError):
        rle_from_polygons([polygon], size=(8, 8))


def test_a_negative_tolerance_is_refused() -> None:
    with pytest.raises(InvalidMaskError, match="tolerance"):
        polygons_from_mask(np.ones((2, 2), bool), tolerance_px=-1)


def test_corners_a_little_outside_the_photo_are_cut_off() -> None:
    assert rle.area(rle_from_polygons([[-3, -3, 20, -3, 20, 20, -3, 20]], size=(10, 12))) == 120
