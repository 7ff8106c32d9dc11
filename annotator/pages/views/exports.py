"""Exports of a project: choose what and how, look it over, make it, see its certificate, download, share."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from annotator.exchange.export.jobs import EXPORT_KIND
from annotator.exchange.links import living_links
from annotator.exchange.models import ExportFile
from annotator.exchange.options import SPLITS
from annotator.exchange.registry import SPECS
from annotator.images.tags import list_tags
from annotator.jobs.models import Job
from annotator.pages.access import Context, project_context, project_page
from annotator.pages.templatetags.pages import STATE_WORDS
from annotator.pages.views.queue import STAGE_WORDS
from annotator.projects.access import Right
from annotator.projects.models import Project
from annotator.projects.selectors import count_by_project
from annotator.statistics.mask_counts import masks_by_project

SHOWN_EXPORTS = 30
SHOWN_TAGS = 60
SHOWN_LEFT_OUT = 10
CERTIFICATE_ENDING = ".certificate.json"
WORK_STATUSES = ("new", "in_progress", "submitted", "reviewed")
MASK_STATES = (
    ("accepted", gettext_lazy("Accepted")),
    ("suggestion", gettext_lazy("Suggestions")),
    ("rejected", gettext_lazy("Rejected")),
)


@project_page(Right.MANAGE)
@require_safe
def export_list(request: HttpRequest, project: Project) -> HttpResponse:
    """Show the form and the exports made so far."""
    context = {
        **project_context(request, project, section="exports"),
        **_choices(project),
        "exports": _exports(project),
        "links": living_links(project),
        "masks": masks_by_project([project.pk]).get(project.pk, 0),
        "counts": count_by_project([project.pk])[project.pk],
    }
    return render(request, "pages/exports.html", context)


def _choices(project: Project) -> Context:
    """Return what the form offers."""
    return {
        "formats": [spec for spec in SPECS.values() if spec.writer],
        "labels": list(project.labels.order_by("position", "pk")),
        "stages": STAGE_WORDS.items(),
        "work_statuses": [(value, STATE_WORDS[value]) for value in WORK_STATUSES],
        "mask_states": MASK_STATES,
        "splits": SPLITS,
        "people": [row.user for row in project.memberships.select_related("user").order_by("user__username")],
        "tags": list_tags(project)[:SHOWN_TAGS],
    }


def _exports(project: Project) -> list[Context]:
    """Return the latest exports, newest first, each with its files; one that was done and deleted is not shown."""
    jobs = Job.objects.filter(project=project, kind=EXPORT_KIND).select_related("created_by")[:SHOWN_EXPORTS]
    files: dict[int | None, list[ExportFile]] = {}
    for file in ExportFile.objects.filter(project=project, job__in=[job.pk for job in jobs]).order_by("pk"):
        files.setdefault(file.job_id, []).append(file)
    return [_describe(job, files.get(job.pk, [])) for job in jobs if job.status != "done" or files.get(job.pk)]


def _describe(job: Job, files: list[ExportFile]) -> Context:
    certificate = job.report.get("certificate") if job.status == "done" else None
    options = job.params.get("options", {})
    return {
        "job": job,
        "format": options.get("format", ""),
        "choices": _words_of(options),
        "files": [file for file in files if not file.name.endswith(CERTIFICATE_ENDING)],
        "certificate_file": next((file for file in files if file.name.endswith(CERTIFICATE_ENDING)), None),
        "certificate": certificate,
        "left_out": (certificate or {}).get("left_out", [])[:SHOWN_LEFT_OUT],
    }


FILTER_WORDS = {
    "labels": gettext_lazy("by label"),
    "states": gettext_lazy("by state of the masks"),
    "work_statuses": gettext_lazy("by state of the images"),
    "stages": gettext_lazy("by stage"),
    "authors": gettext_lazy("by author"),
    "tags": gettext_lazy("by tag"),
    "splits": gettext_lazy("by split"),
    "created_from": gettext_lazy("from a day on"),
    "created_before": gettext_lazy("before a day"),
    "only_annotated": gettext_lazy("images with masks only"),
}


def _words_of(options: dict[str, Any]) -> list[str]:
    """Return what was chosen apart from the format, in a few words each."""
    words = []
    if options.get("segmentation") == "polygons":
        words.append(_("polygons"))
    if options.get("tolerance_px"):
        words.append(_("simplified by up to %(px)s px") % {"px": f"{options['tolerance_px']:g}"})
    if options.get("shortest_side_px"):
        words.append(_("shortest side %(px)s px") % {"px": options["shortest_side_px"]})
    words += {"copy": [_("with photos")], "links": [_("with links to the photos")]}.get(options.get("images", ""), [])
    filters = {name: value for name, value in options.get("filters", {}).items() if value}
    if filters.get("states") == ["accepted"]:
        del filters["states"]
    return words + [str(FILTER_WORDS.get(name, name.replace("_", " "))) for name in filters]
