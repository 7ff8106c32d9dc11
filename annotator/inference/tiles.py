"""Tiles: overlapping crops of a photo that are encoded after the whole of it, for masks of small objects.

A tile costs what a whole photo costs: about a megabyte, and the same time in a worker. So tiles queue behind the whole
photos of every project, and those made ahead stay within CROP_EMBEDDINGS_KEPT; beyond that a tile is made when the
pointer first rests on it, and the least lately used make room (spent_crops.py).
"""

from django.conf import settings

from annotator import mask_gateway
from annotator.inference.crop_names import FULL, Crop, crop_name
from annotator.inference.embedding_requests import BEHIND_WHOLE_PHOTOS, request_embedding
from annotator.inference.models import ImageEmbedding, ModelVersion


def tiles_of(size: tuple[int, int], version: ModelVersion | None) -> list[Crop]:
    """Return the tiles of an upright photo (height, width) that a model's masks are made of; none for most models."""
    if version is None or not version.manifest.get("policy", {}).get("uses_crops"):
        return []
    return mask_gateway.tile_boxes(size)


def request_tiles(sha256: str, size: tuple[int, int], version: ModelVersion) -> int:
    """Ask for the tiles of a photo whose own embedding is ready, as far as there is room; return how many."""
    tiles = tiles_of(size, version)
    kept = ImageEmbedding.objects.exclude(crop_box=FULL).count() if tiles else 0
    if kept + len(tiles) > settings.CROP_EMBEDDINGS_KEPT:
        return 0
    for tile in tiles:
        request_embedding(sha256, version, crop_box=crop_name(tile), priority=BEHIND_WHOLE_PHOTOS)
    return len(tiles)
