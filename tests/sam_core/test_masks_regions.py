"""Parts and holes, by hand-worked masks and against a slow flood fill; boxes by their definition."""

from typing import Any

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sam_core.masks import boxes, regions

masks = st.tuples(st.integers(1, 20), st.integers(1, 20)).flatmap(lambda shape: hnp.arrays(bool, shape))


def flood(mask: np.ndarray, connectivity: int) -> Any:
    """Label parts by a plain flood fill."""
    reach = [(-1, 0), (1, 0), (0, -1), (0, 1), *([(-1, -1), (-1, 1), (1, -1), (1, 1)] if connectivity == 8 else [])]
    labels, count = np.zeros(mask.shape, int), 0
    for seed in map(tuple, np.argwhere(mask)):
        if labels[seed]:
            continue
        count += 1
        labels[seed], todo = count, [seed]
        while todo:
            y, x = todo.pop()
            for dy, dx in reach:
                near = (y + dy, x + dx)
                inside = 0 <= near[0] < mask.shape[0] and 0 <= near[1] < mask.shape[1]
                if inside and mask[near] and not labels[near]:
                    labels[near] = count
                    todo.append(near)
    return labels, count


def small_regions_whole_photo(mask: np.ndarray, min_area: int, *, holes: bool) -> Any:
    """The published rule on the whole photo, without a window."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((mask ^ holes).astype(np.uint8), connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    small = np.flatnonzero(areas < min_area) + 1
    if small.size == 0:
        return mask, False
    if holes:
        return np.isin(labels, [0, *small]), True
    large = np.setdiff1d(np.arange(1, areas.size + 1), small)
    return np.isin(labels, large if large.size else [np.argmax(areas) + 1]), True


@settings(deadline=None)
@given(masks, st.sampled_from([4, 8]))
def test_components_are_those_of_a_flood_fill(mask: np.ndarray, connectivity: int) -> None:
    expected, count = flood(mask, connectivity)
    labels, areas = regions.label_components(mask, connectivity=connectivity)
    parts = [labels == i + 1 for i in range(areas.size)]
    assert sorted(part.tobytes() for part in parts) == sorted((expected == i + 1).tobytes() for i in range(count))
    assert [part.sum() for part in parts] == areas.tolist()


@settings(deadline=None, max_examples=300)
@given(masks, st.integers(0, 12), st.tuples(*[st.integers(0, 30)] * 4))
def test_small_regions_in_a_window_are_those_of_the_whole_photo(mask: np.ndarray, min_area: int, margins: Any) -> None:
    photo = np.pad(mask, (margins[:2], margins[2:]))
    for function, holes in ((regions.fill_small_holes, True), (regions.remove_small_parts, False)):
        expected, expected_change = small_regions_whole_photo(photo, min_area, holes=holes)
        result, changed = function(photo, min_area)
        assert changed == expected_change
        assert np.array_equal(result, expected)


def test_published_rule_by_hand() -> None:
    mask = np.zeros((30, 30), bool)
    mask[2:20, 2:20] = True
    mask[5:8, 5:8] = False  # a hole of 9
    mask[25, 25:28] = True  # a part of 3
    mask[21, 24] = True  # a part of 1
    filled, changed = regions.fill_small_holes(mask, 9)
    assert not changed
    assert filled is mask
    filled, changed = regions.fill_small_holes(mask, 10)
    assert changed
    assert filled[5:8, 5:8].all()
    kept, changed = regions.remove_small_parts(mask, 3)
    assert changed
    assert (bool(kept[25, 25:28].all()), bool(kept[21, 24])) == (True, False)
    only, changed = regions.remove_small_parts(mask, 1000)
    assert changed
    assert only[2:20, 2:20].sum() == only.sum() == 18 * 18 - 9


def test_empty_and_full_masks_have_no_small_regions() -> None:
    for mask in (np.zeros((5, 7), bool), np.ones((15, 17), bool)):
        for function in (regions.fill_small_holes, regions.remove_small_parts):
            result, changed = function(mask, 10)
            assert (changed, np.array_equal(result, mask)) == (False, True)


@settings(deadline=None)
@given(masks)
def test_the_box_is_tight(mask: np.ndarray) -> None:
    x0, y0, x1, y1 = boxes.mask_box_xyxy(mask)
    assert mask.sum() == mask[y0:y1, x0:x1].sum()
    if mask.any():
        assert mask[y0].any()
        assert mask[y1 - 1].any()
        assert mask[:, x0].any()
        assert mask[:, x1 - 1].any()
    else:
        assert (x0, y0, x1, y1) == (0, 0, 0, 0)


def test_boxes_between_conventions() -> None:
    xywh = np.array([[2, 3, 4, 1], [0, 0, 0, 0], [7, 7, 1, 1]])
    assert boxes.xywh_to_xyxy(xywh).tolist() == [[2, 3, 6, 4], [0, 0, 0, 0], [7, 7, 8, 8]]
    assert boxes.xywh_to_inclusive(xywh).tolist() == [[2, 3, 5, 3], [0, 0, 0, 0], [7, 7, 7, 7]]
