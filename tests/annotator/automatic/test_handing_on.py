"""A job that meets a worker without its model's files waits, says why, and is done by a worker that has them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from annotator.accounts.models import User
from annotator.automatic.embedding_jobs import start_embedding
from annotator.automatic.prefill_requests import start_automatic, start_prefill
from annotator.background.management.commands.run_worker import QuietWorker
from annotator.inference import lacking_models
from annotator.inference.model_store import blob_name
from annotator.inference.models import EmbeddingStatus, ModelVersion
from annotator.jobs import services as jobs
from annotator.jobs.models import Job, JobStatus
from annotator.projects.models import Project
from tests.annotator.automatic.automatic_steps import take_everything

Start = Callable[[Project, User], Job]
Commit = Callable[..., Any]


@pytest.fixture
def project(project: Project, model: ModelVersion, add_photo: Any) -> Project:
    project = take_everything(project)  # before there is a photo, for which a pre-fill would begin by itself
    add_photo()
    return project


@pytest.fixture
def away(model: ModelVersion, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Go on as a worker that lacks the model's encoder and cannot fetch it, or as one that has it."""
    here = settings.MODELS_DIR
    encoder = next(file for file in model.files if file["name"] == "encoder.onnx")

    def be(is_away: bool) -> None:
        monkeypatch.setattr(lacking_models, "_reasons", {})
        monkeypatch.setattr(lacking_models, "_tried", {})
        settings.MODELS_DIR = tmp_path / "other machine" if is_away else here
        if is_away:
            default_storage.delete(blob_name(encoder["sha256"]))

    return be


def automatic(project: Project, user: User) -> Job:
    return start_automatic(project, user, image_ids=None)


def skipped_queues() -> list[str]:
    names: dict[str, Any] = {"queue_names": ["*"], "excluded_queue_names": [], "interval": 0, "batch": True}
    worker = QuietWorker(**names, backend_name="default", startup_delay=False, max_tasks=None, worker_id="w")
    return worker.excluded_queue_names


@pytest.mark.parametrize("start", [start_prefill, automatic, start_embedding])
def test_a_job_is_handed_on_to_a_worker_that_has_the_model(
    start: Start,
    project: Project,
    admin: User,
    model: ModelVersion,
    away: Callable[[bool], None],
    work_off: Callable[[], None],
    django_capture_on_commit_callbacks: Commit,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        job = start(project, admin)
    away(True)
    with django_capture_on_commit_callbacks(execute=True):
        work_off()
    job.refresh_from_db()
    queue = f"model-{model.pk}"
    assert (job.status, job.runner, job.crashes, job.queue_name) == (JobStatus.RUNNING, "", 0, queue)
    assert job.error.startswith(f"The files of model {model.version} are not on this machine and cannot be fetched")
    waiting = DBTaskResult.objects.get(status="READY", task_path=job.task)
    assert waiting.queue_name == queue
    assert waiting.run_after > timezone.now()
    assert queue in skipped_queues(), "this worker does not even look at it"

    away(False)
    assert queue not in skipped_queues()
    DBTaskResult.objects.filter(status="READY").update(run_after=timezone.now())
    with django_capture_on_commit_callbacks(execute=True):
        work_off()
    job.refresh_from_db()
    assert (job.status, job.error, job.done, job.report["failed"]) == (JobStatus.DONE, "", job.total, 0)
    assert model.embeddings.get().status == EmbeddingStatus.READY


def test_a_job_that_waits_for_a_model_is_paused_and_resumed_like_any(
    project: Project,
    admin: User,
    away: Callable[[bool], None],
    work_off: Callable[[], None],
    django_capture_on_commit_callbacks: Commit,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        job = start_prefill(project, admin)
    away(True)
    with django_capture_on_commit_callbacks(execute=True):
        work_off()
    job = jobs.pause_job(Job.objects.get(pk=job.pk))
    away(False)
    DBTaskResult.objects.filter(status="READY").update(run_after=timezone.now())
    work_off()
    job.refresh_from_db()
    assert (job.status, job.done) == (JobStatus.PAUSED, 0)
    with django_capture_on_commit_callbacks(execute=True):
        job = jobs.resume_job(job)
    assert (job.queue_name, job.error) == ("", "")
    work_off()
    job.refresh_from_db()
    assert (job.status, job.done) == (JobStatus.DONE, 1)
