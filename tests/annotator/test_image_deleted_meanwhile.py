"""An image that is deleted while somebody works on it: every call is answered with a sentence, none with a crash."""

import uuid
from typing import Any

import pytest
from django.core.management import call_command

from annotator.annotations.models import Annotation
from annotator.exchange import tasks
from annotator.exchange.export import jobs as exports
from annotator.exchange.export import run as export_run
from annotator.exchange.options import ExportOptions
from annotator.images import selectors
from annotator.images.models import Image, WorkStatus
from annotator.images.services import delete_image
from annotator.images.tasks import prepare_image
from annotator.inference.models import ModelVersion
from annotator.projects.access import require_right
from annotator.projects.models import Project
from tests.annotator.conftest import Api
from tests.annotator.inference_steps import work_off
from tests.annotator.test_api_annotations import counts_of
from tests.annotator.test_shared_content import add

pytestmark = pytest.mark.django_db(transaction=True)
OPERATION = {
    "op_id": str(uuid.uuid4()), "type": "create", "annotation_id": str(uuid.uuid4()), "base_revision": 0,
    "fields": {"counts": counts_of()},
}  # fmt: skip
CROP = {"crop_box_xyxy": [0, 0, 48, 48], "is_flipped": False}
SUGGESTIONS = {"op_id": str(uuid.uuid4()), "state": "accepted", "annotation_ids": []}
CALLS: list[tuple[str, str, Any]] = [
    ("get", "", None), ("patch", "", {"tags": ["night"]}), ("delete", "", None),
    ("get", "/annotations", None), ("get", "/annotations/deleted", None),
    ("post", "/operations", {"operations": [OPERATION]}),
    ("post", "/presence", {"is_leaving": False}), ("post", "/presence", {"is_leaving": True}),
    ("get", "/comments", None), ("post", "/comments", {"body": "look"}),
    ("post", "/lease", None), ("post", "/heartbeat", None), ("post", "/release", None),
    ("post", "/submit", None), ("post", "/skip", {"reason": "dark"}),
    ("post", "/review", {"verdict": "accepted"}), ("post", "/reopen", None), ("get", "/submissions", None),
    ("post", "/activity", {"active_ms": 1000, "counts": {"clicks": 2}}),
    ("post", "/suggestions", SUGGESTIONS), ("get", "/mask-runs", None),
    ("post", "/retry", None), ("post", "/crop-embeddings", CROP),
    ("post", "/decode", {"points": [{"x": 5, "y": 5, "label": 1}]}),
    ("get", "/thumbnail", None), ("get", "/preview", None), ("get", "/tiles/0/0/0", None), ("get", "/original", None),
]  # fmt: skip


