"""Do exports and their checks as jobs, and keep the files. Access is checked by the caller."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from django.core.files.storage import default_storage
from django.utils import timezone

from annotator.engine import jobs
from annotator.engine.models import Job, JobStatus
from annotator.exchange.export_run import CERTIFICATE, ExportRun
from annotator.exchange.models import ExportFile
from annotator.exchange.options import ExportOptions
from annotator.exchange.places import move_into_storage, remove_work_folder, work_folder, work_folders
from annotator.exchange.preflight import Findings, check_steps
from annotator.exchange.rows import Selection
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
    options = ExportOptions.model_validate(job.params["options"])
    run = ExportRun(Selection(job.project, options), work_folder(EXPORT_KIND, job.pk), name=job.params["name"])
    job.total = run.progress[1]

    def steps() -> Iterator[Any]:
        for step in run.steps():
            yield lambda step=step: _do_step(job, run, step)

    slice_seconds = SLICE_SECONDS + run.tally.masks_verified * SKIPPED_SECONDS
    if jobs.run_steps(job, steps(), slice_seconds=slice_seconds):
        job.done = job.total
        jobs.finish_job(job, report=_file_results(job, run))
        remove_work_folder(EXPORT_KIND, job.pk)
    elif job.status == "cancelled":
        remove_work_folder(EXPORT_KIND, job.pk)


def do_preflight(job: Job) -> None:
    """Look for what a reader of the export would stumble over; goes on where an earlier try ended."""
    options = ExportOptions.model_validate(job.params["options"])
    selection, findings = Selection(job.project, options), Findings(job.project_id, job.state)
    plan = selection.list_image_ids()
    job.total = len(plan)

    def do(step: Any) -> None:
        step()
        job.done, job.state = max(findings.passed - 1, 0), findings.to_state()  # run_steps counts the step itself

    todo = check_steps(selection, findings, plan=plan)
    if jobs.run_steps(job, (partial(do, step) for step in todo), slice_seconds=SLICE_SECONDS):
        jobs.finish_job(job, report=findings.report())


def delete_export(row: ExportFile) -> None:
    """Remove one file of an export."""
    name = str(row.file.name)
    row.delete()
    default_storage.delete(name)


def _sweep_cancelled() -> None:
    """Remove the folders of exports that were cancelled while nobody worked on them."""
    pks = work_folders(EXPORT_KIND)
    kept = set(Job.objects.filter(pk__in=pks).exclude(status=JobStatus.CANCELLED).values_list("pk", flat=True))
    for pk in pks:
        if pk not in kept:
            remove_work_folder(EXPORT_KIND, pk)


def _do_step(job: Job, run: ExportRun, step: Any) -> None:
    step()
    job.done = max(run.progress[0] - 1, 0)  # run_steps counts the step itself
    job.report = {"images": run.tally.images, "masks": run.tally.masks_written, "verified": run.tally.masks_verified}


def _file_results(job: Job, run: ExportRun) -> dict[str, Any]:
    certificate = run.certificate()
    described = {row["name"]: row for row in certificate["files"]}
    paths = [*run.files, run.folder / CERTIFICATE]
    files = [_file_one(job, path, described.get(path.name, {})) for path in paths]
    short = {**certificate, "left_out": certificate["left_out"][:100], "mismatched": certificate["mismatched"][:100]}
    return {"certificate": short, "files": files}


def _file_one(job: Job, path: Path, described: dict[str, Any]) -> dict[str, Any]:
    name = path.name if described else f"{job.params['name']}.{CERTIFICATE}"
    row, _ = ExportFile.objects.get_or_create(
        project=job.project, job=job, name=name, defaults={"format": job.params["options"].get("format", "coco")}
    )
    if path.exists():
        row.byte_size = path.stat().st_size
        row.sha256 = described.get("sha256", "")
        row.created_by = job.created_by
        row.file.name = move_into_storage(path, f"exports/{job.project_id}/{job.pk}/{name}")
        row.save()
    return {"id": row.pk, "name": row.name, "bytes": row.byte_size, "sha256": row.sha256}
