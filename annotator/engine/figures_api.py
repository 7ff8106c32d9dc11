"""Endpoints of the figures: dashboard, CSV, activity, latency, corrections."""

from datetime import date
from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router, Schema, Status
from pydantic import Field, StringConstraints

from annotator.accounts.authentication import user_of
from annotator.engine import activity, corrections, schemas
from annotator.engine.dashboard import columns_of, person_today
from annotator.engine.dashboard_requests import fresh_dashboard, fresh_table
from annotator.engine.mask_sums import Filters
from annotator.engine.tables import to_csv
from annotator.images.selectors import get_image
from annotator.projects.access import Right, get_project
from annotator.projects.models import Stage

router = Router(tags=["figures"])
DAY_MS = 86_400_000
TableName = Literal[
    "by_week", "by_person", "by_label", "by_stage", "by_model_version", "acceptance", "latency", "queue", "totals",
    "corrections", "embeddings",
]  # fmt: skip


class CountOut(Schema):
    """How many were kept."""

    count: int


class FiltersIn(Schema):
    """What to count; what is left out is everything."""

    person: int | None = None
    label: int | None = None
    stage: Stage | None = None
    model_version: int | None = None
    since: date | None = None
    until: date | None = None


class ActivityIn(Schema):
    """Active time (pauses over 30 s cut) and what was done in it, as durations and numbers, never times of day."""

    active_ms: int = Field(ge=0, le=DAY_MS)
    counts: dict[
        Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")], Annotated[int, Field(ge=0, le=10**9)]
    ] = Field(default_factory=dict, max_length=30)


class ActivityOut(Schema):
    """How much of the time is believed."""

    credited_ms: int


class TodayOut(Schema):
    """The caller's day in a project."""

    masks: int
    active_seconds: float
    seconds_per_mask: float | None


class SampleIn(Schema):
    """How many images to send to people."""

    size: int = Field(ge=1, le=10_000)


@router.get("/projects/{int:project_id}/dashboard", response=dict[str, Any])
def get_dashboard(request: HttpRequest, project_id: int, filters: Query[FiltersIn]) -> dict[str, Any]:
    """Return every figure of the dashboard."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    return fresh_dashboard(project, _filters(filters))


@router.get("/projects/{int:project_id}/dashboard/{table}.csv")
def get_dashboard_csv(
    request: HttpRequest, project_id: int, table: TableName, filters: Query[FiltersIn]
) -> HttpResponse:
    """Return one table of the dashboard as CSV."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    rows = fresh_table(project, table, _filters(filters))
    body = to_csv(rows, columns=columns_of(table, rows))
    headers = {"Content-Disposition": f'attachment; filename="project-{project_id}-{table}.csv"'}
    return HttpResponse(body, content_type="text/csv; charset=utf-8", headers=headers)


@router.get("/projects/{int:project_id}/today", response=TodayOut)
def get_today(request: HttpRequest, project_id: int) -> dict[str, Any]:
    """Return the caller's masks of today and the time they took."""
    project = get_project(user_of(request), project_id)
    return person_today(project, user_of(request), day=timezone.now().date())


@router.post("/images/{int:image_id}/activity", response=ActivityOut)
def record_activity(request: HttpRequest, image_id: int, body: ActivityIn) -> dict[str, int]:
    """Report active time that belongs to no mask (looking, searching, reviewing)."""
    image = get_image(user_of(request), image_id, right=Right.ANNOTATE)
    credited = activity.record_activity(image, user_of(request), active_ms=body.active_ms, counts=body.counts)
    return {"credited_ms": credited}


@router.post("/latency", response=CountOut)
def record_latency(request: HttpRequest, body: schemas.LatencyBatch) -> dict[str, int]:
    """Keep latency samples of the workspace."""
    project = get_project(user_of(request), body.project_id)
    samples = [sample.dict() for sample in body.samples]
    return {"count": activity.record_latency(project, user_of(request), samples=samples)}


@router.get("/projects/{int:project_id}/corrections", response=dict[str, Any])
def get_corrections(request: HttpRequest, project_id: int) -> dict[str, Any]:
    """Return how much people changed automatic masks, beside the paper's figures."""
    return corrections.correction_figures(get_project(user_of(request), project_id, right=Right.REVIEW))


@router.post("/projects/{int:project_id}/corrections", response={201: CountOut})
def draw_sample(request: HttpRequest, project_id: int, body: SampleIn) -> Status[dict[str, int]]:
    """Send a random sample of automatically annotated images to people for correction."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    return Status(201, {"count": len(corrections.draw_sample(project, size=body.size))})


def _filters(filters: FiltersIn) -> Filters:
    return Filters(
        author_id=filters.person,
        label_id=filters.label,
        stage=filters.stage,
        model_version_id=filters.model_version,
        since=filters.since,
        until=filters.until,
    )
