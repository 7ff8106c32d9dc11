"""Background tasks of this room."""

import hashlib

from django_tasks import task

from annotator.accounts.models import User
from annotator.intake.bulk import run_bulk_intake
from annotator.jobs import services as jobs
from annotator.jobs.models import Job
from annotator.json_types import JsonObject
from annotator.projects.models import Project

INTAKE_PRIORITY = 20  # before embeddings: somebody watches the photos come in


@task(priority=INTAKE_PRIORITY)
def bulk_intake(job_id: int) -> str:
    """Take in the photos of one zip or folder."""
    return jobs.do_job(job_id, run_bulk_intake)


def start_file_intake(project: Project, *, kind: str, stored: str, name: str, total: int, user: User | None) -> Job:
    """Start the job that unpacks a stored file of many photos: a zip (ingest_zip) or a TIFF (ingest_pages)."""
    params: JsonObject = {"file": stored, "name": name}
    return jobs.start_job(project, kind=kind, task=bulk_intake, params=params, user=user, total=total, key=stored[-40:])


def start_folder_intake(project: Project, *, folder: str, total: int, user: User | None) -> Job:
    """Start the job that takes in a folder; raise ConflictError when it is being taken in already."""
    key = hashlib.sha256(folder.encode()).hexdigest()
    return jobs.start_job(
        project, kind="ingest_folder", task=bulk_intake, params={"folder": folder}, user=user, total=total, key=key
    )
