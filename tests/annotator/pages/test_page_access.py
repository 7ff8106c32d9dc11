"""Each page: it works, wrong method, signed out, outsider, member without the right, missing."""

from typing import Any

import pytest
from django.test import Client

from annotator.accounts.models import User
from annotator.images.models import Image
from annotator.projects.models import Label, Membership, Project

MEMBER_PAGES = ["", "labels/", "members/"]
ADMIN_PAGES = ["settings/", "exports/", "imports/"]
POST_ONLY = ["start/", "archive/"]


def client_of(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def status(user: User | None, path: str, method: str = "get", body: dict[str, Any] | None = None) -> int:
    return int(getattr(client_of(user), method)(path, body or {}).status_code)


@pytest.mark.parametrize("path", ["/projects/", "/projects/new/", "/models/", "/account/", "/account/password/"])
def test_pages_of_everybody_need_a_sign_in_and_nothing_else(path: str, outsider: User) -> None:
    assert status(outsider, path) == 200
    answer = client_of(None).get(path)
    assert answer.status_code == 302
    assert answer["Location"] == f"/login/?next={path}"


@pytest.mark.parametrize("page", MEMBER_PAGES + ADMIN_PAGES)
def test_project_pages_hide_from_outsiders_and_send_the_signed_out_to_sign_in(
    page: str, project: Project, admin: User, outsider: User
) -> None:
    path = f"/projects/{project.pk}/{page}"
    assert status(admin, path) == 200
    assert status(outsider, path) == 404
    assert status(admin, f"/projects/{project.pk + 1000}/{page}") == 404
    assert client_of(None).get(path)["Location"] == f"/login/?next={path}"
    assert status(admin, path, "delete") == 405


@pytest.mark.parametrize("page", ADMIN_PAGES)
def test_admin_pages_tell_members_that_they_may_not(page: str, project: Project, annotator: User) -> None:
    answer = client_of(annotator).get(f"/projects/{project.pk}/{page}")
    assert answer.status_code == 403
    assert "Your role in this project does not allow it" in answer.content.decode()


@pytest.mark.parametrize("page", POST_ONLY)
def test_what_changes_something_takes_post_only(page: str, project: Project, admin: User) -> None:
    assert status(admin, f"/projects/{project.pk}/{page}") == 405


def test_members_see_labels_but_do_not_change_them(project: Project, annotator: User) -> None:
    path = f"/projects/{project.pk}/labels/"
    assert "Add label" not in client_of(annotator).get(path).content.decode()
    assert status(annotator, path, "post", {"name": "Dog", "color": "#112233", "key": ""}) == 403
    assert not Label.objects.filter(name="Dog").exists()


def test_members_do_not_change_members(project: Project, annotator: User, outsider: User) -> None:
    body = {"username": outsider.username, "role": "admin"}
    assert status(annotator, f"/projects/{project.pk}/members/", "post", body) == 403
    assert not Membership.objects.filter(user=outsider).exists()


def test_a_label_of_another_project_is_not_to_be_found(project: Project, admin: User) -> None:
    other = Project.objects.create(name="Other")
    label = Label.objects.create(project=other, name="Secret", color="#000000")
    body = {"name": "Mine", "color": "#000000", "key": ""}
    assert status(admin, f"/projects/{project.pk}/labels/{label.pk}/", "post", body) == 404
    assert status(admin, f"/projects/{project.pk}/labels/{label.pk}/delete/", "post") == 404
    label.refresh_from_db()
    assert label.name == "Secret"


def test_forms_without_a_csrf_token_are_refused_in_words(admin: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)
    answer = client.post("/projects/new/", {"name": "Forged"})
    assert answer.status_code == 403
    assert "The page was open for too long" in answer.content.decode()
    assert not Project.objects.filter(name="Forged").exists()


def test_an_unknown_address_says_what_to_do(db: None) -> None:
    answer = client_of(None).get("/nowhere/")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()


def test_progress_counts_only_this_project(project: Project, admin: User, outsider: User) -> None:
    path = f"/projects/{project.pk}/progress/"
    other = Project.objects.create(name="Other")
    image = Image.objects.create(project=other, name="x.jpg", sha256="0" * 64, width=1, height=1, byte_size=1)
    body = client_of(admin).get(path, {"ids": f"{image.pk},x,-1"}).json()
    assert body == {
        "total": 0, "ready": 0, "failed": 0, "usable": 0, "is_under_way": False, "shown": 0, "waiting": 0,
        "line": "No images yet", "images": {},
    }  # fmt: skip
    assert status(outsider, path) == 404


def test_every_page_carries_the_security_headers(project: Project, admin: User) -> None:
    for path in ("/login/", "/nowhere/", f"/projects/{project.pk}/"):
        answer = client_of(admin).get(path)
        assert "script-src 'self'" in answer["Content-Security-Policy"]
        assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
        assert b"<script>" not in answer.content
