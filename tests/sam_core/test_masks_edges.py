"""Masks on the photo's edges: what moves, what stays, and the textbook's filter. The exact values: fixtures/golden."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sam_core.masks.edges import FAINT, RADII, SMOOTHNESS, EdgeGuide, photo_cells
from sam_core.masks.upsample import MaskGeometry

SIDE, ROWS = 32, 24
GEOMETRY = MaskGeometry(2 * SIDE, (2 * ROWS, 2 * SIDE), (96, 128))


def photo_with_edge(column: int) -> np.ndarray:
    cells = np.full((ROWS, SIDE, 3), (40, 90, 60), np.uint8)
    cells[:, column:] = (200, 80, 120)
    return cells


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(scale=4, size=(SIDE, SIDE)).astype(np.float32)


@pytest.mark.parametrize("off_by", [-1, 1])
def test_a_mask_that_ends_beside_the_photo_s_edge_moves_onto_it(off_by):
    logits = np.full((SIDE, SIDE), -3, np.float32)
    logits[:, 16 + off_by :] = 3
    logits[:, 16 + min(off_by, 0) : 16 + max(off_by, 0)] /= 3  # where it is wrong it is less sure
    snapped = EdgeGuide(photo_with_edge(16)).snap(logits, GEOMETRY)
    assert (logits[:ROWS, 16:] <= 0).any() or (logits[:ROWS, :16] > 0).any()
    assert (snapped[:ROWS, 16:] > 0).all()
    assert (snapped[:ROWS, :16] < 0).all()


def test_where_the_photo_has_no_edge_a_straight_one_of_the_mask_stays():
    logits = np.full((SIDE, SIDE), -4, np.float32)
    logits[:, 10:] = 4
    snapped = EdgeGuide(np.full((ROWS, SIDE, 3), 77, np.uint8)).snap(logits, GEOMETRY)
    assert np.array_equal(snapped[:ROWS] > 0, logits[:ROWS] > 0)


def test_padding_and_what_is_far_from_the_mask_stay_as_they_are():
    logits = np.full((2, SIDE, SIDE), 2 * FAINT, np.float32)
    logits[0, 2:4, 2:4] = 3.0
    kept = logits.copy()
    snapped = EdgeGuide(photo_with_edge(3)).snap(logits, GEOMETRY)
    assert np.array_equal(logits, kept)
    assert np.array_equal(snapped[1], logits[1])
    reach = 4 + 2 * max(RADII)
    assert np.array_equal(snapped[0, reach:], logits[0, reach:])
    assert np.array_equal(snapped[0, :, reach:], logits[0, :, reach:])
    assert (snapped[0, :4, :4] != logits[0, :4, :4]).all()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_it_is_the_textbook_s_filter_window_by_window(seed):
    """Fit each window by least squares, as equation 19 says, and average what the windows say, as equation 21 does."""
    rng = np.random.default_rng(seed)
    cells = rng.integers(0, 256, (ROWS, SIDE, 3), dtype=np.uint8)
    logits = noise(seed)
    probability = np.tanh(logits[:ROWS].astype(np.float64) / 2)
    colors = cells.astype(np.float64)
    wanted = np.zeros((ROWS, SIDE))
    for radius in RADII:
        said, count = np.zeros((ROWS, SIDE)), np.zeros((ROWS, SIDE))
        for row in range(ROWS):
            for column in range(SIDE):
                window = np.s_[max(0, row - radius) : row + radius + 1, max(0, column - radius) : column + radius + 1]
                inside = colors[window].reshape(-1, 3)
                values = probability[window].ravel()
                centred = inside - inside.mean(axis=0)
                gram = centred.T @ centred / len(inside) + SMOOTHNESS * np.eye(3)
                slope = np.linalg.solve(gram, centred.T @ (values - values.mean()) / len(inside))
                said[window] += values.mean() + (colors[window] - inside.mean(axis=0)) @ slope
                count[window] += 1
        wanted += said / count
    snapped = EdgeGuide(cells).snap(logits, GEOMETRY)[:ROWS]
    assert np.allclose(np.tanh(snapped / 2), np.clip(wanted / len(RADII), -0.9994, 0.9994), atol=1e-4)


def test_a_guide_of_another_photo_is_refused():
    with pytest.raises(ValueError, match="cells"):
        EdgeGuide(photo_with_edge(3)[:-1]).snap(noise(1), GEOMETRY)


def test_a_cell_has_the_mean_colour_of_what_lies_on_the_photo():
    photo = np.arange(5 * 3 * 3, dtype=np.uint8).reshape(5, 3, 3)
    cells = photo_cells(photo, 2)
    assert cells.shape == (3, 2, 3)
    assert cells[0, 0].tolist() == np.floor(photo[:2, :2].mean(axis=(0, 1)) + 0.5).tolist()
    assert cells[2, 1].tolist() == photo[4, 2].tolist()
    assert cells[0, 1].tolist() == np.floor(photo[:2, 2].mean(axis=0) + 0.5).tolist()
