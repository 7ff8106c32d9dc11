"""Which three masks stand best for all that a click may mean. The numbers themselves are golden vectors."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sam_core.masks.second_thoughts import from_whole_to_part, others_beside, sizes_and_overlaps
from sam_core.masks.upsample import MaskGeometry

GEOMETRY = MaskGeometry(32, (20, 32), (200, 320))  # ten rows of 16 x 16 cells lie on the photo
masks = st.integers(0, 11)


def test_the_overlap_of_masks_is_their_iou_on_the_photo() -> None:
    planes = np.full((3, 16, 16), -1, np.float32)
    planes[0, :4, :4] = planes[1, :4, :8] = planes[2, 10:] = 1
    planes[1, 12, 3] = 9  # on the padding
    sizes, iou = sizes_and_overlaps(planes, GEOMETRY)
    assert sizes.tolist() == [16, 32, 0]
    assert iou.tolist() == [[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]]


def test_the_others_are_what_the_own_choice_does_not_stand_for() -> None:
    # five masks in three groups of likes: {0, 1}, {2, 3}, {4}
    iou = np.eye(5)
    iou[0, 1] = iou[1, 0] = iou[2, 3] = iou[3, 2] = 0.95
    scores = np.array([2, 1.9, 1, 1.1, 0.5], np.float32)
    assert others_beside(0, scores, iou) == (3, 4)
    assert others_beside(4, scores, iou) == (0, 3)


@given(st.lists(st.floats(0, 2.5, width=32), min_size=12, max_size=12), st.integers(0, 2**32 - 1), masks)
def test_no_two_others_stand_for_more(ranks: list[float], seed: int, own: int) -> None:
    planes = np.random.default_rng(seed).normal(size=(12, 16, 16)).astype(np.float32)
    scores, (_, iou) = np.array(ranks, np.float32), sizes_and_overlaps(planes, GEOMETRY)

    def stands_for(others: tuple[int, int]) -> float:
        return float((scores.astype(np.float64) ** 2 * iou[[own, *others]].max(axis=0)).sum())

    chosen = others_beside(own, scores, iou)
    assert own not in chosen
    rest = [mask for mask in range(12) if mask != own]
    assert stands_for(chosen) >= max(stands_for(pair) for pair in combinations(rest, 2)) - 1e-9


@given(st.lists(st.integers(0, 5), min_size=12, max_size=12), st.permutations(range(12)))
def test_the_largest_is_the_whole_and_the_smallest_the_subpart(sizes: list[int], order: list[int]) -> None:
    places = from_whole_to_part(order[:3], np.array(sizes))
    assert sorted(places) == sorted(order[:3])
    assert [sizes[mask] for mask in places] == sorted((sizes[mask] for mask in places), reverse=True)
    assert places == from_whole_to_part(places[::-1], np.array(sizes))
