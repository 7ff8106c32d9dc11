"""The door to sam_core.masks: masks as RLE, polygons and pixels, on numpy alone, for import and export.

Imports inside functions, so that a web process loads numpy only when it touches a mask. Sizes are (height, width).
Must not know: Django, rows, files, torch.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from annotator.sam_answers import MeasuredMask
from annotator.sam_gateway import MaskRefusedError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_POLYGONS = 10_000
MAX_OUTLINE_PX = 4_000_000  # pycocotools takes about 100 bytes for each
Size = tuple[int, int]
Measured = MeasuredMask | MaskRefusedError


def measure_masks(counts: Sequence[Any], sizes: Sequence[Size]) -> list[Measured]:
    """Check and measure many masks at once (counts as str, bytes or list of runs); errors are returned, not raised."""
    from sam_core.errors import InvalidMaskError
    from sam_core.masks.batch import measure_masks as measure

    return [
        MaskRefusedError(str(result))
        if isinstance(result, InvalidMaskError)
        else MeasuredMask(result.counts, result.area, result.bbox_xywh)
        for result in measure(counts, sizes)
    ]


def counts_from_polygons(polygons: Sequence[Sequence[float]], size: Size) -> str:
    """Return the counts of a union of polygons [x0, y0, x1, y1, ...]; raise MaskRefusedError."""
    from sam_core.errors import InvalidMaskError
    from sam_core.masks.polygons import rle_from_polygons

    if len(polygons) > MAX_POLYGONS:
        raise MaskRefusedError(f"a mask of {len(polygons)} polygons is more than {MAX_POLYGONS}")
    if sum(_outline_length(polygon) for polygon in polygons) > MAX_OUTLINE_PX:
        raise MaskRefusedError(f"the outlines together are longer than {MAX_OUTLINE_PX} pixels")
    try:
        return rle_from_polygons(polygons, size=size)["counts"]
    except InvalidMaskError as error:
        raise MaskRefusedError(str(error)) from error


def _outline_length(polygon: Sequence[float]) -> float:
    """Return how many pixels an outline passes: filling it takes memory for each; 0 for what is no polygon."""
    import numpy as np

    try:
        corners = np.asarray(polygon, np.float64).reshape(-1, 2)
    except (TypeError, ValueError):
        return 0.0  # refused with better words when it is filled
    with np.errstate(all="ignore"):
        steps = np.abs(np.diff(corners, axis=0, append=corners[:1])).max(axis=1, initial=0)
    return float(np.clip(np.nan_to_num(steps, nan=1e12), 0, 1e12).sum())


def polygons_from_counts(counts: str, size: Size, *, tolerance_px: float = 0.0) -> list[list[float]]:
    """Return the polygons of a mask, along pixel corners, holes as keyholes; exact without a tolerance."""
    from sam_core.errors import InvalidMaskError
    from sam_core.masks.polygons import polygons_from_rle

    try:
        return polygons_from_rle({"size": list(size), "counts": counts}, tolerance_px=tolerance_px)
    except InvalidMaskError as error:
        raise MaskRefusedError(str(error)) from error


def has_hole_or_parts(polygons: Sequence[Sequence[float]]) -> bool:
    """Say whether polygons are more than one simple ring: several parts, or a keyhole that visits a corner twice."""
    if len(polygons) != 1:
        return True
    corners = list(zip(polygons[0][0::2], polygons[0][1::2], strict=True))
    return len(set(corners)) < len(corners)


def iou_of(left: str, right: str, size: Size) -> float:
    """Return the IoU of two masks of one size."""
    return iou_matrix([left], [right], size)[0][0]


def iou_matrix(left: Sequence[str], right: Sequence[str], size: Size) -> list[list[float]]:
    """Return the IoU of every left mask with every right one."""
    from sam_core.masks import rle

    sides = [[{"size": list(size), "counts": counts} for counts in masks] for masks in (left, right)]
    matrix: list[list[float]] = rle.iou_matrix(*sides).tolist()
    return matrix


def foreground_runs(counts: str, size: Size) -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
    """Return first and stop (half-open) of every foreground run in column-major order."""
    import numpy as np

    from sam_core.errors import InvalidMaskError
    from sam_core.masks import rle

    try:
        ends = np.cumsum(rle.to_runs({"size": list(size), "counts": counts}))
    except InvalidMaskError as error:
        raise MaskRefusedError(str(error)) from error
    return ends[0::2][: len(ends) // 2], ends[1::2]


def point_inside(counts: str, size: Size) -> list[int]:
    """Return a pixel (x, y) of the mask: the middle of its longest vertical run."""
    import numpy as np

    starts, stops = foreground_runs(counts, size)
    if starts.size == 0:
        raise MaskRefusedError("an empty mask has no point inside")
    longest = int(np.argmax(stops - starts))
    x, y = divmod(int(starts[longest] + stops[longest] - 1) // 2, size[0])
    return [x, y]


def decode(counts: str, size: Size) -> "NDArray[np.bool_]":
    """Return the pixels, H x W."""
    from sam_core.errors import InvalidMaskError
    from sam_core.masks import rle

    try:
        return rle.decode({"size": list(size), "counts": counts})
    except InvalidMaskError as error:
        raise MaskRefusedError(str(error)) from error


def encode(mask: "NDArray[Any]") -> str:
    """Return the counts of a mask, H x W of bool or integers."""
    from sam_core.masks import rle

    return rle.encode(mask)["counts"]


def crop_of(counts: str, size: Size, bbox_xywh: Sequence[int]) -> "NDArray[np.bool_]":
    """Return the pixels of a mask inside a box (x, y, width, height)."""
    from sam_core.errors import InvalidMaskError
    from sam_core.masks import rle

    x, y, width, height = bbox_xywh
    try:
        rows, columns = slice(y, y + height), slice(x, x + width)
        return rle.decode_within({"size": list(size), "counts": counts}, rows=rows, columns=columns)
    except InvalidMaskError as error:
        raise MaskRefusedError(str(error)) from error


def counts_of_crop(crop: "NDArray[np.bool_]", corner: tuple[int, int], size: Size) -> str:
    """Return the counts of a mask whose pixels in a box are known; corner (x, y) is the box's top left."""
    from sam_core.errors import InvalidMaskError
    from sam_core.masks import rle

    try:
        return rle.encode_within(crop, corner=(corner[1], corner[0]), size=size)["counts"]
    except InvalidMaskError as error:
        raise MaskRefusedError(str(error)) from error


