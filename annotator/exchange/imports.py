"""Take files in: keep the upload, look at it, and do the import as a job. Access is checked by the caller."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.core.files.base import File
from django.core.files.storage import default_storage

from annotator.accounts.models import User
from annotator.engine import jobs
from annotator.engine.models import OPEN_STATUSES, Job
from annotator.errors import ConflictError
from annotator.exchange.import_run import ImportRun
from annotator.exchange.importers.source import BrokenFileError
from annotator.exchange.models import ImportRun as ImportRow
from annotator.exchange.options import ImportOptions
from annotator.exchange.places import local_copy, move_into_storage, remove_work_folder, resolve_place, work_folder
from annotator.intake.folders import allowed_root
from annotator.photos.naming import display_name
from annotator.projects.models import Project

PREVIEW_KIND, IMPORT_KIND = "import_preview", "import"
SLICE_SECONDS = 120.0
SKIPPED_SECONDS = 0.0002  # what passing over a mask that was taken before may take; a slice must outlast that
SEEN_EVERY = 20  # steps of a preview between two signs of life


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
    row.file.name = default_storage.save(f"imports/{project.pk}/{row.pk}/upload", File(file))
    row.save(update_fields=["file"])
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


def delete_import(row: ImportRow) -> None:
    """Forget an import and remove its upload and table; its masks stay. Raise ConflictError while a job works on it."""
    if row.job is not None and row.job.status in OPEN_STATUSES:
        raise ConflictError("The import is under way: cancel it first.", code="job_running")
    names = [str(file.name) for file in (row.file, row.rows_file) if file]
    for kind in (PREVIEW_KIND, IMPORT_KIND):
        remove_work_folder(kind, row.pk)
    row.delete()
    for name in names:
        default_storage.delete(name)


def do_preview(job: Job) -> None:
    """Read the whole file and keep what an import would do."""
    row = ImportRow.objects.select_related("project", "created_by").get(pk=job.params["import_id"])
    remove_work_folder(PREVIEW_KIND, row.pk)
    steps = 0

    def tell(read: int) -> bool:
        nonlocal steps
        steps += 1
        return steps % SEEN_EVERY != 0 or jobs.record_progress(job, done=read, total=max(job.total, read))

    try:
        with open_source(row) as path:
            run = ImportRun(row, path, work_folder(PREVIEW_KIND, row.pk), on_beat=lambda: _beat(job))
            try:
                report = run.preview(tell)
            finally:
                run.close()
    except BrokenFileError as error:
        jobs.fail_job(job, str(error)[:1000])
        return
    finally:
        remove_work_folder(PREVIEW_KIND, row.pk)
    if report is not None and jobs.finish_job(job, report=report):
        ImportRow.objects.filter(pk=row.pk).update(preview=report, format=report["format"])


def do_import(job: Job) -> None:
    """Write the masks that are new; goes on where an earlier try ended."""
    row = ImportRow.objects.select_related("project", "created_by").get(pk=job.params["import_id"])
    try:
        with open_source(row) as path:
            run = ImportRun(row, path, work_folder(IMPORT_KIND, row.pk), on_beat=lambda: _beat(job))
            try:
                _run(job, row, run)
            finally:
                run.close()
    except BrokenFileError as error:
        jobs.fail_job(job, str(error)[:1000])
    if job.status in ("done", "failed", "cancelled"):
        remove_work_folder(IMPORT_KIND, row.pk)


def _beat(job: Job) -> None:
    """Say that a long step goes on; leave it when the job was cancelled or taken over."""
    if not jobs.beat(job):
        raise jobs.StoppedError


def _run(job: Job, row: ImportRow, run: ImportRun) -> None:
    def steps() -> Iterator[Any]:
        for step in run.steps():
            yield lambda step=step: _do_step(job, run, step)

    slice_seconds = SLICE_SECONDS + run.progress[0] * SKIPPED_SECONDS
    if not jobs.run_steps(job, steps(), slice_seconds=slice_seconds):
        job.refresh_from_db(fields=["status"])
        return
    report = run.finish()
    name = move_into_storage(run.rows_file, f"imports/{row.project_id}/{row.pk}/rows_not_taken.csv")
    ImportRow.objects.filter(pk=row.pk).update(rows_file=name)
    job.done = job.total = run.progress[1]
    jobs.finish_job(job, report=report)


def _do_step(job: Job, run: ImportRun, step: Any) -> None:
    step()
    done, job.total = run.progress
    job.done = max(done - 1, 0)  # run_steps counts the step itself
    job.report = {"masks": run.report.masks, "images": run.report.images}


def import_at_once(row: ImportRow, path: Path) -> dict[str, Any]:
    """Do a whole import in this process, for the command line; raise BrokenFileError. Running it again goes on."""
    run = ImportRun(row, path, work_folder(IMPORT_KIND, row.pk))
    try:
        for step in run.steps():
            step()
        report = run.finish()
        name = move_into_storage(run.rows_file, f"imports/{row.project_id}/{row.pk}/rows_not_taken.csv")
    finally:
        run.close()
    ImportRow.objects.filter(pk=row.pk).update(rows_file=name)
    remove_work_folder(IMPORT_KIND, row.pk)
    return report
