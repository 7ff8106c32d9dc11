"""Jobs that an older version has queued: their rows name a task by its dotted path, and run after an upgrade."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from annotator.annotations.models import Annotation
from annotator.exchange.models import ImportRun
from annotator.jobs.models import Job
from annotator.projects.models import Project
from tests.annotator.exchange.file_steps import coco, mask, picture, put, write_json

pytestmark = pytest.mark.django_db(transaction=True)


def queue(project: Project, kind: str, task: str, params: dict[str, Any], *, key: str = "") -> Job:
    """Write the rows of a waiting job as version 0.1 did."""
    job = Job.objects.create(
        project=project, kind=kind, key=key, task=task, params=params, enqueued_at=timezone.now()
    )  # fmt: skip
    DBTaskResult.objects.create(
        status=TaskResultStatus.READY, task_path=task, args_kwargs={"args": [job.pk], "kwargs": {}}, priority=-20,
        queue_name="default", backend_name="default", run_after=timezone.now(), exception_class_path="", traceback="",
    )  # fmt: skip
    return job


def work_off(job: Job) -> Job:
    call_command("db_worker", queue_name="*", batch=True, interval=0, startup_delay=False, reload=False, verbosity=0)
    job.refresh_from_db()
    return job


@pytest.mark.parametrize(
    ("kind", "task"),
    [("export", "annotator.exchange.tasks.run_export"), ("preflight", "annotator.exchange.tasks.run_preflight")],
)
def test_a_queued_export_or_check_runs(filled: Project, kind: str, task: str) -> None:
    job = queue(filled, kind, task, {"options": {"format": "coco"}, "name": "queued-before"})
    assert work_off(job).status == "done"


@pytest.mark.parametrize(
    ("kind", "task"),
    [("import_preview", "annotator.exchange.tasks.run_preview"), ("import", "annotator.exchange.tasks.run_import")],
)
def test_a_queued_preview_or_import_runs(project: Project, tmp_path: Path, settings: Any, kind: str, task: str) -> None:
    settings.INGEST_ROOT = tmp_path / "ingest"
    settings.INGEST_ROOT.mkdir()
    put(project, "a.png")
    write_json(settings.INGEST_ROOT / "in.json", coco([picture(1, "a.png")], [mask(1, 1)]))
    row = ImportRun.objects.create(
        project=project, name="in.json", folder="in.json", format="auto", options={}, started_at=timezone.now()
    )  # fmt: skip
    job = work_off(queue(project, kind, task, {"import_id": row.pk}, key="one"))
    assert (job.status, job.report["masks"]["created"]) == ("done", 1)
    assert Annotation.objects.filter(image__project=project).count() == (kind == "import")


def test_queued_boxes_are_drawn_or_say_why_not(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "boxes.jsonl"
    file.write_text(json.dumps({"place": 0, "image": 1, "label": None, "box_xywh": [1, 1, 5, 5], "attributes": {}}))
    params = {"file": str(file), "import_id": 1, "started_at": "2026-11-30"}
    job = work_off(queue(project, "masks_from_boxes", "annotator.exchange.tasks.draw_boxes", params))
    assert (job.status, job.error) == ("failed", "There is no model to draw masks with yet.")
