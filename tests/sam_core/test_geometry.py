"""Geometry: worked numbers of both strategies, published rounding, and the way there and back."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch.nn.functional import interpolate

from sam_core.errors import InvalidImageError
from sam_core.geometry import GEOMETRIES, LongestSide, PhotoGeometry, Square, crop_image, read_geometry
from sam_core.masks.upsample import mask_at_original_size
from sam_core.modeling.promptable import to_tensor

BOTH = [LongestSide, Square]


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
def test_longest_side_becomes_the_model_s(original: Any, expected: Any) -> None:
    assert LongestSide(1024).input_size(original) == expected
    assert LongestSide(1024).frame(original) == (max(original), max(original))


@given(st.integers(1, 5000), st.integers(1, 5000), st.sampled_from([64, 512, 1024]))
def test_both_sides_become_the_model_s_in_a_square(height: int, width: int, side: int) -> None:
    assert Square(side).input_size((height, width)) == (side, side)
    assert Square(side).frame((height, width)) == (height, width)


@pytest.mark.parametrize("size", [(1, 5000), (5000, 1)])
def test_a_side_that_would_vanish_is_refused(size: Any) -> None:
    with pytest.raises(InvalidImageError, match="too thin"):
        LongestSide(1024).of(size)


@pytest.mark.parametrize("strategy", BOTH)
def test_an_image_without_pixels_is_refused(strategy: Any) -> None:
    with pytest.raises(InvalidImageError, match="no content"):
        strategy(1024).of((0, 10))


@pytest.mark.parametrize("strategy", BOTH)
@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.zeros((4, 4), np.uint8), "shape"),
        (np.zeros((4, 4, 4), np.uint8), "shape"),
        (np.zeros((4, 4, 3), np.float32), "uint8"),
        ([[[1, 2, 3]]], "numpy array"),
    ],
)
def test_what_is_no_rgb_image_is_refused(image: Any, reason: str, strategy: Any) -> None:
    with pytest.raises(InvalidImageError, match=reason):
        strategy(64).resize(image)


def test_resizing_is_pillow_s_antialiased_bilinear() -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 200, 3), dtype=np.uint8)
    resized = LongestSide(64).resize(image)
    assert (resized.shape, resized.dtype) == ((29, 64, 3), np.dtype(np.uint8))
    assert np.array_equal(resized, np.asarray(Image.fromarray(image).resize((64, 29), Image.Resampling.BILINEAR)))
    # Antialiasing: every pixel takes part, so the mean survives; picking neighbours alone would be far noisier.
    assert abs(float(resized.mean()) - float(image.mean())) < 1.5
    assert resized.std() < image.std() / 2


@pytest.mark.parametrize("size", [(90, 200), (300, 111), (64, 64), (7, 500), (40, 30)])
def test_a_square_is_resized_as_torch_resizes_tensors(size: Any) -> None:
    image = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    resized = Square(64).resize(image)
    assert (resized.shape, resized.dtype) == ((64, 64, 3), np.dtype(np.float32))
    published = interpolate(to_tensor(image), (64, 64), mode="bilinear", align_corners=False, antialias=True)
    np.testing.assert_allclose(resized, published[0].permute(1, 2, 0).numpy(), atol=1e-3)  # of 255


def test_a_tensor_has_channels_first_and_the_values_kept() -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 32, 3), dtype=np.uint8)
    pixels = to_tensor(LongestSide(64).resize(image))
    assert tuple(pixels.shape) == (1, 3, 64, 32)
    assert pixels[0, 2, 5, 7] == image[5, 7, 2]
    assert torch.equal(to_tensor(image.astype(np.float32)), to_tensor(image))


def test_points_scale_by_the_rounded_sizes_of_each_axis() -> None:
    points = LongestSide(1024).of((1200, 1800)).points_to_model(np.array([[900.0, 600.0]]))
    np.testing.assert_allclose(points, [[900 * 1024 / 1800, 600 * 683 / 1200]], rtol=1e-15)


def test_points_in_a_square_scale_by_each_axis_alone() -> None:
    points = Square(1024).of((1200, 1800)).points_to_model(np.array([[900.0, 300.0], [1800.0, 1200.0]]))
    np.testing.assert_allclose(points, [[512, 256], [1024, 1024]], rtol=1e-15)


@given(
    height=st.integers(8, 4000),
    width=st.integers(8, 4000),
    x=st.floats(0, 1),
    y=st.floats(0, 1),
    side=st.sampled_from([64, 512, 1024]),
    strategy=st.sampled_from(BOTH),
)
def test_points_scale_by_input_over_photo(height: int, width: int, x: Any, y: Any, side: int, strategy: Any) -> None:
    if min(height, width) * side / max(height, width) < 1:
        return
    photo = strategy(side).of((height, width))
    point = np.array([x * width, y * height])
    there = photo.points_to_model(point)
    assert (there >= 0).all()
    assert (there <= side).all()
    back = there * (width, height) / photo.input_size[::-1]
    np.testing.assert_allclose(back, point, rtol=1e-9, atol=1e-9)


@given(st.integers(32, 3000), st.integers(32, 3000), st.integers(0, 15), st.sampled_from(BOTH))
def test_cells_come_back_and_lie_where_clicks_do(height: int, width: int, cell: Any, strategy: Any) -> None:
    photo = strategy(64).of((height, width)) if min(height, width) * 64 >= max(height, width) else None
    if photo is None:
        return
    rows, columns = photo.cells_on_photo(16)
    assert 1 <= rows <= 16
    assert 1 <= columns <= 16
    for axis in (0, 1):
        middle = photo.cells_to_image(np.array([cell + 0.5]), 16, axis)
        np.testing.assert_allclose(photo.image_to_cells(middle, 16, axis), [cell + 0.5], rtol=1e-12)
    xy = np.array([photo.cells_to_image(np.array([cell + 0.5]), 16, axis)[0] for axis in (1, 0)])
    # clicks count from the middle of the first pixel
    found = photo.cells_of(photo.points_to_model(xy) - 0.5, 16)
    assert found.tolist() == [min(cell, columns - 1), min(cell, rows - 1)]


def test_a_square_has_no_padding() -> None:
    wide = Square(64).of((30, 300))
    assert wide.cells_on_photo(16) == (16, 16)
    assert wide.width_in_cells_px(16) == 64
    assert wide.without_padding(np.zeros((4, 16, 16))).shape == (4, 16, 16)
    assert LongestSide(64).of((30, 300)).cells_on_photo(16) == (2, 16)


@pytest.mark.parametrize("strategy", BOTH)
@pytest.mark.parametrize("size", [(300, 480), (480, 300)])
def test_a_mask_comes_back_to_where_its_object_was(strategy: Any, size: Any) -> None:
    """A rectangle is resized as photos are, read as logits, and found again in the photo."""
    photo = np.zeros((*size, 3), np.uint8)
    photo[40:150, 60:210] = 255
    geometry = strategy(64)
    seen = np.full((64, 64), -1, np.float32)
    resized = geometry.resize(photo)[..., 0].astype(np.float32)
    seen[: resized.shape[0], : resized.shape[1]] = resized / 127.5 - 1
    mask = mask_at_original_size(seen, geometry.of(size))
    wanted = photo[..., 0] > 0
    assert (mask & wanted).sum() / (mask | wanted).sum() > 0.95


def test_a_manifest_names_the_strategy() -> None:
    for name, strategy in GEOMETRIES.items():
        assert read_geometry(name, 512) == strategy(512)
    with pytest.raises(ValueError, match="'round'"):
        read_geometry("round", 512)
    assert Square(8).of((4, 2)) == PhotoGeometry(8, (8, 8), (4, 2), via_input=False)


def test_crops_are_cut_by_corners() -> None:
    image = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    assert np.array_equal(crop_image(image, (2, 1, 6, 4)), image[1:4, 2:6])
    assert crop_image(image, None) is image


@pytest.mark.parametrize("box", [(-1, 0, 3, 3), (0, 0, 8, 3), (3, 0, 3, 3), (0, 4, 3, 2)])
def test_a_crop_outside_the_image_is_refused(box: Any) -> None:
    with pytest.raises(InvalidImageError, match="crop box"):
        crop_image(np.zeros((5, 7, 3), np.uint8), box)
