"""Obeying clicks: every click is on its side, nothing far away changes. The exact values: fixtures/golden."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sam_core.masks.obeyed import CERTAIN, REACH, with_clicks_obeyed
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
    obeyed = with_clicks_obeyed(logits, np.array([clicks], float), labels[None], GEOMETRY)
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
    obeyed = with_clicks_obeyed(logits, np.array([[click]], float), np.array([[label]]), GEOMETRY)
    assert np.array_equal(logits, kept)
    change = (obeyed - logits)[0, 0] * (1 if label else -1)
    assert (change >= 0).all()
    y, x = np.mgrid[:SIDE, :SIDE]
    is_far = np.hypot((click[0] + 0.5) / 2 - 0.5 - x, (click[1] + 0.5) / 2 - 0.5 - y) > REACH + 1
    assert (change[is_far] == 0).all()
    assert (change[24:] == 0).all()  # the padding


@pytest.mark.parametrize(("away", "reach"), [(2, 4), (3, 6), (9, REACH)])
def test_a_click_beside_the_mask_changes_what_lies_between_and_as_much_beyond(away, reach):
    logits = np.full((1, 1, SIDE, SIDE), -9, np.float32)
    logits[..., :10] = 9
    obeyed = with_clicks_obeyed(logits, np.array([[[2 * (9 + away) + 0.5, 24.5]]]), np.array([[1]]), GEOMETRY)
    changed = np.flatnonzero((obeyed != logits)[0, 0, 12])
    assert changed[-1] == 9 + away + reach - 1


@pytest.mark.parametrize("labels", [[2, 3], [-1, -1]])
def test_boxes_and_padding_are_no_clicks(labels):
    logits = noise(3)
    assert np.array_equal(
        with_clicks_obeyed(logits, np.array([[[4, 4], [40, 40]]]), np.array([labels]), GEOMETRY), logits
    )


def test_every_prompt_and_every_candidate_obeys_its_own_clicks():
    logits = np.full((2, 4, SIDE, SIDE), -4.0, np.float32)
    coords, labels = np.array([[[20.5, 20.5]], [[41.5, 10.5]]]), np.array([[1], [1]])
    obeyed = with_clicks_obeyed(logits, coords, labels, GEOMETRY)
    # both lie in the middle of a cell
    assert np.allclose(obeyed[0, :, 10, 10], CERTAIN, atol=0.1)
    assert np.allclose(obeyed[1, :, 5, 20], CERTAIN, atol=0.1)
    assert (obeyed[0, :, 5, 20] < -3).all()
    assert (obeyed[1, :, 10, 10] < -3).all()
