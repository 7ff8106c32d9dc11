"""What is imported: an upload that is kept, or a folder of the server; its row, and how both go again.

Access is checked by the caller. Must not know: formats, what an import does.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.translation import gettext as _

from annotator.accounts.models import User
from annotator.audit.services import record_event
from annotator.audit.verbs import Verb
from annotator.errors import ConflictError
from annotator.exchange.models import ImportRun as ImportRow
from annotator.exchange.options import ImportOptions
from annotator.exchange.places import local_copy, remove_work_folder, resolve_place
from annotator.intake.folders import allowed_root
from annotator.jobs.models import OPEN_STATUSES
from annotator.photos.naming import display_name
from annotator.projects.models import Project

PREVIEW_KIND, IMPORT_KIND = "import_preview", "import"


def keep_upload(
    project: Project, file: IO[bytes], *, name: str, options: ImportOptions, user: User | None
) -> ImportRow:
    """Store the file and make its row."""
    row = ImportRow.objects.create(
        project=project,
        name=display_name(name),
        format=options.format,
        options=options.model_dump(mode="json"),
        created_by=user,
    )
    try:
        row.file.name = default_storage.save(f"imports/{project.pk}/{row.pk}/upload", File(file))
        row.save(update_fields=["file"])
    except BaseException:
        row.delete()  # an import without its file could never be done
        raise
    return row


def note_folder(project: Project, folder: str, *, options: ImportOptions, user: User | None) -> ImportRow:
    """Make the row of a folder or file below INGEST_ROOT; raise an AppError where there is none."""
    path = resolve_place(folder)
    return ImportRow.objects.create(
        project=project,
        name=display_name(path.name),
        folder=str(path.relative_to(allowed_root())),
        format=options.format,
        options=options.model_dump(mode="json"),
        created_by=user,
    )


@contextmanager
def open_source(row: ImportRow) -> Iterator[Path]:
    """Yield the path of what is imported; raise an AppError when a folder of the server is gone."""
    if row.folder:
        yield resolve_place(row.folder)
        return
    with local_copy(str(row.file.name)) as path:
        yield path


def note_import(row: ImportRow, options: ImportOptions, *, by: User | None) -> None:
    """Record in the audit log that an import starts, and with what options."""
    told = {**options.model_dump(mode="json", exclude_defaults=True), "format": row.format}
    record_event(Verb.IMPORT_STARTED, row, name=row.name, project=row.project, after=told, by=by)


def delete_import(row: ImportRow) -> None:
    """Forget an import and remove its upload and table; its masks stay. Raise ConflictError while a job works on it."""
    if row.job is not None and row.job.status in OPEN_STATUSES:
        raise ConflictError(_("The import is under way: cancel it first."), code="job_running")
    names = [str(file.name) for file in (row.file, row.rows_file) if file]
    for kind in (PREVIEW_KIND, IMPORT_KIND):
        remove_work_folder(kind, row.pk)
    with transaction.atomic():
        record_event(Verb.IMPORT_DELETED, row, name=row.name, project=row.project)
        row.delete()
    for name in names:
        default_storage.delete(name)
