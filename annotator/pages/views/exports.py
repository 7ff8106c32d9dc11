"""Exports of a project: make one, download those that are there."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from annotator.engine.mask_counts import masks_by_project
from annotator.exchange.models import ExportFile
from annotator.pages.access import project_context, project_page
from annotator.projects.access import Right
from annotator.projects.models import Project
from annotator.projects.selectors import count_by_project

SHOWN_FILES = 100
CERTIFICATE_ENDING = ".certificate.json"


@project_page(Right.MANAGE)
@require_safe
def export_list(request: HttpRequest, project: Project) -> HttpResponse:
    """Show the form and the files made so far."""
    context = {
        **project_context(request, project, section="exports"),
        "rows": _rows(project),
        "masks": masks_by_project([project.pk]).get(project.pk, 0),
        "counts": count_by_project([project.pk])[project.pk],
    }
    return render(request, "pages/exports.html", context)


def _rows(project: Project) -> list[dict[str, Any]]:
    """Return the files newest first, each with the certificate of its export."""
    files = list(ExportFile.objects.filter(project=project).select_related("created_by")[:SHOWN_FILES])
    certificates = {file.job_id: file for file in files if file.name.endswith(CERTIFICATE_ENDING)}
    shown = [file for file in files if not file.name.endswith(CERTIFICATE_ENDING)]
    return [{"file": file, "certificate": certificates.get(file.job_id) if file.job_id else None} for file in shown]
