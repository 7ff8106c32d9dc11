"""The import, export and account pages say what is so, and escape what files say."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from annotator.accounts.models import ApiToken, User
from annotator.exchange.models import ImportRun
from annotator.images.models import Image
from annotator.projects.models import Label, Project

pytestmark = pytest.mark.django_db(transaction=True)
RLE = {"size": [17, 31], "counts": [100, 20, 407]}
SPECK = {"size": [17, 31], "counts": [300, 5, 222]}
HOSTILE = "<script>alert(1)</script>"


def work_off() -> None:
    call_command("db_worker", queue_name="*", batch=True, interval=0, startup_delay=False, reload=False, verbosity=0)


@pytest.fixture
def client(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


@pytest.fixture
def sent(client: Client, project: Project) -> int:
    """A file with a good mask and one of a label with a hostile name, on a photo of the project."""
    Image.objects.create(project=project, name="a.jpg", sha256="f" * 64, width=31, height=17, byte_size=1)
    page = {
        "images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": HOSTILE}],
        "categories": [{"id": 1, "name": "Car"}, {"id": 2, "name": HOSTILE}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "segmentation": RLE},
            {"id": 2, "image_id": 2, "category_id": 2, "segmentation": RLE},
        ],
    }
    file = SimpleUploadedFile("in.json", json.dumps(page).encode())
    return int(client.post(f"/api/v1/projects/{project.pk}/imports", {"file": file}).json()["id"])


def test_labels_of_one_name_are_one_question(client: Client, project: Project) -> None:
    Image.objects.create(project=project, name="a.jpg", sha256="f" * 64, width=31, height=17, byte_size=1)
    mask = {"image_id": 1, "segmentation": RLE}
    page = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "categories": [{"id": 1, "name": "Car"}, {"id": 2, "name": "Car"}],
        "annotations": [
            {**mask, "id": 1, "category_id": 1},
            {**mask, "id": 2, "category_id": 2, "segmentation": SPECK},
        ],
    }
    file = SimpleUploadedFile("in.json", json.dumps(page).encode())
    made = client.post(f"/api/v1/projects/{project.pk}/imports", {"file": file}).json()["id"]
    work_off()
    text = client.get(f"/projects/{project.pk}/imports/{made}/").content.decode()
    assert text.count('name="label" data-name="Car"') == 1
    assert '<td>Car</td><td class="number">2</td>' in text


def text_of(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_an_import_is_shown_in_each_of_its_stands(client: Client, project: Project, sent: int) -> None:
    path = f"/projects/{project.pk}/imports/{sent}/"
    assert "Reading the file" in text_of(client, path)
    work_off()
    looked_at = text_of(client, path)
    assert "Import 1 mask<" in looked_at
    assert "Not taken, and why" in looked_at
    assert HOSTILE not in looked_at
    client.post(f"/api/v1/imports/{sent}/start", {"options": {}}, content_type="application/json")
    assert "Importing" in text_of(client, path)
    work_off()
    done = text_of(client, path)
    assert "Imported: 1 new mask. 1 row was not taken." in done
    assert f"/api/v1/imports/{sent}/rows" in done
    assert HOSTILE not in done
    assert "Done" in text_of(client, f"/projects/{project.pk}/imports/")


def test_a_file_with_a_thousand_labels_makes_a_page_of_bearable_length(
    client: Client, project: Project, image: Image
) -> None:
    Label.objects.bulk_create(Label(project=project, name=f"kind {n}", color="#111111") for n in range(1000))
    page = {
        "images": [{"id": 1, "file_name": image.name, "width": image.width, "height": image.height}],
        "categories": [{"id": n + 1, "name": f"kind {n}"} for n in range(2100)],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 9, 1, 9, 9]]}],
    }
    file = SimpleUploadedFile("in.json", json.dumps(page).encode())
    pk = client.post(f"/api/v1/projects/{project.pk}/imports", {"file": file}).json()["id"]
    work_off()
    shown = text_of(client, f"/projects/{project.pk}/imports/{pk}/")
    assert len(shown) < 2_000_000
    assert "100 more labels" in shown
    assert shown.count('aria-label="kind 7 becomes"') == 1


def test_a_file_that_cannot_be_read_says_why(client: Client, project: Project) -> None:
    file = SimpleUploadedFile("in.json", b'{"images": [')
    pk = client.post(f"/api/v1/projects/{project.pk}/imports", {"file": file}).json()["id"]
    work_off()
    assert "The file cannot be read." in text_of(client, f"/projects/{project.pk}/imports/{pk}/")
    assert "Cannot be read" in text_of(client, f"/projects/{project.pk}/imports/")


def test_a_cancelled_import_says_that_it_can_be_started_again(client: Client, project: Project, sent: int) -> None:
    work_off()
    body: dict[str, Any] = {"options": {}}
    job = client.post(f"/api/v1/imports/{sent}/start", body, content_type="application/json").json()
    client.post(f"/api/v1/jobs/{job['id']}/cancel")
    page = text_of(client, f"/projects/{project.pk}/imports/{sent}/")
    assert "was cancelled" in page
    assert "Start again" in page


def test_an_import_of_another_project_is_not_to_be_found(client: Client, project: Project, sent: int) -> None:
    other = Project.objects.create(name="Other")
    assert client.get(f"/projects/{other.pk}/imports/{sent}/").status_code == 404
    assert client.get(f"/projects/{project.pk}/imports/{sent + 99}/").status_code == 404
    assert ImportRun.objects.get().pk == sent


def test_imports_hide_from_outsiders_and_refuse_members(
    project: Project, sent: int, outsider: User, annotator: User
) -> None:
    path = f"/projects/{project.pk}/imports/{sent}/"
    for user, status in ((outsider, 404), (annotator, 403)):
        browser = Client()
        browser.force_login(user)
        assert browser.get(path).status_code == status
    assert Client().get(path)["Location"] == f"/login/?next={path}"


def test_an_export_is_shown_with_what_was_asked_and_its_certificate(
    client: Client, project: Project, sent: int
) -> None:
    work_off()
    client.post(f"/api/v1/imports/{sent}/start", {"options": {}}, content_type="application/json")
    options = {"format": "coco", "segmentation": "polygons", "tolerance_px": 1.5, "filters": {"splits": ["train"]}}
    client.post(f"/api/v1/projects/{project.pk}/exports", options, content_type="application/json")
    assert "Waiting for the worker" in text_of(client, f"/projects/{project.pk}/exports/")
    work_off()
    page = text_of(client, f"/projects/{project.pk}/exports/")
    assert "simplified by up to 1.5 px" in page
    assert "by split" in page
    assert "<b>1 mask</b> on 1 image, all read back and compared: no mismatch." in page
    assert "Make a link" in page


def test_the_account_shows_tokens_with_what_they_may_and_until_when(client: Client, admin: User) -> None:
    ApiToken.issue(admin, name="nightly", scope="export", expires_at=timezone.now() + timedelta(days=3))
    ApiToken.issue(admin, name="old", scope="read", expires_at=timezone.now() - timedelta(days=3))
    page = text_of(client, "/account/")
    assert "Read and export" in page
    assert page.count("expired 20") == 1
