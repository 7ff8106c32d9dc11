"""Imports over HTTP: upload, preview, map labels, start, table of rows; and who may not."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client

from annotator.accounts.models import User
from annotator.annotations.models import Annotation
from annotator.exchange.models import ImportRun
from annotator.jobs.models import Job
from annotator.projects.models import Label, Project
from tests.annotator.conftest import body_of
from tests.annotator.exchange.fixture_types import AddImage

pytestmark = pytest.mark.django_db(transaction=True)


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def work_off() -> None:
    call_command("db_worker", queue_name="*", batch=True, interval=0, startup_delay=False, reload=False, verbosity=0)


@pytest.fixture
def url(project: Project) -> str:
    return f"/api/v1/projects/{project.pk}/imports"


@pytest.fixture
def page(project: Project, add_image: AddImage) -> dict[str, Any]:
    add_image(project, "a.jpg")
    rle = {"size": [17, 31], "counts": [100, 20, 407]}
    annotations = [
        {"id": 1, "image_id": 1, "category_id": 7, "segmentation": rle},
        {"id": 2, "image_id": 1, "category_id": 9, "segmentation": [[2, 2, 9, 2, 9, 9, 2, 9]]},
        {"id": 3, "image_id": 2, "category_id": 9, "segmentation": rle},
    ]
    return {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 31, "height": 17}, {"id": 2, "file_name": "=b.jpg"}],
        "categories": [{"id": 7, "name": "car"}, {"id": 9, "name": "tree"}],
        "annotations": annotations,
    }


@pytest.fixture
def upload(page: dict[str, Any], admin: User, url: str) -> Callable[..., Any]:
    def do(content: str | None = None, options: str = "{}", user: User = admin) -> Any:
        data = json.dumps(page) if content is None else content
        file = SimpleUploadedFile("../in.json", data.encode())
        return client_of(user).post(url, {"file": file, "options": options})

    return do


def test_a_preview_counts_and_writes_nothing(upload: Callable[..., Any], admin: User) -> None:
    answer = upload()
    assert answer.status_code == 201
    assert answer.json()["name"] == "in.json"
    work_off()
    preview = client_of(admin).get(f"/api/v1/imports/{answer.json()['id']}").json()["preview"]
    assert preview["masks"] == {"read": 3, "created": 2, "unchanged": 0, "skipped": 0, "refused": 1}
    assert preview["images"] == {"matched": 1, "added": 0, "unknown": 1, "refused": 0}
    becomes = {row["name"]: (row["becomes"], row["count"]) for row in preview["categories"]}
    assert becomes == {"car": ("new", 1), "tree": ("new", 1)}
    assert preview["categories"][0]["alike"] == ["Car"]
    assert preview["notes"]["labels_alike"]["names"] == ["car / Car"]
    assert not Annotation.objects.exists()
    assert Label.objects.count() == 1


def test_an_import_follows_the_mapping_and_lists_what_it_did_not_take(upload: Callable[..., Any], admin: User) -> None:
    pk = upload().json()["id"]
    work_off()
    client = client_of(admin)
    options = {"label_map": {"tree": "none"}}
    started = client.post(f"/api/v1/imports/{pk}/start", {"options": options}, content_type="application/json")
    assert started.status_code == 202
    work_off()
    job = Job.objects.get(pk=started.json()["id"])
    assert (job.status, job.done, job.total) == ("done", 3, 3)
    names = sorted(str(row.label and row.label.name) for row in Annotation.objects.all())
    assert names == ["None", "car"]
    rows = client.get(client.get(f"/api/v1/imports/{pk}").json()["rows_url"])
    table = list(csv.reader(io.StringIO(body_of(rows).decode())))
    assert table[0] == ["place", "code", "reason"]
    assert table[1] == ["'=b.jpg", "image_unknown", "no photo is =b.jpg"]
    assert [line[1] for line in table[2:]] == ["image_not_taken"]
    assert all(row.author == admin and row.source == "import" for row in Annotation.objects.all())


def test_an_import_of_which_nothing_was_taken_has_failed_with_the_reason(
    upload: Callable[..., Any], admin: User, page: dict[str, Any]
) -> None:
    lost = {**page, "images": [{"id": 2, "file_name": "b.jpg"}], "annotations": page["annotations"][2:]}
    pk = upload(json.dumps(lost)).json()["id"]
    work_off()
    client = client_of(admin)
    job_id = client.post(f"/api/v1/imports/{pk}/start", {"options": {}}, content_type="application/json").json()["id"]
    work_off()
    job = Job.objects.get(pk=job_id)
    assert (job.status, job.report["masks"]["created"]) == ("failed", 0)
    assert job.error == "None of the rows was taken: no photo is b.jpg"
    shown = client.get(f"/projects/{job.project_id}/imports/{pk}/").content.decode()
    assert "The import failed: None of the rows was taken" in shown


def test_skipped_labels_stay_out_and_a_second_start_changes_nothing(upload: Callable[..., Any], admin: User) -> None:
    pk = upload(options=json.dumps({"label_map": {"tree": "skip"}})).json()["id"]
    work_off()
    body = {"options": {"label_map": {"tree": "skip"}}}
    for created, unchanged in [(1, 0), (0, 1)]:
        job = client_of(admin).post(f"/api/v1/imports/{pk}/start", body, content_type="application/json").json()
        work_off()
        masks = Job.objects.get(pk=job["id"]).report["masks"]
        assert (masks["created"], masks["unchanged"], masks["skipped"]) == (created, unchanged, 1)
    assert Annotation.objects.count() == 1


def test_a_file_that_is_cut_off_fails_with_a_sentence_and_nothing_is_written(
    upload: Callable[..., Any], admin: User, page: dict[str, Any]
) -> None:
    pk = upload(json.dumps(page)[:-30], '{"format": "coco"}').json()["id"]
    work_off()
    client = client_of(admin)
    assert client.get(f"/api/v1/imports/{pk}").json()["job"]["status"] == "failed"
    job = client.post(f"/api/v1/imports/{pk}/start", {"options": {}}, content_type="application/json").json()
    work_off()
    assert Job.objects.get(pk=job["id"]).status == "failed"
    assert "character" in Job.objects.get(pk=job["id"]).error
    assert not Annotation.objects.exists()


def test_two_imports_of_one_project_do_not_run_at_once(upload: Callable[..., Any], admin: User) -> None:
    first, second = upload().json()["id"], upload().json()["id"]
    client = client_of(admin)
    body: dict[str, dict[str, str]] = {"options": {}}
    assert client.post(f"/api/v1/imports/{first}/start", body, content_type="application/json").status_code == 202
    busy = client.post(f"/api/v1/imports/{second}/start", body, content_type="application/json")
    assert (busy.status_code, busy.json()["code"]) == (409, "job_running")


def test_a_deleted_import_takes_its_files_and_leaves_its_masks(upload: Callable[..., Any], admin: User) -> None:
    pk = upload().json()["id"]
    work_off()
    client, address = client_of(admin), f"/api/v1/imports/{pk}"
    client.post(f"{address}/start", {"options": {}}, content_type="application/json")
    busy = client.delete(address)
    assert (busy.status_code, busy.json()["code"]) == (409, "job_running")
    work_off()
    row = ImportRun.objects.get(pk=pk)
    names = [str(row.file.name), str(row.rows_file.name)]
    assert all(default_storage.exists(name) for name in names)
    assert client.delete(address).status_code == 204
    assert not any(default_storage.exists(name) for name in names)
    assert client.get(address).status_code == client.delete(address).status_code == 404
    assert Annotation.objects.count() == 2


@pytest.mark.parametrize("options", ['{"format": "wav"}', "{", '{"label_map": {"a": "other"}}', '{"typo": 1}'])
def test_options_that_do_not_fit_are_refused(upload: Callable[..., Any], options: str) -> None:
    assert upload(options=options).status_code == 422


def test_an_upload_without_a_file_is_refused(admin: User, url: str) -> None:
    assert client_of(admin).post(url, {"options": "{}"}).status_code == 422


@pytest.mark.parametrize(("who", "status"), [("annotator", 403), ("reviewer", 403), ("outsider", 404), (None, 401)])
def test_only_admins_get_at_imports(
    upload: Callable[..., Any], url: str, request: pytest.FixtureRequest, who: str | None, status: int
) -> None:
    pk = upload().json()["id"]
    client = client_of(request.getfixturevalue(who)) if who else Client()
    assert client.get(url).status_code == status
    assert client.post(url, {"file": SimpleUploadedFile("a.json", b"{}")}).status_code == status
    assert client.get(f"/api/v1/imports/{pk}").status_code == status
    assert client.delete(f"/api/v1/imports/{pk}").status_code == status
    assert client.get(f"/api/v1/imports/{pk}/rows").status_code == status
    for verb in ("start", "preview"):
        answer = client.post(f"/api/v1/imports/{pk}/{verb}", {"options": {}}, content_type="application/json")
        assert answer.status_code == status


def test_wrong_methods_and_missing_things(admin: User, url: str, upload: Callable[..., Any]) -> None:
    client = client_of(admin)
    assert client.put(url).status_code == 405
    assert client.get("/api/v1/imports/987654").status_code == 404
    assert client.get(f"/api/v1/imports/{upload().json()['id']}/rows").status_code == 404


def test_the_command_previews_and_imports(project: Project, page: dict[str, Any], admin: User, tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_text(json.dumps(page))
    out = io.StringIO()
    call_command("import_project", str(project.pk), str(path), "--preview", stdout=out)
    assert json.loads(out.getvalue())["masks"]["created"] == 2
    assert not Annotation.objects.exists()
    call_command("import_project", str(project.pk), str(path), "--user", "ada", stdout=io.StringIO())
    assert Annotation.objects.filter(author=admin).count() == 2
