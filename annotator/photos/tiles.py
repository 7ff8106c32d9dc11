"""Tile levels of a large photo in one file: an index, then the JPEG tiles one after the other.

Level 0 is the full size; each next level halves it, as long as it is larger than the preview. One file instead of
hundreds keeps backups, deletes and file systems quick. Layout: 4 bytes big-endian length of the index, the index as
JSON {"l/x/y": [offset, length]} with offsets counted from the end of the index, then the tiles.
"""

import io
import json
import struct
import tempfile
from functools import lru_cache
from typing import IO, Any

from PIL import Image as Pillow
from typing_extensions import TypedDict

from annotator.photos import store

TILE_SIZE_PX = 512
PREVIEW_SIDE_PX = 2048
JPEG_QUALITY = 88


class TileLevel(TypedDict):
    """One level; level 0 is the full size."""

    level: int
    width: int
    height: int


def tile_levels(width: int, height: int) -> list[TileLevel]:
    """Return the levels of a photo of that size, finest first; empty when the preview shows every pixel."""
    levels: list[TileLevel] = []
    level = 0
    while max(width, height) > PREVIEW_SIDE_PX:
        levels.append({"level": level, "width": width, "height": height})
        width, height, level = (width + 1) // 2, (height + 1) // 2, level + 1
    return levels


def has_tile(width: int, height: int, *, level: int, x: int, y: int) -> bool:
    """Say whether a photo of that size has, or will have, such a tile."""
    sizes = {row["level"]: (row["width"], row["height"]) for row in tile_levels(width, height)}
    if level not in sizes:
        return False
    columns, rows = (-(-side // TILE_SIZE_PX) for side in sizes[level])
    return 0 <= x < columns and 0 <= y < rows


def encode_jpeg(picture: Pillow.Image) -> bytes:
    """Encode for the screen, with full colour resolution so that edges stay where they are."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()


def write_tiles(sha256: str, rgb: Pillow.Image) -> None:
    """Cut all levels of `rgb` and store them as one file."""
    index: dict[str, list[int]] = {}
    with tempfile.TemporaryFile() as body, tempfile.TemporaryFile() as pack:
        for level in tile_levels(rgb.width, rgb.height):
            _write_level(rgb, level["level"], index, body)
            rgb = rgb.reduce(2)
        head = json.dumps(index, separators=(",", ":")).encode()
        pack.write(struct.pack(">I", len(head)) + head)
        body.seek(0)
        while chunk := body.read(1 << 20):
            pack.write(chunk)
        pack.seek(0)
        store.save(sha256, store.TILES, pack)


def read_tile(sha256: str, *, level: int, x: int, y: int) -> bytes | None:
    """Return one tile as JPEG, or None when the photo has no such tile; FileNotFoundError while there are no tiles."""
    index, start = _read_index(sha256)
    place = index.get(f"{level}/{x}/{y}")
    if place is None:
        return None
    with store.open_part(sha256, store.TILES) as pack:
        pack.seek(start + place[0])
        return pack.read(place[1])


def _write_level(rgb: Pillow.Image, level: int, index: dict[str, list[int]], body: IO[bytes]) -> None:
    for top in range(0, rgb.height, TILE_SIZE_PX):
        for left in range(0, rgb.width, TILE_SIZE_PX):
            box = (left, top, min(left + TILE_SIZE_PX, rgb.width), min(top + TILE_SIZE_PX, rgb.height))
            data = encode_jpeg(rgb.crop(box))
            index[f"{level}/{left // TILE_SIZE_PX}/{top // TILE_SIZE_PX}"] = [body.tell(), len(data)]
            body.write(data)


@lru_cache(maxsize=64)
def _read_index(sha256: str) -> tuple[dict[str, Any], int]:
    with store.open_part(sha256, store.TILES) as pack:
        (length,) = struct.unpack(">I", pack.read(4))
        return json.loads(pack.read(length)), 4 + length
