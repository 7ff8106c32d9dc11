"""Background tasks of this room, and how they are started."""

from django.utils import timezone
from django_tasks import task

from annotator.accounts.models import User
from annotator.engine import jobs
from annotator.engine.models import Job
from annotator.exchange import exports, imports
from annotator.exchange.models import ImportRun
from annotator.exchange.options import ExportOptions, ImportOptions
from annotator.projects.models import Project


@task(priority=jobs.JOB_PRIORITY)
def run_export(job_id: int) -> str:
    """Write one export, or go on with it."""
    return jobs.do_job(job_id, exports.do_export)


@task(priority=jobs.JOB_PRIORITY)
def run_preflight(job_id: int) -> str:
    """Check a selection before it is exported."""
    return jobs.do_job(job_id, exports.do_preflight)


@task(priority=jobs.JOB_PRIORITY)
def run_preview(job_id: int) -> str:
    """Say what an import would do."""
    return jobs.do_job(job_id, imports.do_preview)


@task(priority=jobs.JOB_PRIORITY)
def run_import(job_id: int) -> str:
    """Import, or go on with it."""
    return jobs.do_job(job_id, imports.do_import)


def start_export(project: Project, options: ExportOptions, *, user: User | None) -> Job:
    """Make and enqueue the job of an export."""
    params = {"options": options.model_dump(mode="json"), "name": exports.base_name(project, options)}
    return jobs.start_job(project, kind=exports.EXPORT_KIND, task=run_export, params=params, user=user)


def start_preflight(project: Project, options: ExportOptions, *, user: User | None) -> Job:
    """Make and enqueue the job of a check."""
    params = {"options": options.model_dump(mode="json")}
    return jobs.start_job(project, kind=exports.PREFLIGHT_KIND, task=run_preflight, params=params, user=user)


def start_preview(row: ImportRun, options: ImportOptions, *, user: User | None) -> Job:
    """Make and enqueue the job of a preview with these options."""
    job = _start(row, imports.PREVIEW_KIND, run_preview, key=f"{row.pk}", user=user)
    row.options, row.job = options.model_dump(mode="json"), job
    row.save(update_fields=["options", "job"])
    return job


def start_import(row: ImportRun, options: ImportOptions, *, user: User | None) -> Job:
    """Make and enqueue the import; raise ConflictError while another import of the project is under way.

    One at a time, because each one looks once for what is in the project already.
    """
    job = _start(row, imports.IMPORT_KIND, run_import, key="one", user=user)
    row.options, row.job, row.started_at = options.model_dump(mode="json"), job, timezone.now()
    row.save(update_fields=["options", "job", "started_at"])
    return job


def _start(row: ImportRun, kind: str, task: object, *, key: str, user: User | None) -> Job:
    return jobs.start_job(row.project, kind=kind, task=task, params={"import_id": row.pk}, user=user, key=key)
