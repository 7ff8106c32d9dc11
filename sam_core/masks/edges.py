"""Masks whose edges follow the photo's: a guided filter with the photo as its guide, on the grid of low-res cells.

Around every cell, for each of RADII, the mask's probability is fitted as a linear function of the colour, by ridge
regression over the window of (2 r + 1)^2 cells that lie on the photo; a cell's answer is the mean of what the windows
that hold it say about its colour, and the mean over RADII. So an edge of the mask that lies a cell or two beside an
edge of the photo moves onto it, and stays where the photo has none. Models ask for it (`Sam.snaps_to_edges`);
published ones do not. Reasons and figures: docs/adr/0022. Mirrored by frontend/src/inference/edges.ts;
fixtures/golden/edges holds both together, to 1e-5 (their sums are taken in different orders).
Source: He, Sun, Tang, Guided Image Filtering, IEEE TPAMI 35(6), 2013, equations 5, 6 and 19 to 21.
Must not know: torch, models, prompts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sam_core.masks.grid import without_padding
from sam_core.masks.upsample import MaskGeometry

RADII = (1, 3)  # cells
SMOOTHNESS = 6.5  # squared 8-bit levels: colours that differ by less than its root (1 % of the range) are one surface
CERTAIN = 8.0  # logit: no answer is more certain, nor can it be (sigmoid(8) = .9997)
FAINT = -4.0  # logit: an object's surroundings end where all is below
Floats = npt.NDArray[np.float64]
Span = slice


def photo_cells(model_rgb: npt.NDArray[np.uint8], cell_px: int) -> npt.NDArray[np.uint8]:
    """Return the mean colour of each low-res cell (rows x columns x 3, uint8) of a photo as the model is fed it.

    model_rgb: H x W x 3 after resizing, without padding. cell_px: a cell's side in it. A cell that ends beyond the
    photo is the mean of what lies on it.
    """
    height, width = model_rgb.shape[:2]
    below, beside = -height % cell_px, -width % cell_px
    padded = np.pad(model_rgb, ((0, below), (0, beside), (0, 0)), mode="edge")
    blocks = padded.reshape(padded.shape[0] // cell_px, cell_px, padded.shape[1] // cell_px, cell_px, 3)
    cells: npt.NDArray[np.uint8] = (blocks.mean(axis=(1, 3)) + 0.5).astype(np.uint8)
    return cells


@dataclass(frozen=True)
class _Windows:
    """Is what the windows of one radius hold: how many cells, their mean colour, and the ridge regression's matrix."""

    radius: int
    count: Floats  # rows x columns
    mean: Floats  # 3 x rows x columns
    inverse: Floats  # 3 x 3 x rows x columns, of the colours' covariance plus SMOOTHNESS


