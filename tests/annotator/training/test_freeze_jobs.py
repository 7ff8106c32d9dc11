"""Freezing as a job: it goes on after deaths, ends plainly, and refuses in words what cannot be frozen."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from annotator.accounts.models import User
from annotator.audit.models import AuditEvent
from annotator.errors import AppError, ConflictError, InvalidError
from annotator.images.services import remove_image
from annotator.jobs.models import Job, JobStatus
from annotator.jobs.services import cancel_job, resume_job
from annotator.projects.models import Project
from annotator.training import snapshots, tasks
from annotator.training.models import DatasetVersion
from annotator.training.snapshot_run import FreezeRun
from annotator.training.snapshots import DatasetFilters
from tests.annotator.small_disks import fill, needs_mount, small_disk
from tests.annotator.training.conftest import Finish, content_of, files_below

pytestmark = pytest.mark.django_db
ALL = DatasetFilters()


@pytest.fixture
def start(project: Project, admin: User, django_capture_on_commit_callbacks: Any) -> Callable[..., Job]:
    def make(name: str = "", **filters: Any) -> Job:
        with django_capture_on_commit_callbacks(execute=True):
            return tasks.start_freeze(project, DatasetFilters(**filters), name=name, user=admin)

    return make


def test_a_job_freezes_and_names_the_version(
    start: Callable[..., Job], finish: Finish, admin: User, work_off: Callable[[], None], own_data_dir: Path
) -> None:
    finish(2)
    job = start("  first  ")
    work_off()
    job.refresh_from_db()
    version = DatasetVersion.objects.get()
    assert (job.status, job.report) == (JobStatus.DONE, {"dataset_id": version.pk, "images": 1, "masks": 2})
    assert (version.name, version.created_by, version.job) == ("first", admin, job)
    assert files_below(own_data_dir / "exchange") == []
    event = AuditEvent.objects.get(verb="dataset.made")
    assert (event.object_name, event.actor_id) == ("first", admin.pk)


def test_one_version_is_made_at_a_time(start: Callable[..., Job], finish: Finish) -> None:
    finish()
    job = start("a")
    with pytest.raises(ConflictError) as refused:
        start("b")
    assert (refused.value.code, refused.value.extra["job_id"]) == ("job_running", job.pk)
    assert refused.value.message.startswith("Another dataset version of this project is being made.")


def test_a_job_whose_process_died_after_the_row_makes_no_second_version(
    start: Callable[..., Job], finish: Finish, work_off: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    finish()
    job = start("a")
    with monkeypatch.context() as killed:
        killed.setattr("annotator.training.snapshot_jobs.jobs.finish_job", _die)
        work_off()
    job.refresh_from_db()
    assert (job.status, job.crashes, DatasetVersion.objects.count()) == (JobStatus.RUNNING, 1, 1)
    tasks.run_freeze.func(job.pk)
    job.refresh_from_db()
    assert (job.status, DatasetVersion.objects.count()) == (JobStatus.DONE, 1)


def _die(*args: object, **kwargs: object) -> None:
    raise RuntimeError("killed")


def test_a_cancelled_freeze_leaves_nothing(
    start: Callable[..., Job], finish: Finish, own_data_dir: Path, work_off: Callable[[], None], project: Project
) -> None:
    finish()
    job = start("a")
    FreezeRun(project, ALL, own_data_dir / "exchange" / f"dataset-{job.pk}")
    cancel_job(job)
    assert files_below(own_data_dir / "exchange") != []
    start("b")
    work_off()
    assert [row.name for row in DatasetVersion.objects.all()] == ["b"]
    assert files_below(own_data_dir / "exchange") == []


def test_the_folder_of_a_failed_freeze_stays_for_a_week(
    start: Callable[..., Job], finish: Finish, own_data_dir: Path, work_off: Callable[[], None], project: Project
) -> None:
    finish()
    for days in (1, 8):
        failed = Job.objects.create(
            project=project, kind="dataset", status="failed", finished_at=timezone.now() - timedelta(days=days)
        )
        FreezeRun(project, ALL, own_data_dir / "exchange" / f"dataset-{failed.pk}")
    start("b")
    work_off()
    first = Job.objects.filter(status="failed").earliest("pk").pk
    assert {name.split("/")[0] for name in files_below(own_data_dir / "exchange")} == {f"dataset-{first}"}


def test_masks_that_go_while_it_runs_are_left_out_and_all_of_them_is_a_plain_end(
    start: Callable[..., Job], finish: Finish, work_off: Callable[[], None]
) -> None:
    image, _ = finish()
    job = start("a")
    remove_image(image)
    work_off()
    job.refresh_from_db()
    assert (job.status, DatasetVersion.objects.count()) == (JobStatus.FAILED, 0)
    assert "fits these filters" in job.error


@pytest.mark.parametrize(
    ("name", "filters", "code"),
    [
        ("x" * 101, {}, "long_name"),
        ("a\0b", {}, "bad_name"),
        ("\ud800", {}, "bad_name"),
        ("taken", {}, "name_taken"),
        (" taken ", {}, "name_taken"),
        ("", {"labels": [1_000_000]}, "nothing_fits"),
        ("", {"people": [2**63 - 1]}, "nothing_fits"),
        ("", {"created_before": "2001-01-01"}, "nothing_fits"),
    ],
)
def test_what_cannot_be_frozen_is_refused_in_words(
    name: str, filters: Any, code: str, start: Callable[..., Job], finish: Finish, project: Project
) -> None:
    finish()
    snapshots.freeze(project, filters=ALL, user=None, name="taken")
    with pytest.raises(AppError) as refused:
        start(name, **filters)
    assert refused.value.code == code
    assert refused.value.message.endswith(".")
    assert Job.objects.count() == 0


def test_a_project_without_finished_masks_is_told_what_to_do(project: Project, start: Callable[..., Job]) -> None:
    for work in (lambda: start("a"), lambda: snapshots.freeze(project, filters=ALL, user=None)):
        with pytest.raises(InvalidError, match="Submit an image with masks first") as refused:
            work()
        assert refused.value.code == "no_masks"


@needs_mount
def test_a_full_disk_stops_it_in_words_and_it_goes_on_once_there_is_space(
    start: Callable[..., Job], finish: Finish, work_off: Callable[[], None], own_data_dir: Path
) -> None:
    for _ in range(5):
        finish(40)
    with small_disk(own_data_dir / "media" / "datasets", megabytes=1) as disk:
        ballast = fill(disk)
        job = start("a")
        work_off()
        job.refresh_from_db()
        assert job.status == JobStatus.FAILED
        assert "disk is full" in job.error
        assert files_below(disk) == ["ballast"]
        ballast.unlink()
        resume_job(job)
        tasks.run_freeze.func(job.pk)
        job.refresh_from_db()
        version = DatasetVersion.objects.get()
        assert (job.status, version.masks) == (JobStatus.DONE, 200)
        assert hashlib.sha256(content_of(version)).hexdigest() == version.digest
