"""What no column can hold is refused at the edge, in the API and on pages, on either database; nothing else suffers."""

import json
from typing import Any

import pytest
from django.test import Client

from annotator.accounts.models import User
from annotator.annotations.models import Comment
from annotator.images.models import Image
from annotator.projects.models import Label, Project
from annotator.storable import MAX_DEPTH, why_unstorable
from tests.annotator.conftest import Api

DEEP: Any = "leaf"
for _ in range(MAX_DEPTH + 1):
    DEEP = [DEEP]
TEXTS = ["a\0b", "half \ud800 character"]
VALUES = [*TEXTS, float("nan"), float("-inf"), 10**80, DEEP]


@pytest.mark.parametrize("value", [*VALUES, {"a\0": 1}, {"deep": {"er": ["\udfff"]}}])
def test_it_is_named(value: Any) -> None:
    assert why_unstorable(value).endswith(".")
    assert why_unstorable({"fields": [1, {"x": value}]}).endswith(".")


@pytest.mark.parametrize("value", ["", "한국어 😀", 0, -1.5, None, True, 10**18, {"a": [{"b": "c"}]}])
def test_what_can_be_stored_passes(value: Any) -> None:
    assert why_unstorable(value) == ""


@pytest.mark.parametrize("text", TEXTS)
def test_texts_are_refused_by_every_endpoint_that_takes_them(
    as_admin: Api, project: Project, image: Image, text: str
) -> None:
    label = Label.objects.get(project=project)
    calls = [
        ("post", "/projects", {"name": text}),
        ("patch", f"/projects/{project.pk}", {"description": text}),
        ("patch", f"/projects/{project.pk}", {"settings": {"note": text}}),
        ("post", f"/projects/{project.pk}/labels", {"name": text}),
        ("patch", f"/labels/{label.pk}", {"name": text}),
        ("patch", f"/images/{image.pk}", {"tags": [text]}),
        ("post", f"/images/{image.pk}/comments", {"body": text}),
        ("patch", "/me/preferences", {"locale": text}),
        ("patch", "/me/preferences", {"shortcuts": {"accept": [text]}}),
        ("post", f"/projects/{project.pk}/exports", {"format": "coco", "name": text}),
    ]
    for method, path, body in calls:
        answer = as_admin.send(method, path, json.dumps(body))
        assert answer.status_code == 422, (path, answer.content)
        assert answer.json()["message"], path
    assert Comment.objects.count() == 0


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "1" + "0" * 90])
def test_numbers_beyond_all_columns_are_refused(as_admin: Api, project: Project, number: str) -> None:
    body = '{"settings": {"note": [' + number + "]}}"
    assert as_admin.send("patch", f"/projects/{project.pk}", body).status_code == 422
    assert "note" not in Project.objects.get(pk=project.pk).settings


def test_nesting_beyond_all_bounds_is_refused(as_admin: Api, project: Project) -> None:
    body = '{"settings": {"note": ' + "[" * 100_000 + "]" * 100_000 + "}}"
    assert as_admin.send("patch", f"/projects/{project.pk}", body).status_code in {400, 422}


def test_a_nul_in_an_address_or_query_is_a_bad_request(as_admin: Api, admin: User, project: Project) -> None:
    page = Client()
    page.force_login(admin)
    for path in (
        f"/api/v1/projects/{project.pk}/images?search=%00",
        f"/api/v1/projects/{project.pk}/images?tag=a%00b",
        "/api/v1/embeddings/a%00b.npy",
        "/api/v1/models/a%00b/manifest.json",
        f"/projects/{project.pk}/?search=%00",
        f"/projects/{project.pk}/dashboard/?label=%00",
    ):
        answer = page.get(path)
        assert answer.status_code in {400, 404, 422}, path
    assert page.get(f"/api/v1/projects/{project.pk}/images?search=%00").json()["code"]


def test_a_nul_in_a_form_is_a_bad_request(admin: User, project: Project) -> None:
    page = Client()
    page.force_login(admin)
    answer = page.post("/projects/new/", "name=a%00b", content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 400
    assert not Project.objects.filter(name__contains="a").exclude(pk=project.pk).exists()
