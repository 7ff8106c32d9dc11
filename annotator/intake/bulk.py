"""Many photos as one job: goes on where it was after a crash, and reports every refusal by name."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO
from zipfile import ZipFile, ZipInfo

from django.core.files.storage import default_storage
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.full_disk import DiskFullError
from annotator.intake.answers import UploadEntry
from annotator.intake.folders import allowed_root, list_photos, open_photo_file, resolve_folder
from annotator.intake.services import refusal
from annotator.intake.stacks import take_page, take_photos, take_zip_entry
from annotator.intake.zips import open_zip
from annotator.jobs import outcomes
from annotator.jobs import services as jobs
from annotator.jobs.models import OPEN_STATUSES, Job, JobStatus
from annotator.photos.decoding import list_photo_pages
from annotator.photos.errors import PhotoRefusedError

MAX_REPORTED_REFUSALS = 1000
STORED_KINDS = ("ingest_zip", "ingest_pages")
KEEP_SPENT_ZIPS = timedelta(days=1)
Take = Callable[[], list[UploadEntry]]


def run_bulk_intake(job: Job) -> None:
    """Do the job's remaining steps; called by its task only."""
    sources = {"ingest_zip": _zip_photos, "ingest_folder": _folder_photos, "ingest_pages": _tiff_pages}
    outcomes.begin_anew(job)
    job.report = job.report or {"added": 0, "duplicate": 0, "refused": 0, "refusals": []}
    try:
        with sources[job.kind](job) as photos:
            remaining = [_counted(job, take) for take in photos[job.done :]]
            if jobs.run_steps(job, remaining):
                _end(job)
    except PhotoRefusedError as error:
        jobs.fail_job(job, error.message)


def _end(job: Job) -> None:
    """Close the job: one that took no photo has failed, with the first reason."""
    report = job.report
    if not report["refused"] or report["added"] or report["duplicate"]:
        jobs.finish_job(job, report=report)
        return
    first = report["refusals"][0]
    sentence = _("No photo was added. %(name)s: %(reason)s")
    outcomes.fail_wholly(job, sentence % {"name": first["name"], "reason": first["message"]})


def remove_spent_zips() -> int:
    """Delete the zips of jobs that will not go on; return how many."""
    removed = 0
    ended = Job.objects.filter(kind__in=STORED_KINDS, finished_at__gte=timezone.now() - 2 * KEEP_SPENT_ZIPS)
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
        report = job.report
        for entry in take():
            if entry["code"] == DiskFullError.code:
                raise DiskFullError  # the job goes on with this very photo once there is space
            report[entry["status"]] += 1
            if entry["status"] == "refused" and len(report["refusals"]) < MAX_REPORTED_REFUSALS:
                told = {"name": entry["name"], "code": entry["code"], "message": entry["message"]}
                report["refusals"].append(told)

    return step


@contextmanager
def _zip_photos(job: Job) -> Iterator[list[Take]]:
    with default_storage.open(job.params["file"], "rb") as file, open_zip(file) as (archive, members, hint):
        if hint:
            job.report["hint"] = hint
        yield [_zip_photo(job, archive, member) for member in members]


@contextmanager
def _tiff_pages(job: Job) -> Iterator[list[Take]]:
    with default_storage.open(job.params["file"], "rb") as file:
        yield [_tiff_page(job, file, place, number) for number, place in enumerate(list_photo_pages(file), start=1)]


@contextmanager
def _folder_photos(job: Job) -> Iterator[list[Take]]:
    folder = resolve_folder(job.params["folder"])
    yield [_folder_photo(job, folder, path) for path in list_photos(folder)]


def _zip_photo(job: Job, archive: ZipFile, member: ZipInfo) -> Take:
    return lambda: take_zip_entry(job.project, archive, member, user=job.created_by)


def _tiff_page(job: Job, file: IO[bytes], place: int, number: int) -> Take:
    return lambda: [take_page(job.project, file, place, number, name=job.params["name"], user=job.created_by)]


def _folder_photo(job: Job, folder: Path, path: Path) -> Take:
    name, place = str(path.relative_to(folder)), str(path.relative_to(allowed_root()))

    def take() -> list[UploadEntry]:
        try:
            with open_photo_file(path) as file:
                return take_photos(job.project, file, name=name, longer_name=place, user=job.created_by)
        except PhotoRefusedError as error:
            return [refusal(name, error)]

    return take
