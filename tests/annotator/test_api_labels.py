"""Endpoints of labels."""

import pytest

from annotator.projects.models import Label, Project
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
    calls = [("post", f"/projects/{project.pk}/labels", {"name": "x"}), ("patch", f"/labels/{label.pk}", {})]
    calls.append(("delete", f"/labels/{label.pk}", None))
    for method, path, body in calls:
        assert as_annotator.send(method, path, body).status_code == 403
        assert as_outsider.send(method, path, body).status_code == 404
        assert signed_out.send(method, path, body).status_code == 401
    assert as_annotator.get(f"/projects/{project.pk}/labels").status_code == 200
    assert as_outsider.get(f"/projects/{project.pk}/labels").status_code == 404
