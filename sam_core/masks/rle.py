"""COCO run-length encoding: the stored truth of every mask, column-major, zeros first.

A `CocoRle` is what COCO and SA-1B JSON hold: {"size": [height, width], "counts": str}. Every function checks what it
is given before pycocotools sees it (see counts.py), and answers with canonical counts, the same bytes for the same
pixels. pycocotools encodes, merges and compares; decoding is a repeat of the runs that the check has parsed already.
Areas, boxes, IoU and set operations never decode to pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco

from sam_core.errors import InvalidMaskError
from sam_core.masks.counts import Runs, canonical_runs, check_runs, check_size, parse_counts

BoolMask = npt.NDArray[np.bool_]


class CocoRle(TypedDict):
    """Is a mask as COCO JSON holds it: size is [height, width], counts the compressed string."""

    size: list[int]
    counts: str


def encode(mask: npt.NDArray[Any]) -> CocoRle:
    """Encode a mask, H x W, of bool or integers (not zero is foreground)."""
    if mask.ndim != 2 or mask.dtype.kind not in "biu":
        raise InvalidMaskError(f"a mask must be H x W of bool or integers, got {mask.dtype} {mask.shape}")
    height, width = check_size(mask.shape)
    column_major = np.asfortranarray(mask != 0).view(np.uint8)
    return {"size": [height, width], "counts": coco.encode(column_major)["counts"].decode("ascii")}


def encode_within(mask: BoolMask, *, corner: tuple[int, int], size: tuple[int, int]) -> CocoRle:
    """Encode a bool mask that lies in a larger one of `size`, empty but for it, with its first pixel at corner (y, x).

    Takes time and memory for the small mask alone.
    """
    height, width = check_size(size)
    (top, left), (rows, columns) = corner, mask.shape
    if top < 0 or left < 0 or top + rows > height or left + columns > width:
        raise InvalidMaskError(f"a mask of {mask.shape} at {corner} does not fit into {size}")
    padded = np.zeros((columns, rows + 2), np.bool_)
    padded[:, 1:-1] = mask.T
    flat = padded.ravel()
    column, row = np.divmod(np.flatnonzero(flat[1:] != flat[:-1]), rows + 2)  # every column starts and ends outside
    edges = (column + left) * height + row + top
    runs = np.diff(edges, prepend=0, append=height * width)
    return _from_canonical(canonical_runs(runs[:-1] if runs[-1] == 0 else runs), height, width)


def empty(size: tuple[int, int]) -> CocoRle:
    """Return the mask of (height, width) without a pixel."""
    height, width = check_size(size)
    return from_runs([height * width], size=(height, width))


def decode(rle: Mapping[str, Any]) -> BoolMask:
    """Decode to a bool mask, H x W, row-major; takes compressed and uncompressed counts."""
    height, width, runs = _read(rle)
    is_foreground = (np.arange(runs.size) & 1).astype(np.bool_)
    return np.ascontiguousarray(np.repeat(is_foreground, runs).reshape(width, height).T)


def decode_within(rle: Mapping[str, Any], *, rows: slice, columns: slice) -> BoolMask:
    """Decode a window of a mask, given by slices without a step; takes time for its columns alone."""
    height, width, runs = _read(rle)
    top, bottom, _ = rows.indices(height)
    left, right, _ = columns.indices(width)
    if right <= left or bottom <= top:
        return np.zeros((max(bottom - top, 0), max(right - left, 0)), np.bool_)
    ends = np.clip(np.cumsum(runs), left * height, right * height)
    inside = np.diff(ends, prepend=left * height)
    is_foreground = (np.arange(runs.size) & 1).astype(np.bool_)
    pixels = np.repeat(is_foreground, inside).reshape(right - left, height)
    return np.ascontiguousarray(pixels[:, top:bottom].T)


def parse(rle: Mapping[str, Any]) -> CocoRle:
    """Check an RLE from outside (counts as str, bytes or list of runs) and return it with canonical counts."""
    height, width, runs = _read(rle)
    return _from_canonical(canonical_runs(runs), height, width)


def from_runs(runs: Sequence[int] | npt.NDArray[np.integer[Any]], *, size: tuple[int, int]) -> CocoRle:
    """Make an RLE of column-major run lengths, zeros first, for a mask of (height, width)."""
    height, width = check_size(size)
    return _from_canonical(canonical_runs(check_runs(np.asarray(runs), pixels=height * width)), height, width)


def to_runs(rle: Mapping[str, Any]) -> Runs:
    """Return the canonical column-major run lengths, zeros first (the uncompressed counts of COCO)."""
    return canonical_runs(_read(rle)[2])


def area(rle: Mapping[str, Any]) -> int:
    """Return the number of foreground pixels."""
    return int(_read(rle)[2][1::2].sum())


def bbox_xywh(rle: Mapping[str, Any]) -> list[int]:
    """Return the tight box [x, y, width, height] in pixels; [0, 0, 0, 0] for an empty mask."""
    height, _, runs = _read(rle)
    runs = canonical_runs(runs)
    ends = np.cumsum(runs)
    starts, stops = ends[0::2][: runs.size // 2], ends[1::2]  # half-open pixel ranges of the foreground
    if starts.size == 0:
        return [0, 0, 0, 0]
    first_column, last_column = int(starts[0] // height), int((stops[-1] - 1) // height)
    if bool((starts // height != (stops - 1) // height).any()):  # a run that enters the next column
        top, bottom = 0, height - 1
    else:
        top, bottom = int((starts % height).min()), int(((stops - 1) % height).max())
    return [first_column, top, last_column - first_column + 1, bottom - top + 1]


def iou_matrix(
    left: Sequence[Mapping[str, Any]],
    right: Sequence[Mapping[str, Any]],
    *,
    is_crowd: Sequence[bool] | None = None,
) -> npt.NDArray[np.float64]:
    """Return IoU of every left mask with every right one, len(left) x len(right); 0 where both are empty.

    is_crowd, one flag a right mask, divides by the left mask's area instead of the union, as COCO does for crowds.
    """
    if is_crowd is not None and len(is_crowd) != len(right):
        raise InvalidMaskError(f"is_crowd has {len(is_crowd)} flags for {len(right)} masks")
    lefts, rights = [parse(rle) for rle in left], [parse(rle) for rle in right]
    if not lefts or not rights:
        return np.zeros((len(lefts), len(rights)))
    _check_same_size([*lefts, *rights])
    flags = [int(flag) for flag in is_crowd] if is_crowd is not None else [0] * len(rights)
    result = coco.iou([_for_pycocotools(r) for r in lefts], [_for_pycocotools(r) for r in rights], flags)
    return np.asarray(result, dtype=np.float64).reshape(len(lefts), len(rights))


def union(rles: Sequence[Mapping[str, Any]]) -> CocoRle:
    """Return the pixels that any of the masks has; at least one mask."""
    parsed = [parse(rle) for rle in rles]
    if not parsed:
        raise InvalidMaskError("at least one mask is needed to merge")
    _check_same_size(parsed)
    merged = coco.merge([_for_pycocotools(rle) for rle in parsed], intersect=False)
    return parse({"size": parsed[0]["size"], "counts": merged["counts"]})


def _read(rle: Mapping[str, Any]) -> tuple[int, int, Runs]:
    if not isinstance(rle, Mapping) or "size" not in rle or "counts" not in rle:
        raise InvalidMaskError('an RLE must be an object with "size" and "counts"')
    height, width = check_size(rle["size"])
    counts = rle["counts"]
    if isinstance(counts, str | bytes):
        return height, width, parse_counts(counts, pixels=height * width)
    if isinstance(counts, Sequence | np.ndarray):
        return height, width, check_runs(counts, pixels=height * width)
    raise InvalidMaskError(f"RLE counts must be a string or a list, got {type(counts).__name__}")


def _from_canonical(runs: Runs, height: int, width: int) -> CocoRle:
    packed = coco.frPyObjects({"size": [height, width], "counts": runs.tolist()}, height, width)
    return {"size": [height, width], "counts": packed["counts"].decode("ascii")}


def _for_pycocotools(rle: CocoRle) -> dict[str, Any]:
    return {"size": rle["size"], "counts": rle["counts"].encode("ascii")}


def _check_same_size(rles: Sequence[CocoRle]) -> None:
    sizes = {(rle["size"][0], rle["size"][1]) for rle in rles}
    if len(sizes) > 1:
        raise InvalidMaskError(f"masks of different sizes cannot be compared: {sorted(sizes)}")
