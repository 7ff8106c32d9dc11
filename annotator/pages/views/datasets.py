"""Dataset versions of a project: freeze one, open it, download it, compare it with another, delete it."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.request import QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from pydantic import ValidationError

from annotator.accounts.models import User
from annotator.errors import AppError, InvalidError
from annotator.images.models import Image
from annotator.jobs.models import OPEN_STATUSES, Job, JobStatus
from annotator.pages.access import Context, person, project_context, project_page
from annotator.pages.numbers import read_number
from annotator.projects.access import Right
from annotator.projects.models import Project
from annotator.training import snapshots
from annotator.training.models import DatasetVersion
from annotator.training.snapshot_jobs import FREEZE_KIND
from annotator.training.snapshots import DatasetFilters
from annotator.training.tasks import start_freeze

SHOWN_VERSIONS = 200
SHOWN_JOBS = 5
SHOWN_EXAMPLES = 50


@project_page(Right.MANAGE)
@require_http_methods(["GET", "HEAD", "POST"])
def dataset_list(request: HttpRequest, project: Project) -> HttpResponse:
    """Show the versions and what a new one would hold; POST starts to freeze it."""
    if request.method == "POST":
        try:
            start_freeze(project, _read_filters(request.POST), name=request.POST.get("name", ""), user=person(request))
        except AppError as refusal:
            messages.error(request, refusal.message)
        else:
            messages.success(request, _("The dataset version is being made; it appears below."))
            return redirect("datasets", project.pk)
    versions = list(DatasetVersion.objects.filter(project=project).select_related("created_by")[:SHOWN_VERSIONS])
    context = {
        **project_context(request, project, section="datasets"),
        "versions": versions,
        "jobs": _jobs(project, versions),
        "labels": list(project.labels.order_by("position", "pk")),
        "people": _people(project),
        "given": {name: request.POST.get(name, "") for name in ("name", "created_from", "created_before")},
        "chosen": {name: request.POST.getlist(name) for name in ("labels", "people", "is_reviewed")},
    }
    return render(request, "pages/datasets.html", context)


@project_page(Right.MANAGE)
@require_safe
def dataset_page(request: HttpRequest, project: Project, dataset_id: int) -> HttpResponse:
    """Show one version: its counts by label and person, what it was made of, and how it differs from another."""
    version = _find(project, dataset_id)
    others = DatasetVersion.objects.filter(project=project).exclude(pk=version.pk)[:SHOWN_VERSIONS]
    wanted = read_number(request.GET.get("with", ""))
    earlier = DatasetVersion.objects.filter(project=project, pk=wanted or 0).first()
    context = {
        **project_context(request, project, section="datasets"),
        "version": version,
        "labels": _with_trained(version.labels),
        "people": _with_trained(version.people),
        "filters": _filter_words(project, version.filters),
        "others": others,
        "earlier": earlier,
        **(_compared(request, project, earlier, version) if earlier else {}),
    }
    return render(request, "pages/dataset.html", context)


@project_page(Right.MANAGE)
@require_POST
def dataset_delete(request: HttpRequest, project: Project, dataset_id: int) -> HttpResponse:
    """Delete a version and its file."""
    version = _find(project, dataset_id)
    try:
        snapshots.delete_version(version)
    except AppError as refusal:
        messages.error(request, refusal.message)
        return redirect("dataset", project.pk, dataset_id)
    messages.success(request, _("“%(name)s” is deleted. The project's masks are untouched.") % {"name": version.name})
    return redirect("datasets", project.pk)


def _jobs(project: Project, versions: list[DatasetVersion]) -> QuerySet[Job]:
    """Return what is being made, and what failed since the latest version."""
    failed = Q(status=JobStatus.FAILED)
    if versions:
        failed &= Q(created_at__gt=versions[0].created_at)
    return Job.objects.filter(Q(status__in=OPEN_STATUSES) | failed, project=project, kind=FREEZE_KIND)[:SHOWN_JOBS]


def _find(project: Project, dataset_id: int) -> DatasetVersion:
    return get_object_or_404(
        DatasetVersion.objects.select_related("created_by", "project"), project=project, pk=dataset_id
    )


def _people(project: Project) -> list[User]:
    return [row.user for row in project.memberships.select_related("user").order_by("user__username")]


def _read_filters(form: QueryDict) -> DatasetFilters:
    given: dict[str, Any] = {name: form.getlist(name) for name in ("labels", "people")}
    given |= {name: form[name] for name in ("created_from", "created_before") if form.get(name)}
    try:
        return DatasetFilters.model_validate({**given, "is_reviewed": "is_reviewed" in form})
    except ValidationError as error:
        raise InvalidError(_("The filters do not fit together. Choose them anew."), code="bad_filters") from error


def _with_trained(shares: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**share, "trained": share["masks"] - share["held_out"]} for share in shares]


def _filter_words(project: Project, filters: Mapping[str, Any]) -> list[str]:
    """Return what was asked for, in a few words each; labels and people by the names that they have now."""
    words = []
    if filters.get("labels"):
        names = dict(project.labels.filter(pk__in=filters["labels"]).values_list("pk", "name"))
        listed = [names.get(pk, _("a deleted label")) if pk else _("No label") for pk in filters["labels"]]
        words.append(_("labels: %(names)s") % {"names": ", ".join(listed)})
    if filters.get("people"):
        people = User.objects.in_bulk(filters["people"])
        listed = [people[pk].display_name if pk in people else _("a deleted account") for pk in filters["people"]]
        words.append(_("made by: %(names)s") % {"names": ", ".join(listed)})
    if filters.get("created_from"):
        words.append(_("made from %(day)s on") % {"day": filters["created_from"][:10]})
    if filters.get("created_before"):
        words.append(_("made before %(day)s") % {"day": filters["created_before"][:10]})
    if filters.get("is_reviewed"):
        words.append(_("reviewed images only"))
    return words


def _compared(request: HttpRequest, project: Project, earlier: DatasetVersion, version: DatasetVersion) -> Context:
    try:
        comparison = snapshots.compare(earlier, version)
    except AppError as refusal:
        messages.error(request, refusal.message)
        return {}
    examples = comparison.examples[:SHOWN_EXAMPLES]
    there = Image.objects.filter(project=project, pk__in={row.image_id for row in examples})
    return {
        "comparison": comparison,
        "examples": examples,
        "images_there": set(there.values_list("pk", flat=True)),
        "more_examples": comparison.added + comparison.changed + comparison.gone - len(examples),
    }
