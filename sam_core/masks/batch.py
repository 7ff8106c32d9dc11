"""Check and measure many compressed RLEs at once: one pass of numpy over all their characters.

Reading a mask alone costs some twenty numpy calls whatever its size, so a million small masks would take minutes.
Here the counts of a batch are laid end to end and read together. Only strings that are sound and canonical take this
way; every other one is read alone by rle.py, whose words then say what is wrong with it. Must not know: torch, files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sam_core.errors import InvalidMaskError
from sam_core.masks import rle
from sam_core.masks.counts import MAX_MASK_PIXELS

_BATCH_CHARS = 2**20  # a batch takes about 100 bytes of memory for each character
_MAX_GROUPS = 7
_FIRST_CHAR, _PAYLOAD, _SIGN, _MORE = 48, 31, 16, 32
_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]


class MeasuredMask(NamedTuple):
    """Is a mask that has been decoded: canonical counts, area in pixels, tight box (x, y, width, height)."""

    counts: str
    area: int
    bbox_xywh: tuple[int, int, int, int]


def measure_masks(counts: Sequence[Any], sizes: Sequence[tuple[int, int]]) -> list[MeasuredMask | InvalidMaskError]:
    """Return, for each counts (str, bytes or list of runs) at its (height, width), the measured mask or what is wrong.

    Errors are returned, not raised, so that one bad mask costs no other.
    """
    results: list[MeasuredMask | InvalidMaskError] = []
    for first, stop in _batches(counts):
        results += _measure_batch(counts[first:stop], sizes[first:stop])
    return results


def measure_alone(counts: Any, size: tuple[int, int]) -> MeasuredMask | InvalidMaskError:
    """Return one measured mask, or what is wrong with it."""
    try:
        parsed = rle.parse({"size": list(size), "counts": counts})
        x, y, width, height = rle.bbox_xywh(parsed)
        return MeasuredMask(parsed["counts"], rle.area(parsed), (x, y, width, height))
    except InvalidMaskError as error:
        return error


def _batches(counts: Sequence[Any]) -> Iterator[tuple[int, int]]:
    first = total = 0
    for index, text in enumerate(counts):
        total += len(text) if isinstance(text, str) else 0
        if total > _BATCH_CHARS:
            yield first, index + 1
            first, total = index + 1, 0
    if first < len(counts):
        yield first, len(counts)


def _measure_batch(counts: Sequence[Any], sizes: Sequence[tuple[int, int]]) -> list[MeasuredMask | InvalidMaskError]:
    plain = [i for i, text in enumerate(counts) if _may_go_together(text, sizes[i])]
    measured: dict[int, MeasuredMask] = {}
    if plain:
        heights = np.fromiter((sizes[i][0] for i in plain), np.int64, len(plain))
        widths = np.fromiter((sizes[i][1] for i in plain), np.int64, len(plain))
        is_good, areas, boxes = _read_together([counts[i] for i in plain], heights, widths)
        for good, i, area, box in zip(is_good.tolist(), plain, areas.tolist(), boxes.tolist(), strict=True):
            if good:
                measured[i] = MeasuredMask(counts[i], area, tuple(box))
    return [measured.get(i) or measure_alone(text, sizes[i]) for i, text in enumerate(counts)]


def _may_go_together(text: Any, size: tuple[int, int]) -> bool:
    if not isinstance(text, str) or not text or not text.isascii() or len(text) > _BATCH_CHARS:
        return False
    height, width = size
    sound = type(height) is int and type(width) is int and height > 0 and width > 0
    return sound and height * width <= MAX_MASK_PIXELS


def _read_together(texts: list[str], heights: _Ints, widths: _Ints) -> tuple[_Bools, _Ints, _Ints]:
    """Return, one row each: whether the text is sound, canonical and has a pixel; area; box (x, y, width, height)."""
    codes = np.frombuffer("".join(texts).encode("ascii"), np.uint8) - np.uint8(_FIRST_CHAR)  # below it wraps around
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    stops = np.cumsum(lengths)
    is_good = np.maximum.reduceat(codes, stops - lengths) <= (_PAYLOAD | _MORE)
    is_good &= (codes[stops - 1] & _MORE) == 0
    if not bool(is_good.all()):  # numbers would run on into the next mask: read the others again without them
        areas, boxes = np.zeros(len(texts), np.int64), np.zeros((len(texts), 4), np.int64)
        kept = np.flatnonzero(is_good)
        if kept.size:
            part = _read_together([texts[i] for i in kept], heights[kept], widths[kept])
            is_good[kept], areas[kept], boxes[kept] = part
        return is_good, areas, boxes
    numbers, per_row, is_tidy = _numbers(codes, stops)
    return _measure(_runs(numbers, per_row), per_row, is_tidy, heights, widths)


def _numbers(codes: npt.NDArray[np.uint8], stops: _Ints) -> tuple[_Ints, _Ints, _Bools]:
    """Return all numbers, how many each row has, and whether each row writes all of its numbers the shortest way."""
    ends = np.flatnonzero(codes < _MORE)  # the last group of each number has no sign that another follows
    starts = np.concatenate([[0], ends[:-1] + 1])
    groups = ends - starts + 1
    numbers = (codes[starts] & _PAYLOAD).astype(np.int64)
    longer = np.flatnonzero(groups > 1)
    for place in range(1, _MAX_GROUPS):
        numbers[longer] |= (codes[starts[longer] + place] & _PAYLOAD).astype(np.int64) << (5 * place)
        longer = longer[groups[longer] > place + 1]
    last = codes[ends]
    negative = np.flatnonzero(last & _SIGN)
    numbers[negative] -= np.int64(1) << (5 * np.minimum(groups[negative], _MAX_GROUPS))
    goes_on_negative = (codes[np.maximum(ends - 1, 0)] & _SIGN) != 0
    is_padded = (groups > 1) & np.where(goes_on_negative, last == _PAYLOAD, last == 0)
    last_numbers = np.searchsorted(ends, stops - 1)
    per_row = np.diff(last_numbers, prepend=-1)
    is_tidy = np.logical_and.reduceat((groups <= _MAX_GROUPS) & ~is_padded, last_numbers - per_row + 1)
    return numbers, per_row, is_tidy


def _runs(numbers: _Ints, per_row: _Ints) -> _Ints:
    """Return run lengths: from the fourth on, a number is the difference to the run two places before."""
    first = np.cumsum(per_row) - per_row
    place = np.arange(numbers.size) - np.repeat(first, per_row)
    runs = numbers.copy()
    for chosen in ((place & 1) == 1, ((place & 1) == 0) & (place > 0)):
        values = numbers[chosen]
        totals = np.cumsum(values)
        is_start = place[chosen] <= 2  # the second and the third number of a row start their sums
        base = np.where(is_start, totals - values, 0)
        starts = np.flatnonzero(is_start)
        spans = np.diff(starts, append=values.size)
        runs[chosen] = totals - np.repeat(base[starts], spans)
    return runs


def _measure(
    runs: _Ints, per_row: _Ints, is_tidy: _Bools, heights: _Ints, widths: _Ints
) -> tuple[_Bools, _Ints, _Ints]:
    first = np.cumsum(per_row) - per_row
    pixels = heights * widths
    place = np.arange(runs.size) - np.repeat(first, per_row)
    limit = np.repeat(pixels, per_row)
    fits = (runs >= 0) & (runs <= limit) & ((runs > 0) | (place == 0))
    totals = np.cumsum(runs)
    row_ends = first + per_row - 1
    base = totals[first] - runs[first]
    is_good = is_tidy & np.logical_and.reduceat(fits, first) & (totals[row_ends] - base == pixels) & (per_row > 1)
    foreground = np.flatnonzero(place & 1)
    spans = runs[foreground]
    stops = totals[foreground] - np.repeat(base, per_row // 2)
    first_span = np.cumsum(per_row // 2) - per_row // 2
    areas, boxes = np.zeros(per_row.size, np.int64), np.zeros((per_row.size, 4), np.int64)
    has_spans = per_row > 1
    if bool(has_spans.any()):
        areas[has_spans] = np.add.reduceat(spans, first_span[has_spans])
        span_heights = np.repeat(heights, per_row // 2)
        boxes[has_spans] = _boxes(stops - spans, stops, first_span[has_spans], span_heights)
    return is_good, areas, boxes


def _boxes(starts: _Ints, stops: _Ints, first: _Ints, heights: _Ints) -> _Ints:
    """Return the box of each row's spans of foreground, given where they start and stop in pixels, column by column."""
    left, right = starts // heights, (stops - 1) // heights
    is_whole = left != right  # it enters the next column, so it touches the last row and the first
    top = np.where(is_whole, 0, starts - left * heights)
    bottom = np.where(is_whole, heights - 1, stops - 1 - right * heights)
    low = [np.minimum.reduceat(values, first) for values in (left, top)]
    high = [np.maximum.reduceat(values, first) for values in (right, bottom)]
    return np.stack([low[0], low[1], high[0] - low[0] + 1, high[1] - low[1] + 1], axis=1)
