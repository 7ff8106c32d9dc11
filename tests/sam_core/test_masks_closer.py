"""What a closer look goes to, and what two views become. The numbers themselves are golden vectors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sam_core.masks import closer
from sam_core.masks.upsample import MaskGeometry
from sam_core.transforms import input_size_for

SIDE, IMAGE_SIZE = 32, 64


def view_of(size: tuple[int, int], origin_xy: tuple[int, int] = (0, 0)) -> closer.View:
    """Return the view of something of size (H, W) that begins at origin_xy."""
    return closer.View(MaskGeometry(IMAGE_SIZE, input_size_for(size, IMAGE_SIZE), size), origin_xy)


def ramp(view: closer.View) -> np.ndarray:
    """Return logits that rise by a thousandth with every pixel of the photo to the right, as this view sees it."""
    width, input_width = view.geometry.original_size[1], view.geometry.input_size[1]
    in_photo = (np.arange(SIDE) + 0.5) * (IMAGE_SIZE / SIDE) * width / input_width + view.origin_xy[0]
    return np.tile(in_photo / 1000, (1, SIDE, 1)).astype(np.float32)


def test_both_views_see_the_same_place_in_the_same_cell() -> None:
    whole, part = view_of((1200, 1600)), view_of((300, 400), (700, 500))
    merged = closer.merged_logits(ramp(whole), ramp(part), whole, part, np.array([0.25]))
    assert np.allclose(merged, ramp(part), atol=1e-5)


def test_a_view_that_is_very_sure_does_not_outvote_the_other() -> None:
    whole, part = view_of((400, 400)), view_of((200, 200), (100, 100))
    wild, calm = np.full((1, SIDE, SIDE), 500, np.float32), np.full((1, SIDE, SIDE), -7, np.float32)
    assert (closer.merged_logits(wild, calm, whole, part, np.array([0.5])) < 8).all()
    assert (closer.merged_logits(calm, wild, whole, part, np.array([0.5])) < 8).all()


def test_the_closer_view_counts_more_the_more_detail_it_adds() -> None:
    small, large = view_of((48, 64)), view_of((4800, 6400))
    of_small, of_large = view_of((24, 32), (8, 8)), view_of((48, 64), (800, 800))
    assert closer.closer_share(small, of_small) == 0.6  # both show every pixel
    assert closer.closer_share(large, of_large) == pytest.approx(1 - 0.4 / 100)


def test_a_view_in_a_mirror_counts_as_much_as_its_twin() -> None:
    whole, part = view_of((48, 64)), view_of((24, 32), (8, 8))
    in_mirror, near, near_in_mirror = closer.shares_of([whole, whole, part, part])
    assert in_mirror == 0.5
    assert near == pytest.approx(closer.closer_share(whole, part))
    assert near_in_mirror == pytest.approx(near * (1 - near_in_mirror))
    assert closer.shares_of([whole]) == []


def test_a_part_that_is_clearly_less_sure_of_what_is_shown_leaves_it_as_it_is() -> None:
    scores, there = np.array([0.9, 0.9, 0.5], np.float32), np.array([0.7, 0.7, 0.6], np.float32)
    assert closer.shares_for_each(0.6, scores, there, 1).tolist() == [0.6, 0, 0.6]
    assert closer.shares_for_each(0.6, scores, there, 2).tolist() == [0.6, 0.6, 0.6]


sizes = st.integers(1, 4000)
shares = st.floats(0, 1)


@given(sizes, sizes, shares, shares, shares, shares)
def test_what_is_looked_at_lies_on_the_photo_and_holds_the_box(
    width: int, height: int, x: float, y: float, across: float, down: float
) -> None:
    assume(max(width, height) <= IMAGE_SIZE * min(width, height))  # thinner ones no model takes
    view = view_of((height, width))
    box = np.array([[x * width, y * height], [(x + (1 - x) * across) * width, (y + (1 - y) * down) * height]])
    part = closer.part_to_look_at(box, np.array([2, 3]), np.zeros((4, SIDE, SIDE), np.float32), view)
    if part is None:
        return
    x0, y0, x1, y1 = part
    assert 0 <= x0 < x1 <= width
    assert 0 <= y0 < y1 <= height
    assert min(x1 - x0, y1 - y0) >= 32
    assert max(x1 - x0, y1 - y0) * 1.15 <= max(width, height)
    assert closer.holds(part, np.clip(box, (0, 0), (width, height)))
