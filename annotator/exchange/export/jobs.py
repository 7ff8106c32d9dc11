"""Do exports and their checks as jobs, and keep the files. Access is checked by the caller."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from annotator.audit.services import record_event
from annotator.audit.verbs import Verb
from annotator.exchange.export.events import note_export
from annotator.exchange.export.preflight import Findings, check_steps
from annotator.exchange.export.run import CERTIFICATE, ExportRun, Step
from annotator.exchange.export.selection import Selection
from annotator.exchange.models import ExportFile
from annotator.exchange.options import ExportOptions
from annotator.exchange.orders import ExportOrder
from annotator.exchange.places import move_into_storage, remove_work_folder, work_folder, work_folders
from annotator.jobs import services as jobs
from annotator.jobs.models import Job, JobStatus
from annotator.projects.models import Project

EXPORT_KIND, PREFLIGHT_KIND = "export", "preflight"
SLICE_SECONDS = 60.0
SKIPPED_SECONDS = 0.0002  # what passing over a mask that was read back before may take; a slice must outlast that


def base_name(project: Project, options: ExportOptions) -> str:
    """Return the start of every file name of an export: plain letters, the format, the day."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", project.name).strip("-").lower()[:60] or f"project-{project.pk}"
    return f"{plain}-{options.format.replace('_', '-')}-{timezone.now():%Y%m%d-%H%M%S}"


def do_export(job: Job) -> None:
    """Write, read back and file one export; goes on where an earlier try ended."""
    _sweep_cancelled()
    order = ExportOrder.from_params(job.params)
    run = ExportRun(Selection(job.project, order.options), work_folder(EXPORT_KIND, job.pk), name=order.name)
    job.total = run.progress[1]

    def steps() -> Iterator[Step]:
        for step in run.steps():
            yield partial(_do_step, job, run, step)

    slice_seconds = SLICE_SECONDS + run.tally.masks_verified * SKIPPED_SECONDS
    if jobs.run_steps(job, steps(), slice_seconds=slice_seconds, count_done=lambda: run.progress[0]):
        job.done = job.total
        jobs.finish_job(job, report=_file_results(job, order, run))
        remove_work_folder(EXPORT_KIND, job.pk)
    elif job.status == "cancelled":
        remove_work_folder(EXPORT_KIND, job.pk)


def do_preflight(job: Job) -> None:
    """Look for what a reader of the export would stumble over; goes on where an earlier try ended."""
    selection = Selection(job.project, ExportOrder.from_params(job.params).options)
    findings = Findings(job.project.pk, job.state)
    plan = selection.list_image_ids()
    job.total = len(plan)

    def do(step: Step) -> None:
        step()
        job.state = findings.to_state()

    todo = (partial(do, step) for step in check_steps(selection, findings, plan=plan))
    if jobs.run_steps(job, todo, slice_seconds=SLICE_SECONDS, count_done=lambda: findings.passed):
        jobs.finish_job(job, report=findings.report())


def delete_export(row: ExportFile) -> None:
    """Remove one file of an export."""
    name = str(row.file.name)
    with transaction.atomic():
        record_event(Verb.EXPORT_DELETED, row, project=row.project, before={"bytes": row.byte_size})
        row.delete()
    default_storage.delete(name)


def _sweep_cancelled() -> None:
    """Remove the folders of exports that were cancelled while nobody worked on them."""
    pks = work_folders(EXPORT_KIND)
    kept = set(Job.objects.filter(pk__in=pks).exclude(status=JobStatus.CANCELLED).values_list("pk", flat=True))
    for pk in pks:
        if pk not in kept:
            remove_work_folder(EXPORT_KIND, pk)


def _do_step(job: Job, run: ExportRun, step: Step) -> None:
    step()
    job.report = {"images": run.tally.images, "masks": run.tally.masks_written, "verified": run.tally.masks_verified}


def _file_results(job: Job, order: ExportOrder, run: ExportRun) -> dict[str, Any]:
    certificate = run.certificate()
    hashes = {row["name"]: row["sha256"] for row in certificate["files"]}
    files = [_file_one(job, order, path, name=path.name, sha256=hashes[path.name]) for path in run.files]
    name = f"{order.name}.{CERTIFICATE}"
    files.append(_file_one(job, order, run.folder / CERTIFICATE, name=name, sha256=""))
    note_export(job.project, order, masks=certificate["masks"], by=job.created_by)
    short = {**certificate, "left_out": certificate["left_out"][:100], "mismatched": certificate["mismatched"][:100]}
    return {"certificate": short, "files": files}


def _file_one(job: Job, order: ExportOrder, path: Path, *, name: str, sha256: str) -> dict[str, Any]:
    row, _ = ExportFile.objects.get_or_create(
        project=job.project, job=job, name=name, defaults={"format": order.options.format}
    )
    if path.exists():
        row.byte_size, row.sha256 = path.stat().st_size, sha256
        row.created_by = job.created_by
        row.file.name = move_into_storage(path, f"exports/{job.project_id}/{job.pk}/{name}")
        row.save()
    return {"id": row.pk, "name": row.name, "bytes": row.byte_size, "sha256": row.sha256}
