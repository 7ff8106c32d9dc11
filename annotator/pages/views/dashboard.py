"""The dashboard: the engine's figures as charts and tables. The same figures are in the API."""

from datetime import date, datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from annotator.inference.models import ModelVersion
from annotator.pages.access import project_context, project_page
from annotator.pages.numbers import read_day, read_number
from annotator.pages.views.queue import STAGE_WORDS
from annotator.projects.access import Right
from annotator.projects.models import Project, Stage
from annotator.statistics.dashboard_requests import fresh_dashboard
from annotator.statistics.mask_sums import Filters

CHARTED = ("by_week", "by_stage", "acceptance", "paper")
TABLES = (
    ("by_person", gettext_lazy("People"), gettext_lazy("Person"), gettext_lazy("The model alone")),
    ("by_label", gettext_lazy("Labels"), gettext_lazy("Label"), gettext_lazy("No label")),
    ("by_stage", gettext_lazy("Stages"), gettext_lazy("Stage"), ""),
    ("by_model_version", gettext_lazy("Model versions"), gettext_lazy("Model version"), gettext_lazy("By hand")),
)
DONE = ("masks", "suggestions_accepted", "suggestions_rejected")
CHARTS = (
    (
        "seconds",
        gettext_lazy("Seconds a mask"),
        gettext_lazy("By week; dashed: the paper's 34 s at the start and 14 s at the end."),
        "by_week",
    ),
    (
        "masks",
        gettext_lazy("Masks an image"),
        gettext_lazy("By week of submission; dashed: the paper's 20, 44 and 72."),
        "by_week",
    ),
    (
        "throughput",
        gettext_lazy("Masks and images a week"),
        gettext_lazy("Masks kept, people's and the model's; images submitted."),
        "by_week",
    ),
    (
        "acceptance",
        gettext_lazy("Accepted suggestions"),
        gettext_lazy("Share of the decided ones, by predicted IoU."),
        "acceptance",
    ),
)
QUEUE_FACTS = (
    (gettext_lazy("Images"), "images"),
    (gettext_lazy("In the queue"), "new"),
    (gettext_lazy("Of them begun, with masks"), "begun"),
    (gettext_lazy("Of them left to the model"), "left_to_model"),
    (gettext_lazy("In progress"), "in_progress"),
    (gettext_lazy("Submitted"), "submitted"),
    (gettext_lazy("Waiting for review"), "waiting_for_review"),
    (gettext_lazy("Returned"), "returned"),
    (gettext_lazy("Reviewed"), "reviewed"),
    (gettext_lazy("Times skipped"), "skipped"),
    (gettext_lazy("Damaged photos"), "failed"),
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
        "tables": [(name, title, one, _rows(figures[name], str(unnamed))) for name, title, one, unnamed in TABLES],
        "has_figures": bool(figures["by_week"] or figures["acceptance"]),
        "filters": filters,
        "query": request.GET.urlencode(),
        "people": [(row.user_id, row.user.username) for row in members],
        "labels": list(project.labels.values_list("pk", "name")),
        "stages": STAGE_WORDS.items(),
        "versions": list(ModelVersion.objects.values_list("pk", "version")),
    }
    return render(request, "pages/dashboard.html", context)


def _rows(rows: list[dict[str, object]], unnamed: str) -> list[dict[str, object]]:
    """Return what was done, with words for the row of nobody; suggestions that only wait are no row."""
    return [{**row, "name": row.get("name") or unnamed} for row in rows if any(row[name] for name in DONE)]


def _filters(request: HttpRequest) -> Filters:
    get = request.GET
    stage = get.get("stage", "")
    return Filters(
        author_id=read_number(get.get("person", "")),
        label_id=read_number(get.get("label", "")),
        stage=stage if stage in Stage.values else None,
        model_version_id=read_number(get.get("model_version", "")),
        since=read_day(get.get("since", "")),
        until=read_day(get.get("until", "")),
    )


def _plain(value: object) -> object:
    """Return figures with dates as text, for JSON in the page."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value.isoformat() if isinstance(value, date | datetime) else value
