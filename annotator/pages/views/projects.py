"""The list of projects, a new project, its settings."""

from datetime import datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from pydantic import ValidationError

from annotator.automatic import embedding_jobs
from annotator.errors import AppError
from annotator.images.brightness import brightness_of, set_brightness
from annotator.inference.models import ModelVersion
from annotator.inference.selectors import model_version_of
from annotator.jobs.models import OPEN_STATUSES
from annotator.pages.access import person, project_context, project_page
from annotator.pages.forms import KEY_CHOICES, BrightnessForm, ProjectForm, ProjectSettingsForm, read_label_rows
from annotator.pages.progress import DONE_STATUSES, cover_images
from annotator.projects.access import Right
from annotator.projects.bin import binned_projects
from annotator.projects.commands import ProjectChanges
from annotator.projects.model_choice import latest_choice
from annotator.projects.models import Project
from annotator.projects.palette import PALETTE
from annotator.projects.schemas import LabelIn, ProjectOut
from annotator.projects.selectors import list_projects
from annotator.projects.services import archive_project, create_project, update_project
from annotator.statistics.mask_counts import latest_work, masks_by_project

FIRST_ROWS = 3


class Card(ProjectOut):
    """A project in the list: its images, how many are done, when somebody worked on it last."""

    total: int
    done: int
    percent: int
    activity: datetime
    masks: int
    covers: list[str] | None


@login_required
@require_safe
def project_list(request: HttpRequest) -> HttpResponse:
    """Show the person's projects as cards, the one touched last first."""
    rows = list_projects(person(request))
    ids = [row["id"] for row in rows]
    activity, masks, covers = latest_work(ids), masks_by_project(ids), cover_images(ids)
    cards = [
        _card(row, activity=activity.get(row["id"]), masks=masks.get(row["id"], 0), covers=covers.get(row["id"]))
        for row in rows
    ]
    has_bin = binned_projects(person(request)).exists()
    cards.sort(key=lambda card: card["activity"], reverse=True)
    return render(request, "pages/projects.html", {"cards": cards, "nav": "projects", "has_bin": has_bin})


def _card(row: ProjectOut, *, activity: datetime | None, masks: int, covers: list[str] | None) -> Card:
    counts = row["counts"]
    total, done = counts.images, sum(getattr(counts, status) for status in DONE_STATUSES)
    percent = round(100 * done / total) if total else 0
    latest = activity or row["created_at"]
    return {
        **row,
        "total": total,
        "done": done,
        "percent": percent,
        "activity": latest,
        "masks": masks,
        "covers": covers,
    }


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def project_new(request: HttpRequest) -> HttpResponse:
    """Make a project with its labels; the person becomes its admin."""
    form = ProjectForm(request.POST or None)
    rows = _posted_labels(request)
    error = ""
    if request.method == "POST" and form.is_valid():
        try:
            labels = [LabelIn.model_validate(row).command() for row in rows]
            project = create_project(person(request), form.command(labels))
        except ValidationError:
            error = _("A label needs a name of at most 100 characters, a colour and one key from 1 to 9 or none.")
        except AppError as refusal:
            error = refusal.message
        else:
            messages.success(request, _("Project “%(name)s” is made. Add photos to start.") % {"name": project.name})
            return redirect("project", project.pk)
    context = {"form": form, "label_rows": rows or _first_rows(), "label_error": error, "palette": PALETTE}
    return render(request, "pages/project_new.html", {**context, "keys": KEY_CHOICES, "nav": "projects"})


def _posted_labels(request: HttpRequest) -> list[dict[str, str]]:
    post = request.POST
    return read_label_rows(post.getlist("label_name"), post.getlist("label_color"), post.getlist("label_key"))


def _first_rows() -> list[dict[str, str]]:
    return [{"name": "", "color": PALETTE[n], "key": str(n + 1)} for n in range(FIRST_ROWS)]


@project_page(Right.MANAGE)
@require_http_methods(["GET", "HEAD", "POST"])
def project_settings(request: HttpRequest, project: Project) -> HttpResponse:
    """Change name, description, guidelines, stage, overlap rule and model."""
    form = ProjectSettingsForm(request.POST) if request.method == "POST" else ProjectSettingsForm.of(project)
    if request.method == "POST" and form.is_valid():
        before = model_version_of(project)
        project = update_project(project, form.changes())
        messages.success(request, _what_was_saved(before, model_version_of(project)))
        return redirect("project_settings", project.pk)
    return _show_settings(request, project, form=form)


def _show_settings(
    request: HttpRequest, project: Project, *, form: ProjectSettingsForm, brightness_form: BrightnessForm | None = None
) -> HttpResponse:
    shown = brightness_of(project)
    context = project_context(request, project, section="settings") | {"form": form, "brightness": shown}
    context |= _model_context(project)
    context["brightness_form"] = brightness_form or BrightnessForm(initial={**shown})
    return render(request, "pages/project_settings.html", context)


def _model_context(project: Project) -> dict[str, object]:
    job = embedding_jobs.job_to_show(project)
    return {
        "version": model_version_of(project),
        "choice": latest_choice(project),
        "cost": embedding_jobs.cost_for(project),
        "embedding_jobs": [job] if job else [],
        "is_embedding": job is not None and job.status in OPEN_STATUSES,
    }


@project_page(Right.MANAGE)
@require_POST
def brightness(request: HttpRequest, project: Project) -> HttpResponse:
    """Choose which values of photos beyond 8 bit are shown."""
    form = BrightnessForm(request.POST)
    if form.is_valid():
        try:
            set_brightness(project, **form.cleaned_data)
        except AppError as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, _("The photos are shown anew in the background; no mask changes."))
            return redirect("project_settings", project.pk)
    return _show_settings(request, project, form=ProjectSettingsForm.of(project), brightness_form=form)


def _what_was_saved(before: ModelVersion | None, version: ModelVersion | None) -> str:
    if version is None or before is None or version.pk == before.pk:
        return _("The settings are saved.")
    sentence = _(
        "The settings are saved. Photos are worked on with %(before)s until they are embedded with %(model)s: the "
        "section “Model” below says what that takes. No mask changes."
    )
    return sentence % {"model": version.version, "before": before.version}


@project_page(Right.MANAGE)
@require_POST
def archive(request: HttpRequest, project: Project) -> HttpResponse:
    """Archive the project, or bring it back."""
    if project.archived_at:
        update_project(project, ProjectChanges(is_archived=False))
        messages.success(request, _("“%(name)s” is back in the list.") % {"name": project.name})
    else:
        archive_project(project)
        sentence = _("“%(name)s” is archived. Nothing was deleted; its settings bring it back.")
        messages.success(request, sentence % {"name": project.name})
    return redirect("project_settings", project.pk)
