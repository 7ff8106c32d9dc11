"""Do an improvement as a job: freeze the masks, write them out, train in a process of its own, register the result.

Everything goes on where it was after a pause, a stop or a death: the frozen version is in the row, photos and
checkpoints in the run's folder. The model that serves stays as it is, whatever happens here.
"""

import logging
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from annotator import model_gateway, sam_gateway
from annotator.errors import InvalidError
from annotator.full_disk import DiskFullError, explain_job_without_space, free_bytes
from annotator.inference.lacking_models import ModelAwayError
from annotator.inference.model_store import hold, own_folder
from annotator.inference.model_sync import TrainedHere, sync_trained
from annotator.inference.models import ModelVersion
from annotator.jobs import services as jobs
from annotator.jobs.beating import keep_beating
from annotator.jobs.models import Job, JobStatus
from annotator.jobs.stopping import is_asked_to_stop
from annotator.training import snapshots
from annotator.training.models import DatasetVersion, Improvement
from annotator.training.run_folder import PROGRESS, WEIGHTS, RunFolder
from annotator.training.run_process import Ending, TrainingOrder, last_words, start_training
from annotator.training.run_progress import (
    FREEZE,
    PARTS,
    PHOTOS,
    REGISTER,
    ProgressFile,
    Report,
    enter,
    new_report,
    parts_done,
)
from annotator.training.run_result import figures_of, images_shown, keep_pictures, read_result

logger = logging.getLogger(__name__)
LOCK = "training"  # one run at a time on a machine
WAIT_SECONDS = 1.0
LOOK_SECONDS = 0.5
TELL_SECONDS = 1.5
OWN_DATA = "the project's own photos and masks"


def run_here(job_id: int) -> str:
    """Do a job once no other run is under way on this machine; return the job's status, or why nothing was done."""
    while not is_asked_to_stop():
        try:
            with hold(LOCK, is_waiting=False):
                return jobs.do_job(job_id, improve)
        except BlockingIOError:
            if not Job.objects.filter(pk=job_id, status__in=(JobStatus.PENDING, JobStatus.RUNNING)).exists():
                break
            if is_asked_to_stop(wait_seconds=WAIT_SECONDS):
                break
    return "nothing to do"


def improve(job: Job) -> None:
    """Do what is left of an improvement. The folder goes with the end of it, and stays for one that may be resumed."""
    row = Improvement.objects.select_related("parent", "dataset", "project", "started_by").filter(job=job).first()
    if row is None:
        jobs.cancel_job(job)
        return
    folder, run = RunFolder(row.pk), _Run(job)
    try:
        with keep_beating(job):
            _write_photos(_freeze(row, folder, run), folder, run)
            _train(row, folder, run)
            _register(row, folder, run)
        job.done = job.total
        jobs.finish_job(job, report=run.report)
    except _LeftError:
        jobs.put_back(job)
        return
    finally:
        job.refresh_from_db(fields=["status"])
        if job.status in (JobStatus.DONE, JobStatus.CANCELLED):
            folder.remove()


class _LeftError(Exception):
    """This process was asked to end: the job waits for the next one."""


