"""The canonical up-sampling against torch's, against its own definition written out, and in bounded memory."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import interpolate

from sam_core.errors import InvalidMaskError
from sam_core.geometry import LongestSide, PhotoGeometry, Square
from sam_core.masks import stability
from sam_core.masks.upsample import (
    bilinear_taps,
    mask_at_original_size,
    upsampled_bands,
)

SIZES = [(1024, 1024), (683, 1024), (1500, 2250), (333, 500), (501, 333), (7, 5), (1, 512), (900, 1200)]


def geometry_of(original_size: Any, image_size: int = 1024) -> Any:
    longest = max(original_size)
    thin = min(original_size) * image_size < longest  # no model takes it, but the arithmetic is defined
    input_size = tuple(-(-side * image_size // longest) for side in original_size)
    return PhotoGeometry(image_size, input_size, original_size) if thin else LongestSide(image_size).of(original_size)


def smooth_logits(seed: int, *, bias: Any = 0.0) -> Any:
    """Low-res logits like a decoder's: smooth, some regions, a little grain."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.normal(size=(1, 1, 12, 12)).astype(np.float32) * 6 + bias)
    smooth = interpolate(coarse, (256, 256), mode="bicubic", align_corners=False)[0, 0].numpy()
    return smooth + rng.normal(size=(256, 256)).astype(np.float32) * 0.05


def torch_logits(logits: np.ndarray, geometry: Any, channels: int = 1) -> Any:
    values = torch.from_numpy(logits)[None, None].repeat(1, channels, 1, 1)
    if not geometry.via_input:
        return interpolate(values, geometry.original_size, mode="bilinear", align_corners=False)[0, -1].numpy()
    side = (geometry.image_size, geometry.image_size)
    padded = interpolate(values, side, mode="bilinear", align_corners=False)
    cropped = padded[..., : geometry.input_size[0], : geometry.input_size[1]]
    return interpolate(cropped, geometry.original_size, mode="bilinear", align_corners=False)[0, -1].numpy()


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("make", [geometry_of, lambda size: geometry_of(size, 512), Square(1024).of])
@pytest.mark.parametrize("original_size", SIZES)
def test_the_mask_is_that_of_torch(original_size: Any, make: Any, channels: int) -> None:
    geometry = make(original_size)
    logits = smooth_logits(sum(original_size))
    reference = torch_logits(logits, geometry, channels)
    differs = mask_at_original_size(logits, geometry) != (reference > 0)
    # kernels without fused multiply-add may round a value this close to zero to the other side
    assert not differs[np.abs(reference) > 1e-5].any()
    assert differs.sum() <= max(1, differs.size // 100_000)


def reference_value(logits: np.ndarray, geometry: Any, row: Any, column: Any) -> Any:
    """One output value, written out as the module's docstring defines it, in plain Python floats."""

    def f32(value: Any) -> float:
        return float(np.float32(value))

    def taps(n_in: Any, n_out: Any, d: Any) -> Any:
        if n_in == n_out:
            return d, d, 1.0, 0.0
        src = max(f32(f32(n_in / n_out) * (d + 0.5) - 0.5), 0.0)
        i0 = min(int(src), n_in - 1)
        w1 = min(max(f32(src - i0), 0.0), 1.0)
        return i0, min(i0 + 1, n_in - 1), f32(1 - w1), w1

    def sample(read: Any, size_in: Any, size_out: Any, y: Any, x: Any) -> Any:
        y0, y1, wy0, wy1 = taps(size_in[0], size_out[0], y)
        x0, x1, wx0, wx1 = taps(size_in[1], size_out[1], x)
        upper = f32(read(y0, x0) * wx0 + f32(read(y0, x1) * wx1))
        lower = f32(read(y1, x0) * wx0 + f32(read(y1, x1) * wx1))
        return f32(upper * wy0 + f32(lower * wy1))

    side = (geometry.image_size, geometry.image_size)
    low = lambda y, x: float(logits[y, x])  # noqa: E731
    if not geometry.via_input:
        return sample(low, logits.shape, geometry.original_size, row, column)
    middle = lambda y, x: sample(low, logits.shape, side, y, x)  # noqa: E731
    return sample(middle, geometry.input_size, geometry.original_size, row, column)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from([64, 128, None]), st.integers(0, 9), st.data())
def test_values_are_those_of_the_definition(height: int, width: int, image_size: int, seed: int, data: Any) -> None:
    geometry = geometry_of((height, width), image_size) if image_size else Square(64).of((height, width))
    logits = np.random.default_rng(seed).normal(size=(32, 32)).astype(np.float32)
    plane = np.concatenate([band.values for band in upsampled_bands(logits, geometry, above=-1e6)])
    assert plane.shape == (height, width)
    for _ in range(5):
        y, x = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
        assert plane[y, x] == reference_value(logits, geometry, y, x)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 99), st.sampled_from([-1.0, 0.0, 1.0]))
