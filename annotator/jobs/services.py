"""Jobs: long background work with progress that can be followed, paused and cancelled, and that survives a crash.

How a job is done: `start_job` makes the row and enqueues its task with the row's id. The task calls `do_job` with the
function that works: it claims the job (one process at a time holds it), and hands it to the next try when the function
raises. The function does idempotent steps and calls `record_progress` after each: False means stop at once, because
the job was paused, cancelled or taken over. `run_steps` does that for a list of steps, in slices that let more urgent
tasks through. A worker that dies leaves a row behind; `requeue_lost_jobs`, called by the reconciler, hands it to the
next one, which goes on at `done`. A job that meets a worker without what it takes goes into the queue
of those that may have it. Nobody else writes these rows.
"""

import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from annotator.accounts.models import User
from annotator.clock import is_old
from annotator.errors import AppError, ConflictError, ElsewhereError
from annotator.full_disk import explain_job_without_space, is_disk_full
from annotator.jobs.models import OPEN_STATUSES, Job, JobStatus
from annotator.jobs.runners import is_free, name_runner
from annotator.jobs.signals import job_cancelled
from annotator.live.hints import send_hint
from annotator.projects.models import Project

__all__ = ["JOB_PRIORITY", "OPEN_STATUSES", "Job"]

logger = logging.getLogger(__name__)
JOB_PRIORITY = -20  # for tasks that may take hours: behind embeddings, which somebody may be waiting for
# Ahead of embeddings that nobody waits for: for jobs that make what the next images need, in the queue's order.
NEXT_IMAGES_PRIORITY = 10
SLICE_SECONDS = 20.0
LOST_AFTER = timedelta(seconds=300)
LEFT_TO_OTHERS = timedelta(seconds=5)
_UNDER_WAY = {
    JobStatus.PENDING: "waiting for the worker already",
    JobStatus.RUNNING: "under way already",
    JobStatus.PAUSED: "paused and can be resumed or cancelled",
}


class StoppedError(Exception):
    """The job was paused, cancelled or taken over in the middle of a step; raise it to leave `do_job` quietly."""


def start_job(
    project: Project | None,
    *,
    kind: str,
    task: Any,
    params: dict[str, Any],
    user: User | None,
    total: int = 0,
    key: str = "",
) -> Job:
    """Make a waiting job and enqueue its task with the job's id, once the transaction is committed.

    Without a project it is the server's.

    Raises ConflictError (`job_running`, extra.job_id) when a job of this kind and key is open already.
    """
    try:
        with transaction.atomic():
            job = Job.objects.create(
                project=project,
                kind=kind,
                key=key,
                task=task.module_path,
                params=params,
                total=total,
                created_by=user,
                enqueued_at=timezone.now(),
            )
    except IntegrityError as error:
        raise _already_open(project, kind=kind, key=key) from error
    _enqueue(job)
    return job


def claim_job(job_id: int) -> Job | None:
    """Return the job as running and held by this process, or None when it is closed, paused or held by another."""
    job = Job.objects.filter(pk=job_id).first()
    if job is None or job.status not in (JobStatus.PENDING, JobStatus.RUNNING) or not is_free(job):
        return None
    now, runner = timezone.now(), name_runner()
    changed = Job.objects.filter(pk=job_id, status=job.status, runner=job.runner).update(
        status=JobStatus.RUNNING,
        runner=runner,
        error="",
        beat_at=now,
        started_at=job.started_at or now,
        updated_at=now,
    )
    if not changed:
        return None
    return Job.objects.select_related("project__model_version", "created_by").get(pk=job_id)


def do_job(job_id: int, work: Callable[[Job], None]) -> str:
    """Claim the job and let `work` do it; return the job's status, or "nothing to do".

    When `work` raises, the job goes back to be tried again at the step it had reached, MAX_TASK_ATTEMPTS times.
    """
    job = claim_job(job_id)
    if job is None:
        return "nothing to do"
    try:
        work(job)
    except StoppedError:
        logger.info("job stopped in a step", extra={"job": job.pk, "step": job.done + 1})
    except ElsewhereError as error:
        _leave_to_others(job, error)
    except AppError as error:
        fail_job(job, error.message)
    except Exception as error:
        if is_disk_full(error):
            return _stop_for_space(job)
        logger.exception("job step failed", extra={"job": job.pk, "kind": job.kind, "step": job.done + 1})
        job.refresh_from_db(fields=["crashes", "status"])
        _hand_on(job, reason=f"{type(error).__name__}: {error}"[:500])
    job.refresh_from_db(fields=["status"])
    return job.status


