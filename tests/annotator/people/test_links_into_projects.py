"""Links into projects: one person who is signed in joins with each; they end with their hour and their maker."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from annotator.accounts.models import User
from annotator.accounts.people import set_active
from annotator.audit.models import AuditEvent
from annotator.errors import ConflictError
from annotator.projects import links
from annotator.projects.models import Membership, Project, ProjectLink, Role
from annotator.projects.services import change_role
from tests.annotator.conftest import Api


def secret_of(answer: Any) -> str:
    return str(answer.json()["link"].partition("link=")[2])


def works(secret: str, user: User) -> bool:
    client = Client()
    client.force_login(user)
    return client.get("/projects/join/", {"link": secret}).status_code == 200


def test_one_person_joins_by_the_api(as_admin: Api, project: Project, outsider: User, make_user: Any) -> None:
    path = f"/projects/{project.pk}/members/links"
    made = as_admin.post(path, {"role": "reviewer", "days": 3})
    assert made.status_code == 201
    secret = secret_of(made)
    listed = as_admin.get(path)
    assert [(row["id"], row["role"]) for row in listed.json()] == [(made.json()["id"], "reviewer")]
    assert secret not in listed.content.decode() + str(ProjectLink.objects.values_list())
    joined = Api(outsider).post("/me/projects", {"link": secret})
    assert (joined.status_code, joined.json()["role"]) == (201, "reviewer")
    assert Api(outsider).get(f"/projects/{project.pk}").status_code == 200
    assert Api(make_user("late")).post("/me/projects", {"link": secret}).json()["code"] == "link_over"
    assert as_admin.get(path).json() == []
    verbs = list(AuditEvent.objects.filter(project_id=project.pk).order_by("pk").values_list("verb", flat=True))
    assert verbs == ["link.made", "member.added"]


def test_somebody_who_comes_by_the_page_is_asked_first(as_admin: Api, project: Project, outsider: User) -> None:
    secret = secret_of(as_admin.post(f"/projects/{project.pk}/members/links", {}))
    client = Client()
    where = f"/projects/join/?link={secret}"
    assert client.get(where)["Location"].startswith("/login/?next=/projects/join/")
    client.force_login(outsider)
    page = client.get(where)
    assert "invites you to the project “Street”" in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert not Membership.objects.filter(user=outsider).exists()
    answer = client.post("/projects/join/", {"link": secret})
    assert answer["Location"] == f"/projects/{project.pk}/"
    assert Membership.objects.get(user=outsider).role == Role.ANNOTATOR
    assert client.get(where).status_code == 404


def test_a_member_does_not_use_a_link_up(as_admin: Api, project: Project, annotator: User, outsider: User) -> None:
    secret = secret_of(as_admin.post(f"/projects/{project.pk}/members/links", {"role": "admin"}))
    assert Api(annotator).post("/me/projects", {"link": secret}).json()["code"] == "already_member"
    assert Membership.objects.get(user=annotator).role == Role.ANNOTATOR
    assert works(secret, outsider)


def test_a_link_ends_by_hand_with_its_hour_and_with_its_makers_right(
    project: Project, admin: User, outsider: User, make_user: Any
) -> None:
    second = make_user("second")
    member = Membership.objects.create(project=project, user=second, role=Role.ADMIN)
    endings: dict[str, Any] = {
        "hand": lambda row: links.end_link(project, row.pk),
        "hour": lambda row: ProjectLink.objects.filter(pk=row.pk).update(expires_at=timezone.now() - timedelta(1)),
        "role": lambda row: change_role(member, role=Role.REVIEWER),
    }
    for end in endings.values():
        row, secret = links.make_link(project, second, role=Role.ANNOTATOR)
        assert works(secret, outsider)
        end(row)
        assert not works(secret, outsider)
    change_role(member, role=Role.ADMIN)
    row, secret = links.make_link(project, second, role=Role.ANNOTATOR)
    set_active(second, False, by=admin)
    set_active(second, True, by=admin)
    assert not works(secret, outsider)


def test_what_may_not_be_asked_for(as_admin: Api, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"/projects/{project.pk}/members/links"
    for body in ({"role": "king"}, {"days": 0}, {"days": 31}):
        assert as_admin.post(path, body).status_code == 422
    assert as_admin.delete(f"{path}/987654").status_code == 404
    assert as_admin.post("/me/projects", {"link": ""}).status_code == 404
    assert as_admin.post("/me/projects", {"link": "x" * 201}).status_code == 422
    monkeypatch.setattr(links, "MAX_LINKS", 1)
    as_admin.post(path, {})
    assert as_admin.post(path, {}).json()["code"] == "too_many_links"


def test_two_people_at_once_are_one_too_many(project: Project, admin: User, outsider: User, make_user: Any) -> None:
    _, secret = links.make_link(project, admin, role=Role.ANNOTATOR)
    first, second = links.find_link(secret), links.find_link(secret)
    links.join_project(first, outsider)
    with pytest.raises(Exception, match="does not work any more"):
        links.join_project(second, make_user("late"))
    assert not Membership.objects.filter(user__username="late").exists()
    with pytest.raises(ConflictError):
        links.join_project(links.find_link(links.make_link(project, admin, role=Role.ADMIN)[1]), outsider)


def test_the_members_page_makes_shows_once_and_withdraws(project: Project, admin: User) -> None:
    client = Client()
    client.force_login(admin)
    path = f"/projects/{project.pk}/members/"
    page = client.post(f"{path}link/", {"role": "annotator", "days": "7"}).content.decode()
    assert "/projects/join/?link=" in page
    listed = client.get(path).content.decode()
    assert "Open invitations" in listed
    assert "/projects/join/" not in listed
    row = ProjectLink.objects.get()
    assert client.post(f"{path}link/{row.pk}/end/").status_code == 302
    assert client.post(f"{path}link/{row.pk}/end/").status_code == 404
    assert "Open invitations" not in client.get(path).content.decode()
    assert client.post(f"{path}link/", {"role": "king", "days": "7"}).status_code == 200


def test_removing_says_what_ends_and_whoever_leaves_goes_on_to_the_projects(
    project: Project, admin: User, annotator: User
) -> None:
    client = Client()
    client.force_login(admin)
    path = f"/projects/{project.pk}/members/"
    assert "Ends at once: noor sees nothing of this project" in client.get(path).content.decode()
    member = Membership.objects.get(user=annotator)
    assert client.post(f"{path}{member.pk}/remove/")["Location"] == path
    second = Membership.objects.create(project=project, user=annotator, role=Role.ADMIN)
    own = Membership.objects.get(user=admin)
    assert client.post(f"{path}{own.pk}/remove/")["Location"] == "/projects/"
    assert list(project.memberships.all()) == [second]
