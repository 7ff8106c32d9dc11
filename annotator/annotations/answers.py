"""What this room tells of its rows: the dictionaries of its selectors and services, which the API answers as they are.

`counts` is COCO compressed RLE at `size` = (height, width) of the upright photo; boxes are (x, y, width, height).
"""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from typing_extensions import TypedDict

from annotator.annotations.mask_fields import MaskFields
from annotator.annotations.models import RevisionAction
from annotator.json_types import JsonObject, one_of

Outcome = Literal["applied", "duplicate", "conflict", "rejected", "failed"]


class AuthorOut(TypedDict):
    """Who made a mask."""

    id: int
    name: str


class AnnotationOut(MaskFields):
    """A mask; `counts` is COCO compressed RLE at `size` = [height, width] of the upright photo."""

    id: UUID
    image_id: int
    label_id: int | None
    counts: str
    size: tuple[int, int]
    bbox: tuple[int, int, int, int]
    area: int
    revision: int
    author: AuthorOut | None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


class AnnotationList(TypedDict):
    """All masks of an image."""

    annotations: list[AnnotationOut]
    server_time: datetime


class DeletedOut(AnnotationOut):
    """A deleted mask and who deleted it."""

    deleted_by: AuthorOut | None


class DeletedList(TypedDict):
    """The masks of an image that can be had back, latest first."""

    annotations: list[DeletedOut]


class OperationResult(TypedDict):
    """What came of one operation: applied, duplicate, conflict, rejected or failed.

    `revision` is the one that the operation made, though the mask may be further by now.
    """

    op_id: UUID | str | None
    status: Outcome
    revision: int | None
    annotation: AnnotationOut | None
    code: str
    message: str


class OperationResults(TypedDict):
    """Results in the order of the operations."""

    results: list[OperationResult]


class VisitorOut(TypedDict):
    """Somebody else who has the image open."""

    user_id: int
    name: str


class VisitorList(TypedDict):
    """Who else has the image open."""

    people: list[VisitorOut]


class RevisionOut(TypedDict):
    """One entry of a mask's history."""

    revision: int
    op_id: UUID
    action: Annotated[str, one_of(RevisionAction)]
    snapshot: JsonObject
    author: AuthorOut | None
    created_at: datetime


class CommentOut(TypedDict):
    """A remark."""

    id: int
    image_id: int
    annotation_id: UUID | None
    body: str
    x: float | None
    y: float | None
    author: AuthorOut | None
    created_at: datetime
    resolved_at: datetime | None