def _leave_to_others(job: Job, error: ElsewhereError) -> None:
    """Put the job into the queue of those that may have what is lacking here; it says why it waits."""
    now, queue_name = timezone.now(), error.queue_name
    changed = _held(job).update(
        runner="", error=error.message, queue_name=queue_name, enqueued_at=now, updated_at=now
    )  # fmt: skip
    if changed:
        logger.info("job left to others", extra={"job": job.pk, "kind": job.kind, "queue": queue_name})
        job.queue_name = queue_name
        _enqueue(job, run_after=now + LEFT_TO_OTHERS)
        _tell(job)


def _stop_for_space(job: Job) -> str:
    """Fail the job with a sentence that says why; it can be gone on with at the step that it had reached."""
    logger.warning("no space for a job", extra={"job": job.pk, "kind": job.kind, "step": job.done + 1})
    fail_job(job, explain_job_without_space())
    job.refresh_from_db(fields=["status"])
    return job.status


def record_progress(
    job: Job,
    *,
    done: int,
    total: int | None = None,
    report: dict[str, Any] | None = None,
    state: dict[str, Any] | None = None,
) -> bool:
    """Write progress down and tell the pages; return False when this process has to stop."""
    job.done = done
    job.total = job.total if total is None else total
    job.report = job.report if report is None else report
    job.state = job.state if state is None else state
    now = timezone.now()
    if not _held(job).update(
        done=job.done, total=job.total, report=job.report, state=job.state, beat_at=now, updated_at=now, crashes=0
    ):
        job.refresh_from_db(fields=["status"])
        return False
    _tell(job)
    return True


def beat(job: Job) -> bool:
    """Say that a long step is still being done; return False when this process has to stop."""
    return bool(_held(job).update(beat_at=timezone.now()))


def finish_job(job: Job, *, report: dict[str, Any], error: str = "") -> bool:
    """Mark a job done; return False when it was paused, cancelled or taken over meanwhile.

    `error` is a sentence on what of it is not done. A job that did nothing right ends with `fail_job` (outcomes.py).
    """
    return _close_held(job, JobStatus.DONE, report=report, error=error)


def fail_job(job: Job, message: str) -> bool:
    """Mark a job failed, with a sentence for people."""
    return _close_held(job, JobStatus.FAILED, report=job.report, error=message)


def run_steps(
    job: Job,
    steps: Iterable[Callable[[], None]],
    *,
    slice_seconds: float = SLICE_SECONDS,
    count_done: Callable[[], int] | None = None,
) -> bool:
    """Do the remaining steps (those after `job.done`), each idempotent; return True when none is left.

    `count_done` says after a step how far the job is, where a step is not one of `job.total`.
    A step may change `job.report` and `job.state`. After `slice_seconds` the job is enqueued again and this call
    ends, so that a worker with one hand does not keep embeddings waiting for hours.
    """
    started = time.monotonic()
    for step in steps:
        step()
        if not record_progress(job, done=count_done() if count_done else job.done + 1):
            return False
        if time.monotonic() - started >= slice_seconds:
            put_back(job)
            return False
    return True


def pause_job(job: Job) -> Job:
    """Pause; what is being done is finished or thrown away, and nothing is lost. ConflictError when it cannot be."""
    return _move(job, (JobStatus.PENDING, JobStatus.RUNNING), JobStatus.PAUSED, runner="")


def resume_job(job: Job) -> Job:
    """Go on with a paused or failed job where it was."""
    try:
        with transaction.atomic():
            job = _move(
                job,
                (JobStatus.PAUSED, JobStatus.FAILED),
                JobStatus.PENDING,
                error="",
                queue_name="",
                crashes=0,
                finished_at=None,
                enqueued_at=timezone.now(),
            )
    except IntegrityError as error:
        raise _already_open(job.project, kind=job.kind, key=job.key) from error
    _enqueue(job)
    return job


@transaction.atomic
def cancel_job(job: Job) -> Job:
    """Stop for good; what was made until now stays."""
    job = _move(job, OPEN_STATUSES, JobStatus.CANCELLED, runner="", finished_at=timezone.now())
    job_cancelled.send(sender=Job, job=job)
    return job


