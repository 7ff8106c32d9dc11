"""Endpoints of background jobs."""

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router

from annotator.accounts.authentication import user_of
from annotator.errors import ForbiddenError, MissingError
from annotator.jobs import services as jobs
from annotator.jobs.models import Job
from annotator.jobs.schemas import JobOut
from annotator.projects.access import Right, get_project, has_right, require_right
from annotator.projects.models import Role

router = Router(tags=["jobs"])


@router.get("/projects/{int:project_id}/jobs", response=list[JobOut])
def list_jobs(request: HttpRequest, project_id: int, kind: str = "") -> list[Job]:
    """Return the project's latest jobs, newest first, 50 at most."""
    project = get_project(user_of(request), project_id)
    rows = Job.objects.filter(project=project)
    return list((rows.filter(kind=kind) if kind else rows)[:50])


@router.get("/jobs/{int:job_id}", response=JobOut)
def get_job(request: HttpRequest, job_id: int) -> Job:
    """Return one job."""
    return _find(request, job_id)[0]


@router.post("/jobs/{int:job_id}/pause", response=JobOut)
def pause_job(request: HttpRequest, job_id: int) -> Job:
    """Stop after the step that is being done, until it is resumed."""
    return jobs.pause_job(_find_own(request, job_id))


@router.post("/jobs/{int:job_id}/resume", response=JobOut)
def resume_job(request: HttpRequest, job_id: int) -> Job:
    """Go on with a paused or failed job where it was."""
    return jobs.resume_job(_find_own(request, job_id))


@router.post("/jobs/{int:job_id}/cancel", response=JobOut)
def cancel_job(request: HttpRequest, job_id: int) -> Job:
    """Stop for good; what was made stays."""
    return jobs.cancel_job(_find_own(request, job_id))


def _find(request: HttpRequest, job_id: int) -> tuple[Job, str]:
    job = Job.objects.select_related("project").filter(pk=job_id).first()
    if job is None or (job.project_id is None and not user_of(request).is_superuser):
        raise MissingError(_("There is no such job."))
    if job.project_id is None:
        return job, Role.ADMIN
    try:
        return job, require_right(user_of(request), job.project_id, right=Right.VIEW)
    except MissingError:
        raise MissingError(_("There is no such job.")) from None


def _find_own(request: HttpRequest, job_id: int) -> Job:
    """Admins steer every job, others those that they started; jobs of the server are its admins'."""
    job, role = _find(request, job_id)
    if not has_right(role, Right.MANAGE) and job.created_by_id != user_of(request).pk:
        raise ForbiddenError(_("Only an admin, or whoever started the job, may do that."))
    return job
