"""From low-res logits to the mask at the photo's own size: the canonical arithmetic, the same bits in every language.

SAM up-samples the low-res logits (256 x 256) bilinearly, align_corners false, to its square input (1024 x 1024), crops
the padding away (to input_size), up-samples once more to original_size and keeps what is > 0. SAM 2.1 up-samples them
to original_size at once; its first step is then one of equal sizes (PhotoGeometry.middle_size).
This module fixes the arithmetic of both steps. It is what torch's CPU kernel computes for F.interpolate with one, two
or more than three channels where it has fused multiply-add (found by comparing bits); a kernel that rounds elsewhere
differs only where a logit is within a few units in the last place of the threshold. TypeScript mirrors it.

Per axis, n_in samples become n_out (fround rounds a double to the nearest float32, ties to even; everything inside
fround is double arithmetic, as JavaScript's is):

    n_in == n_out:   i0 = i1 = d, w0 = 1, w1 = 0
    otherwise:       scale = fround(n_in / n_out)
                     src   = max(fround(scale * (d + 0.5) - 0.5), 0)
                     i0    = min(floor(src), n_in - 1),  i1 = min(i0 + 1, n_in - 1)
                     w1    = min(max(fround(src - i0), 0), 1),  w0 = fround(1 - w1)

A value is interpolated along x first, on both source rows, and then along y, each time as

    blend(p0, p1) = fround(p0 * w0 + fround(p1 * w1))

Only the box in which the result can be above the threshold is computed, a band of rows at a time: a weighted mean of
values that are not positive is not positive, so the box is exact. Must not know: torch, files, prompts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from sam_core.errors import InvalidMaskError
from sam_core.geometry import PhotoGeometry
from sam_core.masks import rle

Logits = npt.NDArray[np.float32]
_BAND_PIXELS = 2**16  # 64 Ki float64 values fit the second-level cache with their neighbours
_ROUNDING_SLACK = 1e-6  # a mean of equal values may exceed them by one unit in the last place (6e-8)


@dataclass(frozen=True)
class Taps:
    """Is one axis of a bilinear resize: n_out source indices and float32 weights, value = p[i0] * w0 + p[i1] * w1."""

    i0: npt.NDArray[np.intp]
    i1: npt.NDArray[np.intp]
    w0: Logits
    w1: Logits
    is_identity: bool

    def part(self, first: int, stop: int) -> Taps:
        """Return the taps of the outputs first..stop-1, with indices counted from the first source they read."""
        origin = self.i0[first]
        i0, i1 = self.i0[first:stop] - origin, self.i1[first:stop] - origin
        return Taps(i0, i1, self.w0[first:stop], self.w1[first:stop], self.is_identity)

    def sources(self, outputs: tuple[int, int]) -> tuple[int, int]:
        """Return the half-open range of sources that a half-open range of outputs reads."""
        return int(self.i0[outputs[0]]), int(self.i1[outputs[1] - 1]) + 1


@lru_cache(maxsize=64)
def bilinear_taps(n_in: int, n_out: int) -> Taps:
    """Return the taps that resize n_in samples to n_out, as the module's docstring defines them."""
    outputs = np.arange(n_out, dtype=np.float64)
    if n_in == n_out:
        index = outputs.astype(np.intp)
        return Taps(index, index, np.ones(n_out, np.float32), np.zeros(n_out, np.float32), is_identity=True)
    scale = np.float64(np.float32(n_in / n_out))
    source = np.maximum((scale * (outputs + 0.5) - 0.5).astype(np.float32), np.float32(0))
    i0 = np.minimum(np.floor(source).astype(np.intp), n_in - 1)
    w1 = np.clip((source - i0).astype(np.float32), np.float32(0), np.float32(1))
    return Taps(i0, np.minimum(i0 + 1, n_in - 1), np.float32(1) - w1, w1, is_identity=False)


@dataclass(frozen=True)
class Band:
    """Is a piece of the up-sampled logits: float32 values, rows x columns, whose first pixel is at (top, left)."""

    top: int
    left: int
    values: Logits