class _Run:
    """The job's progress: kept in its report, told at most every TELL_SECONDS."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.report: Report = {**new_report(), **job.report}
        self._told_at = 0.0

    def enter(self, phase: str, done: int = 0, total: int = 0) -> None:
        """Note what is done now, and stop where the job was paused or cancelled."""
        is_new = phase != self.report["phase"]
        enter(self.report, phase, done, total)
        self.tell(is_urgent=is_new)

    def tell(self, *, is_urgent: bool = False, is_changed: bool = True) -> None:
        """Write the progress down; raise StoppedError where the job was stopped, _LeftError where this process is."""
        if is_asked_to_stop():
            raise _LeftError
        now = time.monotonic()
        if not is_urgent and now - self._told_at < TELL_SECONDS:
            return
        self._told_at = now
        if not is_changed:
            is_ours = jobs.beat(self.job)
        else:
            is_ours = jobs.record_progress(self.job, done=parts_done(self.report), total=PARTS, report=self.report)
        if not is_ours:
            raise jobs.StoppedError


def _freeze(row: Improvement, folder: RunFolder, run: _Run) -> DatasetVersion:
    if row.dataset is not None:
        return row.dataset
    run.enter(FREEZE)
    _require_space()
    folder.make()
    filters = snapshots.DatasetFilters.model_validate(row.filters)
    row.dataset = snapshots.freeze(row.project, filters=filters, user=row.started_by, folder=folder.freeze)
    row.save(update_fields=["dataset"])
    return row.dataset


def _write_photos(dataset: DatasetVersion, folder: RunFolder, run: _Run) -> None:
    if folder.has_data:
        return
    _require_space()
    folder.make()
    run.enter(PHOTOS, 0, dataset.images)
    report = snapshots.write_folder(
        dataset, folder.data, on_progress=lambda done, total: run.enter(PHOTOS, done, total)
    )
    if report.masks == 0:
        words = _("The photos that these masks belong to are gone, so there is nothing left to learn from.")
        raise InvalidError(words, code="photos_gone")
    run.report["left_out"] = report.missing + report.changed
    folder.note_data()


def _require_space() -> None:
    if free_bytes() < settings.MIN_FREE_BYTES:
        raise InvalidError(explain_job_without_space(), code=DiskFullError.code)


def _train(row: Improvement, folder: RunFolder, run: _Run) -> None:
    """Train until there is a result; a process that dies goes on with another one, MAX_TASK_ATTEMPTS times a phase."""
    order = TrainingOrder(
        model=row.parent.name,
        checkpoint=_weights_of(row.parent),
        minutes=row.minutes,
        recipe=row.recipe,
        device=row.device,
    )
    while True:
        ending = _follow(order, folder, run)
        if ending == Ending.DONE:
            return
        if ending == Ending.STOPPED:
            raise _LeftError  # by the signal that is on its way to this process as well
        _refuse(ending, folder)
        _count_death(run, ending, folder)


def _follow(order: TrainingOrder, folder: RunFolder, run: _Run) -> int:
    """Start a training process and return how it ended; whatever ends this function ends the process."""
    progress = ProgressFile(folder.run / PROGRESS)
    process = start_training(order, folder)
    try:
        while (ending := process.wait(LOOK_SECONDS)) is None:
            run.tell(is_changed=progress.read_into(run.report))
            if process.uses_too_much_memory():
                return Ending.NO_MEMORY
        progress.read_into(run.report)
        run.tell(is_urgent=True)
        return ending
    finally:
        process.stop()


def _refuse(ending: int, folder: RunFolder) -> None:
    """Raise the refusal of an ending that trying again does not change; nothing for a crash."""
    if ending == Ending.REFUSED:
        said = last_words(folder) or _("The masks or the settings cannot be used.")
        raise InvalidError(said, code="refused")
    if ending == Ending.NO_SPACE:
        raise InvalidError(explain_job_without_space(), code=DiskFullError.code)
    if ending == Ending.NO_MEMORY:
        words = _(
            "There is too little memory on this machine to train this model. Choose a smaller recipe, or let a machine "
            "with more memory do it. The model in use is unchanged."
        )
        raise InvalidError(words, code="no_memory")
    if ending == Ending.NO_NUMBERS:
        words = _(
            "The training came to no usable numbers, even with smaller steps. Look for masks that are far off, then "
            "start it again. The model in use is unchanged."
        )
        raise InvalidError(words, code="no_numbers")


def _count_death(run: _Run, ending: int, folder: RunFolder) -> None:
    """Count a crash; raise InvalidError once the same phase has crashed MAX_TASK_ATTEMPTS times."""
    job, phase = run.job, str(run.report["phase"])
    deaths = job.state.get("deaths", 0) + 1 if job.state.get("phase") == phase else 1
    how = _("signal %(number)s") % {"number": -ending} if ending < 0 else last_words(folder) or f"exit {ending}"
    logger.warning("a training process died", extra={"job": job.pk, "phase": phase, "deaths": deaths, "how": how})
    is_last = deaths >= settings.MAX_TASK_ATTEMPTS
    state = {"phase": phase, "deaths": 0 if is_last else deaths}
    if not jobs.record_progress(job, done=job.done, state={**job.state, **state}):
        raise jobs.StoppedError
    if is_last:
        words = _(
            "The training process died %(times)s times (%(reason)s), perhaps because memory ran out. What it had "
            "learned is kept: resume it to go on. The model in use is unchanged."
        )
        raise InvalidError(words % {"times": deaths, "reason": how}, code="died")


def _weights_of(version: ModelVersion) -> Path | None:
    """Return the weights that are improved, None for a model without any; raise AppError where they are gone."""
    try:
        folder = own_folder(version)
        found = sam_gateway.weights_of(folder, sam_gateway.read_card(folder))
        if found is None and not sam_gateway.has_no_weights(version.name):
            raise sam_gateway.ModelMissingError(f"{version.version} was installed without its weights")
    except ModelAwayError as error:  # here rather than left to others: it is no task for the queue of a model
        raise InvalidError(error.message, code="no_weights") from error
    except sam_gateway.ModelMissingError as error:
        words = _("The weights of %(model)s are not here (%(reason)s). Install the model again, then resume this.")
        raise InvalidError(words % {"model": version.version, "reason": error}, code="no_weights") from error
    return None if found is None else Path(found)


def _register(row: Improvement, folder: RunFolder, run: _Run) -> None:
    """Keep the result, and a version of the weights unless they are worse or the old ones. Nothing is chosen."""
    run.enter(REGISTER)
    result = read_result(folder)
    present = set(row.project.images.filter(pk__in=images_shown(result)).values_list("pk", flat=True))
    result["pictures"] = keep_pictures(folder, result, row.pk, present=present)
    if result["verdict"] != "worse" and result["share"] != 0:  # 0: the weights are the old ones
        row.version = _make_version(row, result, folder.run / WEIGHTS, run)
    row.result = result
    row.save(update_fields=["result", "version"])


def _make_version(row: Improvement, result: dict[str, Any], weights: Path, run: _Run) -> ModelVersion:
    trained = TrainedHere(
        version=label_of(row),
        parent=row.parent,
        data_licence="; ".join(filter(None, (row.parent.data_licence, OWN_DATA)))[:300],
        figures=figures_of(result),
    )
    try:
        return sync_trained(trained, weights, on_step=_steps(run))
    except sam_gateway.ModelMissingError as error:
        words = _("The new weights cannot be used (%(reason)s). The model in use is unchanged.")
        raise InvalidError(words % {"reason": error}, code="bad_weights") from error
    except model_gateway.ExportRefusedError as error:
        words = _("The new weights could not be exported for browsers (%(reason)s). The model in use is unchanged.")
        raise InvalidError(words % {"reason": error}, code="not_exported") from error


def _steps(run: _Run) -> Callable[[str], None]:
    def on_step(step: str) -> None:
        at = model_gateway.STEPS.index(step)
        run.enter(REGISTER, at, len(model_gateway.STEPS))

    return on_step


def label_of(row: Improvement) -> str:
    """Return the label of an improvement's version, for example sam_lite-18.p3.2: the second of project 3.

    >>> label_of(Improvement(project_id=3, number=2, parent=ModelVersion(version="sam_lite-18.p3.1")))
    'sam_lite-18.p3.2'
    """
    base = re.sub(r"\.p\d+\.\d+$", "", row.parent.version)
    return f"{base}.p{row.project_id}.{row.number}"
