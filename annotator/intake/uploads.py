"""Take one uploaded file: a photo, a few photos of a zip or pages of a TIFF at once, many as a job of the worker."""

import uuid
from typing import IO

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _

from annotator.accounts.models import User
from annotator.intake.answers import UploadEntry
from annotator.intake.services import entry, refusal
from annotator.intake.stacks import take_photos, take_zip_entry
from annotator.intake.tasks import start_file_intake
from annotator.intake.zips import looks_like_zip, open_zip
from annotator.photos.decoding import list_photo_pages
from annotator.photos.errors import PhotoRefusedError
from annotator.projects.models import Project

# A zip above either bound is unpacked by the worker, so that no request takes seconds.
ZIP_AT_ONCE_ENTRIES = 8
ZIP_AT_ONCE_BYTES = 64 * 1024 * 1024


def take_file(project: Project, file: IO[bytes], *, name: str, user: User | None) -> list[UploadEntry]:
    """Take one uploaded file, a photo or a zip of photos, and return what came of it, one entry per photo."""
    try:
        if looks_like_zip(file):
            return _take_zip(project, file, name=name, user=user)
        pages = len(list_photo_pages(file))
    except PhotoRefusedError as error:
        return [refusal(name, error)]
    if pages > ZIP_AT_ONCE_ENTRIES:
        return [_queue_file(project, file, kind="ingest_pages", name=name, count=pages, user=user)]
    return take_photos(project, file, name=name, user=user)


def _take_zip(project: Project, file: IO[bytes], *, name: str, user: User | None) -> list[UploadEntry]:
    with open_zip(file) as (archive, entries, hint):
        if not entries:
            raise PhotoRefusedError("empty", _("The zip holds no files."))
        total = sum(member.file_size for member in entries)
        if len(entries) <= ZIP_AT_ONCE_ENTRIES and total <= ZIP_AT_ONCE_BYTES:
            taken = [row for member in entries for row in take_zip_entry(project, archive, member, user=user)]
            return [{**row, "message": row["message"] or hint} for row in taken]
    return [_queue_file(project, file, kind="ingest_zip", name=name, count=len(entries), user=user)]


def _queue_file(
    project: Project, file: IO[bytes], *, kind: str, name: str, count: int, user: User | None
) -> UploadEntry:
    file.seek(0)
    stored = default_storage.save(f"intake/{uuid.uuid4().hex}.bin", File(file))
    job = start_file_intake(project, kind=kind, stored=stored, name=name, total=count, user=user)
    message = _("%(n)s pages are being unpacked in the background.")
    if kind == "ingest_zip":
        message = _("%(n)s files are being unpacked in the background.")
    message %= {"n": count}
    return {**entry(name, "queued", message=message), "job_id": job.pk}
