"""Background tasks of this room, and how they are started.

The queue's rows name a task by its dotted path: one that moves leaves those behind that wait.
"""

from functools import partial

from django.db import transaction
from django.utils import timezone
from django_tasks import task

from annotator.accounts.models import User
from annotator.exchange.export import jobs as exports
from annotator.exchange.import_ import box_masks, uploads
from annotator.exchange.import_ import jobs as imports
from annotator.exchange.models import ImportRun
from annotator.exchange.options import ExportOptions, ImportOptions
from annotator.exchange.orders import ExportOrder, ImportOrder
from annotator.jobs import services as jobs
from annotator.jobs.models import Job
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
    return jobs.do_job(job_id, partial(imports.do_import, boxes_task=draw_boxes))


@task(priority=jobs.JOB_PRIORITY)
def draw_boxes(job_id: int) -> str:
    """Make masks of the boxes that an import brought."""
    return jobs.do_job(job_id, box_masks.do_box_masks)


def start_export(project: Project, options: ExportOptions, *, user: User | None) -> Job:
    """Make and enqueue the job of an export."""
    order = ExportOrder(options, exports.base_name(project, options))
    return jobs.start_job(project, kind=exports.EXPORT_KIND, task=run_export, params=order.to_params(), user=user)


def start_preflight(project: Project, options: ExportOptions, *, user: User | None) -> Job:
    """Make and enqueue the job of a check."""
    params = ExportOrder(options).to_params()
    return jobs.start_job(project, kind=exports.PREFLIGHT_KIND, task=run_preflight, params=params, user=user)


def start_preview(row: ImportRun, options: ImportOptions, *, user: User | None) -> Job:
    """Make and enqueue the job of a preview with these options."""
    job = _start(row, uploads.PREVIEW_KIND, run_preview, key=f"{row.pk}", user=user)
    row.options, row.job = options.model_dump(mode="json"), job
    row.save(update_fields=["options", "job"])
    return job


@transaction.atomic
def start_import(row: ImportRun, options: ImportOptions, *, user: User | None) -> Job:
    """Make and enqueue the import; raise ConflictError while another import of the project is under way.

    One at a time, because each one looks once for what is in the project already.
    """
    job = _start(row, uploads.IMPORT_KIND, run_import, key="one", user=user)
    row.options, row.job, row.started_at = options.model_dump(mode="json"), job, timezone.now()
    row.save(update_fields=["options", "job", "started_at"])
    uploads.note_import(row, options, by=user)
    return job


def _start(row: ImportRun, kind: str, task: object, *, key: str, user: User | None) -> Job:
    params = ImportOrder(row.pk).to_params()
    return jobs.start_job(row.project, kind=kind, task=task, params=params, user=user, key=key)