def test_the_box_holds_every_value_above_the_threshold(height: int, width: int, seed: int, threshold: float) -> None:
    geometry = geometry_of((height, width), 128)
    rng = np.random.default_rng(seed)
    logits = np.full((32, 32), threshold - 1, np.float32)
    logits[rng.integers(0, 32, 3), rng.integers(0, 32, 3)] = threshold + 3
    whole = np.concatenate([band.values for band in upsampled_bands(logits, geometry, above=-1e6)])
    outside = whole > threshold
    for band in upsampled_bands(logits, geometry, above=threshold):
        rows, columns = band.values.shape
        region = (slice(band.top, band.top + rows), slice(band.left, band.left + columns))
        assert np.array_equal(whole[region], band.values)
        outside[region] = False
    assert not outside.any()


def test_no_logit_above_zero_is_an_empty_mask() -> None:
    geometry = geometry_of((30, 40))
    assert not mask_at_original_size(np.zeros((256, 256), np.float32), geometry).any()
    assert not mask_at_original_size(np.full((256, 256), -3, np.float32), geometry).any()
    assert mask_at_original_size(np.full((256, 256), 1e-3, np.float32), geometry).sum() == 1200


def test_half_precision_logits_are_widened_not_rounded() -> None:
    logits = smooth_logits(3).astype(np.float16)
    geometry = geometry_of((123, 77))
    wide = mask_at_original_size(logits.astype(np.float32), geometry)
    assert np.array_equal(mask_at_original_size(logits, geometry), wide)


def test_a_small_object_in_a_huge_photo_takes_little_memory() -> None:
    logits = np.full((256, 256), -5, np.float32)
    logits[100:110, 100:110] = 5
    geometry = geometry_of((9000, 12000))
    list(upsampled_bands(logits, geometry, above=0))  # fills the cache of taps
    tracemalloc.start()
    area = sum(np.count_nonzero(band.values > 0) for band in upsampled_bands(logits, geometry, above=0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert area > 100_000
    assert peak < 10 * 2**20  # the photo has 108 million pixels


def test_taps_of_published_sizes() -> None:
    taps = bilinear_taps(256, 1024)
    assert taps.i0[:7].tolist() == [0, 0, 0, 0, 0, 0, 1]
    assert taps.w1[:7].tolist() == [0, 0, 0.125, 0.375, 0.625, 0.875, 0.125]
    assert (taps.i0[-1], taps.i1[-1], taps.w1[-1]) == (255, 255, 0.375)


@pytest.mark.parametrize(
    "logits",
    [
        np.zeros((4, 4), np.int64),
        np.zeros(4, np.float32),
        np.zeros((0, 4), np.float32),
        np.full((4, 4), np.nan, np.float32),
    ],
)
def test_what_is_no_logits_is_refused(logits: np.ndarray) -> None:
    with pytest.raises(InvalidMaskError):
        mask_at_original_size(logits, geometry_of((10, 10)))


@pytest.mark.parametrize(
    ("input_size", "original_size"), [((0, 5), (5, 5)), ((5, 5), (5, 0)), ((1025, 5), (5, 5)), ((9, 9), (10**5, 10**5))]
)
def test_sizes_that_no_resize_gives_are_refused(input_size: Any, original_size: Any) -> None:
    with pytest.raises(InvalidMaskError):
        PhotoGeometry(1024, input_size, original_size)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 99), st.sampled_from([(300, 400), (400, 300), (100, 100)]))
def test_stability_counts_pixels(seed: int, original_size: Any) -> None:
    geometry = geometry_of(original_size)
    logits = smooth_logits(seed, bias=-2)
    plane = np.concatenate([band.values for band in upsampled_bands(logits, geometry, above=-1e6)])
    expected = (plane > 1).sum() / (plane > -1).sum()
    assert stability.stability_score(plane) == pytest.approx(expected, abs=1e-6)


def test_stability_of_batches_and_of_nothing() -> None:
    logits = np.full((2, 3, 4, 4), -2, np.float32)
    logits[1, 2] = 2
    logits[1, 1, :2] = 2
    logits[1, 1, 2] = 0
    expected = np.array([[0, 0, 0], [0, 2 / 3, 1]])
    assert np.allclose(stability.stability_score(logits), expected)


def test_padding_is_not_counted() -> None:
    geometry = geometry_of((300, 400))
    assert geometry.without_padding(np.zeros((3, 256, 256))).shape == (3, 192, 256)
    assert geometry_of((333, 1000)).without_padding(np.zeros((256, 256))).shape == (86, 256)
