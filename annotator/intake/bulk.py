"""Many photos as one job: goes on where it was after a crash, and reports every refusal by name."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.files.storage import default_storage

from annotator.engine import jobs
from annotator.engine.models import Job
from annotator.errors import AppError
from annotator.intake.folders import list_photos, open_photo_file, resolve_folder
from annotator.intake.services import refusal, take_photo, take_zip_entry
from annotator.intake.zips import open_zip
from annotator.photos.errors import PhotoRefusedError

MAX_REPORTED_REFUSALS = 1000
Step = Callable[[], dict[str, Any]]


def run_bulk_intake(job: Job) -> None:
    """Do the job's remaining steps; called by its task only."""
    source = {"ingest_zip": _zip_steps, "ingest_folder": _folder_steps}[job.kind]
    try:
        with source(job) as steps:
            _run_steps(job, steps)
    except (PhotoRefusedError, AppError) as error:
        jobs.fail_job(job, error.message)
    if job.kind == "ingest_zip" and job.status not in jobs.OPEN_STATUSES:
        default_storage.delete(job.params["file"])


def _run_steps(job: Job, steps: list[Step]) -> None:
    report = job.report or {"added": 0, "duplicate": 0, "refused": 0, "refusals": []}
    for index in range(job.done, len(steps)):
        entry = steps[index]()
        report[entry["status"]] += 1
        if entry["status"] == "refused" and len(report["refusals"]) < MAX_REPORTED_REFUSALS:
            report["refusals"].append({key: entry[key] for key in ("name", "code", "message")})
        if not jobs.record_progress(job, done=index + 1, total=len(steps), report=report):
            return
    jobs.finish_job(job, report=report)


@contextmanager
def _zip_steps(job: Job) -> Iterator[list[Step]]:
    with default_storage.open(job.params["file"], "rb") as file, open_zip(file) as (archive, entries):
        yield [_zip_step(job, archive, entry) for entry in entries]


@contextmanager
def _folder_steps(job: Job) -> Iterator[list[Step]]:
    yield [_folder_step(job, path) for path in list_photos(resolve_folder(job.params["folder"]))]


def _zip_step(job: Job, archive: Any, entry: Any) -> Step:
    return lambda: take_zip_entry(job.project, archive, entry, user=job.created_by)


def _folder_step(job: Job, path: Path) -> Step:
    def step() -> dict[str, Any]:
        try:
            with open_photo_file(path) as file:
                return take_photo(job.project, file, name=path.name, user=job.created_by)
        except PhotoRefusedError as error:
            return refusal(path.name, error)

    return step