class EdgeGuide:
    """A photo's cells, ready to guide any number of masks of it."""

    def __init__(self, cells_rgb: npt.NDArray[np.uint8]) -> None:
        """Prepare rows x columns x 3 colours, as photo_cells gives them."""
        self.colors: Floats = cells_rgb.transpose(2, 0, 1).astype(np.float64)  # 3 x rows x columns
        self._windows = [_windows_of(self.colors, radius) for radius in RADII]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.colors.shape[1], self.colors.shape[2]

    def snap(self, logits: npt.NDArray[Any], geometry: MaskGeometry) -> npt.NDArray[Any]:
        """Return logits (... x side x side, low-res) whose masks above zero end where the photo's edges are.

        Raises ValueError for a guide of a photo of another shape.
        """
        snapped = logits.copy()
        on_photo = without_padding(snapped, geometry)
        if on_photo.shape[-2:] != self.shape:
            raise ValueError(f"a guide of {self.shape} cells for a photo of {on_photo.shape[-2:]}")
        for index in np.ndindex(on_photo.shape[:-2]):
            self._snap_in_place(on_photo[index])
        return snapped

    def _snap_in_place(self, mask: npt.NDArray[Any]) -> None:
        """Snap one mask (rows x columns); beyond an object's surroundings nothing can change."""
        places = np.nonzero(mask > FAINT)
        if not len(places[0]):
            return
        rows, columns = (
            _grown(slice(int(at.min()), int(at.max()) + 1), 2 * max(RADII), length)
            for at, length in zip(places, mask.shape, strict=True)
        )
        probability = np.tanh(mask.astype(np.float64) / 2)  # from -1 to 1
        total = sum(self._filtered(probability, windows, rows, columns) for windows in self._windows)
        limit = np.tanh(CERTAIN / 2)
        mask[rows, columns] = 2 * np.arctanh(np.clip(total / len(RADII), -limit, limit))

    def _filtered(self, mask: Floats, windows: _Windows, rows: Span, columns: Span) -> Floats:
        """Return the guided filter's answer in rows x columns of a mask of the whole photo."""
        near = np.s_[_grown(rows, windows.radius, mask.shape[0]), _grown(columns, windows.radius, mask.shape[1])]
        count, mean, inverse = windows.count[near], windows.mean[:, *near], windows.inverse[:, :, *near]
        own = _box_sum(mask, windows.radius, *near) / count
        shared = _box_sum(self.colors * mask, windows.radius, *near) / count - mean * own
        slope = (inverse * shared).sum(axis=1)  # 3 x rows x columns
        offset = own - (slope * mean).sum(axis=0)
        inner = np.s_[_within(rows, near[0]), _within(columns, near[1])]
        slopes, offsets = _box_sum(slope, windows.radius, *inner), _box_sum(offset, windows.radius, *inner)
        answer: Floats = ((slopes * self.colors[:, rows, columns]).sum(axis=0) + offsets) / windows.count[rows, columns]
        return answer


def _windows_of(colors: Floats, radius: int) -> _Windows:
    whole = np.s_[0 : colors.shape[1], 0 : colors.shape[2]]
    count = _box_sum(np.ones(colors.shape[1:]), radius, *whole)
    mean = _box_sum(colors, radius, *whole) / count
    products = _box_sum(colors[:, None] * colors[None], radius, *whole) / count
    covariance = products - mean[:, None] * mean[None] + SMOOTHNESS * np.eye(3)[:, :, None, None]
    return _Windows(radius, count, mean, _inverse_of(covariance))


def _inverse_of(symmetric: Floats) -> Floats:
    """Invert matrices (3 x 3 x rows x columns), by cofactors."""
    (rr, rg, rb), (_, gg, gb), (_, _, bb) = symmetric
    first = np.stack([gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg])
    second = np.stack([first[1], rr * bb - rb * rb, rg * rb - rr * gb])
    third = np.stack([first[2], second[2], rr * gg - rg * rg])
    inverse: Floats = np.stack([first, second, third]) / (rr * first[0] + rg * first[1] + rb * first[2])
    return inverse


def _box_sum(values: Floats, radius: int, rows: Span, columns: Span) -> Floats:
    """Return for each cell of rows x columns the sum of values (... x H x W) at most radius away from it both ways."""
    return _line_sum(_line_sum(values, radius, rows, -2), radius, columns, -1)


def _line_sum(values: Floats, radius: int, span: Span, axis: int) -> Floats:
    sums = np.cumsum(values, axis=axis)
    sums = np.insert(sums, 0, 0.0, axis=axis)
    at = np.arange(span.start, span.stop)
    length = values.shape[axis]
    upper, lower = np.minimum(at + radius + 1, length), np.maximum(at - radius, 0)
    answer: Floats = sums.take(upper, axis=axis) - sums.take(lower, axis=axis)
    return answer


def _grown(span: Span, by: int, length: int) -> Span:
    return slice(max(0, span.start - by), min(length, span.stop + by))


def _within(span: Span, outer: Span) -> Span:
    return slice(span.start - outer.start, span.stop - outer.start)
