"""Imports of folders and files that lie on the server, below INGEST_ROOT and nowhere else."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from annotator.accounts.models import User
from annotator.annotations.models import Annotation
from annotator.exchange.models import ImportRun
from annotator.jobs.models import Job
from annotator.projects.models import Project
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
    return f"/api/v1/projects/{project.pk}/imports/from-folder"


@pytest.fixture
def root(tmp_path: Path, settings: Any, project: Project, add_image: AddImage) -> Path:
    """A root with a SA-1B folder and one COCO file in it."""
    root = tmp_path / "root"
    (root / "sa").mkdir(parents=True)
    settings.INGEST_ROOT = root
    add_image(project, "a.jpg")
    rle = {"size": [17, 31], "counts": [100, 20, 407]}
    image = {"image_id": 1, "width": 31, "height": 17, "file_name": "a.jpg"}
    sa1b = {"image": image, "annotations": [{"id": 1, "segmentation": rle}]}
    (root / "sa" / "a.json").write_text(json.dumps(sa1b))
    coco = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "categories": [],
        "annotations": [{"id": 1, "image_id": 1, "segmentation": rle}],
    }
    (root / "masks.json").write_text(json.dumps(coco))
    (tmp_path / "secret.json").write_text(json.dumps(coco))
    (root / "way out").symlink_to(tmp_path)
    return root


def post(user: User, url: str, body: dict[str, Any]) -> Any:
    return client_of(user).post(url, body, content_type="application/json")


@pytest.mark.parametrize(("folder", "name", "kind"), [("sa", "sa", "sa1b"), ("/masks.json", "masks.json", "coco")])
def test_a_place_below_the_root_is_previewed_and_imported(
    root: Path, admin: User, url: str, folder: str, name: str, kind: str
) -> None:
    answer = post(admin, url, {"folder": folder})
    assert answer.status_code == 201
    assert (answer.json()["name"], answer.json()["folder"]) == (name, folder.lstrip("/"))
    work_off()
    address = f"/api/v1/imports/{answer.json()['id']}"
    looked_at = client_of(admin).get(address).json()
    assert (looked_at["format"], looked_at["preview"]["masks"]["created"]) == (kind, 1)
    assert not Annotation.objects.exists()
    post(admin, f"{address}/start", {"options": {}})
    work_off()
    assert Annotation.objects.count() == 1
    assert (root / "sa" / "a.json").exists()
    assert (root / "masks.json").exists()


@pytest.mark.parametrize("folder", ["..", "../secret.json", "way out", "way out/secret.json", "."])
def test_no_place_leads_out_of_the_root(root: Path, admin: User, url: str, folder: str) -> None:
    answer = post(admin, url, {"folder": folder})
    assert (answer.status_code, answer.json()["code"]) == (422, "outside_root")
    assert not ImportRun.objects.exists()


def test_a_nul_is_refused_at_the_edge(root: Path, admin: User, url: str) -> None:
    answer = post(admin, url, {"folder": "sa/\0"})
    assert (answer.status_code, answer.json()["code"]) == (422, "not_storable")


def test_a_folder_that_goes_before_the_import_is_a_sentence(root: Path, admin: User, url: str) -> None:
    pk = post(admin, url, {"folder": "masks.json"}).json()["id"]
    (root / "masks.json").unlink()
    work_off()
    job = Job.objects.get(import_runs=pk)
    assert (job.status, job.error) == ("failed", "There is no such folder or file.")


def test_without_a_root_it_is_off(admin: User, url: str, db: None) -> None:
    answer = post(admin, url, {"folder": "sa"})
    assert (answer.status_code, answer.json()["code"]) == (403, "no_ingest_root")


@pytest.mark.parametrize("body", [{}, {"folder": ""}, {"folder": 1}, {"folder": "sa", "options": {"format": "wav"}}])
def test_bad_bodies_are_refused(root: Path, admin: User, url: str, body: dict[str, Any]) -> None:
    assert post(admin, url, body).status_code == 422


@pytest.mark.parametrize(("who", "status"), [("annotator", 403), ("reviewer", 403), ("outsider", 404), (None, 401)])
def test_only_admins_import(root: Path, url: str, request: pytest.FixtureRequest, who: str | None, status: int) -> None:
    client = client_of(request.getfixturevalue(who)) if who else Client()
    assert client.post(url, {"folder": "sa"}, content_type="application/json").status_code == status
    assert not ImportRun.objects.exists()


def test_wrong_method_and_missing_things(root: Path, admin: User, url: str, project: Project) -> None:
    assert client_of(admin).put(url).status_code == 405
    assert post(admin, url, {"folder": "none"}).status_code == 404
    assert post(admin, url.replace(f"/{project.pk}/", "/987654/"), {"folder": "sa"}).status_code == 404
