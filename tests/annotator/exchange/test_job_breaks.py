"""Exports and imports as jobs that are broken off: by slices that let others through, by pausing, by cancelling."""

from typing import Any

import pytest
from django.core.management import call_command

from annotator.accounts.models import User
from annotator.annotations.models import Annotation
from annotator.exchange import tasks
from annotator.exchange.export import jobs as exports
from annotator.exchange.export import preflight
from annotator.exchange.export import run as export_run
from annotator.exchange.export.selection import Selection
from annotator.exchange.import_ import jobs as imports
from annotator.exchange.import_ import run as import_run
from annotator.exchange.import_.uploads import keep_upload
from annotator.exchange.models import ImportRun
from annotator.exchange.options import ExportOptions, ImportOptions
from annotator.exchange.places import work_folders
from annotator.jobs import services as jobs
from annotator.jobs.models import Job
from annotator.jobs.services import cancel_job, pause_job, resume_job
from annotator.projects.models import Project
from tests.annotator.exchange.fixture_types import Export, Twin

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step is small, and after each the worker takes another task."""
    monkeypatch.setattr(export_run, "IMAGES_PER_STEP", 1)
    monkeypatch.setattr(export_run, "MASKS_PER_STEP", 3)
    monkeypatch.setattr(export_run, "VERIFIED_AT_ONCE", 3)
    monkeypatch.setattr(import_run, "MASKS_PER_STEP", 3)
    monkeypatch.setattr(exports, "SLICE_SECONDS", 0.0)
    monkeypatch.setattr(imports, "SLICE_SECONDS", 0.0)


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Per record of progress: how far the job was in memory before it, and how far it was written to be."""
    told, record = [], jobs.record_progress

    def note(job: Job, *, done: int, **more: Any) -> bool:
        told.append((job.done, done))
        return record(job, done=done, **more)

    monkeypatch.setattr(jobs, "record_progress", note)
    return told


def work_off(**options: Any) -> None:
    call_command(
        "db_worker", queue_name="*", batch=True, interval=0, startup_delay=False, reload=False, verbosity=0, **options
    )


def test_an_export_in_many_slices_is_whole(filled: Project, admin: User) -> None:
    job = tasks.start_export(filled, ExportOptions(), user=admin)
    work_off()
    job.refresh_from_db()
    masks = job.report["certificate"]["masks"]
    assert job.status == "done"
    assert job.done == job.total > 6
    assert masks["identical"] == Annotation.objects.filter(image__project=filled).count()
    assert work_folders("export") == []


def test_a_check_in_many_slices_finds_the_same(filled: Project, admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = preflight.check_selection(Selection(filled, ExportOptions()))
    monkeypatch.setattr(preflight, "IMAGES_AT_ONCE", 1)
    job = tasks.start_preflight(filled, ExportOptions(), user=admin)
    work_off()
    job.refresh_from_db()
    assert (job.status, job.done, job.total) == ("done", 4, 4)
    assert job.report == whole
    assert whole["findings"]


def test_an_import_in_many_slices_is_whole(filled: Project, admin: User, export: Export, twin: Twin) -> None:
    path = export(filled).files[0]
    copy = twin(filled)
    with path.open("rb") as file:
        row = keep_upload(copy, file, name="in.json", options=ImportOptions(), user=admin)
    tasks.start_preview(row, ImportOptions(), user=admin)
    work_off()
    job = tasks.start_import(ImportRun.objects.get(pk=row.pk), ImportOptions(), user=admin)
    work_off()
    job.refresh_from_db()
    count = Annotation.objects.filter(image__project=filled).count()
    assert (job.status, job.report["masks"]["created"]) == ("done", count)
    assert Annotation.objects.filter(image__project=copy).count() == count
    assert work_folders("import") == []


def test_an_export_without_images_is_never_further_than_its_end(
    project: Project, admin: User, records: list[tuple[int, int]]
) -> None:
    job = tasks.start_export(project, ExportOptions(), user=admin)
    work_off()
    job.refresh_from_db()
    assert (job.status, job.done, job.total) == ("done", 0, 0)
    assert len(records) > 1
    assert set(records) == {(0, 0)}


def test_an_export_is_as_far_as_its_images_and_masks_until_the_next_record(
    filled: Project, admin: User, records: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_run, "IMAGES_PER_STEP", 3)
    tasks.start_export(filled, ExportOptions(), user=admin)
    work_off()
    assert records[:3] == [(0, 3), (3, 4), (4, 4)]  # the files are closed in a step of their own
    assert [before for before, _ in records[1:]] == [done for _, done in records[:-1]]


def test_a_check_is_as_far_as_its_images_until_the_next_record(
    filled: Project, admin: User, records: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "IMAGES_AT_ONCE", 3)
    tasks.start_preflight(filled, ExportOptions(), user=admin)
    work_off()
    assert records == [(0, 3), (3, 4)]


def test_an_import_that_has_only_checked_its_file_has_taken_nothing(
    filled: Project, admin: User, export: Export, twin: Twin, records: list[tuple[int, int]]
) -> None:
    path = export(filled).files[0]
    with path.open("rb") as file:
        row = keep_upload(twin(filled), file, name="in.json", options=ImportOptions(), user=admin)
    tasks.start_import(row, ImportOptions(), user=admin)
    work_off()
    assert records[:3] == [(0, 0), (0, 3), (3, 6)]


def test_a_paused_export_goes_on_where_it_was(filled: Project, admin: User) -> None:
    job = tasks.start_export(filled, ExportOptions(), user=admin)
    work_off(max_tasks=2)
    job.refresh_from_db()
    assert job.done > 0
    pause_job(job)
    work_off()
    job.refresh_from_db()
    assert job.status == "paused"
    done = job.done
    resume_job(job)
    work_off(max_tasks=1)
    job.refresh_from_db()
    assert job.done > done
    work_off()
    job.refresh_from_db()
    assert job.status == "done"
    assert job.report["certificate"]["masks"]["mismatches"] == 0


def test_a_cancelled_export_leaves_no_folder_for_long(filled: Project, admin: User) -> None:
    job = tasks.start_export(filled, ExportOptions(), user=admin)
    work_off(max_tasks=2)
    cancel_job(Job.objects.get(pk=job.pk))
    assert work_folders("export") == [job.pk]
    tasks.start_export(filled, ExportOptions(), user=admin)
    work_off()
    assert work_folders("export") == []
