"""Background tasks of this room."""

from typing import Any

from django_tasks import task

from annotator.accounts.models import User
from annotator.engine import jobs
from annotator.engine.models import Job
from annotator.intake.bulk import run_bulk_intake
from annotator.projects.models import Project

INTAKE_PRIORITY = 20


@task(priority=INTAKE_PRIORITY)
def bulk_intake(job_id: int) -> str:
    """Take in the photos of one zip or folder."""
    job = jobs.claim_job(job_id)
    if job is None:
        return "nothing to do"
    run_bulk_intake(job)
    return job.status


def start_bulk_intake(project: Project, *, kind: str, params: dict[str, Any], total: int, user: User | None) -> Job:
    """Make the job and enqueue it."""
    job = jobs.create_job(project, kind=kind, params=params, total=total, user=user)
    bulk_intake.enqueue(job.pk)
    return job
