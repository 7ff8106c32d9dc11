"""Look at a file and take it in, as jobs. Access is checked by the caller. Must not know: formats."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from django.utils.translation import gettext as _

from annotator.exchange.files.source import BrokenFileError
from annotator.exchange.import_ import box_masks
from annotator.exchange.import_.run import ImportRun, Step
from annotator.exchange.import_.uploads import IMPORT_KIND, PREVIEW_KIND, note_import, open_source
from annotator.exchange.models import ImportRun as ImportRow
from annotator.exchange.options import ImportOptions
from annotator.exchange.orders import BoxesOrder, ImportOrder
from annotator.exchange.places import move_into_storage, remove_work_folder, work_folder
from annotator.jobs import outcomes
from annotator.jobs import services as jobs
from annotator.jobs.models import Job

SLICE_SECONDS = 120.0
SKIPPED_SECONDS = 0.0002  # what passing over a mask that was taken before may take; a slice must outlast that
RECORD_EVERY = 20  # steps of a preview between two signs of life


def do_preview(job: Job) -> None:
    """Read the whole file and keep what an import would do."""
    row = _row_of(job)
    remove_work_folder(PREVIEW_KIND, row.pk)
    steps = 0

    def tell(read: int) -> bool:
        nonlocal steps
        steps += 1
        return steps % RECORD_EVERY != 0 or jobs.record_progress(job, done=read, total=max(job.total, read))

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


def do_import(job: Job, *, boxes_task: object) -> None:
    """Write the masks that are new; goes on where an earlier try ended. `boxes_task` makes masks of the boxes."""
    row = _row_of(job)
    try:
        with open_source(row) as path:
            run = ImportRun(row, path, work_folder(IMPORT_KIND, row.pk), on_beat=lambda: _beat(job))
            try:
                _run(job, row, run, boxes_task=boxes_task)
            finally:
                run.close()
    except BrokenFileError as error:
        jobs.fail_job(job, str(error)[:1000])
    if job.status in ("done", "failed", "cancelled"):
        remove_work_folder(IMPORT_KIND, row.pk)


def _row_of(job: Job) -> ImportRow:
    rows = ImportRow.objects.select_related("project", "created_by")
    return rows.get(pk=ImportOrder.from_params(job.params).import_id)


def _beat(job: Job) -> None:
    """Say that a long step goes on; leave it when the job was cancelled or taken over."""
    if not jobs.beat(job):
        raise jobs.StoppedError


def _run(job: Job, row: ImportRow, run: ImportRun, *, boxes_task: object) -> None:
    def steps() -> Iterator[Step]:
        for step in run.steps():
            yield partial(_do_step, job, run, step)

    slice_seconds = SLICE_SECONDS + run.progress[0] * SKIPPED_SECONDS
    if not jobs.run_steps(job, steps(), slice_seconds=slice_seconds, count_done=lambda: run.progress[0]):
        job.refresh_from_db(fields=["status"])
        return
    report = run.finish()
    name = move_into_storage(run.rows_file, f"imports/{row.project_id}/{row.pk}/rows_not_taken.csv")
    ImportRow.objects.filter(pk=row.pk).update(rows_file=name)
    if run.boxes_file is not None:
        place = move_into_storage(run.boxes_file, f"imports/{row.project_id}/{row.pk}/boxes.jsonl")
        report["boxes_job"] = _start_boxes(row, place, task=boxes_task)
    job.done = job.total = run.progress[1]
    if run.report.took_nothing and "boxes_job" not in report:
        job.report = report
        outcomes.fail_wholly(job, _("None of the rows was taken: %(reason)s") % {"reason": run.report.first_reason})
    else:
        jobs.finish_job(job, report=report)


def _start_boxes(row: ImportRow, place: str, *, task: object) -> int:
    """Start the job that makes masks of the boxes, and return its id."""
    params = BoxesOrder(place, row.pk, str(row.started_at)).to_params()
    started = jobs.start_job(
        row.project, kind=box_masks.KIND, task=task, params=params, user=row.created_by, key=f"{row.pk}"
    )
    return int(started.pk)


def _do_step(job: Job, run: ImportRun, step: Step) -> None:
    step()
    job.total = run.progress[1]
    job.report = {"masks": run.report.masks, "images": run.report.images}


def import_at_once(row: ImportRow, path: Path) -> dict[str, object]:
    """Do a whole import in this process, for the command line; raise BrokenFileError. Running it again goes on."""
    note_import(row, ImportOptions.model_validate(row.options), by=row.created_by)
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
