"""Jobs: long background work with progress that can be followed, paused and cancelled, and that survives a crash."""

from typing import Any

from django.db.models import Q
from django.utils import timezone

from annotator.accounts.models import User
from annotator.engine.models import Job, JobStatus
from annotator.live.hints import send_hint
from annotator.projects.models import Project

OPEN_STATUSES = (JobStatus.PENDING, JobStatus.RUNNING, JobStatus.PAUSED)


def create_job(project: Project, *, kind: str, params: dict[str, Any], total: int = 0, user: User | None) -> Job:
    """Make a waiting job; the caller enqueues the task that does it."""
    return Job.objects.create(project=project, kind=kind, params=params, total=total, created_by=user)


def claim_job(job_id: int) -> Job | None:
    """Return the job as running, or None when it is finished, cancelled or paused.

    A job that is running already is returned too: its task runs again only after its worker died.
    """
    claimable = Q(status=JobStatus.PENDING) | Q(status=JobStatus.RUNNING)
    changed = Job.objects.filter(claimable, pk=job_id).update(status=JobStatus.RUNNING, updated_at=timezone.now())
    if not changed:
        return None
    Job.objects.filter(pk=job_id, started_at=None).update(started_at=timezone.now())
    return Job.objects.select_related("project__model_version", "created_by").get(pk=job_id)


def record_progress(job: Job, *, done: int, total: int, report: dict[str, Any]) -> bool:
    """Write progress down and tell the pages; return False when the job was paused or cancelled meanwhile."""
    job.done, job.total, job.report = done, total, report
    still_running = Job.objects.filter(pk=job.pk, status=JobStatus.RUNNING).update(
        done=done, total=total, report=report, updated_at=timezone.now()
    )
    if not still_running:
        job.refresh_from_db(fields=["status"])
        return False
    send_hint(job.project_id, "job.progress", job_id=job.pk, done=done, total=total, status=job.status)
    return True


def finish_job(job: Job, *, report: dict[str, Any]) -> None:
    """Mark a job done."""
    _close(job, JobStatus.DONE, report=report, error="")


def fail_job(job: Job, message: str) -> None:
    """Mark a job failed, with a sentence for people."""
    _close(job, JobStatus.FAILED, report=job.report, error=message)


def _close(job: Job, status: JobStatus, *, report: dict[str, Any], error: str) -> None:
    job.status, job.report, job.error, job.finished_at = status, report, error, timezone.now()
    job.save(update_fields=["status", "report", "error", "finished_at", "updated_at"])
    send_hint(job.project_id, "job.progress", job_id=job.pk, done=job.done, total=job.total, status=status)
