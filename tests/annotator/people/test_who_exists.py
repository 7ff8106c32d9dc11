"""Who exists is not told to outsiders: whoever shares no project with a person learns neither name nor existence."""

import re
from typing import Any

import pytest
from django.contrib.auth import hashers
from django.test import Client

from annotator.accounts.models import User
from annotator.accounts.people import set_active
from annotator.projects.models import Membership, Project, Role
from tests.annotator.conftest import Api

TOKEN = re.compile(r'value="[A-Za-z0-9]{64}"')


@pytest.fixture
def hidden(make_user: Any) -> User:
    """Somebody with a telling name, who works in a project of their own."""
    user: User = make_user("hidden-person")
    User.objects.filter(pk=user.pk).update(first_name="Secretive", email="hidden@example.org")
    project = Project.objects.create(name="Elsewhere", created_by=user)
    Membership.objects.create(project=project, user=user, role=Role.ADMIN)
    return user


def said_of(answer: Any, name: str) -> tuple[int, str]:
    """Return an answer without what differs between any two: the name asked for, and the form's token."""
    return answer.status_code, TOKEN.sub("", answer.content.decode()).replace(name, "NAME")


def test_adding_a_member_tells_nothing_of_strangers(as_admin: Api, project: Project, hidden: User) -> None:
    path = f"/projects/{project.pk}/members"
    answers = {said_of(as_admin.post(path, {"username": name}), name) for name in ("hidden-person", "nobody-at-all")}
    assert len(answers) == 1
    assert answers.pop()[0] == 422
    pages = {
        said_of(as_admin.client.post(f"{path}/", {"username": name, "role": "annotator"}), name)
        for name in ("hidden-person", "nobody-at-all")
    }
    assert len({(status, re.sub(r"\d+", "", text)) for status, text in pages}) == 1
    assert not Membership.objects.filter(project=project, user=hidden).exists()


def test_people_of_a_shared_project_and_server_admins_add_by_name(
    as_admin: Api, project: Project, admin: User, hidden: User, make_user: Any
) -> None:
    shared = Project.objects.create(name="Shared")
    for user in (admin, hidden):
        Membership.objects.create(project=shared, user=user)
    assert as_admin.post(f"/projects/{project.pk}/members", {"username": "hidden-person"}).status_code == 201
    stranger, chief = make_user("stranger"), make_user("chief")
    User.objects.filter(pk=chief.pk).update(is_superuser=True)
    path = f"/projects/{project.pk}/members"
    assert Api(chief).post(path, {"username": stranger.username}).status_code == 201


@pytest.mark.parametrize("state", ["active", "deactivated", "without a password", "unknown"])
def test_a_wrong_password_costs_and_says_the_same_whoever_is_named(
    state: str, hidden: User, make_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if state == "deactivated":
        set_active(hidden, False, by=make_user("chief"))
    elif state == "without a password":
        hidden.set_unusable_password()
        hidden.save()
    hashed: list[str] = []
    encode = hashers.MD5PasswordHasher.encode

    def count(self: Any, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(hashers.MD5PasswordHasher, "encode", count)
    name = "nobody-at-all" if state == "unknown" else "hidden-person"
    answer = Client(REMOTE_ADDR="10.0.0.9").post("/login/", {"username": name, "password": "a-wrong-one"})
    assert answer.status_code == 200
    assert "do not go together" in answer.content.decode()
    assert len(hashed) == 1


def test_a_deactivated_person_with_the_right_password_hears_the_same(hidden: User, make_user: Any) -> None:
    set_active(hidden, False, by=make_user("chief"))
    answer = Client().post("/login/", {"username": "hidden-person", "password": "hidden-person"})
    wrong = Client().post("/login/", {"username": "hidden-person", "password": "x"})
    assert said_of(answer, "hidden-person") == said_of(wrong, "hidden-person")


def test_a_lock_comes_after_as_many_failures_for_names_that_nobody_has(hidden: User, settings: Any) -> None:
    statuses = {
        name: [
            Client(REMOTE_ADDR=f"10.0.1.{place}").post("/login/", {"username": name, "password": "x"}).status_code
            for _ in range(settings.AXES_FAILURE_LIMIT + 1)
        ]
        for place, name in enumerate(("hidden-person", "nobody-at-all"))
    }
    assert statuses["hidden-person"] == statuses["nobody-at-all"]
    assert statuses["hidden-person"][-1] == 429


PLACES = [
    "/api/v1/me", "/api/v1/projects", "/api/v1/projects?include_archived=true", "/api/v1/models", "/api/v1/people",
    "/api/v1/people?search=hidden", "/api/v1/audit", "/projects/", "/projects/new/", "/models/", "/account/",
    "/people/", "/people/?search=hidden", "/audit/", "/api/v1/projects/{own}/members",
    "/api/v1/projects/{own}/members/links",
    "/api/v1/projects/{own}/audit", "/projects/{own}/members/", "/projects/{own}/audit/", "/projects/{own}/dashboard/",
    "/projects/{own}/queue/", "/projects/{own}/review/", "/api/v1/projects/{other}", "/api/v1/projects/{other}/members",
    "/projects/{other}/", "/projects/{other}/members/", "/api/v1/openapi.json",
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_no_place_names_a_stranger(place: str, as_admin: Api, project: Project, hidden: User) -> None:
    other = Project.objects.get(name="Elsewhere")
    answer = as_admin.client.get(place.format(own=project.pk, other=other.pk))
    text = answer.content.decode()
    assert answer.status_code < 500
    for told in ("hidden-person", "Secretive", "hidden@example.org", "Elsewhere"):
        assert told not in text.replace('value="hidden"', "")
