"""The models that this server has, which of them is the default, and what a project chose."""

from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotator.automatic import clearing_requests, embedding_jobs
from annotator.automatic.unused_embeddings import describe_space
from annotator.background.pulse import lacking_machines
from annotator.errors import AppError
from annotator.inference.default_model import set_default, take_back_default
from annotator.inference.models import ModelVersion
from annotator.inference.selectors import default_before, default_model_version, newer_than_default
from annotator.pages.access import person, project_page, server_admin_page
from annotator.pages.templatetags.pages import image_count
from annotator.projects.access import Right
from annotator.projects.model_choice import take_back_model
from annotator.projects.models import Project
from annotator.statistics.version_figures import EMBEDDED_COUNTED, describe_versions

SHOWN_JOBS = 20
Action = Callable[[HttpRequest], str]


@login_required
@require_safe
def model_list(request: HttpRequest) -> HttpResponse:
    """Show each model version: where it comes from, its speed here, what was made with it and who uses it."""
    rows = describe_versions(person(request))
    context = {
        "rows": rows,
        "embedded_counted": EMBEDDED_COUNTED,
        "nav": "models",
        "newer": newer_than_default(),
        "lacking": lacking_machines(),
    }
    return render(request, "pages/models.html", context)


@server_admin_page
@require_http_methods(["GET", "HEAD", "POST"])
def default_model(request: HttpRequest) -> HttpResponse:
    """Choose the default, take that back, and embed with it; each button of the page posts an `action`."""
    if request.method == "POST":
        _do(request, DEFAULT_ACTIONS.get(request.POST.get("action", ""), _unknown))
        return redirect("default_model")
    context = {
        "nav": "models",
        "version": default_model_version(),
        "before": default_before(),
        "versions": ModelVersion.objects.all(),
        "cost": embedding_jobs.cost_for_default(),
        "progress": embedding_jobs.default_progress(),
        "jobs": embedding_jobs.open_jobs_of_default()[:SHOWN_JOBS],
    }
    return render(request, "pages/default_model.html", context)


@server_admin_page
@require_http_methods(["GET", "HEAD", "POST"])
def embedding_space(request: HttpRequest) -> HttpResponse:
    """Show what the embeddings of each version take; POST clears those of `model_version`, which nobody uses."""
    if request.method == "POST":
        _do(request, _clear_embeddings)
        return redirect("embedding_space")
    context = {
        "nav": "models",
        "rows": describe_space(),
        "days": settings.ROLL_BACK_DAYS,
        "jobs": clearing_requests.latest_jobs(),
    }
    return render(request, "pages/embedding_space.html", context)


@project_page(Right.MANAGE)
@require_POST
def project_model(request: HttpRequest, project: Project) -> HttpResponse:
    """Take a project's choice of model back, or embed its photos with it."""

    def take_back(request: HttpRequest) -> str:
        version = take_back_model(project).model_version
        if version is None:
            return _("The project follows the server's default model again.")
        return _("The project keeps to %(model)s again.") % {"model": version.version}

    def embed(request: HttpRequest) -> str:
        job = embedding_jobs.start_embedding(project, person(request))
        return _("Embedding %(images)s in the background.") % {"images": image_count(job.total)}

    actions: dict[str, Action] = {"take_back": take_back, "embed": embed}
    _do(request, actions.get(request.POST.get("action", ""), _unknown))
    return redirect("project_settings", project.pk)


def _do(request: HttpRequest, action: Action) -> None:
    try:
        messages.success(request, action(request))
    except AppError as refusal:
        messages.error(request, refusal.message)


def _choose(request: HttpRequest) -> str:
    return _("%(model)s is the default model now. No photo is embedded by that: the button below does.") % {
        "model": set_default(request.POST.get("model_version", "")).version
    }


def _take_back(request: HttpRequest) -> str:
    return _("%(model)s is the default model again.") % {"model": take_back_default().version}


def _embed(request: HttpRequest) -> str:
    started = embedding_jobs.start_for_default(person(request))
    return _("Embedding %(images)s in the background.") % {"images": image_count(sum(job.total for job in started))}


def _pause(request: HttpRequest) -> str:
    embedding_jobs.pause_default()
    return _("Embedding is paused; what is embedded stays.")


def _resume(request: HttpRequest) -> str:
    embedding_jobs.resume_default()
    return _("Embedding goes on.")


def _clear_embeddings(request: HttpRequest) -> str:
    job = clearing_requests.start_clearing(request.POST.get("model_version", ""), person(request))
    words = ngettext(
        "Clearing %(n)s embedding of %(model)s in the background.",
        "Clearing %(n)s embeddings of %(model)s in the background.",
        job.total,
    )
    return words % {"n": f"{job.total:,}", "model": job.key}


def _unknown(request: HttpRequest) -> str:
    raise AppError(_("That button is not known here."))


DEFAULT_ACTIONS: dict[str, Action] = {
    "choose": _choose, "take_back": _take_back, "embed": _embed, "pause": _pause, "resume": _resume,
}  # fmt: skip
