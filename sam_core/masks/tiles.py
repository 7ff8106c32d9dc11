"""Tiles: overlapping crops of a photo that are encoded after the whole of it, so that small objects are seen larger.

Must not know: torch, models, files.
"""

from __future__ import annotations

from math import ceil

from sam_core.geometry import Box, Size
from sam_core.masks.views import LEAST_SHORT_SIDE_PX

OVERLAP = 1 / 3  # of a tile's side, shared with the next one
LARGE_PHOTO_PX = 6_000_000


def tile_boxes(size: Size) -> list[Box]:
    """Return the tiles (x0, y0, x1, y1) of a photo (H, W), row by row: 2 x 2, 4 x 4 beyond 6 megapixels.

    Also of photos whose own pixels the model sees anyway: objects are larger in a tile (docs/adr/0027). None of a photo
    too thin to be cut.
    """
    height, width = size
    count = 4 if height * width > LARGE_PHOTO_PX else 2
    rows, columns = (_spans(length, count) for length in size)
    if min(rows[0][1], columns[0][1]) < LEAST_SHORT_SIDE_PX:
        return []
    return [(x0, y0, x1, y1) for y0, y1 in rows for x0, x1 in columns]


def _spans(length: int, count: int) -> list[tuple[int, int]]:
    side = ceil(length / (count - (count - 1) * OVERLAP))
    starts = [i * (length - side) // (count - 1) for i in range(count)]
    return [(start, start + side) for start in starts]
