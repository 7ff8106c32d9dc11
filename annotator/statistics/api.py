"""Endpoints of the figures: dashboard, CSV, activity, latency, corrections."""

from typing import Any, Literal

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router, Status

from annotator.accounts.authentication import user_of
from annotator.automatic import corrections
from annotator.images.selectors import get_image
from annotator.projects.access import Right, get_project
from annotator.statistics import activity, schemas
from annotator.statistics.dashboard import columns_of, person_today
from annotator.statistics.dashboard_requests import fresh_dashboard, fresh_table
from annotator.statistics.mask_sums import Filters
from annotator.statistics.tables import to_csv

router = Router(tags=["figures"])
TableName = Literal[
    "by_week", "by_person", "by_label", "by_stage", "by_model_version", "acceptance", "latency", "queue", "totals",
    "corrections", "embeddings",
]  # fmt: skip


@router.get("/projects/{int:project_id}/dashboard", response=dict[str, Any])
def get_dashboard(request: HttpRequest, project_id: int, filters: Query[schemas.FiltersIn]) -> dict[str, Any]:
    """Return every figure of the dashboard."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    return fresh_dashboard(project, _filters(filters))


@router.get("/projects/{int:project_id}/dashboard/{table}.csv")
def get_dashboard_csv(
    request: HttpRequest, project_id: int, table: TableName, filters: Query[schemas.FiltersIn]
) -> HttpResponse:
    """Return one table of the dashboard as CSV."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    rows = fresh_table(project, table, _filters(filters))
    body = to_csv(rows, columns=columns_of(table, rows))
    headers = {"Content-Disposition": f'attachment; filename="project-{project_id}-{table}.csv"'}
    return HttpResponse(body, content_type="text/csv; charset=utf-8", headers=headers)


@router.get("/projects/{int:project_id}/today", response=schemas.TodayOut)
def get_today(request: HttpRequest, project_id: int) -> dict[str, Any]:
    """Return the caller's masks of today and the time they took."""
    project = get_project(user_of(request), project_id)
    return person_today(project, user_of(request), day=timezone.now().date())


@router.post("/images/{int:image_id}/activity", response=schemas.ActivityOut)
def record_activity(request: HttpRequest, image_id: int, body: schemas.ActivityIn) -> dict[str, int]:
    """Report active time that belongs to no mask (looking, searching, reviewing)."""
    image = get_image(user_of(request), image_id, right=Right.ANNOTATE)
    credited = activity.record_activity(image, user_of(request), active_ms=body.active_ms, counts=body.counts)
    return {"credited_ms": credited}


@router.post("/latency", response=schemas.CountOut)
def record_latency(request: HttpRequest, body: schemas.LatencyBatch) -> dict[str, int]:
    """Keep latency samples of the workspace."""
    project = get_project(user_of(request), body.project_id)
    samples = [sample.dict() for sample in body.samples]
    return {"count": activity.record_latency(project, user_of(request), samples=samples)}


@router.get("/projects/{int:project_id}/corrections", response=dict[str, Any])
def get_corrections(request: HttpRequest, project_id: int) -> dict[str, Any]:
    """Return how much people changed automatic masks, beside the paper's figures."""
    return corrections.correction_figures(get_project(user_of(request), project_id, right=Right.REVIEW))


@router.post("/projects/{int:project_id}/corrections", response={201: schemas.CountOut})
def draw_sample(request: HttpRequest, project_id: int, body: schemas.SampleIn) -> Status[dict[str, int]]:
    """Send a random sample of automatically annotated images to people for correction."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    return Status(201, {"count": len(corrections.draw_sample(project, size=body.size))})


def _filters(filters: schemas.FiltersIn) -> Filters:
    return Filters(
        author_id=filters.person,
        label_id=filters.label,
        stage=filters.stage,
        model_version_id=filters.model_version,
        since=filters.since,
        until=filters.until,
    )
