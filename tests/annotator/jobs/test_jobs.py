"""Jobs: once at a time, followed by progress, paused, cancelled, and alive after their worker's death."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone
from django_tasks import task
from django_tasks_db.models import DBTaskResult

from annotator.accounts.models import User
from annotator.errors import ConflictError, InvalidError
from annotator.jobs import services as jobs
from annotator.jobs.models import Job, JobStatus
from annotator.jobs.runners import STALE_AFTER
from annotator.projects.models import Project

STEPS: list[tuple[int, int]] = []
ON_STEP: list[Callable[[Job, int], object]] = []


@pytest.fixture(autouse=True)
def _fresh() -> None:
    STEPS.clear()
    ON_STEP.clear()


def count_to_five(job: Job) -> None:
    def step(index: int) -> None:
        for act in ON_STEP:
            act(job, index)
        STEPS.append((job.pk, index))
        job.report = {"reached": index + 1}

    if jobs.run_steps(job, [partial(step, index) for index in range(job.done, 5)]):
        jobs.finish_job(job, report=job.report)


@task(priority=jobs.JOB_PRIORITY)
def counting(job_id: int) -> str:
    return jobs.do_job(job_id, count_to_five)


@pytest.fixture
def start(project: Project, django_capture_on_commit_callbacks: Any) -> Callable[..., Job]:
    def make(**options: Any) -> Job:
        with django_capture_on_commit_callbacks(execute=True):
            return jobs.start_job(project, kind="count", task=counting, params={}, total=5, user=None, **options)

    return make


def dead_runner() -> str:
    process = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    return f"{socket.gethostname()}:{int(process.stdout)}:gone"


def hold(job: Job, runner: str, **fields: Any) -> None:
    values = {"status": JobStatus.RUNNING, "runner": runner, "beat_at": timezone.now(), **fields}
    Job.objects.filter(pk=job.pk).update(**values)
    job.refresh_from_db()


def test_a_job_runs_to_its_end_through_the_worker(start: Callable[..., Job], work_off: Callable[[], None]) -> None:
    job = start()
    assert job.status == JobStatus.PENDING
    work_off()
    job.refresh_from_db()
    assert (job.status, job.done, job.total, job.report) == (JobStatus.DONE, 5, 5, {"reached": 5})
    assert job.started_at
    assert job.finished_at
    assert [index for _, index in STEPS] == [0, 1, 2, 3, 4]


def test_the_same_job_cannot_be_started_twice_while_open(start: Callable[..., Job]) -> None:
    first = start(key="all")
    with pytest.raises(ConflictError) as refused:
        start(key="all")
    assert refused.value.code == "job_running"
    assert refused.value.extra["job_id"] == first.pk
    jobs.cancel_job(first)
    assert start(key="all").pk != first.pk
    assert start(key="other").status == JobStatus.PENDING


def test_jobs_without_a_key_may_run_side_by_side(start: Callable[..., Job]) -> None:
    assert start().pk != start().pk


def test_only_one_process_holds_a_job(start: Callable[..., Job]) -> None:
    job = start()
    held = jobs.claim_job(job.pk)
    assert held is not None
    assert held.runner
    assert jobs.claim_job(job.pk) is None
    assert jobs.requeue_lost_jobs() == 0


def test_a_paused_job_stops_at_the_step_and_goes_on_there(
    start: Callable[..., Job], work_off: Callable[[], None], django_capture_on_commit_callbacks: Any
) -> None:
    job = start()
    ON_STEP.append(lambda held, index: jobs.pause_job(Job.objects.get(pk=held.pk)) if index == 2 else None)
    work_off()
    job.refresh_from_db()
    assert (job.status, job.done) == (JobStatus.PAUSED, 2)
    ON_STEP.clear()
    with django_capture_on_commit_callbacks(execute=True):
        jobs.resume_job(job)
    work_off()
    job.refresh_from_db()
    assert (job.status, job.done) == (JobStatus.DONE, 5)
    assert [index for _, index in STEPS] == [0, 1, 2, 2, 3, 4]  # the step that was being done is done again


def test_a_cancelled_job_stops_and_stays_cancelled(start: Callable[..., Job], work_off: Callable[[], None]) -> None:
    job = start()
    ON_STEP.append(lambda held, index: jobs.cancel_job(Job.objects.get(pk=held.pk)) if index == 1 else None)
    work_off()
    job.refresh_from_db()
    assert (job.status, job.done) == (JobStatus.CANCELLED, 1)
    with pytest.raises(ConflictError):
        jobs.resume_job(job)
    with pytest.raises(ConflictError):
        jobs.pause_job(job)


def test_the_job_of_a_dead_process_goes_on_where_it_was(
    start: Callable[..., Job], work_off: Callable[[], None], django_capture_on_commit_callbacks: Any
) -> None:
    job = start()
    DBTaskResult.objects.all().delete()  # the dead worker's task is not run again by itself
    hold(job, dead_runner(), done=3)
    with django_capture_on_commit_callbacks(execute=True):
        assert jobs.requeue_lost_jobs() == 1
    work_off()
    job.refresh_from_db()
    assert (job.status, job.done) == (JobStatus.DONE, 5)
    assert [index for _, index in STEPS] == [3, 4]


def test_a_silent_process_elsewhere_loses_the_job_and_its_late_writes_do_nothing(start: Callable[..., Job]) -> None:
    job = start()
    hold(job, "elsewhere:1:token", beat_at=timezone.now() - STALE_AFTER - timedelta(seconds=1))
    late = Job.objects.get(pk=job.pk)
    taken = jobs.claim_job(job.pk)
    assert taken is not None
    assert not jobs.record_progress(late, done=4)
    assert not jobs.beat(late)
    assert not jobs.finish_job(late, report={})
    assert not jobs.fail_job(late, "late")
    taken.refresh_from_db()
    assert (taken.status, taken.done) == (JobStatus.RUNNING, 0)


def test_a_process_elsewhere_that_still_beats_keeps_its_job(start: Callable[..., Job]) -> None:
    job = start()
    hold(job, f"elsewhere:{os.getpid()}:token")
    assert jobs.claim_job(job.pk) is None
    assert jobs.beat(job)


def test_a_step_that_always_kills_its_worker_fails_the_job(start: Callable[..., Job], settings: Any) -> None:
    settings.MAX_TASK_ATTEMPTS = 3
    job = start()
    for _ in range(3):
        hold(job, dead_runner(), done=2)
        jobs.requeue_lost_jobs()
    job.refresh_from_db()
    assert job.status == JobStatus.FAILED
    assert "Step 3 failed 3 times" in job.error
    assert job.done == 2


def test_a_step_that_raises_is_tried_again_and_progress_forgives(
    start: Callable[..., Job], work_off: Callable[[], None], settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.MAX_TASK_ATTEMPTS = 2
    job = start()
    failures = {1: 1, 3: 1}

    def fail_once(held: Job, index: int) -> None:
        if failures.get(index, 0):
            failures[index] -= 1
            raise OSError("the disk is tired")

    ON_STEP.append(fail_once)
    for _ in range(3):
        with django_capture_on_commit_callbacks(execute=True):
            work_off()
    job.refresh_from_db()
    assert (job.status, job.done, job.crashes) == (JobStatus.DONE, 5, 0)


def test_a_refusal_fails_the_job_with_its_sentence(start: Callable[..., Job], work_off: Callable[[], None]) -> None:
    job = start()

    def refuse(held: Job, index: int) -> None:
        raise InvalidError("The file is no zip.")

    ON_STEP.append(refuse)
    work_off()
    job.refresh_from_db()
    assert (job.status, job.error) == (JobStatus.FAILED, "The file is no zip.")


def test_a_long_job_lets_others_through(
    start: Callable[..., Job], monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    job = start()
    held = jobs.claim_job(job.pk)
    assert held is not None
    with django_capture_on_commit_callbacks(execute=True):
        assert not jobs.run_steps(held, [lambda: None, lambda: None], slice_seconds=0)
    held.refresh_from_db()
    assert (held.status, held.done, held.runner) == (JobStatus.RUNNING, 1, "")
    assert DBTaskResult.objects.filter(task_path=counting.module_path).count() == 2
    assert jobs.claim_job(job.pk) is not None


def test_a_job_whose_steps_do_several_things_says_how_many_are_done(start: Callable[..., Job]) -> None:
    held = jobs.claim_job(start().pk)
    assert held is not None
    packed: list[str] = []
    written: list[int] = []

    def step(things: str) -> None:
        written.append(Job.objects.get(pk=held.pk).done)
        packed.extend(things)

    steps = [lambda: step("abc"), lambda: step(""), lambda: step("de")]
    assert jobs.run_steps(held, steps, count_done=lambda: len(packed))
    held.refresh_from_db()
    assert (written, held.done) == ([0, 3, 3], 5)


def test_a_lost_message_is_sent_again_once(start: Callable[..., Job], django_capture_on_commit_callbacks: Any) -> None:
    job = start()
    DBTaskResult.objects.all().delete()
    assert jobs.requeue_lost_jobs() == 0
    Job.objects.filter(pk=job.pk).update(enqueued_at=timezone.now() - jobs.LOST_AFTER - timedelta(seconds=1))
    with django_capture_on_commit_callbacks(execute=True):
        assert jobs.requeue_lost_jobs() == 1
        assert jobs.requeue_lost_jobs() == 0
    assert DBTaskResult.objects.count() == 1


def test_a_failed_job_cannot_come_back_beside_its_successor(start: Callable[..., Job], annotator: User) -> None:
    failed = start(key="all")
    Job.objects.filter(pk=failed.pk).update(status=JobStatus.FAILED)
    failed.refresh_from_db()
    start(key="all")
    with pytest.raises(ConflictError) as refused:
        jobs.resume_job(failed)
    assert refused.value.code == "job_running"


def test_claiming_what_is_not_there_gives_nothing(db: Any) -> None:
    assert jobs.claim_job(12345) is None
    assert jobs.do_job(12345, lambda job: None) == "nothing to do"
