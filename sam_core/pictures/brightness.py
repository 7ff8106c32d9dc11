"""Values beyond 8 bit on a screen of 256 levels: which range of them is shown, and stretching to it.

A range is (low, high): low becomes black, high white. Work is done in bands of rows, so that a large photo is never
held twice as numbers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sam_core.pictures.errors import PictureRefusedError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BAND_VALUES = 1 << 20
BINS = 1 << 16
LARGEST_WIDTH = 1e300
# The darkest and brightest ten-thousandth of the pixels are no measure: a hot pixel would darken the whole photo.
IGNORED_PERCENT = 0.01
# Full scales of cameras and instruments. One is taken as it is when the photo uses a third of it or more, so that a
# 16-bit copy looks like its 8-bit original; below that the used range itself is stretched.
FULL_SCALES = (255, 1023, 4095, 16383, 65535)
ENOUGH_OF_A_SCALE = 1 / 3


@dataclass(frozen=True)
class Window:
    """What a person wants to see: the range in use, or from `low` to `high`, in values or in per cent of the pixels.

    `kind` is used, values or percent.
    """

    kind: str = "used"
    low: float = 0.0
    high: float = 0.0

    def __post_init__(self) -> None:
        is_ordered = self.low < self.high and abs(self.low) < 1e12 and abs(self.high) < 1e12
        if self.kind not in {"used", "values", "percent"} or (self.kind != "used" and not is_ordered):
            raise PictureRefusedError("bad_window", "The lowest value shown must be smaller than the highest.")
        if self.kind == "percent" and not 0 <= self.low < self.high <= 100:
            raise PictureRefusedError("bad_window", "Per cent lie between 0 and 100.")


USED = Window()


def stretch(values: "NDArray[Any]", window: Window, *, is_inverted: bool = False) -> "NDArray[np.uint8]":
    """Return values (any shape, integers or floats) as 0..255; what is not a number becomes black."""
    import numpy as np

    low, high = shown_range(values, window)
    levels = np.empty(values.shape, np.uint8)
    table = _levels(np.arange(BINS), low, high, is_inverted=is_inverted) if values.dtype == np.uint16 else None
    for rows in _bands(values):
        if table is None:
            levels[rows] = _levels(values[rows], low, high, is_inverted=is_inverted)
        else:
            np.take(table, values[rows], out=levels[rows])
    return levels


def _levels(values: "NDArray[Any]", low: float, high: float, *, is_inverted: bool) -> "NDArray[np.uint8]":
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        part = np.nan_to_num((values.astype(np.float64) - low) * (255.0 / (high - low)), posinf=255.0, neginf=0.0)
    levels = np.clip(np.rint(part), 0, 255).astype(np.uint8)
    return 255 - levels if is_inverted else levels


def shown_range(values: "NDArray[Any]", window: Window) -> tuple[float, float]:
    """Return (low, high) for these values, low < high."""
    if window.kind == "values":
        return window.low, window.high
    percent = (window.low, window.high) if window.kind == "percent" else (IGNORED_PERCENT, 100 - IGNORED_PERCENT)
    low, high = _percentiles(values, percent)
    if window.kind == "percent":
        return (low, high) if low < high else (low, low + abs(low) + 1)
    scales: Sequence[float] = FULL_SCALES if values.dtype.kind in "ui" else (1, *FULL_SCALES)
    full = next((float(scale) for scale in scales if high <= scale), 0.0)
    if low >= 0 and full and (low == high or high - low >= full * ENOUGH_OF_A_SCALE):
        return 0.0, full
    return (low, high) if low < high else (low - abs(low) - 1, low + abs(low) + 1)


def _bands(values: "NDArray[Any]") -> Iterator[slice]:
    step = max(1, BAND_VALUES * len(values) // max(1, values.size))
    for first in range(0, len(values), step):
        yield slice(first, first + step)


def _percentiles(values: "NDArray[Any]", percent: tuple[float, float]) -> tuple[float, float]:
    """Return the values below which so many per cent of the finite ones lie, to one part in 65536 of their range."""
    import numpy as np

    lowest, step = (0.0, 1.0) if values.dtype == np.uint16 else _scale_of_bins(values)
    if step == 0:
        return lowest, lowest
    counts = np.zeros(BINS, np.int64)
    for rows in _bands(values):
        counts += np.bincount(_places(values[rows], lowest, step), minlength=BINS)[:BINS]
    sums = np.cumsum(counts)
    wanted = [sums[-1] * share / 100 for share in percent]
    low = int(np.searchsorted(sums, wanted[0], side="right"))
    high = int(np.searchsorted(sums, wanted[1], side="left"))
    return lowest + min(low, BINS - 1) * step, lowest + min(high, BINS - 1) * step


def _places(part: "NDArray[Any]", lowest: float, step: float) -> "NDArray[Any]":
    """Return the bin of each finite value, flat."""
    import numpy as np

    if part.dtype == np.uint16:
        return part.ravel()
    part = part[np.isfinite(part)] if part.dtype.kind == "f" else part.ravel()
    return ((part.astype(np.float64) - lowest) / step).astype(np.int64)


def _scale_of_bins(values: "NDArray[Any]") -> tuple[float, float]:
    """Return the lowest finite value and the width of a bin; 0 where there is but one value."""
    lowest, highest = _extremes(values)
    width = highest - lowest
    if width > LARGEST_WIDTH:
        raise PictureRefusedError("no_values", "The image's values lie too far apart to be shown.")
    is_exact = values.dtype.kind in "ui" and 0 < width < BINS
    return lowest, 1.0 if is_exact else width / (BINS - 1)


def _extremes(values: "NDArray[Any]") -> tuple[float, float]:
    import numpy as np

    lows, highs = [], []
    for rows in _bands(values):
        part = values[rows]
        part = part[np.isfinite(part)] if part.dtype.kind == "f" else part
        if part.size:
            lows.append(float(part.min()))
            highs.append(float(part.max()))
    if not lows:
        raise PictureRefusedError("no_values", "The image holds no number that can be shown.")
    return min(lows), max(highs)
