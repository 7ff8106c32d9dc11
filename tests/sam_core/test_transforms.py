"""Resizing and coordinates: worked numbers, published rounding, and the way there and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sam_core.errors import InvalidImageError
from sam_core.transforms import (
    boxes_to_model,
    crop_image,
    input_size_for,
    points_to_image,
    points_to_model,
    resize_longest_side,
    to_model_input,
)


@pytest.mark.parametrize(
    ("original", "expected"),
    [
        ((1200, 1800), (683, 1024)),  # 682.67
        ((1800, 1200), (1024, 683)),
        ((480, 640), (768, 1024)),
        ((2, 4096), (1, 1024)),  # exactly one half rounds up
        ((1, 1), (1024, 1024)),
        ((333, 777), (439, 1024)),  # 438.86
        ((1024, 1024), (1024, 1024)),
    ],
)
def test_longest_side_becomes_the_model_s(original, expected):
    assert input_size_for(original, 1024) == expected


@pytest.mark.parametrize("size", [(1, 5000), (5000, 1)])
def test_a_side_that_would_vanish_is_refused(size):
    with pytest.raises(InvalidImageError, match="too thin"):
        input_size_for(size, 1024)


def test_an_image_without_pixels_is_refused():
    with pytest.raises(InvalidImageError, match="no content"):
        input_size_for((0, 10), 1024)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.zeros((4, 4), np.uint8), "shape"),
        (np.zeros((4, 4, 4), np.uint8), "shape"),
        (np.zeros((4, 4, 3), np.float32), "uint8"),
        ([[[1, 2, 3]]], "numpy array"),
    ],
)
def test_what_is_no_rgb_image_is_refused(image, reason):
    with pytest.raises(InvalidImageError, match=reason):
        resize_longest_side(image, 64)


def test_resizing_is_pillow_s_antialiased_bilinear():
    image = np.random.default_rng(0).integers(0, 256, (90, 200, 3), dtype=np.uint8)
    resized = resize_longest_side(image, 64)
    assert resized.shape == (29, 64, 3)
    assert np.array_equal(resized, np.asarray(Image.fromarray(image).resize((64, 29), Image.Resampling.BILINEAR)))
    # Antialiasing: every pixel takes part, so the mean survives; picking neighbours alone would be far noisier.
    assert abs(float(resized.mean()) - float(image.mean())) < 1.5
    assert resized.std() < image.std() / 2


def test_model_input_has_channels_first_and_its_values_kept():
    image = np.random.default_rng(0).integers(0, 256, (64, 32, 3), dtype=np.uint8)
    pixels = to_model_input(image, 64)
    assert tuple(pixels.shape) == (1, 3, 64, 32)
    assert pixels[0, 2, 5, 7] == image[5, 7, 2]


def test_points_scale_by_the_rounded_sizes_of_each_axis():
    points = points_to_model(np.array([[900.0, 600.0]]), (1200, 1800), 1024)
    np.testing.assert_allclose(points, [[900 * 1024 / 1800, 600 * 683 / 1200]], rtol=1e-15)


def test_boxes_scale_as_two_points():
    boxes = boxes_to_model(np.array([[0, 0, 1800, 1200], [18, 12, 36, 24]]), (1200, 1800), 1024)
    np.testing.assert_allclose(boxes, [[0, 0, 1024, 683], [10.24, 6.83, 20.48, 13.66]], rtol=1e-12)


@given(
    height=st.integers(8, 4000),
    width=st.integers(8, 4000),
    x=st.floats(0, 1),
    y=st.floats(0, 1),
    side=st.sampled_from([64, 512, 1024]),
)
def test_points_come_back(height, width, x, y, side):
    if min(height, width) * side / max(height, width) < 1:
        return
    point = np.array([x * width, y * height])
    there = points_to_model(point, (height, width), side)
    assert (there >= 0).all()
    assert (there <= side).all()
    np.testing.assert_allclose(points_to_image(there, (height, width), side), point, rtol=1e-9, atol=1e-9)


def test_crops_are_cut_by_corners():
    image = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    assert np.array_equal(crop_image(image, (2, 1, 6, 4)), image[1:4, 2:6])
    assert crop_image(image, None) is image


@pytest.mark.parametrize("box", [(-1, 0, 3, 3), (0, 0, 8, 3), (3, 0, 3, 3), (0, 4, 3, 2)])
def test_a_crop_outside_the_image_is_refused(box):
    with pytest.raises(InvalidImageError, match="crop box"):
        crop_image(np.zeros((5, 7, 3), np.uint8), box)
