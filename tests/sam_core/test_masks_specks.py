"""Dropping specks: what goes, what a click keeps, and that nothing else changes. The exact cells: fixtures/golden."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sam_core.masks.regions import label_components
from sam_core.masks.specks import LEAST_HOLE, LEAST_PART, without_specks
from sam_core.masks.upsample import MaskGeometry

SIDE = 32
GEOMETRY = MaskGeometry(2 * SIDE, (48, 64), (96, 128))
ON_PHOTO = np.s_[:24]
NOBODY = (np.zeros((1, 1, 2)), np.array([[-1]]))


def noise(seed: int, coarse: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.kron(rng.normal(size=(SIDE // coarse, SIDE // coarse)), np.ones((coarse, coarse))).astype(np.float32)


def areas_of(mask: np.ndarray, connectivity: int) -> np.ndarray:
    return label_components(mask, connectivity=connectivity)[1]


@settings(max_examples=60)
@given(seed=st.integers(0, 2**31), coarse=st.sampled_from([1, 2, 4]), shift=st.floats(-1, 1))
def test_no_small_part_stays_and_nothing_but_signs_changes(seed, coarse, shift):
    logits = noise(seed, coarse) + np.float32(shift)
    kept = logits.copy()
    tidy = without_specks(logits[None, None], *NOBODY, GEOMETRY)[0, 0]
    assert np.array_equal(logits, kept)
    assert np.array_equal(np.abs(tidy), np.abs(logits))
    assert np.array_equal(tidy[24:], logits[24:])  # the padding
    parts = areas_of(tidy[ON_PHOTO] > 0, 8)
    assert (parts * LEAST_PART >= parts.max(initial=0) - np.count_nonzero(tidy > logits)).all()
    assert parts.size > 0 or not (logits[ON_PHOTO] > 0).any()


@settings(max_examples=60)
@given(seed=st.integers(0, 2**31), click=st.tuples(st.floats(-5, 70), st.floats(-5, 50)), label=st.sampled_from([0, 1]))
def test_a_click_decides_about_its_own_cell(seed, click, label):
    logits = noise(seed, 2)
    x, y = (int(np.clip(np.floor((at + 0.5) / 2), 0, count - 1)) for at, count in zip(click, (SIDE, 24), strict=True))
    tidy = without_specks(logits[None, None], np.array([[click]]), np.array([[label]]), GEOMETRY)[0, 0]
    if label == int(logits[y, x] > 0):
        assert tidy[y, x] == logits[y, x]


@pytest.mark.parametrize(("cells", "is_filled"), [(1, True), (3, True), (4, False)])
def test_a_hole_of_a_hundredth_stays(cells, is_filled):
    logits = np.full((SIDE, SIDE), -1.0, np.float32)
    logits[1:21, 1:21] = 1.0  # 400 cells, less the hole
    logits[9, 5 : 5 + cells] = -1.0
    tidy = without_specks(logits[None, None], *NOBODY, GEOMETRY)[0, 0]
    assert ((tidy[9, 5 : 5 + cells] > 0) == is_filled).all()
    assert (cells * LEAST_HOLE < 400 - cells) == is_filled


def test_every_prompt_has_its_own_clicks():
    logits = np.full((2, 4, SIDE, SIDE), -1.0, np.float32)
    logits[..., 1:21, 1:21] = 1.0
    logits[..., 5, 30] = 1.0
    coords, labels = np.array([[[20.0, 20.0]], [[60.5, 10.5]]]), np.array([[1], [1]])
    tidy = without_specks(logits, coords, labels, GEOMETRY)
    assert (tidy[0, :, 5, 30] < 0).all()
    assert (tidy[1, :, 5, 30] > 0).all()
