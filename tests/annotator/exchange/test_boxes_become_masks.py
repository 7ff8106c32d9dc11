"""Rows that are a box alone: offered in the preview, drawn by the model in a job, decided on by people."""

import json
from collections.abc import Callable
from typing import Any, Never

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command

from annotator.annotations.models import Annotation, AnnotationRevision
from annotator.exchange.import_ import box_masks
from annotator.exchange.orders import Box, BoxesOrder
from annotator.inference.models import ModelVersion
from annotator.jobs.models import Job
from annotator.jobs.services import resume_job
from annotator.projects.models import Label, Project
from tests.annotator.conftest import Api
from tests.annotator.exchange.file_steps import coco, mask, picture, put

pytestmark = pytest.mark.django_db(transaction=True)


def work_off() -> None:
    call_command("db_worker", queue_name="*", batch=True, interval=0, startup_delay=False, reload=False, verbosity=0)


@pytest.fixture
def bring(as_admin: Api, project: Project, model: ModelVersion) -> Callable[..., dict[str, Any]]:
    """Import boxes with one mask through the API, all jobs done; return the import's report."""

    def do(*, boxes: str) -> dict[str, Any]:
        put(project, "p.png")
        rows = [
            mask(1, 1),
            mask(2, 1, segmentation=[], bbox=[30, 5, 20, 20], attributes={"n": 1}),
            mask(3, 1, segmentation=None, bbox=[-10, -10, 40, 30]),
            mask(4, 1, segmentation=[], bbox=[500, 500, 10, 10]),
        ]
        content = json.dumps(coco([picture(1, "p.png")], rows))
        url = f"/api/v1/projects/{project.pk}/imports"
        upload = {"file": SimpleUploadedFile("i.json", content.encode()), "options": "{}"}
        pk = as_admin.client.post(url, upload).json()["id"]
        work_off()
        preview = as_admin.get(f"/imports/{pk}").json()["preview"]
        assert (preview["boxes"], preview["masks"]["created"]) == (3, 1)
        as_admin.post(f"/imports/{pk}/start", {"options": {"boxes": boxes}})
        work_off()
        report: dict[str, Any] = as_admin.get(f"/imports/{pk}").json()["job"]["report"]
        return report

    return do


def test_boxes_become_suggestions_with_their_label(
    bring: Callable[..., dict[str, Any]], project: Project, model: ModelVersion
) -> None:
    report = bring(boxes="suggest")
    job = Job.objects.get(pk=report["boxes_job"])
    assert (job.kind, job.status, job.report["boxes"], job.report["failed"]) == (box_masks.KIND, "done", 3, 0)
    made = Annotation.objects.filter(state="suggestion")
    assert job.report["masks"] == made.count() > 0
    for row in made:
        assert (row.source, row.label, row.model_version) == ("suggestion", Label.objects.get(name="cell"), model)
        assert row.provenance["prompts"][0]["type"] == "box"
        assert AnnotationRevision.objects.filter(annotation=row).count() == 1
    assert not default_storage.exists(job.params["file"])
    assert report["masks"]["refused"] == 0


def test_boxes_are_left_out_and_named_unless_somebody_asks(bring: Callable[..., dict[str, Any]]) -> None:
    report = bring(boxes="skip")
    assert "boxes_job" not in report
    assert report["codes"] == {"only_a_box": 3}
    assert Annotation.objects.count() == 1


def test_a_step_that_is_done_again_writes_nothing_twice(bring: Callable[..., dict[str, Any]], project: Project) -> None:
    report = bring(boxes="suggest")
    job = Job.objects.get(pk=report["boxes_job"])
    count = Annotation.objects.count()
    image = project.images.get()
    box = Box(place=1, image=image.pk, label=None, box_xywh=(30, 5, 20, 20))
    job.report = {"images": 0, "masks": 0, "boxes": 0, "failed": 0, "failures": []}
    version = Annotation.objects.filter(state="suggestion")[0].model_version
    assert version is not None
    box_masks._draw(job, BoxesOrder.from_params(job.params), version, image.pk, [box])
    assert Annotation.objects.count() == count


def test_where_no_photo_can_be_drawn_on_the_job_has_failed_and_can_be_gone_on_with(
    bring: Callable[..., dict[str, Any]], project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> Never:
        raise RuntimeError("no memory")

    with monkeypatch.context() as patched:
        patched.setattr(box_masks, "masks_in_boxes", fail)
        job = Job.objects.get(pk=bring(boxes="suggest")["boxes_job"])
    assert (job.status, job.error) == ("failed", "All 1 images failed: no memory")
    assert job.report["failures"][0]["name"] == "p.png"
    resume_job(job)
    work_off()
    job.refresh_from_db()
    assert (job.status, job.report["images"], job.report["failed"], job.report["boxes"]) == ("done", 1, 0, 3)
    assert Annotation.objects.filter(state="suggestion").exists()
