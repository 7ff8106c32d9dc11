"""Exports over HTTP: start, follow, list, download in parts, share, remove; and who may not."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from annotator.accounts.models import ApiToken, TokenScope, User
from annotator.annotations.models import Annotation
from annotator.exchange.links import make_link
from annotator.exchange.models import ExportFile, ExportLink
from annotator.images.models import Image
from annotator.jobs.models import Job
from annotator.projects.models import Membership, Project, Role
from tests.annotator.conftest import body_of
from tests.annotator.exchange.fixture_types import AddMask

pytestmark = pytest.mark.django_db(transaction=True)


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def work_off() -> None:
    call_command("db_worker", queue_name="*", batch=True, interval=0, startup_delay=False, reload=False, verbosity=0)


@pytest.fixture
def url(project: Project) -> str:
    return f"/api/v1/projects/{project.pk}/exports"


@pytest.fixture
def files(filled: Project, admin: User, url: str) -> list[dict[str, Any]]:
    answer = client_of(admin).post(url, {"format": "coco"}, content_type="application/json")
    assert answer.status_code == 202
    work_off()
    assert Job.objects.get(pk=answer.json()["id"]).status == "done"
    rows: list[dict[str, Any]] = client_of(admin).get(url).json()
    return rows


def test_an_export_becomes_a_file_and_a_certificate(files: list[dict[str, Any]], filled: Project) -> None:
    names = sorted(row["name"] for row in files)
    assert names[0].endswith(".certificate.json")
    job = Job.objects.get()
    assert job.done == job.total > 0
    masks = job.report["certificate"]["masks"]
    assert masks["identical"] == Annotation.objects.filter(image__project=filled).count()


def test_a_download_is_the_whole_file_and_goes_on_in_the_middle(files: list[dict[str, Any]], admin: User) -> None:
    row = next(row for row in files if "certificate" not in row["name"])
    client = client_of(admin)
    whole = client.get(row["download_url"])
    data = body_of(whole)
    assert len(data) == row["byte_size"] == int(whole["Content-Length"])
    assert json.loads(data)["images"]
    part = client.get(row["download_url"], headers={"Range": "bytes=10-19", "If-Range": whole["ETag"]})
    assert (part.status_code, body_of(part)) == (206, data[10:20])
    assert part["Content-Range"] == f"bytes 10-19/{len(data)}"
    rest = client.get(row["download_url"], headers={"Range": "bytes=100-"})
    assert body_of(rest) == data[100:]
    last = client.get(row["download_url"], headers={"Range": "bytes=-7"})
    assert body_of(last) == data[-7:]
    changed = client.get(row["download_url"], headers={"Range": "bytes=10-19", "If-Range": '"other"'})
    assert (changed.status_code, body_of(changed)) == (200, data)
    beyond = client.get(row["download_url"], headers={"Range": f"bytes={len(data)}-"})
    assert beyond.status_code == 416


def test_a_link_works_without_signing_in_until_it_expires(files: list[dict[str, Any]], admin: User) -> None:
    link = client_of(admin).post(f"/api/v1/exports/{files[0]['id']}/link?hours=2").json()
    answer = Client().get(link["url"])
    assert answer.status_code == 200
    assert len(body_of(answer)) == files[0]["byte_size"]
    assert Client().get(link["url"] + "x").status_code == 404
    ExportLink.objects.update(expires_at=timezone.now())
    expired = Client().get(link["url"])
    assert (expired.status_code, expired.json()["code"]) == (404, "link_expired")


def share(files: list[dict[str, Any]], user: User) -> str:
    """Make a link and return its address."""
    return str(client_of(user).post(f"/api/v1/exports/{files[0]['id']}/link").json()["url"])


def test_links_are_listed_and_ended(files: list[dict[str, Any]], admin: User, url: str) -> None:
    client, address = client_of(admin), share(files, admin)
    listed = url.replace("/exports", "/export-links")
    (row,) = client.get(listed).json()
    assert (row["file_id"], row["made_by"]) == (files[0]["id"], admin.display_name)
    assert "url" not in row
    page = client.get(url.replace("/api/v1", "") + "/")
    assert f'data-end-link="{row["id"]}"' in page.content.decode()
    assert client.delete(f"/api/v1/export-links/{row['id']}").status_code == 204
    assert client.get(listed).json() == []
    assert Client().get(address).status_code == 404


@pytest.mark.parametrize("ending", ["removed", "other_role", "password", "deactivated"])
def test_a_link_ends_with_its_makers_access(
    files: list[dict[str, Any]], filled: Project, make_user: Callable[[str], User], ending: str
) -> None:
    maker = make_user("mara")
    member = Membership.objects.create(project=filled, user=maker, role=Role.ADMIN)
    address = share(files, maker)
    assert len(body_of(Client().get(address))) == files[0]["byte_size"]
    if ending == "removed":
        member.delete()
    elif ending == "other_role":
        Membership.objects.filter(pk=member.pk).update(role=Role.ANNOTATOR)
    elif ending == "password":
        maker.set_password("another-Horse-9")
        maker.save()
    else:
        maker.is_active = False
        maker.save(update_fields=["is_active"])
    assert Client().get(address).status_code == 404


def test_a_removed_file_is_gone(files: list[dict[str, Any]], admin: User) -> None:
    client = client_of(admin)
    assert client.delete(f"/api/v1/exports/{files[0]['id']}").status_code == 204
    assert client.get(files[0]["download_url"]).status_code == 404
    assert not ExportFile.objects.filter(pk=files[0]["id"]).exists()


@pytest.mark.parametrize(("who", "status"), [("annotator", 403), ("reviewer", 403), ("outsider", 404), (None, 401)])
def test_only_admins_get_at_exports(
    files: list[dict[str, Any]], url: str, request: pytest.FixtureRequest, who: str | None, status: int
) -> None:
    client = client_of(request.getfixturevalue(who)) if who else Client()
    link, _ = make_link(ExportFile.objects.get(pk=files[0]["id"]), request.getfixturevalue("admin"), hours=1)
    for method, address in [
        ("post", url), ("get", url), ("post", url.replace("exports", "preflight")), ("get", files[0]["download_url"]),
        ("post", f"/api/v1/exports/{files[0]['id']}/link"), ("delete", f"/api/v1/exports/{files[0]['id']}"),
        ("get", url.replace("/exports", "/export-links")), ("delete", f"/api/v1/export-links/{link.pk}"),
    ]:  # fmt: skip
        answer = getattr(client, method)(address, {} if method == "post" else None, content_type="application/json")
        assert answer.status_code == status, (method, address)


@pytest.mark.parametrize(
    "body",
    [
        {"format": "wav"}, {"tolerance_px": -1}, {"tolerance_px": "NaN"}, {"unknown": 1},
        {"val_ratio": 0.9, "test_ratio": 0.9},
        {"format": "sa1b", "segmentation": "polygons"}, {"filters": {"labels": ["x"]}}, {"filters": {"typo": []}},
    ],
)  # fmt: skip
def test_options_that_do_not_fit_are_refused(admin: User, url: str, body: dict[str, Any]) -> None:
    assert client_of(admin).post(url, body, content_type="application/json").status_code == 422


def test_wrong_methods_and_missing_things(admin: User, project: Project, url: str) -> None:
    client = client_of(admin)
    assert client.put(url).status_code == 405
    assert client.get("/api/v1/exports/987654/download").status_code == 404
    assert client.post("/api/v1/projects/987654/exports", {}, content_type="application/json").status_code == 404


def test_preflight_names_each_kind_with_a_link(filled: Project, admin: User, url: str, add_mask: AddMask) -> None:
    image = filled.images.earliest("position")
    rows = Annotation.objects.filter(image=image).order_by("pk")
    broken, empty, twin = rows[0], rows[1], rows[2]
    Annotation.objects.filter(pk=broken.pk).update(counts="~")
    Annotation.objects.filter(pk=empty.pk).update(counts=_blank(image))
    copy = Annotation.objects.get(pk=twin.pk)
    copy.pk = "00000000-0000-4000-8000-000000000001"
    copy.save(force_insert=True)
    answer = client_of(admin).post(url.replace("exports", "preflight"), {}, content_type="application/json")
    work_off()
    job = Job.objects.get(pk=answer.json()["id"])
    found = {row["check"]: row for row in job.report["findings"]}
    assert found["broken"]["examples"][0]["annotation_id"] == str(broken.pk)
    assert found["empty"]["count"] == 1
    assert {found["duplicate"]["examples"][0]["annotation_id"], found["duplicate"]["examples"][0]["other"]} == {
        str(twin.pk), str(copy.pk),
    }  # fmt: skip
    assert found["speck"]["count"] >= 1
    assert found["no_label"]["count"] == Annotation.objects.filter(image__project=filled, label=None).count()
    page = f"/projects/{filled.pk}/images/{image.pk}/"
    assert found["broken"]["examples"][0]["url"] == f"{page}?annotation={broken.pk}"


def _blank(image: Image) -> str:
    import numpy as np

    from annotator.mask_gateway import encode

    return encode(np.zeros((image.height, image.width), bool))


@pytest.mark.parametrize(
    ("scope", "status"), [(TokenScope.READ, 403), (TokenScope.EXPORT, 202), (TokenScope.WRITE, 202)]
)
def test_a_script_with_a_token_exports_if_its_scope_reaches(
    filled: Project, admin: User, url: str, scope: TokenScope, status: int
) -> None:
    _, plain = ApiToken.issue(admin, name="script", scope=scope)
    answer = Client().post(url, {}, content_type="application/json", headers={"Authorization": f"Bearer {plain}"})
    assert answer.status_code == status
    assert Client().get(url, headers={"Authorization": f"Bearer {plain}"}).status_code == 200


def test_the_command_writes_the_same_masks(
    filled: Project, files: list[dict[str, Any]], admin: User, tmp_path: Path
) -> None:
    out = io.StringIO()
    call_command("export_project", str(filled.pk), "--output", str(tmp_path / "out"), stdout=out, stderr=io.StringIO())
    row = next(row for row in files if "certificate" not in row["name"])
    by_job = json.loads(body_of(client_of(admin).get(row["download_url"])))
    path = tmp_path / "out" / json.loads(out.getvalue())["files"][0]["name"]
    assert json.loads(path.read_text())["annotations"] == by_job["annotations"]
    assert len(list((tmp_path / "out").iterdir())) == 2
