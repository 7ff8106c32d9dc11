"""Exports of a project: make one, download those that are there."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from annotator.exchange.models import ExportFile
from annotator.pages.access import project_context, project_page
from annotator.pages.progress import count_masks_by_project
from annotator.projects.access import Right
from annotator.projects.models import Project
from annotator.projects.selectors import count_by_project

SHOWN_FILES = 50


@project_page(Right.MANAGE)
@require_safe
def export_list(request: HttpRequest, project: Project) -> HttpResponse:
    """Show the form and the files made so far."""
    context = {
        **project_context(request, project, section="exports"),
        "files": ExportFile.objects.filter(project=project).select_related("created_by")[:SHOWN_FILES],
        "masks": count_masks_by_project([project.pk]).get(project.pk, 0),
        "counts": count_by_project([project.pk])[project.pk],
    }
    return render(request, "pages/exports.html", context)