def union_of(masks: Sequence[str], size: Size) -> str:
    """Return the counts of the union of masks of one size."""
    from sam_core.masks import rle

    return rle.union([{"size": list(size), "counts": counts} for counts in masks])["counts"]


def counts_of_numbers(pixels: "NDArray[np.unsignedinteger[Any]]") -> Iterator[tuple[int, str]]:
    """Yield each number but 0 of a picture, H x W, rising, with the counts of its pixels; one pass for all numbers."""
    import numpy as np

    from sam_core.masks import rle

    size = (int(pixels.shape[0]), int(pixels.shape[1]))
    flat = pixels.ravel(order="F")
    starts = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1]) + 1))
    values, stops = flat[starts], np.append(starts[1:], flat.size)
    order = np.argsort(values, kind="stable")
    values, starts, stops = values[order], starts[order], stops[order]
    cuts = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), values.size]
    for first, last in pairwise(cuts):
        if values[first]:
            runs = np.empty(2 * (last - first) + 1, np.int64)
            runs[0:-1:2] = starts[first:last] - np.concatenate(([0], stops[first : last - 1]))
            runs[1::2] = stops[first:last] - starts[first:last]
            runs[-1] = flat.size - stops[last - 1]
            counts = rle.from_runs(runs if runs[-1] else runs[:-1], size=size)["counts"]
            yield int(values[first]), counts


def tile_boxes(size: Size) -> list[tuple[int, int, int, int]]:
    """Return the tiles (x0, y0, x1, y1) of a photo; none of one too thin to be cut."""
    from sam_core.masks import tiles

    return tiles.tile_boxes(size)


def resize_mask(counts: str, size: Size, target: Size) -> str:
    """Return the mask sampled at the pixel centres of another size; a mask that would vanish keeps one pixel."""
    import numpy as np

    height, width = target
    rows = ((np.arange(height) + 0.5) * size[0] / height).astype(np.intp)
    columns = ((np.arange(width) + 0.5) * size[1] / width).astype(np.intp)
    resized = decode(counts, size)[np.ix_(rows, columns)]
    if not resized.any():
        x, y = point_inside(counts, size)
        resized[min(y * height // size[0], height - 1), min(x * width // size[1], width - 1)] = True
    return encode(resized)
