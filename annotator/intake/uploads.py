"""Take one uploaded file: a photo, a small zip at once, a large zip as a job of the worker."""

import uuid
from typing import IO, Any

from django.core.files.base import File
from django.core.files.storage import default_storage

from annotator.accounts.models import User
from annotator.intake.services import entry, refusal, take_photo, take_zip_entry
from annotator.intake.tasks import start_zip_intake
from annotator.intake.zips import looks_like_zip, open_zip
from annotator.photos.errors import PhotoRefusedError
from annotator.projects.models import Project

# A zip above either bound is unpacked by the worker, so that no request takes seconds.
ZIP_AT_ONCE_ENTRIES = 8
ZIP_AT_ONCE_BYTES = 64 * 1024 * 1024


def take_file(project: Project, file: IO[bytes], *, name: str, user: User | None) -> list[dict[str, Any]]:
    """Take one uploaded file, a photo or a zip of photos, and return what came of it, one entry per photo."""
    try:
        if looks_like_zip(file):
            return _take_zip(project, file, name=name, user=user)
    except PhotoRefusedError as error:
        return [refusal(name, error)]
    return [take_photo(project, file, name=name, user=user)]


def _take_zip(project: Project, file: IO[bytes], *, name: str, user: User | None) -> list[dict[str, Any]]:
    with open_zip(file) as (archive, entries):
        if not entries:
            raise PhotoRefusedError("empty", "The zip holds no files.")
        total = sum(member.file_size for member in entries)
        if len(entries) <= ZIP_AT_ONCE_ENTRIES and total <= ZIP_AT_ONCE_BYTES:
            return [take_zip_entry(project, archive, member, user=user) for member in entries]
    return [_queue_zip(project, file, name=name, count=len(entries), user=user)]


def _queue_zip(project: Project, file: IO[bytes], *, name: str, count: int, user: User | None) -> dict[str, Any]:
    file.seek(0)
    stored = default_storage.save(f"intake/{uuid.uuid4().hex}.zip", File(file))
    job = start_zip_intake(project, stored=stored, name=name, total=count, user=user)
    message = f"{count} files are being unpacked in the background."
    return {**entry(name, "queued", message=message), "job_id": job.pk}
