"""Obeying prompts: every click is on its side, an object ends where its box does, nothing far away changes.

The exact values: fixtures/golden.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sam_core.masks.boxed import OUTWARDS, SLOPE
from sam_core.masks.obeyed import CERTAIN, REACH, with_prompts_obeyed
from sam_core.masks.upsample import MaskGeometry, mask_at_original_size

SIDE = 32
GEOMETRY = MaskGeometry(2 * SIDE, (48, 64), (48, 64))
on_photo = st.tuples(st.integers(0, 63), st.integers(0, 47))


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(scale=5, size=(1, 1, SIDE, SIDE)).astype(np.float32)


def shown(logits: np.ndarray) -> np.ndarray:
    return mask_at_original_size(logits[0, 0], image_size=64, input_size=(48, 64), original_size=(48, 64))


@settings(max_examples=80)
@given(
    seed=st.integers(0, 2**31), clicks=st.lists(on_photo, min_size=1, max_size=6, unique=True), bits=st.integers(0, 63)
)
def test_the_newest_click_is_obeyed_in_the_mask_and_all_are_that_are_not_beside_another(seed, clicks, bits):
    logits = noise(seed)
    labels = np.array([bits >> i & 1 for i in range(len(clicks))])
    obeyed = with_prompts_obeyed(logits, np.array([clicks], float), labels[None], GEOMETRY)
    mask = shown(obeyed)
    for i, (x, y) in enumerate(clicks):
        later = np.array([c for c, label in zip(clicks[i + 1 :], labels[i + 1 :], strict=True) if label != labels[i]])
        if not len(later) or np.hypot(*(later - (x, y)).T).min() > 8:
            assert mask[y, x] == bool(labels[i])


@settings(max_examples=40)
@given(seed=st.integers(0, 2**31), click=on_photo, label=st.sampled_from([0, 1]))
def test_nothing_changes_but_the_click_s_surroundings_towards_its_side(seed, click, label):
    logits = noise(seed)
    kept = logits.copy()
    obeyed = with_prompts_obeyed(logits, np.array([[click]], float), np.array([[label]]), GEOMETRY)
    assert np.array_equal(logits, kept)
    change = (obeyed - logits)[0, 0] * (1 if label else -1)
    assert (change >= 0).all()
    y, x = np.mgrid[:SIDE, :SIDE]
    is_far = np.hypot((click[0] + 0.5) / 2 - 0.5 - x, (click[1] + 0.5) / 2 - 0.5 - y) > REACH + 1
    assert (change[is_far] == 0).all()
    assert (change[25:] == 0).all()  # the padding but for the row that the last pixels are read from


@pytest.mark.parametrize(("away", "reach"), [(2, 4), (3, 6), (9, REACH)])
def test_a_click_beside_the_mask_changes_what_lies_between_and_as_much_beyond(away, reach):
    logits = np.full((1, 1, SIDE, SIDE), -9, np.float32)
    logits[..., :10] = 9
    obeyed = with_prompts_obeyed(logits, np.array([[[2 * (9 + away) + 0.5, 24.5]]]), np.array([[1]]), GEOMETRY)
    changed = np.flatnonzero((obeyed != logits)[0, 0, 12])
    assert changed[-1] == 9 + away + reach - 1


def test_padding_is_no_click():
    logits = noise(3)
    labels = np.array([[-1, -1]])
    assert np.array_equal(with_prompts_obeyed(logits, np.array([[[4, 4], [40, 40]]]), labels, GEOMETRY), logits)


@settings(max_examples=80)
@given(seed=st.integers(0, 2**31), first=on_photo, second=on_photo)
def test_a_mask_loses_what_lies_beyond_its_box_by_distance(seed, first, second):
    logits = noise(seed)
    box = np.sort(np.array([first, second], float), axis=0)
    obeyed = with_prompts_obeyed(logits, box[None], np.array([[2, 3]]), GEOMETRY)[0, 0]
    (left, top), (right, bottom) = box / 2 - 0.5
    wide, high = right - left, bottom - top
    y, x = np.mgrid[:SIDE, :SIDE]
    on = (x > left - 1) & (x < right + 1) & (y > top - 1) & (y < bottom + 1) & (y < 24)
    beside = np.maximum(0, np.maximum(left - OUTWARDS * wide - x, x - right - OUTWARDS * wide))
    above = np.maximum(0, np.maximum(top - OUTWARDS * high - y, y - bottom - OUTWARDS * high))
    beyond = ~on & (y < 24)
    assert np.allclose((logits[0, 0] - obeyed)[beyond], SLOPE * np.hypot(beside, above)[beyond], atol=1e-4)
    assert np.array_equal(obeyed[24:], logits[0, 0, 24:])  # the padding


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize(("columns", "reaches"), [(slice(6, 14), True), (slice(10, 14), False)])
def test_a_mask_that_misses_one_side_of_its_box_is_brought_to_it(turns, columns, reaches):
    plane, side = np.full((24, 24), -3, np.float32), np.zeros((24, 24), bool)
    plane[6:18, columns] = 3  # of a box of cells 6 to 17 both ways, in the middle of the photo
    side[6:18, 16:18] = True
    logits = np.full((1, 1, SIDE, SIDE), -3, np.float32)
    logits[..., :24, :24] = np.rot90(plane, turns)
    box = np.array([[[12, 12], [36, 36]]], float)
    mask = with_prompts_obeyed(logits, box, np.array([[2, 3]]), GEOMETRY)[0, 0, :24, :24] > 0
    assert mask[np.rot90(side, turns)].any() == reaches


def test_a_box_that_is_too_large_pulls_nothing_to_its_sides():
    logits = np.full((1, 1, SIDE, SIDE), -9, np.float32)
    logits[..., 10:14, 10:16] = 9
    box = np.array([[[12, 12], [40, 36]]], float)
    assert np.array_equal(with_prompts_obeyed(logits, box, np.array([[2, 3]]), GEOMETRY) > 0, logits > 0)


def test_what_lies_between_the_mask_and_a_side_of_its_box_follows_as_far_as_it_is_likely():
    logits = np.full((1, 1, SIDE, SIDE), -9, np.float32)
    logits[..., 8:16, 8:16] = 9
    logits[..., 10:14, 16:22] = -0.2  # likely enough
    box = np.array([[[16, 16], [44, 32]]], float)  # cells 8 to 21, 8 to 15
    mask = with_prompts_obeyed(logits, box, np.array([[2, 3]]), GEOMETRY)[0, 0] > 0
    assert mask[8:16, 8:16].all()
    assert mask[10:14, 21].any()
    assert mask[11, 16:22].all()
    assert not mask[8, 16:].any()
    assert not mask[:, 22:].any()


@pytest.mark.parametrize(("click", "label", "holds"), [((60, 40), 1, False), ((60, 40), 0, True), ((30, 20), 1, True)])
def test_a_box_holds_until_somebody_wants_more_than_it(click, label, holds):
    logits = np.full((1, 1, SIDE, SIDE), 4, np.float32)
    coords, labels = np.array([[click, (10, 8), (40, 36)]], float), np.array([[label, 2, 3]])
    mask = with_prompts_obeyed(logits, coords, labels, GEOMETRY)[0, 0, :24] > 0
    assert mask[22, 30] != holds
    assert mask[10, 10]


def test_every_prompt_and_every_candidate_obeys_its_own_clicks():
    logits = np.full((2, 4, SIDE, SIDE), -4.0, np.float32)
    coords, labels = np.array([[[20.5, 20.5]], [[41.5, 10.5]]]), np.array([[1], [1]])
    obeyed = with_prompts_obeyed(logits, coords, labels, GEOMETRY)
    # both lie in the middle of a cell
    assert np.allclose(obeyed[0, :, 10, 10], CERTAIN, atol=0.1)
    assert np.allclose(obeyed[1, :, 5, 20], CERTAIN, atol=0.1)
    assert (obeyed[0, :, 5, 20] < -3).all()
    assert (obeyed[1, :, 10, 10] < -3).all()
