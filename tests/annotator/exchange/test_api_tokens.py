"""Tokens of a person: shown once, stored as a hash, bounded by scope and time, revoked at once."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from annotator.accounts import tokens_api
from annotator.accounts.models import ApiToken, TokenScope, User
from annotator.projects.models import Project

URL = "/api/v1/me/tokens"


@pytest.fixture
def browser(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def bearer(plain: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {plain}"}


def test_a_token_is_shown_once_and_stored_as_a_hash(browser: Client) -> None:
    answer = browser.post(URL, {"name": "train", "days": 7}, content_type="application/json")
    assert answer.status_code == 201
    plain = answer.json()["token"]
    row = ApiToken.objects.get()
    assert plain not in (row.digest, row.name)
    assert row.scope == TokenScope.EXPORT
    assert row.expires_at is not None
    assert timedelta(days=6) < row.expires_at - timezone.now() < timedelta(days=8)
    (listed,) = browser.get(URL).json()
    assert "token" not in listed
    assert Client().get("/api/v1/me", headers=bearer(plain)).json()["username"] == "ada"


def test_expired_and_revoked_tokens_sign_nobody_in(admin: User, browser: Client) -> None:
    _, expired = ApiToken.issue(admin, name="old", expires_at=timezone.now() - timedelta(seconds=1))
    assert Client().get("/api/v1/me", headers=bearer(expired)).status_code == 401
    row, plain = ApiToken.issue(admin, name="new")
    assert browser.delete(f"{URL}/{row.pk}").status_code == 204
    assert Client().get("/api/v1/me", headers=bearer(plain)).status_code == 401
    assert browser.delete(f"{URL}/{row.pk}").status_code == 404


def test_a_token_that_reads_writes_nothing(admin: User, project: Project) -> None:
    _, plain = ApiToken.issue(admin, name="r", scope=TokenScope.READ)
    address = f"/api/v1/projects/{project.pk}"
    assert Client().get(address, headers=bearer(plain)).status_code == 200
    answer = Client().patch(address, {"name": "x"}, content_type="application/json", headers=bearer(plain))
    assert (answer.status_code, answer.json()["code"]) == (403, "token_scope")


def test_an_export_token_does_nothing_else(admin: User, project: Project) -> None:
    _, plain = ApiToken.issue(admin, name="e", scope=TokenScope.EXPORT)
    for address in (f"/api/v1/projects/{project.pk}/labels", f"/api/v1/projects/{project.pk}/imports"):
        assert Client().post(address, {}, content_type="application/json", headers=bearer(plain)).status_code == 403


def test_a_token_makes_no_tokens(admin: User) -> None:
    _, plain = ApiToken.issue(admin, name="w", scope=TokenScope.WRITE)
    answer = Client().post(URL, {"name": "more"}, content_type="application/json", headers=bearer(plain))
    assert answer.status_code == 401


def test_nobody_revokes_the_tokens_of_others(browser: Client, outsider: User) -> None:
    row, _ = ApiToken.issue(outsider, name="o")
    assert browser.delete(f"{URL}/{row.pk}").status_code == 404
    row.refresh_from_db()
    assert row.revoked_at is None


@pytest.mark.parametrize(("who", "status"), [("outsider", 404), ("annotator", 403)])
def test_a_token_reaches_no_further_than_its_owner(
    project: Project, request: pytest.FixtureRequest, who: str, status: int
) -> None:
    _, plain = ApiToken.issue(request.getfixturevalue(who), name="w", scope=TokenScope.WRITE)
    base = f"/api/v1/projects/{project.pk}"
    for path in ("exports", "imports"):
        assert Client().get(f"{base}/{path}", headers=bearer(plain)).status_code == status
    for path, body in [("exports", {}), ("preflight", {}), ("imports/from-folder", {"folder": "x"})]:
        answer = Client().post(f"{base}/{path}", body, content_type="application/json", headers=bearer(plain))
        assert answer.status_code == status, path
    assert Client().get("/api/v1/projects", headers=bearer(plain)).status_code == 200


def test_a_token_of_somebody_who_left_signs_nobody_in(admin: User) -> None:
    _, plain = ApiToken.issue(admin, name="w")
    admin.is_active = False
    admin.save()
    assert Client().get("/api/v1/me", headers=bearer(plain)).status_code == 401


@pytest.mark.parametrize("body", [{}, {"name": " "}, {"name": "x", "days": 0}, {"name": "x", "scope": "root"}])
def test_tokens_that_do_not_fit_are_refused(browser: Client, body: dict[str, Any]) -> None:
    assert browser.post(URL, body, content_type="application/json").status_code == 422


def test_a_person_has_so_many_tokens_and_room_again_after_revoking_one(
    browser: Client, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens_api, "MAX_TOKENS", 1)
    row, _ = ApiToken.issue(admin, name="first")
    answer = browser.post(URL, {"name": "second", "days": 7}, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_tokens")
    assert browser.delete(f"{URL}/{row.pk}").status_code == 204
    assert browser.post(URL, {"name": "second", "days": 7}, content_type="application/json").status_code == 201


def test_signed_out_and_wrong_method(browser: Client) -> None:
    assert Client().get(URL).status_code == 401
    assert browser.put(URL).status_code == 405
