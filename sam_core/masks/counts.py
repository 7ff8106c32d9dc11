"""The compressed counts string of COCO RLE, read and checked before any C code sees it.

pycocotools trusts its input: corrupt counts make it write outside its buffers. So everything that enters is parsed
here, in numpy, into runs that are known to be sound. Knows nothing of pixels or files.

The format (pycocotools, maskApi.c): a run length is cut into groups of 5 bits, least significant first; each group is
one character, 48 + (payload | 32 if another group follows); the last group's bit 16 is the sign. From the fourth run
on, a number is the difference to the run two places before.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sam_core.errors import InvalidMaskError

MAX_MASK_PIXELS = 2**28  # a mask is one byte a pixel when decoded: 256 MiB, more than any photo we take in
_MAX_GROUPS = 7  # 35 bits hold every 32-bit difference with its sign
_FIRST_CHAR = 48
_PAYLOAD, _SIGN, _MORE = 31, 16, 32

Runs = NDArray[np.int64]


def check_size(size: object) -> tuple[int, int]:
    """Return (height, width) as ints; InvalidMaskError unless both are positive and the area is one we decode."""
    if not isinstance(size, Sequence) or isinstance(size, str | bytes) or len(size) != 2:
        raise InvalidMaskError(f"an RLE size must be [height, width], got {size!r:.80}")
    if not all(isinstance(side, int | np.integer) and not isinstance(side, bool) for side in size):
        raise InvalidMaskError(f"an RLE size must hold two whole numbers, got {size!r:.80}")
    height, width = int(size[0]), int(size[1])
    if height < 1 or width < 1:
        raise InvalidMaskError(f"an RLE size must be positive, got {height} x {width}")
    if height * width > MAX_MASK_PIXELS:
        raise InvalidMaskError(f"a mask of {height} x {width} is larger than {MAX_MASK_PIXELS} pixels")
    return height, width


def parse_counts(counts: str | bytes, *, pixels: int) -> Runs:
    """Return the run lengths, zeros first, of a compressed counts string that covers exactly `pixels`."""
    numbers = _read_numbers(_characters(counts, pixels))
    runs = numbers.copy()
    runs[1::2] = np.cumsum(numbers[1::2])  # every difference looks two places back
    runs[2::2] = np.cumsum(numbers[2::2])
    return check_runs(runs, pixels=pixels)


def check_runs(runs: Runs | Sequence[int], *, pixels: int) -> Runs:
    """Return the runs as int64; InvalidMaskError unless they are whole, not negative, and add up to `pixels`."""
    try:
        array = np.asarray(runs)
    except (ValueError, OverflowError) as error:
        raise InvalidMaskError(f"RLE counts must be a flat list of whole numbers: {error}") from error
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iu":
        raise InvalidMaskError("RLE counts must be a flat list of whole numbers that is not empty")
    if array.size > pixels + 1:
        raise InvalidMaskError(f"RLE counts hold {array.size} runs for only {pixels} pixels")
    if bool((array < 0).any()) or bool((array > pixels).any()):
        raise InvalidMaskError(f"an RLE run is negative or longer than the mask's {pixels} pixels")
    array = array.astype(np.int64)
    if int(array.sum()) != pixels:
        raise InvalidMaskError(f"RLE counts add up to {int(array.sum())} pixels, the mask has {pixels}")
    return array


def canonical_runs(runs: Runs) -> Runs:
    """Return the one shortest form: no empty run but perhaps the first, and neighbours of one value joined.

    pycocotools stops early in IoU and merge where two masks have an empty run at the same place.
    """
    if bool((runs[1:] > 0).all()):
        return runs
    ends = np.cumsum(runs)
    values = np.arange(runs.size) & 1
    keep = runs > 0
    ends, values = ends[keep], values[keep]
    last_of_value = np.append(values[1:] != values[:-1], True)
    joined = np.diff(ends[last_of_value], prepend=0)
    return joined if values[0] == 0 else np.insert(joined, 0, 0)


def _characters(counts: str | bytes, pixels: int) -> NDArray[np.int64]:
    if isinstance(counts, str):
        if not counts.isascii():
            raise InvalidMaskError("compressed RLE counts hold characters outside ASCII")
        counts = counts.encode("ascii")
    if not isinstance(counts, bytes) or not counts:
        raise InvalidMaskError("compressed RLE counts must be a string that is not empty")
    if len(counts) > _MAX_GROUPS * (pixels + 1):
        raise InvalidMaskError(f"compressed RLE counts of {len(counts)} characters cannot belong to {pixels} pixels")
    codes = np.frombuffer(counts, dtype=np.uint8).astype(np.int64) - _FIRST_CHAR
    if bool((codes < 0).any()) or bool((codes > (_PAYLOAD | _MORE)).any()):
        raise InvalidMaskError("compressed RLE counts hold a character that is not part of the format")
    return codes


def _read_numbers(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    is_last = (codes & _MORE) == 0
    if not is_last[-1]:
        raise InvalidMaskError("compressed RLE counts end in the middle of a number")
    ends = np.flatnonzero(is_last)
    starts = np.concatenate([[0], ends[:-1] + 1])
    groups = ends - starts + 1
    if int(groups.max()) > _MAX_GROUPS:
        raise InvalidMaskError("compressed RLE counts hold a number too long for a run")
    place = np.arange(codes.size) - np.repeat(starts, groups)
    numbers = np.add.reduceat((codes & _PAYLOAD) << (5 * place), starts)
    is_negative = (codes[ends] & _SIGN) != 0
    numbers[is_negative] -= np.int64(1) << (5 * groups[is_negative])
    return numbers.astype(np.int64)
