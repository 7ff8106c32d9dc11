"""Exports of a project: choose what and how, look it over, make it, see its certificate, download, share."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from annotator.engine.mask_counts import masks_by_project
from annotator.engine.models import Job
from annotator.exchange.exports import EXPORT_KIND
from annotator.exchange.models import ExportFile
from annotator.exchange.options import SPLITS
from annotator.images.tags import list_tags
from annotator.pages.access import project_context, project_page
from annotator.pages.templatetags.pages import STATE_WORDS
from annotator.pages.views.queue import STAGE_WORDS
from annotator.projects.access import Right
from annotator.projects.models import Project
from annotator.projects.selectors import count_by_project

SHOWN_EXPORTS = 30
SHOWN_TAGS = 60
SHOWN_LEFT_OUT = 10
CERTIFICATE_ENDING = ".certificate.json"
WORK_STATUSES = ("new", "in_progress", "submitted", "reviewed")
MASK_STATES = (("accepted", "Accepted"), ("suggestion", "Suggestions"), ("rejected", "Rejected"))
FORMATS = (
    ("coco", "COCO", "One JSON with images, categories and masks; loads in pycocotools."),
    ("sa1b", "SA-1B", "One JSON an image, with the clicks, predicted IoU and stability of each mask."),
    ("yolo", "YOLO", "Outlines in text files, split into train, val and test."),
    ("semantic_png", "Semantic PNG", "One picture an image; each pixel is the number of its label."),
    ("instance_png", "Instance PNG", "One picture an image; each pixel is the number of its mask."),
)


@project_page(Right.MANAGE)
@require_safe
def export_list(request: HttpRequest, project: Project) -> HttpResponse:
    """Show the form and the exports made so far."""
    context = {
        **project_context(request, project, section="exports"),
        **_choices(project),
        "exports": _exports(project),
        "masks": masks_by_project([project.pk]).get(project.pk, 0),
        "counts": count_by_project([project.pk])[project.pk],
    }
    return render(request, "pages/exports.html", context)


def _choices(project: Project) -> dict[str, Any]:
    """Return what the form offers."""
    return {
        "formats": FORMATS,
        "labels": list(project.labels.order_by("position", "pk")),
        "stages": STAGE_WORDS.items(),
        "work_statuses": [(value, STATE_WORDS[value]) for value in WORK_STATUSES],
        "mask_states": MASK_STATES,
        "splits": SPLITS,
        "people": [row.user for row in project.memberships.select_related("user").order_by("user__username")],
        "tags": list_tags(project)[:SHOWN_TAGS],
    }


def _exports(project: Project) -> list[dict[str, Any]]:
    """Return the latest exports, newest first, each with its files; one that was done and deleted is not shown."""
    jobs = Job.objects.filter(project=project, kind=EXPORT_KIND).select_related("created_by")[:SHOWN_EXPORTS]
    files: dict[int | None, list[ExportFile]] = {}
    for file in ExportFile.objects.filter(project=project, job__in=[job.pk for job in jobs]).order_by("pk"):
        files.setdefault(file.job_id, []).append(file)
    return [_describe(job, files.get(job.pk, [])) for job in jobs if job.status != "done" or files.get(job.pk)]


def _describe(job: Job, files: list[ExportFile]) -> dict[str, Any]:
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


def _words_of(options: dict[str, Any]) -> list[str]:
    """Return what was chosen apart from the format, in a few words each."""
    words = []
    if options.get("segmentation") == "polygons":
        words.append("polygons")
    if options.get("tolerance_px"):
        words.append(f"simplified by up to {options['tolerance_px']:g} px")
    if options.get("shortest_side_px"):
        words.append(f"shortest side {options['shortest_side_px']} px")
    words += {"copy": ["with photos"], "links": ["with links to the photos"]}.get(options.get("images", ""), [])
    filters = {name: value for name, value in options.get("filters", {}).items() if value}
    if filters.get("states") == ["accepted"]:
        del filters["states"]
    words += [f"by {name.replace('_', ' ')}" for name in filters if name != "only_annotated"]
    if filters.get("only_annotated"):
        words.append("images with masks only")
    return words
