"""Endpoints of the model's own work: pre-fill, automatic runs, deciding about suggestions."""

from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router, Schema, Status
from pydantic import Field

from annotator.accounts.authentication import user_of
from annotator.annotations.answers import OperationResult
from annotator.automatic import prefill_requests
from annotator.automatic.models import MaskRun, RunStatus
from annotator.automatic.suggestions import decide_suggestions
from annotator.errors import InvalidError
from annotator.images.selectors import get_image
from annotator.jobs.models import Job
from annotator.jobs.schemas import JobOut
from annotator.projects.access import Right, get_project

router = Router(tags=["engine"])
Ratio = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class AutomaticIn(Schema):
    """Which images; all when left out."""

    image_ids: list[int] | None = Field(default=None, max_length=100_000)


class DecisionIn(Schema):
    """Accept or reject suggestions: the chosen ones, or all at or above both scores."""

    op_id: UUID
    state: Literal["accepted", "rejected"]
    min_predicted_iou: Ratio | None = None
    min_stability_score: Ratio | None = None
    annotation_ids: list[UUID] | None = Field(default=None, max_length=10_000)
    label_id: int | None = None
    override: bool = False


class DecisionOut(Schema):
    """What came of each."""

    decided: int
    results: list[OperationResult]


class MaskRunOut(Schema):
    """What the model made of an image alone."""

    kind: str
    status: str
    mask_count: int
    duration_ms: int
    error: str


@router.post("/projects/{int:project_id}/prefill", response={201: JobOut})
def start_prefill(request: HttpRequest, project_id: int) -> Status[Job]:
    """Make suggestions for every image that lacks them; 409 `job_running` when that is under way."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    return Status(201, prefill_requests.start_prefill(project, user_of(request)))


@router.post("/projects/{int:project_id}/automatic", response={201: JobOut})
def start_automatic(request: HttpRequest, project_id: int, body: AutomaticIn) -> Status[Job]:
    """Let the model annotate images alone; 409 `job_running` when that is under way."""
    user = user_of(request)
    project = get_project(user, project_id, right=Right.MANAGE)
    return Status(201, prefill_requests.start_automatic(project, user, image_ids=body.image_ids))


@router.post("/images/{int:image_id}/suggestions", response=DecisionOut)
def decide(request: HttpRequest, image_id: int, body: DecisionIn) -> dict[str, Any]:
    """Accept or reject suggestions; sending the same op_id again decides nothing new."""
    image = get_image(user_of(request), image_id, right=Right.ANNOTATE)
    if body.label_id is not None and not image.project.labels.filter(pk=body.label_id).exists():
        raise InvalidError(_("The project has no such label."), code="no_such_label")
    results = decide_suggestions(image, user_of(request), **body.dict())
    return {"decided": sum(row["status"] == "applied" for row in results), "results": results}


@router.get("/images/{int:image_id}/mask-runs", response=list[MaskRunOut])
def list_runs(request: HttpRequest, image_id: int) -> list[MaskRun]:
    """Return what the model made of the image alone, and why not where it failed."""
    image = get_image(user_of(request), image_id)
    return list(MaskRun.objects.filter(image=image).exclude(status=RunStatus.REPLACED).order_by("kind"))
