"""Ask for photos to be embedded with the version that was chosen, for one project or for all that follow the default.

Nothing of this begins by itself: whoever chose a version is told the cost and asks for it. Access is checked by the
caller.
"""

from contextlib import suppress

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from typing_extensions import TypedDict

from annotator.accounts.models import User
from annotator.automatic.reembedding import (
    KIND,
    Cost,
    cost_of,
    following_projects,
    measure_speed,
    photos_to_embed,
    try_failed_again,
)
from annotator.automatic.tasks import embed_again
from annotator.errors import ConflictError, InvalidError
from annotator.inference.models import ModelVersion
from annotator.inference.selectors import default_model_version, model_version_of
from annotator.jobs import services as jobs
from annotator.jobs.models import Job, JobStatus
from annotator.projects.models import Project

KEY = "project"  # one such job a project at a time


class Progress(TypedDict):
    """Open embedding jobs of several projects, summed."""

    jobs: int
    running: int
    paused: int
    done: int
    total: int


def begin_choice(projects: QuerySet[Project]) -> None:
    """End what embeds these projects with an earlier choice, and time a version that nothing was embedded with yet.

    All of them have come to the same version.
    """
    for project in projects.filter(jobs__kind=KIND, jobs__status__in=jobs.OPEN_STATUSES).distinct():
        jobs.cancel_open_jobs(project, kind=KIND)
    first = projects.select_related("model_version").first()
    measure_speed(projects, model_version_of(first) if first else None)


def cost_for(project: Project) -> Cost:
    """Return what it takes to embed what a project lacks of its version."""
    return cost_of(Project.objects.filter(pk=project.pk), model_version_of(project))


def cost_for_default() -> Cost:
    """Return what it takes to embed what the projects that follow the default lack of it."""
    return cost_of(following_projects(), default_model_version())


def open_job(project: Project) -> Job | None:
    """Return the project's embedding job that waits, runs or is paused."""
    return Job.objects.filter(project=project, kind=KIND, status__in=jobs.OPEN_STATUSES).first()


def job_to_show(project: Project) -> Job | None:
    """Return the project's latest embedding job where it is open, or did not do everything right."""
    latest = Job.objects.filter(project=project, kind=KIND).first()
    is_told = latest is not None and (latest.status in jobs.OPEN_STATUSES or latest.error)
    return latest if is_told else None


def start_embedding(project: Project, user: User) -> Job:
    """Embed what the project lacks of its version.

    Raises ConflictError (`job_running`) when that is under way, InvalidError where there is no model or nothing to do.
    """
    version = model_version_of(project)
    if version is None:
        raise InvalidError(_("There is no model to embed with yet."), code="no_model")
    total = photos_to_embed(Project.objects.filter(pk=project.pk), version).count()
    if total == 0:
        raise InvalidError(_("Every photo is embedded with this version."), code="nothing_to_embed")
    return _start(project, version, user, total=total)


def start_for_default(user: User) -> list[Job]:
    """Embed what the projects that follow the default lack of it; jobs that are open go on as they are."""
    version, started = default_model_version(), list[Job]()
    if version is None:
        return started
    for project in following_projects():
        total = photos_to_embed(Project.objects.filter(pk=project.pk), version).count()
        with suppress(ConflictError):
            started += [_start(project, version, user, total=total)] if total else []
    return started


def default_progress() -> Progress:
    """Return how far the open embedding jobs of projects that follow the default are."""
    rows = open_jobs_of_default()
    return {
        "jobs": len(rows),
        "running": sum(row.status != JobStatus.PAUSED for row in rows),
        "paused": sum(row.status == JobStatus.PAUSED for row in rows),
        "done": sum(row.done for row in rows),
        "total": sum(row.total for row in rows),
    }


def pause_default() -> None:
    """Pause the embedding of every project that follows the default."""
    for job in open_jobs_of_default():
        with suppress(ConflictError):  # it is paused, or has ended meanwhile
            jobs.pause_job(job)


def resume_default() -> None:
    """Go on with it."""
    for job in open_jobs_of_default():
        with suppress(ConflictError):
            if job.status == JobStatus.PAUSED:
                jobs.resume_job(job)


def open_jobs_of_default() -> list[Job]:
    """Return the embedding jobs of projects that follow the default which wait, run or are paused, newest first."""
    rows = Job.objects.filter(project__in=following_projects().order_by().values("pk"), kind=KIND)
    return list(rows.filter(status__in=jobs.OPEN_STATUSES).select_related("project"))


def _start(project: Project, version: ModelVersion, user: User, *, total: int) -> Job:
    try_failed_again(project, version)
    return jobs.start_job(
        project, kind=KIND, key=KEY, task=embed_again, params={"version": version.version}, user=user, total=total
    )
