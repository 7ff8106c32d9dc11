"""What the model does alone: thresholds, pre-fill, the automatic run, the sample that people correct."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from annotator.automatic import corrections, prefill_requests
from annotator.automatic.models import MaskRun, RunStatus
from annotator.automatic.options import MODEL_DEFAULTS, AutomaticOptions, automatic_options
from annotator.errors import AppError
from annotator.images.models import Image, WorkStatus
from annotator.images.tags import has_tag, list_tags
from annotator.jobs.models import Job
from annotator.pages.access import chosen_ids, person, project_context, project_page
from annotator.pages.templatetags.pages import image_count
from annotator.projects.access import Right
from annotator.projects.commands import ProjectChanges
from annotator.projects.models import Project
from annotator.projects.options import check_options
from annotator.projects.services import update_project

KINDS = ("prefill", "automatic", "embed")
FIELDS = [
    ("predicted_iou", gettext_lazy("Predicted IoU at least"), "0.01", "0", "1"),
    ("stability_score", gettext_lazy("Stability at least"), "0.01", "0", "1"),
    ("nms_iou", gettext_lazy("Duplicates above IoU"), "0.01", "0", "1"),
    ("max_area_ratio", gettext_lazy("Largest mask, share of photo"), "0.01", "0", "1"),
    ("min_area_px", gettext_lazy("Smallest mask, px"), "1", "0", "1000000000"),
    ("prefill_points_per_side", gettext_lazy("Grid points a side, pre-fill"), "1", "1", "64"),
    ("points_per_side", gettext_lazy("Grid points a side, run"), "1", "1", "64"),
    ("crop_layers", gettext_lazy("Crop layers, run"), "1", "0", "2"),
]
SCOPES = [
    ("all", gettext_lazy("All")),
    ("untouched", gettext_lazy("Those still to do")),
    ("tag", gettext_lazy("Those with this tag")),
]
WHOLE = {"min_area_px", "prefill_points_per_side", "points_per_side", "crop_layers"}


@project_page(Right.MANAGE)
@require_http_methods(["GET", "HEAD", "POST"])
def automatic(request: HttpRequest, project: Project) -> HttpResponse:
    """Show thresholds, jobs and what came of them; each button of the page posts an `action`."""
    if request.method == "POST":
        try:
            messages.success(request, ACTIONS.get(request.POST.get("action", ""), _unknown)(request, project))
        except (AppError, ValueError) as refusal:
            messages.error(request, str(refusal))
        return redirect("automatic", project.pk)
    options = vars(automatic_options(project))
    failed = MaskRun.objects.filter(image__project=project, status=RunStatus.FAILED).select_related("image")
    context = {
        **project_context(request, project, section="automatic"),
        "fields": [(name, word, step, low, high, options[name]) for name, word, step, low, high in FIELDS],
        "scopes": SCOPES,
        "tags": list_tags(project),
        "model_defaults": MODEL_DEFAULTS,
        "jobs": Job.objects.filter(project=project, kind__in=KINDS)[:8],
        "failed_runs": failed.order_by("-created_at")[:20],
        "corrections": corrections.correction_figures(project),
    }
    return render(request, "pages/automatic.html", context)


def _save(request: HttpRequest, project: Project) -> str:
    values: dict[str, float] = {}
    for field in FIELDS:
        name = field[0]
        raw = request.POST.get(name, "")
        values[name] = int(raw) if name in WHOLE else float(raw)
    update_project(project, ProjectChanges(settings={"automatic": check_options(AutomaticOptions, values)}))
    return _("The thresholds are saved. Images that are pre-filled from now on use them.")


def _prefill(request: HttpRequest, project: Project) -> str:
    job = prefill_requests.start_prefill(project, person(request))
    return _("Pre-filling %(images)s.") % {"images": image_count(job.total)}


def _run(request: HttpRequest, project: Project) -> str:
    scope, tag = request.POST.get("scope", "all"), request.POST.get("tag", "").strip()
    image_ids = chosen_ids(request) if scope == "chosen" else _images_of(project, scope=scope, tag=tag)
    job = prefill_requests.start_automatic(project, person(request), image_ids=image_ids)
    return _("The model annotates %(images)s.") % {"images": image_count(job.total)}


def _images_of(project: Project, *, scope: str, tag: str) -> list[int] | None:
    """Return the ids of the images of a scope, None for all of them."""
    rows = Image.objects.filter(project=project).order_by("pk")
    if scope == "all":
        return None
    if scope == "untouched":
        rows = rows.filter(work_status=WorkStatus.NEW)
    elif scope == "tag" and tag:
        rows = rows.filter(has_tag(tag))
    else:
        raise ValueError(_("Name the tag of the images to annotate.") if scope == "tag" else _("Choose some images."))
    return list(rows.values_list("pk", flat=True))


def _sample(request: HttpRequest, project: Project) -> str:
    size = int(request.POST.get("size", "0"))
    if not 1 <= size <= 10_000:
        raise ValueError(_("Draw between 1 and 10,000 images."))
    count = len(corrections.draw_sample(project, size=size))
    sentence = ngettext(
        "%(n)s image goes to people for correction.", "%(n)s images go to people for correction.", count
    )
    return sentence % {"n": f"{count:,}"}


def _unknown(request: HttpRequest, project: Project) -> str:
    raise ValueError(_("That button is not known here."))


ACTIONS = {"save": _save, "prefill": _prefill, "run": _run, "sample": _sample}
