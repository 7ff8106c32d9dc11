"""What the image endpoints take and give."""

from datetime import datetime
from typing import Annotated

from ninja import Schema
from pydantic import Field, StringConstraints


class ImageRow(Schema):
    """An image in a list."""

    id: int
    name: str
    width: int
    height: int
    byte_size: int
    sha256: str
    status: str
    work_status: str
    error: str
    tags: list[str]
    embedding_status: str
    thumbnail_url: str
    created_at: datetime


class ImagePage(Schema):
    """One page of images."""

    items: list[ImageRow]
    page: int
    page_size: int
    total: int


class PreviewOut(Schema):
    """The preview and its size in pixels."""

    url: str
    width: int
    height: int


class TileLevel(Schema):
    """One level; level 0 is the full size."""

    level: int
    width: int
    height: int


class TilesOut(Schema):
    """Where the tiles are; `url_template` has {level}, {x} and {y}."""

    tile_size: int
    levels: list[TileLevel]
    url_template: str


class EmbeddingOut(Schema):
    """The image's embedding: missing, pending, running, ready or failed."""

    status: str
    url: str | None
    key: str | None
    error: str
    model_version: str | None


class ImageDetail(ImageRow):
    """Everything the workspace needs to open an image."""

    project_id: int
    stage: str
    split: str
    preview: PreviewOut
    tiles: TilesOut | None
    embedding: EmbeddingOut
    previous_id: int | None
    next_id: int | None
    position: int
    total: int


Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50)]


class ImagePatch(Schema):
    """Changes to an image; what is left out stays."""

    tags: list[Tag] | None = Field(default=None, max_length=50)
    split: Annotated[str, StringConstraints(max_length=20)] | None = None


class CropIn(Schema):
    """A part of the image to encode: x0, y0, x1, y1 in pixels of the upright photo; seen in a mirror if asked for."""

    crop_box_xyxy: tuple[int, int, int, int]
    is_mirrored: bool = False


class CropOut(Schema):
    """The crop's embedding."""

    key: str
    status: str
    url: str | None
