"""Endpoints of people, password links and invitations: they work, and only for server admins."""

from typing import Any

import pytest
from django.contrib.auth.base_user import AbstractBaseUser
from django.test import Client

from annotator.accounts.models import AccountLink, ApiToken, User
from annotator.accounts.people import set_active, set_server_admin
from annotator.audit.models import AuditEvent
from annotator.errors import ConflictError
from annotator.projects.models import Project
from tests.annotator.conftest import Api

INVITES = "/people/invites"


@pytest.fixture
def chief(make_user: Any) -> User:
    """A server admin."""
    user: User = make_user("chief")
    user.is_superuser = True
    user.save()
    return user


@pytest.fixture
def as_chief(chief: User) -> Api:
    return Api(chief)


def calls_on(person: User) -> list[tuple[str, str, Any]]:
    """Return every call, as method, path and body."""
    return [
        ("get", "/people", None), ("post", "/people", {"username": "new"}), ("get", f"/people/{person.pk}", None),
        ("patch", f"/people/{person.pk}", {"is_active": False}),
        ("put", f"/people/{person.pk}/server-admin", {"is_server_admin": True}),
        ("post", f"/people/{person.pk}/password-link", {}), ("get", INVITES, None), ("post", INVITES, {}),
        ("delete", f"{INVITES}/1", None),
    ]  # fmt: skip


def ask(api: Api, method: str, path: str, body: Any) -> Any:
    return api.get(path) if method == "get" else api.send(method, path, body)


def test_everybody_else_is_refused_whoever_is_asked_for(
    as_admin: Api, as_outsider: Api, signed_out: Api, chief: User
) -> None:
    missing = User(pk=987654)
    for person in (chief, missing):
        for method, path, body in calls_on(person):
            answer = ask(as_admin, method, path, body)
            assert (answer.status_code, answer.json()["code"]) == (403, "not_server_admin"), path
            assert ask(as_outsider, method, path, body).content == answer.content, path
            assert ask(signed_out, method, path, body).status_code == 401, path
    assert AccountLink.objects.count() == 0
    assert User.objects.get(pk=chief.pk).is_active


def test_the_list_tells_roles_and_is_searched_by_any_name(as_chief: Api, project: Project, annotator: User) -> None:
    User.objects.filter(pk=annotator.pk).update(first_name="Noor", last_name="Inayat", email="n@example.org")
    found = as_chief.get("/people?search=INAYAT noo").json()
    assert (found["total"], [row["username"] for row in found["items"]]) == (1, ["noor"])
    row = found["items"][0]
    assert row["projects"] == [{"id": project.pk, "name": "Street", "role": "annotator"}]
    assert (row["name"], row["is_active"], row["is_server_admin"]) == ("Noor Inayat", True, False)
    assert "password" not in row
    assert as_chief.get("/people?search=example.org").json()["total"] == 1
    assert as_chief.get("/people?state=admins").json()["total"] == 1
    assert as_chief.get("/people?page=2&page_size=2").json()["items"][0]["username"] == "noor"
    assert as_chief.get("/people?page=99").json()["items"] == []
    for bad in ("state=king", "page=0", "page_size=10000", "page=1e9", f"search={'x' * 300}"):
        assert as_chief.get(f"/people?{bad}").status_code == 422, bad


def test_an_account_is_made_without_a_password(as_chief: Api) -> None:
    made = as_chief.post("/people", {"username": "wei", "name": "Wei", "email": "wei@example.org"})
    assert made.status_code == 201
    assert (made.json()["has_password"], made.json()["is_server_admin"]) == (False, False)
    assert as_chief.get(f"/people/{made.json()['id']}").json()["email"] == "wei@example.org"
    assert AuditEvent.objects.filter(verb="person.made", object_name="wei", actor_name="chief").exists()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"username": "CHIEF"}, "username_taken"), ({"username": "a b"}, "bad_username"), ({}, "invalid"),
        ({"username": " "}, "invalid"), ({"username": "x" * 151}, "invalid"),
        ({"username": "wei", "email": "no mail"}, "invalid"),
    ],
)  # fmt: skip
def test_names_that_cannot_be(as_chief: Api, body: dict[str, str], code: str) -> None:
    assert as_chief.post("/people", body).json()["code"] == code


def test_who_is_missing_is_404_to_server_admins(as_chief: Api) -> None:
    for method, path, body in calls_on(User(pk=987654)):
        if "987654" in path:
            assert ask(as_chief, method, path, body).status_code == 404, path
    assert as_chief.delete(f"{INVITES}/987654").status_code == 404


