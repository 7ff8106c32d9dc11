"""What the endpoints of the queue take and give."""

from datetime import datetime
from typing import Annotated, Literal

from ninja import Schema
from pydantic import ConfigDict, StringConstraints

from annotator.queue.models import Submission


class LeaseOut(Schema):
    """A claim of the caller on one image."""

    id: int
    image_id: int
    purpose: str
    stage: str
    expires_at: datetime


class NextOut(Schema):
    """The image to annotate next; both are null when nothing is left, or nothing that is prepared.

    `unprepared` counts images that still wait for their suggestions; `returned` carries the reviewer's words.
    """

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    image_id: int | None
    lease: LeaseOut | None
    unprepared: int = 0
    returned: str = ""


class ReviewIn(Schema):
    """The reviewer's verdict; a comment is needed to send an image back."""

    verdict: Literal["accepted", "returned"]
    comment: Annotated[str, StringConstraints(max_length=5000)] = ""


class ReviewOut(Schema):
    """What was recorded; `mended` when the reviewer changed a mask before accepting."""

    image_id: int
    work_status: str
    verdict: str
    comment: str


class SubmissionOut(Schema):
    """One time that somebody called an image done."""

    id: int
    image_id: int
    user_id: int | None
    user_name: str
    stage: str
    verdict: str
    is_latest: bool
    reviewer_id: int | None
    reviewer_name: str
    comment: str
    created_at: datetime
    reviewed_at: datetime | None

    @staticmethod
    def resolve_user_name(row: Submission) -> str:
        """Name whoever submitted it; empty when the account is gone."""
        return row.user.display_name if row.user else ""

    @staticmethod
    def resolve_reviewer_name(row: Submission) -> str:
        """Name the reviewer; empty when there is none yet."""
        return row.reviewer.display_name if row.reviewer else ""


class SkipIn(Schema):
    """Why an image is skipped."""

    reason: Annotated[str, StringConstraints(max_length=500)] = ""


class WorkOut(Schema):
    """The image's work status after a step."""

    image_id: int
    work_status: str
