"""The dashboard: the engine's figures as charts and tables. The same figures are in the API."""

from datetime import date, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from annotator.engine.dashboard_requests import fresh_dashboard
from annotator.engine.mask_sums import Filters
from annotator.inference.models import ModelVersion
from annotator.pages.access import project_context, project_page
from annotator.pages.views.queue import STAGE_WORDS
from annotator.projects.access import Right
from annotator.projects.models import Project, Stage

CHARTED = ("by_week", "by_stage", "acceptance", "paper")
TABLES = (
    ("by_person", "People", "Person", "The model alone"),
    ("by_label", "Labels", "Label", "No label"),
    ("by_stage", "Stages", "Stage", ""),
    ("by_model_version", "Model versions", "Model version", "By hand"),
)
DONE = ("masks", "suggestions_accepted", "suggestions_rejected")
CHARTS = (
    ("seconds", "Seconds a mask", "By week; dashed: the paper's 34 s at the start and 14 s at the end.", "by_week"),
    ("masks", "Masks an image", "By week of submission; dashed: the paper's 20, 44 and 72.", "by_week"),
    ("throughput", "Masks and images a week", "Masks kept, people's and the model's; images submitted.", "by_week"),
    ("acceptance", "Accepted suggestions", "Share of the decided ones, by predicted IoU.", "acceptance"),
)
QUEUE_FACTS = (
    ("Images", "images"),
    ("To do", "new"),
    ("Of them left to the model", "left_to_model"),
    ("In progress", "in_progress"),
    ("Submitted", "submitted"),
    ("Waiting for review", "waiting_for_review"),
    ("Returned", "returned"),
    ("Reviewed", "reviewed"),
    ("Times skipped", "skipped"),
    ("Damaged photos", "failed"),
)


@project_page(Right.MANAGE)
@require_safe
def dashboard(request: HttpRequest, project: Project) -> HttpResponse:
    """Show every figure, for everything or for one person, label, stage or model version."""
    filters = _filters(request)
    figures = fresh_dashboard(project, filters)
    members = project.memberships.select_related("user").order_by("user__username")
    context = {
        **project_context(request, project, section="dashboard"),
        "figures": figures,
        "charts": {name: _plain(figures[name]) for name in CHARTED},
        "chart_list": CHARTS,
        "queue_facts": [(word, figures["queue"][name]) for word, name in QUEUE_FACTS],
        "tables": [(name, title, one, _rows(figures[name], unnamed)) for name, title, one, unnamed in TABLES],
        "has_figures": bool(figures["by_week"] or figures["acceptance"]),
        "filters": filters,
        "query": request.GET.urlencode(),
        "people": [(row.user_id, row.user.username) for row in members],
        "labels": list(project.labels.values_list("pk", "name")),
        "stages": STAGE_WORDS.items(),
        "versions": list(ModelVersion.objects.values_list("pk", "version")),
    }
    return render(request, "pages/dashboard.html", context)


def _rows(rows: list[dict[str, Any]], unnamed: str) -> list[dict[str, Any]]:
    """Return what was done, with words for the row of nobody; suggestions that only wait are no row."""
    return [{**row, "name": row.get("name") or unnamed} for row in rows if any(row[name] for name in DONE)]


def _filters(request: HttpRequest) -> Filters:
    get = request.GET
    stage = get.get("stage", "")
    return Filters(
        author_id=_number(get.get("person", "")),
        label_id=_number(get.get("label", "")),
        stage=stage if stage in Stage.values else None,
        model_version_id=_number(get.get("model_version", "")),
        since=_day(get.get("since", "")),
        until=_day(get.get("until", "")),
    )


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 18 else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _plain(value: Any) -> Any:
    """Return figures with dates as text, for JSON in the page."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value.isoformat() if isinstance(value, date | datetime) else value
