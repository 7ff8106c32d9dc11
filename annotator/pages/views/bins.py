"""The bin: deleting a project says what it holds; for a while it can be had back."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotator.errors import AppError, MissingError
from annotator.pages.access import person, project_context, project_page
from annotator.projects.access import Right
from annotator.projects.bin import bin_project, binned_projects, get_binned, purge_project_now, restore_project
from annotator.projects.models import Project
from annotator.projects.selectors import count_contents

SHOWN = 200


@project_page(Right.MANAGE)
@require_http_methods(["GET", "HEAD", "POST"])
def delete_project(request: HttpRequest, project: Project) -> HttpResponse:
    """Say what the project holds; POST puts it into the bin."""
    contents = count_contents(project)
    if request.method == "POST":
        bin_project(project, person(request), told=contents)
        sentence = _("“%(name)s” is in the bin for %(days)s days.") % {"name": project.name, "days": settings.BIN_DAYS}
        messages.success(request, sentence)
        return redirect("bin")
    context = project_context(request, project, section="settings") | {"contents": contents, "days": settings.BIN_DAYS}
    return render(request, "pages/project_delete.html", context)


@login_required
@require_safe
def bin_page(request: HttpRequest) -> HttpResponse:
    """Show the projects that the person may take out of the bin."""
    now = timezone.now()
    rows = [
        {"project": project, "is_going": project.purge_at is None or project.purge_at <= now, **count_contents(project)}
        for project in binned_projects(person(request))[:SHOWN]
    ]
    return render(request, "pages/bin.html", {"rows": rows, "days": settings.BIN_DAYS, "nav": "projects"})


@login_required
@require_POST
def restore(request: HttpRequest, binned_id: int) -> HttpResponse:
    """Take a project out of the bin."""
    project = _find(request, binned_id)
    try:
        restore_project(project, person(request))
    except AppError as refusal:
        messages.error(request, refusal.message)
        return redirect("bin")
    messages.success(request, _("“%(name)s” is back, as it was.") % {"name": project.name})
    return redirect("project", project.pk)


@login_required
@require_POST
def purge(request: HttpRequest, binned_id: int) -> HttpResponse:
    """Delete a project for good from now on."""
    project = _find(request, binned_id)
    purge_project_now(project, person(request))
    messages.success(request, _("“%(name)s” is deleted for good in the background.") % {"name": project.name})
    return redirect("bin")


def _find(request: HttpRequest, project_id: int) -> Project:
    try:
        return get_binned(person(request), project_id)
    except MissingError as error:
        raise Http404(error.message) from error
