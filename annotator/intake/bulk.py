"""Many photos as one job: goes on where it was after a crash, and reports every refusal by name."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.files.storage import default_storage
from django.utils import timezone

from annotator.engine import jobs
from annotator.engine.models import OPEN_STATUSES, Job, JobStatus
from annotator.intake.folders import list_photos, open_photo_file, resolve_folder
from annotator.intake.services import refusal, take_photo, take_zip_entry
from annotator.intake.zips import open_zip
from annotator.photos.errors import PhotoRefusedError

MAX_REPORTED_REFUSALS = 1000
KEEP_SPENT_ZIPS = timedelta(days=1)
Take = Callable[[], dict[str, Any]]


def run_bulk_intake(job: Job) -> None:
    """Do the job's remaining steps; called by its task only."""
    source = {"ingest_zip": _zip_photos, "ingest_folder": _folder_photos}[job.kind]
    job.report = job.report or {"added": 0, "duplicate": 0, "refused": 0, "refusals": []}
    try:
        with source(job) as photos:
            remaining = [_counted(job, take) for take in photos[job.done :]]
            if jobs.run_steps(job, remaining):
                jobs.finish_job(job, report=job.report)
    except PhotoRefusedError as error:
        jobs.fail_job(job, error.message)


def remove_spent_zips() -> int:
    """Delete the zips of jobs that will not go on; return how many."""
    removed = 0
    ended = Job.objects.filter(kind="ingest_zip", finished_at__gte=timezone.now() - 2 * KEEP_SPENT_ZIPS)
    for job in ended.exclude(status__in=OPEN_STATUSES):
        # A failed job can be resumed, so its zip stays for a day.
        is_spent = job.status != JobStatus.FAILED or (
            job.finished_at is not None and job.finished_at < timezone.now() - KEEP_SPENT_ZIPS
        )
        if is_spent and default_storage.exists(job.params["file"]):
            default_storage.delete(job.params["file"])
            removed += 1
    return removed


def _counted(job: Job, take: Take) -> Callable[[], None]:
    def step() -> None:
        entry = take()
        report = job.report
        report[entry["status"]] += 1
        if entry["status"] == "refused" and len(report["refusals"]) < MAX_REPORTED_REFUSALS:
            report["refusals"].append({key: entry[key] for key in ("name", "code", "message")})

    return step


@contextmanager
def _zip_photos(job: Job) -> Iterator[list[Take]]:
    with default_storage.open(job.params["file"], "rb") as file, open_zip(file) as (archive, members):
        yield [_zip_photo(job, archive, member) for member in members]


@contextmanager
def _folder_photos(job: Job) -> Iterator[list[Take]]:
    yield [_folder_photo(job, path) for path in list_photos(resolve_folder(job.params["folder"]))]


def _zip_photo(job: Job, archive: Any, member: Any) -> Take:
    return lambda: take_zip_entry(job.project, archive, member, user=job.created_by)


def _folder_photo(job: Job, path: Path) -> Take:
    def take() -> dict[str, Any]:
        try:
            with open_photo_file(path) as file:
                return take_photo(job.project, file, name=path.name, user=job.created_by)
        except PhotoRefusedError as error:
            return refusal(path.name, error)

    return take
