"""A run: what it learns from, what comes of it, and how every bad day ends, with the model in use as it was."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django_tasks_db.models import DBTaskResult

from annotator.audit.models import AuditEvent
from annotator.images.models import Image
from annotator.images.services import remove_image
from annotator.inference.default_model import find_version
from annotator.inference.model_store import blob_name, hold
from annotator.inference.models import DefaultDecision, ModelVersion, Training
from annotator.inference.selectors import default_model_version, model_folder, model_version_of, newer_than_default
from annotator.jobs import services as jobs
from annotator.jobs import stopping
from annotator.jobs.models import Job, JobStatus
from annotator.projects.models import Project
from annotator.training import run_process, runs
from annotator.training.improvement_tasks import TRAIN_QUEUE
from annotator.training.models import Improvement
from annotator.training.run_folder import RunFolder

Start = Callable[..., Improvement]
Plan = Callable[..., None]


def do(row: Improvement) -> Improvement:
    """Do the row's job here, and return the row as it is then."""
    assert row.job is not None
    runs.run_here(row.job.pk)
    return again(row)


def again(row: Improvement) -> Improvement:
    return Improvement.objects.select_related("job", "version", "dataset", "parent", "project").get(pk=row.pk)


def resume(row: Improvement) -> Improvement:
    assert row.job is not None
    jobs.resume_job(row.job)
    return do(row)


def job_of(row: Improvement) -> Job:
    assert row.job is not None
    row.job.refresh_from_db()
    return row.job


