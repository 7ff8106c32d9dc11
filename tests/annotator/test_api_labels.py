"""Endpoints of labels."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotator.projects.models import Label, Project
from annotator.projects.services import MAX_LABELS
from tests.annotator.conftest import Api


def test_adding_takes_the_next_colour_and_place(as_admin: Api, project: Project) -> None:
    attribute = {"name": "Occluded", "kind": "flag"}
    answer = as_admin.post(f"/projects/{project.pk}/labels", {"name": "Bus", "attributes": [attribute]})
    assert answer.status_code == 201
    body = answer.json()
    assert (body["color"], body["position"]) == ("#56B4E9", 1)
    assert body["attributes"] == [{**attribute, "choices": [], "is_required": False}]
    assert [row["name"] for row in as_admin.get(f"/projects/{project.pk}/labels").json()] == ["Car", "Bus"]


@pytest.mark.parametrize("body", [{"name": "Car"}, {"name": "Bus", "key": "1"}])
def test_a_taken_name_or_key_is_a_conflict(as_admin: Api, project: Project, body: dict[str, str]) -> None:
    answer = as_admin.post(f"/projects/{project.pk}/labels", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "label_taken")


@pytest.mark.parametrize("body", [{}, {"name": "a", "key": "x"}, {"name": "a", "color": "#12"}, "nonsense"])
def test_bad_bodies(as_admin: Api, project: Project, body: object) -> None:
    assert as_admin.post(f"/projects/{project.pk}/labels", body).status_code in {400, 422}


def test_changing_and_deleting(as_admin: Api, project: Project) -> None:
    label = Label.objects.get(project=project)
    assert as_admin.patch(f"/labels/{label.pk}", {"name": "Van", "key": ""}).json()["name"] == "Van"
    other = Label.objects.create(project=project, name="Bus", color="#000000")
    assert as_admin.patch(f"/labels/{other.pk}", {"name": "Van"}).status_code == 409
    assert as_admin.delete(f"/labels/{label.pk}").status_code == 204
    assert as_admin.delete(f"/labels/{label.pk}").status_code == 404


def test_access(as_annotator: Api, as_outsider: Api, signed_out: Api, project: Project) -> None:
    label = Label.objects.get(project=project)
    calls: list[tuple[str, str, dict[str, str] | None]] = [
        ("post", f"/projects/{project.pk}/labels", {"name": "x"}),
        ("patch", f"/labels/{label.pk}", {}),
    ]
    calls.append(("delete", f"/labels/{label.pk}", None))
    for method, path, body in calls:
        assert as_annotator.send(method, path, body).status_code == 403
        assert as_outsider.send(method, path, body).status_code == 404
        assert signed_out.send(method, path, body).status_code == 401
    assert as_annotator.get(f"/projects/{project.pk}/labels").status_code == 200
    assert as_outsider.get(f"/projects/{project.pk}/labels").status_code == 404


def test_a_thousand_labels_are_a_handful_of_statements(as_admin: Api) -> None:
    """They once held the database's lock for a minute: each label read all labels before it."""
    few = as_admin.post("/projects", {"name": "few", "labels": [{"name": f"n{n}"} for n in range(10)]})
    with CaptureQueriesContext(connection) as queries:
        many = as_admin.post("/projects", {"name": "many", "labels": [{"name": f"n{n}"} for n in range(1000)]})
    assert (few.status_code, many.status_code) == (201, 201)
    assert [label["position"] for label in many.json()["labels"]] == list(range(1000))
    assert len(queries) < 40


def test_a_project_has_a_bounded_number_of_labels(as_admin: Api, project: Project) -> None:
    have = project.labels.count()
    Label.objects.bulk_create(
        [Label(project=project, name=f"n{n}", color="#000000", position=n) for n in range(MAX_LABELS - have)]
    )
    answer = as_admin.post(f"/projects/{project.pk}/labels", {"name": "one more"})
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_labels")
    assert answer.json()["extra"]["limit"] == MAX_LABELS


@pytest.mark.parametrize(
    "fields",
    [
        {"position": 10**30}, {"position": -1},
        {"attributes": [{"name": "a", "kind": "choice", "choices": ["x" * 1000]}]},
        {"attributes": [{"name": "a", "kind": "choice", "choices": ["x"] * 101}]},
    ],
)  # fmt: skip
def test_numbers_and_texts_of_labels_are_bounded(as_admin: Api, project: Project, fields: dict[str, Any]) -> None:
    assert as_admin.post(f"/projects/{project.pk}/labels", {"name": "x", **fields}).status_code == 422
    assert not project.labels.filter(name="x").exists()


def test_settings_are_bounded(as_admin: Api, project: Project) -> None:
    answer = as_admin.patch(f"/projects/{project.pk}", {"settings": {"note": "x" * 70_000}})
    assert answer.status_code == 422
    assert "note" not in Project.objects.get(pk=project.pk).settings


@pytest.mark.parametrize("page", ["9" * 20, "-5", "0"])
def test_pages_far_beyond_the_last_are_empty(as_admin: Api, project: Project, page: str) -> None:
    assert as_admin.get(f"/projects/{project.pk}/images?page={page}").status_code in {200, 422}
