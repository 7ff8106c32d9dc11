"""Freeze as a job, and clear away what cancelled and killed freezes left. Access is checked by the caller."""

import shutil
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Q

from annotator.clock import is_old
from annotator.exchange.places import remove_work_folder, work_folder, work_folders
from annotator.jobs import services as jobs
from annotator.jobs.models import Job, JobStatus
from annotator.training.snapshot_filters import DatasetFilters
from annotator.training.snapshot_run import FreezeRun
from annotator.training.snapshots import file_version

FREEZE_KIND = "dataset"
ONE_AT_A_TIME = "one"
LEFT_AFTER_SECONDS = 24 * 3600
FAILED_STAYS = timedelta(days=7)


def order_params(filters: DatasetFilters, *, name: str) -> dict[str, Any]:
    """Return what a job's row keeps of an order."""
    return {"name": name, "filters": filters.model_dump(mode="json", exclude_defaults=True)}


def do_freeze(job: Job) -> None:
    """Freeze one version; goes on where an earlier try ended."""
    _sweep()
    filters = DatasetFilters.model_validate(job.params["filters"])
    run = FreezeRun(job.project, filters, work_folder(FREEZE_KIND, job.pk))
    job.total = run.progress[1]
    if jobs.run_steps(job, run.steps(), count_done=lambda: run.progress[0]):
        version = file_version(run, name=job.params["name"], user=job.created_by, job=job)
        job.done = job.total
        jobs.finish_job(job, report={"dataset_id": version.pk, "images": version.images, "masks": version.masks})
        remove_work_folder(FREEZE_KIND, job.pk)
    elif job.status == JobStatus.CANCELLED:
        remove_work_folder(FREEZE_KIND, job.pk)


def _sweep() -> None:
    """Remove what freezes left that were cancelled, killed outside of a job, or failed FAILED_STAYS ago."""
    pks = work_folders(FREEZE_KIND)
    gone = Q(status=JobStatus.CANCELLED) | Q(is_old("finished_at", FAILED_STAYS), status=JobStatus.FAILED)
    kept = set(Job.objects.filter(pk__in=pks).exclude(gone).values_list("pk", flat=True))
    for pk in pks:
        if pk not in kept:
            remove_work_folder(FREEZE_KIND, pk)
    for folder in (Path(settings.DATA_DIR) / "exchange").glob("freeze-*"):
        if folder.stat().st_mtime < time.time() - LEFT_AFTER_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
