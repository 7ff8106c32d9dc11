"""The models that this server has."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from annotator.automatic.model_versions import describe_versions
from annotator.pages.access import person


@login_required
@require_safe
def model_list(request: HttpRequest) -> HttpResponse:
    """Show each model version with its licence, size, speed here and the projects that use it."""
    return render(request, "pages/models.html", {"rows": describe_versions(person(request)), "nav": "models"})
