"""What the annotation endpoints take and give."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field, StringConstraints

from annotator.annotations.models import Source, State

MAX_OPERATIONS = 500
MAX_COUNTS_LENGTH = 8_000_000
DAY_MS = 86_400_000
Score = Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)]


class AuthorOut(Schema):
    """Who made a mask."""

    id: int
    name: str


class AnnotationOut(Schema):
    """A mask; `counts` is COCO compressed RLE at `size` = [height, width] of the upright photo."""

    id: UUID
    image_id: int
    label_id: int | None
    counts: str
    size: list[int]
    bbox: list[int]
    area: int
    source: str
    state: str
    predicted_iou: float | None
    stability_score: float | None
    provenance: dict[str, Any]
    attributes: dict[str, Any]
    z_order: int
    is_locked: bool
    revision: int
    author: AuthorOut | None
    stage: str
    active_ms: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


class AnnotationList(Schema):
    """All masks of an image."""

    annotations: list[AnnotationOut]
    server_time: datetime


class OperationFields(Schema):
    """What an operation sets; what is left out stays."""

    label_id: int | None = None
    counts: Annotated[str, StringConstraints(min_length=1, max_length=MAX_COUNTS_LENGTH)] | None = None
    provenance: dict[str, Any] | None = None
    attributes: dict[str, Any] | None = None
    z_order: int | None = Field(default=None, ge=-(2**31), lt=2**31)
    is_locked: bool | None = None
    state: State | None = None
    source: Source | None = None
    predicted_iou: Score | None = None
    stability_score: Score | None = None
    active_ms: int | None = Field(default=None, ge=0, le=DAY_MS)


class Operation(Schema):
    """One step of a client; `op_id` makes sending it again harmless."""

    op_id: UUID
    type: Literal["create", "update", "delete", "restore"]
    annotation_id: UUID
    base_revision: int = Field(default=0, ge=0)
    fields: OperationFields = Field(default_factory=OperationFields)


class OperationBatch(Schema):
    """Operations on one image, applied in order, each on its own."""

    operations: list[Operation] = Field(min_length=1, max_length=MAX_OPERATIONS)


class OperationResult(Schema):
    """What came of one operation: applied, duplicate, conflict or rejected."""

    op_id: UUID
    status: str
    annotation: AnnotationOut | None
    code: str
    message: str


class OperationResults(Schema):
    """Results in the order of the operations."""

    results: list[OperationResult]


class RevisionOut(Schema):
    """One entry of a mask's history."""

    revision: int
    op_id: UUID
    action: str
    snapshot: dict[str, Any]
    author: AuthorOut | None
    created_at: datetime


class CommentIn(Schema):
    """A remark on the image, on a mask, or on a place in image pixels."""

    body: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=5000)]
    annotation_id: UUID | None = None
    x: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    y: float | None = Field(default=None, ge=0, allow_inf_nan=False)


class CommentPatch(Schema):
    """Resolve a remark or open it again."""

    is_resolved: bool


class CommentOut(Schema):
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
