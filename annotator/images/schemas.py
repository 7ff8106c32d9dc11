"""What the image endpoints take and give."""

from datetime import datetime
from typing import Annotated, Literal

from ninja import Schema
from pydantic import Field, StringConstraints
from typing_extensions import TypedDict

from annotator.images.models import ImageStatus, WorkStatus
from annotator.inference.selectors import EmbeddingOut
from annotator.json_types import one_of
from annotator.photos.tiles import TileLevel
from annotator.projects.models import Stage


class ImageRow(TypedDict):
    """An image in a list."""

    id: int
    name: str
    width: int
    height: int
    byte_size: int
    sha256: str
    status: Annotated[str, one_of(ImageStatus)]
    work_status: Annotated[str, one_of(WorkStatus)]
    error: str
    tags: list[str]
    embedding_status: str
    thumbnail_url: str
    created_at: datetime


class BrightnessIn(Schema):
    """What to show of photos beyond 8 bit: the range in use, from low to high in values, or in per cent of pixels."""

    kind: Literal["used", "values", "percent"]
    low: float = 0
    high: float = 0


class BrightnessOut(TypedDict):
    """The same, and how many photos it is about."""

    kind: Annotated[str, one_of(("used", "values", "percent"))]
    low: float
    high: float
    photos: int


class ImagePage(TypedDict):
    """One page of images."""

    items: list[ImageRow]
    page: int
    page_size: int
    total: int


class PreviewOut(TypedDict):
    """The preview and its size in pixels."""

    url: str
    width: int
    height: int


class TilesOut(TypedDict):
    """Where the tiles are; `url_template` has {level}, {x} and {y}."""

    tile_size: int
    levels: list[TileLevel]
    url_template: str


class NeighboursOut(TypedDict):
    """The images before and after one, its place among all (from 1) and their number."""

    previous_id: int | None
    next_id: int | None
    position: int
    total: int


class ImageDetail(ImageRow):
    """Everything the workspace needs to open an image."""

    project_id: int
    stage: Annotated[str, one_of(("", *Stage.values))]
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


# A page names the model version that it opened an image with, so that the image is answered by one model throughout.
VersionLabel = Annotated[str, StringConstraints(max_length=80)]


class CropIn(Schema):
    """A part of the image to encode: x0, y0, x1, y1 in pixels of the upright photo; flipped if asked for.

    `model_version` is the version that the page opened the image with: without it the one in use encodes.
    """

    crop_box_xyxy: tuple[int, int, int, int]
    is_flipped: bool = False
    model_version: VersionLabel = ""


class CropOut(TypedDict):
    """The crop's embedding."""

    key: str
    status: str
    url: str | None
