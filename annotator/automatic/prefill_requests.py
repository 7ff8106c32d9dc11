"""Ask for the model's own work: suggestions, automatic annotation."""

import contextlib
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.accounts.models import User
from annotator.automatic.mask_jobs import images_to_annotate, images_to_prefill
from annotator.automatic.selectors import count_unprepared
from annotator.automatic.tasks import annotate_automatically, prefill
from annotator.errors import ConflictError, InvalidError
from annotator.inference.selectors import model_version_of
from annotator.jobs import services as jobs
from annotator.jobs.models import Job, JobStatus
from annotator.projects.models import Project

WHOLE_PROJECT = "project"
AFTER_FAILURE = timedelta(minutes=5)


def start_prefill(project: Project, user: User | None) -> Job:
    """Start making suggestions for every image that lacks them; ConflictError when that is under way already."""
    total = images_to_prefill(project).count()
    return jobs.start_job(
        project, kind="prefill", key=WHOLE_PROJECT, task=prefill, params={}, total=total, user=user
    )  # fmt: skip


def ensure_prefill(project: Project) -> None:
    """Start a pre-fill unless one is open, or the last one failed a moment ago."""
    recent = timezone.now() - AFTER_FAILURE
    rows = Job.objects.filter(project=project, kind="prefill")
    if rows.filter(status__in=jobs.OPEN_STATUSES).exists():
        return
    if rows.filter(status__in=(JobStatus.FAILED, JobStatus.CANCELLED), updated_at__gt=recent).exists():
        return
    with contextlib.suppress(ConflictError, InvalidError):  # another request was faster, or there is no model yet
        start_prefill(project, None)


def ask_for_suggestions(project: Project) -> int:
    """Return how many waiting images still lack the suggestions that the stage asks for, and see that they are made."""
    unprepared = count_unprepared(project)
    if unprepared:
        ensure_prefill(project)
    return unprepared


def start_automatic(project: Project, user: User, *, image_ids: list[int] | None) -> Job:
    """Let the model annotate the chosen images, or all; one such job a project at a time."""
    if model_version_of(project) is None:
        raise InvalidError(_("No model is there yet; run: python manage.py install_model sam_lite"), code="no_model")
    total = images_to_annotate(project, image_ids).count()
    if total == 0:
        raise InvalidError(_("There are no such images."), code="no_images")
    params = {} if image_ids is None else {"image_ids": sorted(set(image_ids))}
    return jobs.start_job(
        project, kind="automatic", key=WHOLE_PROJECT, task=annotate_automatically, params=params, total=total, user=user
    )