def mask_at_original_size(logits: npt.NDArray[Any], geometry: PhotoGeometry) -> rle.BoolMask:
    """Return the binary mask (logit > 0), H x W, of low-res logits, side x side.

    Raises InvalidMaskError for what is no such logits.
    """
    mask = np.zeros(geometry.original_size, dtype=np.bool_)
    for band in upsampled_bands(logits, geometry, above=0.0):
        height, width = band.values.shape
        mask[band.top : band.top + height, band.left : band.left + width] = band.values > 0
    return mask


def upsampled_bands(logits: npt.NDArray[Any], geometry: PhotoGeometry, *, above: float) -> Iterator[Band]:
    """Yield the logits at original_size, top to bottom, in a box that holds every value > `above`; nothing if none can.

    The bands share their columns and follow each other without a gap. No pixel outside them is > `above`.
    """
    low = _checked(logits)
    (rows_px, columns_px), (height, width) = geometry.middle_size((low.shape[0], low.shape[1]))
    inner = bilinear_taps(low.shape[0], rows_px), bilinear_taps(low.shape[1], columns_px)
    outer = bilinear_taps(height, geometry.original_size[0]), bilinear_taps(width, geometry.original_size[1])
    candidates: rle.BoolMask = low > above - abs(above) * _ROUNDING_SLACK
    rows = _reach(np.any(candidates, axis=1), inner[0], height, outer[0])
    columns = _reach(np.any(candidates, axis=0), inner[1], width, outer[1])
    if rows is None or columns is None:
        return
    middle_rows, middle_columns = outer[0].sources(rows), outer[1].sources(columns)
    low_rows, low_columns = inner[0].sources(middle_rows), inner[1].sources(middle_columns)
    inner_parts = inner[0].part(*middle_rows), inner[1].part(*middle_columns)
    outer_parts = outer[0].part(*rows), outer[1].part(*columns)
    middle = np.concatenate(list(_resize(low[slice(*low_rows), slice(*low_columns)], *inner_parts)))
    top = rows[0]
    for values in _resize(middle, *outer_parts):
        yield Band(top, columns[0], values)
        top += values.shape[0]


def _checked(logits: npt.NDArray[Any]) -> Logits:
    if logits.ndim != 2 or logits.size == 0 or logits.dtype.kind != "f":
        raise InvalidMaskError(f"low-res logits must be H x W floats, got {logits.dtype} {logits.shape}")
    low = logits.astype(np.float32, copy=False)
    if not bool(np.isfinite(low).all()):
        raise InvalidMaskError("low-res logits hold values that are not finite")
    return low


def _reach(candidates: rle.BoolMask, inner: Taps, cropped: int, outer: Taps) -> tuple[int, int] | None:
    """Return the half-open range of outputs that read a candidate source through both resizes; None if none does."""
    middle = (candidates[inner.i0] | candidates[inner.i1])[:cropped]
    outputs = np.flatnonzero(middle[outer.i0] | middle[outer.i1])
    return (int(outputs[0]), int(outputs[-1]) + 1) if outputs.size else None


def _resize(source: Logits, rows: Taps, columns: Taps) -> Iterator[Logits]:
    """Yield the resized source in bands of rows: along x on the sources that a band reads, then along y."""
    step = max(1, _BAND_PIXELS // columns.i0.size)
    for first in range(0, rows.i0.size, step):
        stop = min(first + step, rows.i0.size)
        reads = slice(*rows.sources((first, stop)))
        band = rows.part(first, stop)
        across = blend(source[reads], columns, axis=1)
        yield blend(across, band, axis=0)


def blend(source: Logits, taps: Taps, *, axis: int) -> Logits:
    """Return source (rows x columns) resized along one axis, as the module's docstring defines it."""
    if taps.is_identity:
        return source
    w0, w1 = (taps.w0[:, None], taps.w1[:, None]) if axis == 0 else (taps.w0, taps.w1)
    second = np.take(source, taps.i1, axis=axis) * w1  # rounded to float32
    total = np.multiply(np.take(source, taps.i0, axis=axis), w0, dtype=np.float64)  # exact
    total += second
    return total.astype(np.float32)
