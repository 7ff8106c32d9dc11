"""Endpoints of members."""

import pytest

from annotator.accounts.models import User
from annotator.projects.models import Membership, Project
from tests.annotator.conftest import Api


@pytest.fixture
def outsider(outsider: User, admin: User) -> User:
    """Somebody outside of `project` whom its admin knows from another one."""
    other = Project.objects.create(name="Together", created_by=admin)
    for user in (outsider, admin):
        Membership.objects.create(project=other, user=user)
    return outsider


def test_adding_changing_removing(as_admin: Api, project: Project, outsider: User) -> None:
    answer = as_admin.post(f"/projects/{project.pk}/members", {"username": "otto", "role": "reviewer"})
    assert answer.status_code == 201
    member = answer.json()
    assert (member["user_id"], member["role"]) == (outsider.pk, "reviewer")
    assert as_admin.patch(f"/members/{member['id']}", {"role": "annotator"}).json()["role"] == "annotator"
    names = [row["username"] for row in as_admin.get(f"/projects/{project.pk}/members").json()]
    assert names == ["ada", "otto"]
    assert as_admin.delete(f"/members/{member['id']}").status_code == 204
    assert Api(outsider).get(f"/projects/{project.pk}").status_code == 404


def test_unknown_people_and_members_twice(as_admin: Api, project: Project, outsider: User) -> None:
    assert as_admin.post(f"/projects/{project.pk}/members", {"username": "nobody"}).json()["code"] == "no_such_user"
    as_admin.post(f"/projects/{project.pk}/members", {"username": "otto"})
    assert as_admin.post(f"/projects/{project.pk}/members", {"username": "otto"}).status_code == 409
    assert as_admin.post(f"/projects/{project.pk}/members", {"username": "otto", "role": "king"}).status_code == 422


def test_the_last_admin_stays(as_admin: Api, project: Project) -> None:
    member = Membership.objects.get(project=project)
    assert as_admin.patch(f"/members/{member.pk}", {"role": "annotator"}).json()["code"] == "last_admin"
    assert as_admin.delete(f"/members/{member.pk}").json()["code"] == "last_admin"


def test_access(as_annotator: Api, as_outsider: Api, signed_out: Api, project: Project, admin: User) -> None:
    member = Membership.objects.get(project=project, user=admin)
    calls = [("post", f"/projects/{project.pk}/members", {"username": "otto"})]
    calls += [("patch", f"/members/{member.pk}", {"role": "annotator"}), ("delete", f"/members/{member.pk}", {})]
    for method, path, body in calls:
        assert as_annotator.send(method, path, body).status_code == 403
        assert as_outsider.send(method, path, body).status_code == 404
        assert signed_out.send(method, path, body).status_code == 401
    assert as_outsider.get(f"/projects/{project.pk}/members").status_code == 404
    assert as_annotator.get("/members/1").status_code == 405