@pytest.fixture
def deleted_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Delete the image of each call once it was read and allowed; return which were."""
    deleted: list[int] = []
    allow = require_right

    def allow_and_delete(user: Any, project_id: int, *, right: Any) -> str:
        role = allow(user, project_id, right=right)
        row = Image.objects.get(name="watched.jpg")
        deleted.append(row.pk)
        delete_image(row, masks_at_most=None)
        return role

    monkeypatch.setattr(selectors, "require_right", allow_and_delete)
    return deleted


@pytest.mark.parametrize("is_claimed", [False, True])
@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_no_call_crashes(
    as_admin: Api,
    project: Project,
    model: ModelVersion,
    deleted_in_the_middle: list[int],
    method: str,
    path: str,
    body: Any,
    is_claimed: bool,
) -> None:
    image = add(project, "watched.jpg")
    if is_claimed:
        assert as_admin.post(f"/projects/{project.pk}/next").json()["image_id"] == image.pk
    if path == "/review":
        Image.objects.filter(pk=image.pk).update(work_status=WorkStatus.SUBMITTED)
    address = f"/images/{image.pk}{path}"
    answer = as_admin.get(address) if method == "get" else as_admin.send(method, address, body)
    assert answer.status_code < 500 or answer.json()["code"] == "preparing", answer.content
    if answer.status_code >= 400:
        assert answer.json()["message"]
    assert deleted_in_the_middle == [image.pk]
    assert not Annotation.objects.filter(image_id=image.pk).exists()


@pytest.mark.parametrize(
    ("path", "body"),
    [("/operations", {"operations": [OPERATION]}), ("/submit", None), ("/lease", None), ("/presence", {})],
)
def test_the_annotator_is_told_that_the_image_is_gone(
    as_admin: Api, project: Project, deleted_in_the_middle: list[int], path: str, body: Any
) -> None:
    image = add(project, "watched.jpg")
    answer = as_admin.post(f"/images/{image.pk}{path}", body)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert as_admin.post(f"/images/{image.pk}{path}", body).status_code == 404


def test_an_export_under_way_goes_on_without_it(
    as_admin: Api, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [add(project, f"{number}.jpg") for number in range(3)]
    for image in images:
        body = {**OPERATION, "op_id": str(uuid.uuid4()), "annotation_id": str(uuid.uuid4())}
        assert as_admin.post(f"/images/{image.pk}/operations", {"operations": [body]}).status_code == 200
    monkeypatch.setattr(export_run, "IMAGES_PER_STEP", 1)
    monkeypatch.setattr(export_run, "MASKS_PER_STEP", 1)
    monkeypatch.setattr(export_run, "VERIFIED_AT_ONCE", 1)
    monkeypatch.setattr(exports, "SLICE_SECONDS", 0.0)
    job = tasks.start_export(project, ExportOptions(images="copy"), user=project.created_by)
    for _ in range(20):
        call_command(
            "db_worker",
            queue_name="*",
            batch=True,
            max_tasks=1,
            interval=0,
            startup_delay=False,
            reload=False,
            verbosity=0,
        )
        job.refresh_from_db()
        if images and job.done > 1:
            delete_image(images.pop(), masks_at_most=None)
    assert job.status == "done", job.error


def test_the_worker_passes_over_a_deleted_image(project: Project, model: ModelVersion) -> None:
    image = add(project)
    prepare_image.enqueue(image.pk)
    delete_image(image)
    work_off()
    assert Image.objects.count() == 0


@pytest.mark.parametrize("page", ["99999999999999999999", "-1", "0", "1e30"])
def test_long_page_numbers_are_no_crash(as_admin: Api, project: Project, image: Image, page: str) -> None:
    as_admin.client.raise_request_exception = False
    for address in (
        f"/projects/{project.pk}/images?page={page}&page_size={page}", f"/projects?page={page}",
        f"/images/{page}", f"/projects/{page}", f"/images/{image.pk}/tiles/{page}/{page}/{page}",
        f"/projects/{project.pk}/exports?job_id={page}", f"/exports/{page}/download", f"/jobs/{page}",
        f"/projects/{project.pk}/jobs?kind={page}", f"/projects/{project.pk}/audit?before={page}&page_size={page}",
    ):  # fmt: skip
        assert as_admin.get(address).status_code < 500, address
    for address in (f"/projects/{project.pk}/?page={page}", f"/projects/{page}/", f"/projects/?page={page}"):
        assert as_admin.client.get(address).status_code < 500, address


@pytest.mark.parametrize("number", [1e30, -1e30, 1e400, 10**30, 2**63])
def test_places_and_numbers_without_bounds_are_no_crash(
    as_admin: Api, project: Project, model: ModelVersion, image: Image, number: Any
) -> None:
    text = "1e400" if number == float("inf") else number
    bodies = {
        "/comments": f'{{"body": "x", "x": {text}, "y": {text}}}',
        "/decode": f'{{"points": [{{"x": {text}, "y": {text}, "label": 1}}]}}',
        "/crop-embeddings": f'{{"crop_box_xyxy": [{text}, {text}, {text}, {text}]}}',
        "/activity": f'{{"active_ms": {text}, "counts": {{"clicks": {text}}}}}',
        "/suggestions": f'{{"op_id": "{uuid.uuid4()}", "state": "accepted", "min_predicted_iou": {text}}}',
        "/operations": f'{{"operations": [{{"op_id": "{uuid.uuid4()}", "type": "create", "annotation_id": '
        f'"{uuid.uuid4()}", "base_revision": {text}, "fields": {{"counts": "{counts_of()}", "z_order": {text}, '
        f'"active_ms": {text}}}}}]}}',
    }
    for path, body in bodies.items():
        answer = as_admin.post(f"/images/{image.pk}{path}", body.replace("\\", "\\\\"))
        assert answer.status_code < 500, (path, answer.content)
