"""Which crop an answer fits into, and what views become together. The numbers themselves are golden vectors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sam_core.geometry import LongestSide
from sam_core.masks import views
from sam_core.masks.tiles import tile_boxes

SIDE, IMAGE_SIZE = 32, 64
BOX = np.array([2, 3])


def view_of(size: tuple[int, int], origin_xy: tuple[int, int] = (0, 0)) -> views.View:
    """Return the view of something of size (H, W) that begins at origin_xy."""
    return views.View(LongestSide(IMAGE_SIZE).of(size), origin_xy)


def answer_of(view: views.View, logits: np.ndarray) -> views.ViewAnswer:
    return views.ViewAnswer(view, np.zeros((0, 2)), logits.astype(np.float32), np.zeros(len(logits), np.float32))


def ramp(view: views.View) -> np.ndarray:
    """Return logits that rise by a thousandth with every pixel of the photo to the right, as this view sees it."""
    width, input_width = view.geometry.original_size[1], view.geometry.input_size[1]
    in_photo = (np.arange(SIDE) + 0.5) * (IMAGE_SIZE / SIDE) * width / input_width + view.origin_xy[0]
    return np.tile(in_photo / 1000, (1, SIDE, 1)).astype(np.float32)


def test_both_views_see_the_same_place_in_the_same_cell() -> None:
    whole, crop = view_of((1200, 1600)), view_of((300, 400), (700, 500))
    merged, _ = views.merge_views([answer_of(whole, ramp(whole)), answer_of(crop, ramp(crop))])
    assert np.allclose(merged, ramp(crop), atol=1e-5)


def test_a_view_that_is_very_sure_does_not_outvote_the_other() -> None:
    whole, crop = view_of((400, 400)), view_of((200, 200), (100, 100))
    wild, calm = np.full((1, SIDE, SIDE), 500), np.full((1, SIDE, SIDE), -7)
    for far, near in ((wild, calm), (calm, wild)):
        assert (np.abs(views.merge_views([answer_of(whole, far), answer_of(crop, near)])[0]) < 8).all()
    assert (views.merge_views([answer_of(whole, wild)])[0] == 500).all()


def test_a_crop_counts_more_the_more_detail_it_adds() -> None:
    small, large = view_of((48, 64)), view_of((4800, 6400))
    of_small, of_large = view_of((24, 32), (8, 8)), view_of((48, 64), (800, 800))
    assert views.crop_weight(small, of_small) == 0.6  # both show every pixel
    assert views.crop_weight(large, of_large) == pytest.approx(1 - 0.4 / 100)


def test_a_flipped_view_counts_as_much_as_the_plain_one() -> None:
    whole = view_of((48, 64))
    merged, _ = views.merge_views([answer_of(whole, np.full((1, SIDE, SIDE), value)) for value in (1, 4)])
    assert (merged == 2.5).all()


sizes = st.integers(1, 4000)
shares = st.floats(0, 1)


@given(sizes, sizes, shares, shares, shares, shares)
def test_a_crop_around_an_answer_lies_on_the_photo_and_holds_it(
    width: int, height: int, x: float, y: float, across: float, down: float
) -> None:
    assume(max(width, height) <= IMAGE_SIZE * min(width, height))  # thinner ones no model takes
    box = (x * width, y * height, (x + (1 - x) * across) * width, (y + (1 - y) * down) * height)
    crop = views.crop_around(box, BOX, view_of((height, width)))
    if crop is None:
        return
    x0, y0, x1, y1 = crop
    assert 0 <= x0 < x1 <= width
    assert 0 <= y0 < y1 <= height
    assert min(x1 - x0, y1 - y0) >= 32
    assert max(x1 - x0, y1 - y0) * 1.15 <= max(width, height)
    assert x0 <= box[0] + 1e-6
    assert y1 >= box[3] - 1e-6
    assert views.crop_that_fits([crop], box, (height, width)) == crop


@given(sizes, sizes)
def test_tiles_cover_the_photo_and_overlap(width: int, height: int) -> None:
    tiles = tile_boxes((height, width))
    if not tiles:
        return
    covered = np.zeros((height, width), np.uint8)
    for x0, y0, x1, y1 in tiles:
        assert min(x1 - x0, y1 - y0) >= 32
        covered[y0:y1, x0:x1] += 1
    assert covered.min() == 1
    assert covered.max() >= 4
    assert len(tiles) == len(set(tiles)) == (16 if width * height > 6_000_000 else 4)


def test_large_photos_have_more_tiles_and_thin_ones_none() -> None:
    assert tile_boxes((1, 4000)) == []
    assert tile_boxes((32, 32)) == []
    assert tile_boxes((300, 451)) == [(0, 0, 271, 180), (180, 0, 451, 180), (0, 120, 271, 300), (180, 120, 451, 300)]
    assert len(tile_boxes((3000, 4000))) == 16