def cancel_open_jobs(project: Project, *, kind: str = "") -> None:
    """Cancel the project's open jobs, of one kind or of all."""
    rows = Job.objects.filter(project=project, status__in=OPEN_STATUSES)
    for job in rows.filter(kind=kind) if kind else rows:
        with suppress(ConflictError):  # it has ended meanwhile
            cancel_job(job)


def requeue_lost_jobs() -> int:
    """Enqueue jobs whose worker died or whose message was lost; return how many. Safe to call at any time."""
    held = Job.objects.filter(status=JobStatus.RUNNING).exclude(runner="")
    requeued = sum(_hand_on(job, reason=_("the worker died")) for job in held if is_free(job))
    lost = Q(status=JobStatus.PENDING) | Q(status=JobStatus.RUNNING, runner="")
    now = timezone.now()
    for job in Job.objects.filter(lost, is_old("enqueued_at", LOST_AFTER)).exclude(task=""):
        if Job.objects.filter(pk=job.pk, enqueued_at=job.enqueued_at).update(enqueued_at=now):
            _enqueue(job)
            requeued += 1
    return requeued


def put_back(job: Job) -> None:
    """Let go of a job that this process holds, for the next worker to go on with; no try is counted."""
    if _held(job).update(runner="", enqueued_at=timezone.now()):
        _enqueue(job)


def _hand_on(job: Job, *, reason: str) -> bool:
    now = timezone.now()
    same = Job.objects.filter(pk=job.pk, status=JobStatus.RUNNING, runner=job.runner)
    if job.crashes + 1 >= settings.MAX_TASK_ATTEMPTS:
        sentence = _("Step %(step)s failed %(times)s times (%(reason)s). What was made until then is kept.")
        message = sentence % {"step": job.done + 1, "times": job.crashes + 1, "reason": reason}
        if same.update(status=JobStatus.FAILED, runner="", error=message, finished_at=now, updated_at=now):
            job.status = JobStatus.FAILED
            _tell(job)
        return False
    if not same.update(runner="", crashes=F("crashes") + 1, enqueued_at=now, updated_at=now):
        return False
    _enqueue(job)
    return True


def _held(job: Job) -> Any:
    return Job.objects.filter(pk=job.pk, status=JobStatus.RUNNING, runner=job.runner)


def _close_held(job: Job, status: JobStatus, *, report: dict[str, Any], error: str) -> bool:
    now = timezone.now()
    changed = _held(job).update(
        status=status, done=job.done, total=job.total, report=report, error=error, runner="", finished_at=now,
        updated_at=now,
    )  # fmt: skip
    if not changed:
        job.refresh_from_db(fields=["status"])
        return False
    job.status, job.report, job.error, job.finished_at = status, report, error, now
    _tell(job)
    return True


def _move(job: Job, before: tuple[JobStatus, ...], after: JobStatus, **changes: Any) -> Job:
    now = timezone.now()
    changed = Job.objects.filter(pk=job.pk, status__in=before).update(status=after, updated_at=now, **changes)
    job.refresh_from_db()
    if not changed:
        raise ConflictError(_("The job is not in a state for that."), code="job_status", extra={"status": job.status})
    _tell(job)
    return job


def _enqueue(job: Job, *, run_after: datetime | None = None) -> None:
    """Ask for the job's task, in its own queue unless the job names another."""
    queue_name = job.queue_name

    def send() -> None:
        task = import_string(job.task)
        task.using(queue_name=queue_name or task.queue_name, run_after=run_after).enqueue(job.pk)

    transaction.on_commit(send)


def _tell(job: Job) -> None:
    if job.project_id is None:
        return  # no page of a project shows it; those that do ask again and again
    send_hint(
        job.project_id,
        "job.progress",
        job_id=job.pk,
        job_kind=job.kind,
        done=job.done,
        total=job.total,
        status=job.status,
    )


def _already_open(project: Project | None, *, kind: str, key: str) -> ConflictError:
    other = Job.objects.filter(project=project, kind=kind, key=key, status__in=OPEN_STATUSES).first()
    extra = {"job_id": other.pk, "status": other.status} if other else {}
    words = f"This job is {_UNDER_WAY[JobStatus(other.status)]}, at {other.done} of {other.total}." if other else ""
    return ConflictError(words or "This job is under way already.", code="job_running", extra=extra)
