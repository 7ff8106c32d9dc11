"""Imports: choose a file, look at what it would do, map its labels, take it in, read what was not taken."""

from collections.abc import Mapping
from typing import TypedDict, cast

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from annotator.exchange.import_.uploads import IMPORT_KIND
from annotator.exchange.models import ImportRun
from annotator.exchange.registry import READ, SPECS
from annotator.jobs.models import OPEN_STATUSES, Job
from annotator.pages.access import project_context, project_page
from annotator.projects.access import Right
from annotator.projects.models import Label, Project

SHOWN_IMPORTS = 50
SHOWN_PROBLEMS = 50
SHOWN_LABELS = 2000
MOST_OPTIONS = 20_000  # of all selects together; a page with more takes seconds to show
STATES = (
    ("", gettext_lazy("As the file says")),
    ("accepted", gettext_lazy("Accepted masks")),
    ("suggestion", gettext_lazy("Suggestions to decide on")),
)


class Category(TypedDict):
    """A category of the file, as a report of an import tells of it: its masks, and which label it becomes."""

    name: str
    count: int
    becomes: str
    label_id: int | None
    alike: list[str]


class Wish(Category):
    """A category with what was chosen for it, and the labels to choose from."""

    wish: str
    choices: list[Label]


@project_page(Right.MANAGE)
@require_safe
def import_list(request: HttpRequest, project: Project) -> HttpResponse:
    """Show the form and the imports so far."""
    rows = ImportRun.objects.filter(project=project).select_related("job", "created_by")[:SHOWN_IMPORTS]
    context = {
        **project_context(request, project, section="imports"),
        "formats": [SPECS[name] for name in READ],
        "titles": ", ".join(SPECS[name].title for name in READ),
        "rows": [{"row": row, "stand": stand_of(row), "masks": _masks_of(row)} for row in rows],
        "has_ingest_root": settings.INGEST_ROOT is not None,
    }
    return render(request, "pages/imports.html", context)


@project_page(Right.MANAGE)
@require_safe
def import_page(request: HttpRequest, project: Project, import_id: int) -> HttpResponse:
    """Show one import: its preview with the mapping of labels, its progress, or its report."""
    row = ImportRun.objects.filter(project=project, pk=import_id).select_related("job", "created_by").first()
    if row is None:
        raise Http404(_("There is no such import."))
    stand = stand_of(row)
    report = row.job.report if stand == "done" and row.job else row.preview
    labels = list(project.labels.order_by("position", "pk"))
    wishes = _wishes(row, report)
    is_long = len(wishes) * len(labels) > MOST_OPTIONS
    context = {
        **project_context(request, project, section="imports"),
        "row": row,
        "job": row.job,
        "stand": stand,
        "step": {"reading": 1, "broken": 1, "previewed": 2}.get(stand, 3),
        "report": report,
        "problems": report.get("problems", [])[:SHOWN_PROBLEMS],
        "wishes": _with_choices(wishes[:SHOWN_LABELS], [] if is_long else labels, labels),
        "more_wishes": max(len(wishes) - SHOWN_LABELS, 0),
        "is_long": is_long,
        "labels": labels,
        "states": STATES,
        "was_started": row.started_at is not None,
    }
    return render(request, "pages/import.html", context)


def stand_of(row: ImportRun) -> str:
    """Return where an import stands: reading, broken, previewed, importing, stopped or done."""
    job = row.job
    is_import = job is not None and job.kind == IMPORT_KIND
    if job is None:
        return "previewed" if row.preview else "broken"
    if job.status in OPEN_STATUSES:
        return "importing" if is_import else "reading"
    if job.status == "done":
        return "done" if is_import else "previewed"
    if is_import:
        return "stopped"
    return "previewed" if row.preview else "broken"


def _wishes(row: ImportRun, report: Mapping[str, object]) -> list[Wish]:
    """Return the file's labels by name with what becomes of each, as the options say or as the preview proposes.

    Categories of one name, of the parts of a file, become one label: they are one row with the masks of all.
    """
    chosen = row.options.get("label_map", {})
    rows: dict[str, Wish] = {}
    for category in cast("list[Category]", report.get("categories", [])):
        if category["name"] in rows:
            rows[category["name"]]["count"] += category["count"]
            continue
        wish = chosen.get(category["name"])
        if wish is None:
            wish = category["label_id"] if category["becomes"] == "label" else category["becomes"]
        rows[category["name"]] = {**category, "wish": str(wish), "choices": []}
    return list(rows.values())


def _with_choices(wishes: list[Wish], offered: list[Label], labels: list[Label]) -> list[Wish]:
    """Add to each wish the labels to choose from: those offered, and the one that is chosen already."""
    by_id = {str(label.pk): label for label in labels}
    return [{**wish, "choices": offered or [label for label in [by_id.get(wish["wish"])] if label]} for wish in wishes]


def _masks_of(row: ImportRun) -> dict[str, int]:
    job: Job | None = row.job
    report = job.report if job is not None and job.kind == IMPORT_KIND else row.preview
    masks: dict[str, int] = report.get("masks", {})
    return masks