def is_alive(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return run_process._start_time(pid) is not None
    return False


def act_when(monkeypatch: pytest.MonkeyPatch, phase: str, act: Callable[[Any], object]) -> list[int]:
    """Call `act(run)` once when a phase is told of; return a list for the process ids seen then."""
    tell, seen = runs._Run.tell, list[int]()

    def watched(self: Any, **options: Any) -> None:
        tell(self, **options)
        note = RunFolder(Improvement.objects.get(job=self.job).pk).process_note
        if self.report["phase"] == phase and not seen:
            seen.append(json.loads(note.read_text())["pid"] if note.exists() else 0)
            act(self)

    monkeypatch.setattr(runs._Run, "tell", watched)
    return seen


def test_a_run_freezes_learns_and_registers_a_version_that_nobody_uses_yet(
    start: Start, plan: Plan, model: ModelVersion, project: Project, learnable: list[Image]
) -> None:
    row = do(start(minutes=7))
    job = job_of(row)
    assert (job.status, job.error, job.done, job.total) == (JobStatus.DONE, "", 1000, 1000)
    assert row.dataset is not None
    assert (row.dataset.masks, row.dataset.images) == (5, 5)
    version = row.version
    assert version is not None
    assert (version.name, version.version) == (model.name, f"{model.version}.p{project.pk}.1")
    assert (version.training, version.parent) == (Training.PROJECT, model)
    assert version.weights_licence == model.weights_licence
    assert "the project's own photos" in version.data_licence
    assert version.figures == {"miou_1": 0.5, "miou_3": 0.7, "miou_5": 0.8}
    assert version.files
    assert default_model_version() == model
    assert model_version_of(Project.objects.get(pk=project.pk)) == model
    assert row.result["verdict"] == "better"
    assert [one["file"] for one in row.result["pictures"]] == ["better-01.webp", "worse-01.webp"]
    assert not RunFolder(row.pk).root.exists()
    assert job.report["held_out"] == [[120.0, 0.4, 0.6, 0.7]]
    assert job.report["loss"] == [[60.0, 0.9]], "what is no number is left out"


def test_the_process_is_told_what_was_asked_for_and_gives_way_to_others(
    start: Start, plan: Plan, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TRAIN_THREADS = 3
    niceness: list[int] = []
    asked: list[dict[str, Any]] = []

    def note(run: Any) -> None:
        folder = RunFolder(Improvement.objects.get(job=run.job).pk)
        asked.append(json.loads((folder.run / "asked.json").read_text()))
        niceness.append(os.getpriority(os.PRIO_PROCESS, json.loads(folder.process_note.read_text())["pid"]))
        jobs.cancel_job(run.job)

    plan(waits=True)
    act_when(monkeypatch, "train", note)
    do(start(minutes=9, recipe="decoder", device="cpu"))
    wanted = {"model": "sam_tiny_test", "minutes": "9", "recipe": "decoder", "device": "cpu", "threads": "3"}
    assert wanted.items() <= asked[0].items()
    assert "checkpoint" not in asked[0], "a model of a seed has no weights"
    assert any(image["held_out"] for image in asked[0]["images"])
    assert not all(image["held_out"] for image in asked[0]["images"])
    assert niceness == [run_process.NICE]


def test_an_improved_version_is_improved_from_its_own_weights_and_meant_by_its_label_alone(
    start: Start, plan: Plan, model: ModelVersion, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = do(start()).version
    assert first is not None
    Project.objects.update(model_version=first)
    checkpoints: list[str] = []

    def note(run: Any) -> None:
        folder = RunFolder(Improvement.objects.get(job=run.job).pk)
        checkpoints.append(json.loads((folder.run / "asked.json").read_text())["checkpoint"])

    act_when(monkeypatch, "compare", note)
    second = do(start())
    assert second.parent == first
    assert checkpoints[0].endswith(f"{first.version}/weights.pt")
    assert find_version(model.name) == model
    assert find_version(first.version) == first
    assert newer_than_default() is None


def test_a_server_without_a_default_does_not_get_an_improved_one(start: Start, plan: Plan, model: ModelVersion) -> None:
    Project.objects.update(model_version=model)
    row = start()
    DefaultDecision.objects.all().delete()
    assert do(row).version is not None
    assert default_model_version() is None


def test_worse_weights_are_left_aside(start: Start, plan: Plan) -> None:
    plan(verdict="worse")
    row = do(start())
    assert job_of(row).status == JobStatus.DONE
    assert row.version is None
    assert row.result["verdict"] == "worse"
    assert ModelVersion.objects.count() == 1


def test_the_old_weights_do_not_become_a_version_once_more(start: Start, plan: Plan) -> None:
    plan(verdict="same", share=0)
    row = do(start())
    assert job_of(row).status == JobStatus.DONE
    assert row.version is None
    assert ModelVersion.objects.count() == 1


@pytest.mark.parametrize(
    ("status", "said"),
    [(2, "it said 2"), (4, "too little memory"), (5, "disk is full"), (6, "no usable numbers")],
)
def test_every_refusal_is_a_failed_job_that_says_why_and_can_be_gone_on_with(
    status: int, said: str, start: Start, plan: Plan, model: ModelVersion
) -> None:
    plan(exit=status)
    row = do(start())
    assert job_of(row).status == JobStatus.FAILED
    assert said in job_of(row).error
    assert RunFolder(row.pk).root.exists(), "what was made is kept"
    assert list(ModelVersion.objects.all()) == [model]
    plan()
    assert job_of(resume(row)).status == JobStatus.DONE


def test_a_process_that_is_killed_is_gone_on_with(start: Start, plan: Plan) -> None:
    plan(dies=2)
    row = do(start())
    assert job_of(row).status == JobStatus.DONE
    assert row.version is not None


def test_one_that_always_dies_is_given_up_and_can_be_resumed(start: Start, plan: Plan) -> None:
    plan(dies=3)
    row = do(start())
    assert job_of(row).status == JobStatus.FAILED
    assert "died 3 times (signal 9)" in job_of(row).error
    assert job_of(resume(row)).status == JobStatus.DONE, "the fourth start goes on where the third was"


def test_a_crash_says_its_last_words(start: Start, plan: Plan) -> None:
    plan(exit=1)
    assert "it said 1" in job_of(do(start())).error


def test_a_pause_ends_the_process_and_resuming_goes_on(
    start: Start, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan(waits=True)
    seen = act_when(monkeypatch, "train", lambda run: jobs.pause_job(Job.objects.get(pk=run.job.pk)))
    row = do(start())
    assert job_of(row).status == JobStatus.PAUSED
    assert not is_alive(seen[0])
    assert (RunFolder(row.pk).run / "last.pt").read_text() == "1"
    plan()
    assert job_of(resume(row)).status == JobStatus.DONE


def test_cancelling_ends_the_process_removes_everything_and_is_recorded(
    start: Start, plan: Plan, monkeypatch: pytest.MonkeyPatch, model: ModelVersion
) -> None:
    plan(waits=True)
    seen = act_when(monkeypatch, "train", lambda run: jobs.cancel_job(Job.objects.get(pk=run.job.pk)))
    row = do(start())
    assert job_of(row).status == JobStatus.CANCELLED
    assert not is_alive(seen[0])
    assert not RunFolder(row.pk).root.exists()
    verbs = list(AuditEvent.objects.order_by("pk").values_list("verb", flat=True))
    assert [verb for verb in verbs if verb.startswith("improvement.")] == [
        "improvement.started", "improvement.cancelled",
    ]  # fmt: skip
    assert list(ModelVersion.objects.all()) == [model]


def test_a_process_whose_follower_was_killed_is_found_and_ended_before_the_run_goes_on(
    start: Start, plan: Plan
) -> None:
    row = start()
    folder = RunFolder(row.pk)
    folder.make()
    code = "import signal\nwhile True: signal.pause()"
    orphan = subprocess.Popen([sys.executable, "-c", code])
    note = {"pid": orphan.pid, "started": run_process._start_time(orphan.pid)}
    folder.process_note.write_text(json.dumps(note))
    try:
        assert job_of(do(row)).status == JobStatus.DONE
        assert orphan.wait(10) != 0
    finally:
        orphan.kill()


def test_a_process_of_another_that_has_the_number_now_is_left_alone(start: Start, plan: Plan) -> None:
    row = start()
    folder = RunFolder(row.pk)
    folder.make()
    folder.process_note.write_text(json.dumps({"pid": os.getpid(), "started": "7"}))
    assert job_of(do(row)).status == JobStatus.DONE


def test_a_worker_that_is_asked_to_end_puts_the_job_back(
    start: Start, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan(waits=True)
    asked: list[bool] = []
    monkeypatch.setattr(stopping, "_asked", asked)
    seen = act_when(monkeypatch, "train", lambda run: asked.append(True))
    row = do(start())
    assert (job_of(row).status, job_of(row).runner) == (JobStatus.RUNNING, "")
    assert not is_alive(seen[0])
    assert job_of(row).crashes == 0
    asked.clear()
    plan()
    assert job_of(do(row)).status == JobStatus.DONE


def test_too_much_memory_ends_the_process_with_a_sentence(start: Start, plan: Plan, settings: Any) -> None:
    settings.TRAIN_MEMORY_MB = 1
    plan(waits=True)
    row = do(start())
    assert job_of(row).status == JobStatus.FAILED
    assert "too little memory" in job_of(row).error


def test_without_space_nothing_is_begun(start: Start, plan: Plan, settings: Any) -> None:
    settings.MIN_FREE_BYTES = 2**62
    row = do(start())
    assert job_of(row).status == JobStatus.FAILED
    assert "disk is full" in job_of(row).error
    settings.MIN_FREE_BYTES = 0
    assert job_of(resume(row)).status == JobStatus.DONE


def test_images_deleted_meanwhile_are_left_out_and_counted(
    start: Start, plan: Plan, learnable: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    act_when(monkeypatch, "photos", lambda run: remove_image(learnable[0]))
    row = do(start())
    assert job_of(row).status == JobStatus.DONE
    shown = {picture["image"] for picture in row.result["pictures"]}
    assert learnable[0].pk not in shown


def test_with_all_images_deleted_there_is_nothing_to_learn_from(
    start: Start, plan: Plan, learnable: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    def remove_all(run: Any) -> None:
        for image in learnable:
            remove_image(image)

    act_when(monkeypatch, "photos", remove_all)
    row = do(start())
    assert job_of(row).status == JobStatus.FAILED
    assert "are gone" in job_of(row).error


def test_masks_that_are_all_taken_back_before_the_run_begins_leave_a_sentence(
    start: Start, plan: Plan, learnable: list[Image]
) -> None:
    row = start()
    Image.objects.update(work_status="new")
    assert job_of(do(row)).status == JobStatus.FAILED
    assert job_of(row).error


def test_the_model_that_is_replaced_meanwhile_stays_the_parent(
    start: Start, plan: Plan, model: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ModelVersion.objects.create(name="x", version="x-1", image_size=64, embed_dim=32, weights_sha256="0")
    act_when(monkeypatch, "register", lambda run: Project.objects.update(model_version=other))
    row = do(start())
    assert row.version is not None
    assert row.version.parent == model
    assert Project.objects.get().model_version == other, "nothing is chosen by itself"


def test_a_result_that_cannot_be_read_is_no_result(start: Start, plan: Plan) -> None:
    plan(verdict="splendid")
    row = do(start())
    assert job_of(row).status == JobStatus.FAILED
    assert "without a result" in job_of(row).error


def test_two_runs_of_a_machine_wait_for_each_other(start: Start, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    row = start()
    waited: list[float] = []

    def stop_waiting(*, wait_seconds: float = 0.0) -> bool:
        if wait_seconds:
            waited.append(wait_seconds)
        return bool(waited)

    monkeypatch.setattr(runs, "is_asked_to_stop", stop_waiting)
    with hold(runs.LOCK):
        assert runs.run_here(job_of(row).pk) == "nothing to do"
    assert waited
    assert job_of(row).status == JobStatus.PENDING


def test_the_worker_does_it_from_its_queue(start: Start, plan: Plan, work_off: Callable[[], None]) -> None:
    row = start()
    assert list(DBTaskResult.objects.values_list("queue_name", flat=True)) == [TRAIN_QUEUE]
    work_off()
    assert job_of(row).status == JobStatus.DONE


def test_without_the_files_of_the_model_it_fails_and_says_so(start: Start, plan: Plan, model: ModelVersion) -> None:
    row = start()
    shutil.rmtree(model_folder(model.version))
    for file in model.files:
        default_storage.delete(blob_name(file["sha256"]))
    assert job_of(do(row)).status == JobStatus.FAILED
    assert model.version in job_of(row).error
    assert job_of(row).queue_name == "", "and waits for no other worker"