def test_a_deactivated_person_is_out_at_once_and_old_sessions_stay_dead(
    as_chief: Api, annotator: User, project: Project
) -> None:
    theirs, (_, token) = Api(annotator), ApiToken.issue(annotator, name="script")
    assert theirs.get("/me").status_code == 200
    assert as_chief.patch(f"/people/{annotator.pk}", {"is_active": False}).json()["is_active"] is False
    assert theirs.get("/me").status_code == 401
    assert as_chief.patch(f"/people/{annotator.pk}", {"is_active": True}).json()["is_active"] is True
    assert theirs.get("/me").status_code == 401
    assert Client().get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert Client().post("/login/", {"username": "noor", "password": "noor"}).status_code == 302
    assert as_chief.get(f"/people/{annotator.pk}").json()["projects"] == [
        {"id": project.pk, "name": "Street", "role": "annotator"}
    ]
    verbs = set(AuditEvent.objects.filter(object_id=str(annotator.pk)).values_list("verb", flat=True))
    assert {"person.deactivated", "person.reactivated"} <= verbs


def test_an_upgrade_signs_nobody_out(annotator: User) -> None:
    before = AbstractBaseUser._get_session_auth_hash(annotator)  # type: ignore[attr-defined]  # no stub has it
    assert annotator.get_session_auth_hash() == before


def test_nobody_locks_themselves_or_everybody_out(as_chief: Api, chief: User, annotator: User) -> None:
    own = f"/people/{chief.pk}"
    assert as_chief.patch(own, {"is_active": False}).json()["code"] == "own_account"
    assert as_chief.send("put", f"{own}/server-admin", {"is_server_admin": False}).json()["code"] == "own_account"
    right = f"/people/{annotator.pk}/server-admin"
    assert as_chief.send("put", right, {"is_server_admin": True}).json()["is_server_admin"] is True
    assert Api(annotator).send("put", f"{own}/server-admin", {"is_server_admin": False}).status_code == 200
    assert as_chief.get("/people").status_code == 403


def test_the_last_server_admin_stays_whoever_asks(chief: User, annotator: User) -> None:
    with pytest.raises(ConflictError, match="at least one admin"):
        set_server_admin(chief, False, by=annotator)
    with pytest.raises(ConflictError, match="at least one admin"):
        set_active(chief, False, by=annotator)
    assert User.objects.get(pk=chief.pk).is_superuser


def test_a_deactivated_person_becomes_no_server_admin(as_chief: Api, annotator: User) -> None:
    as_chief.patch(f"/people/{annotator.pk}", {"is_active": False})
    answer = as_chief.send("put", f"/people/{annotator.pk}/server-admin", {"is_server_admin": True})
    assert answer.json()["code"] == "deactivated"
    assert as_chief.post(f"/people/{annotator.pk}/password-link").json()["code"] == "deactivated"


def test_a_token_makes_no_further_way_in(chief: User, annotator: User) -> None:
    _, token = ApiToken.issue(chief, name="script")
    as_script, headers = Api(None), {"Authorization": f"Bearer {token}"}
    assert as_script.get("/people", **headers).status_code == 200
    assert as_script.post("/people", {"username": "made"}, **headers).status_code == 201
    for path in (INVITES, f"/people/{annotator.pk}/password-link"):
        assert as_script.post(path, {}, **headers).status_code == 401
    right = as_script.send("put", f"/people/{annotator.pk}/server-admin", {"is_server_admin": True}, **headers)
    assert right.status_code == 401


def test_invitations_are_listed_without_their_link_and_withdrawn(as_chief: Api) -> None:
    made = as_chief.post(INVITES, {"note": "Wei", "days": 3})
    assert made.status_code == 201
    secret = made.json()["link"].partition("link=")[2]
    assert made.json()["link"].startswith("http://testserver/join/?link=")
    listed = as_chief.get(INVITES)
    assert [(row["id"], row["note"]) for row in listed.json()] == [(made.json()["id"], "Wei")]
    assert secret not in listed.content.decode()
    assert secret not in str(AccountLink.objects.values_list())
    assert secret not in str(AuditEvent.objects.values_list())
    assert as_chief.delete(f"{INVITES}/{made.json()['id']}").status_code == 204
    assert as_chief.get(INVITES).json() == []
    assert Client().get(f"/join/?link={secret}").status_code == 404
    for body in ({"days": 0}, {"days": 31}, {"note": "x" * 201}):
        assert as_chief.post(INVITES, body).status_code == 422
