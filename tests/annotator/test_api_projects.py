"""Endpoints of projects."""

import pytest
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test.utils import CaptureQueriesContext

from annotator.accounts.models import User
from annotator.images.models import Image
from annotator.inference.models import ModelVersion
from annotator.projects.models import Membership, Project, Role
from tests.annotator.conftest import Api


def test_creating_makes_the_caller_admin_and_colours_the_labels(as_outsider: Api, outsider: User) -> None:
    answer = as_outsider.post(
        "/projects", {"name": " Roofs ", "labels": [{"name": "Roof", "key": "1"}, {"name": "Tree"}]}
    )
    assert answer.status_code == 201
    body = answer.json()
    assert (body["name"], body["role"], body["counts"]["members"]) == ("Roofs", "admin", 1)
    assert [label["color"] for label in body["labels"]] == ["#E69F00", "#56B4E9"]
    assert Membership.objects.get(project=body["id"]).user == outsider


@pytest.mark.parametrize(
    "body",
    [{}, {"name": "  "}, {"name": "x", "stage": "later"}, {"name": "x", "labels": [{"name": "a", "color": "red"}]}],
)
def test_bad_bodies_are_422(as_admin: Api, body: dict[str, object]) -> None:
    assert as_admin.post("/projects", body).status_code == 422
    assert Project.objects.filter(name="x").count() == 0


def test_two_labels_of_one_key_make_no_project(as_admin: Api) -> None:
    labels = [{"name": "a", "key": "1"}, {"name": "b", "key": "1"}]
    answer = as_admin.post("/projects", {"name": "x", "labels": labels})
    assert (answer.status_code, answer.json()["code"]) == (409, "label_taken")
    assert not Project.objects.filter(name="x").exists()


def test_an_unknown_model_version_is_refused(as_admin: Api) -> None:
    assert as_admin.post("/projects", {"name": "x", "model_version": "none-1"}).json()["code"] == "no_such_model"


def test_the_list_holds_only_own_projects(as_admin: Api, as_outsider: Api, project: Project) -> None:
    assert [row["id"] for row in as_admin.get("/projects").json()] == [project.pk]
    assert as_outsider.get("/projects").json() == []


def test_a_superuser_sees_all_as_admin(project: Project, outsider: User) -> None:
    outsider.is_superuser = True
    outsider.save()
    assert Api(outsider).get(f"/projects/{project.pk}").json()["role"] == "admin"


def test_the_list_takes_a_constant_number_of_queries(
    as_admin: Api, admin: User, image: Image, connection: BaseDatabaseWrapper
) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            as_admin.get("/projects")
        return len(queries)

    before = count()
    for number in range(5):
        other = Project.objects.create(name=f"p{number}")
        Membership.objects.create(project=other, user=admin, role=Role.ADMIN)
    assert count() == before


@pytest.fixture
def connection() -> object:
    from django.db import connection as default_connection

    return default_connection


def test_counts_follow_the_images(as_admin: Api, image: Image, project: Project) -> None:
    counts = as_admin.get(f"/projects/{project.pk}").json()["counts"]
    assert (counts["images"], counts["new"], counts["reviewed"]) == (1, 1, 0)


def test_patching_merges_settings_and_pins_a_model(as_admin: Api, project: Project) -> None:
    ModelVersion.objects.create(name="m", version="m-1", image_size=64, embed_dim=8, weights_sha256="0" * 64)
    as_admin.patch(f"/projects/{project.pk}", {"settings": {"a": 1, "b": 2}})
    body = as_admin.patch(
        f"/projects/{project.pk}", {"settings": {"a": None, "c": 3}, "stage": "semi_automatic", "model_version": "m-1"}
    ).json()
    assert body["settings"] == {"b": 2, "c": 3}
    assert (body["stage"], body["model_version"], body["name"]) == ("semi_automatic", "m-1", "Street")


def test_deleting_archives_and_can_be_taken_back(as_admin: Api, project: Project) -> None:
    assert as_admin.delete(f"/projects/{project.pk}").status_code == 204
    assert as_admin.get("/projects").json() == []
    assert len(as_admin.get("/projects?include_archived=true").json()) == 1
    as_admin.patch(f"/projects/{project.pk}", {"is_archived": False})
    assert len(as_admin.get("/projects").json()) == 1


@pytest.mark.parametrize(("method", "body"), [("get", None), ("patch", {"name": "x"}), ("delete", None)])
def test_outsiders_and_the_signed_out(
    as_outsider: Api, signed_out: Api, project: Project, method: str, body: object
) -> None:
    for path in (f"/projects/{project.pk}", "/projects/999999"):
        answer = as_outsider.get(path) if method == "get" else as_outsider.send(method, path, body)
        assert answer.status_code == 404
        answer = signed_out.get(path) if method == "get" else signed_out.send(method, path, body)
        assert answer.status_code == 401


@pytest.mark.parametrize("who", ["as_annotator", "as_reviewer"])
def test_members_may_look_but_not_manage(who: str, request: pytest.FixtureRequest, project: Project) -> None:
    api: Api = request.getfixturevalue(who)
    assert api.get(f"/projects/{project.pk}").status_code == 200
    assert api.patch(f"/projects/{project.pk}", {"name": "x"}).status_code == 403
    assert api.delete(f"/projects/{project.pk}").json()["code"] == "forbidden"


def test_wrong_method(as_admin: Api, project: Project) -> None:
    assert as_admin.send("put", f"/projects/{project.pk}").status_code == 405
