"""Who gets in, and what ends when access ends: guesses, passwords, tokens, sockets, the API's description."""

from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.conf import settings as django_settings
from django.contrib.auth import hashers
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client

from annotator.accounts import sign_in_guard
from annotator.accounts.models import ApiToken, User
from annotator.live.origins import is_own
from annotator.projects.models import Project
from tests.annotator.test_live import close_layer, line_to, opened

PASSWORD = "Correct-Horse-7"


@pytest.fixture
def person(make_user: Any) -> User:
    """Somebody with a password."""
    user: User = make_user("petra")
    user.set_password(PASSWORD)
    user.save()
    return user


def sign_in(password: str, *, name: str = "petra", address: str = "10.0.0.1") -> Any:
    return Client(REMOTE_ADDR=address).post("/login/", {"username": name, "password": password})


def test_guessing_is_locked_out_before_a_password_is_hashed(person: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(django_settings.AXES_FAILURE_LIMIT):
        answer = sign_in("wrong")
    assert answer.status_code == 429
    hashed: list[str] = []
    monkeypatch.setattr(hashers.MD5PasswordHasher, "verify", lambda *a: hashed.append("x"))
    refused = sign_in(PASSWORD)
    assert (refused.status_code, int(refused["Retry-After"])) == (429, django_settings.SIGN_IN_LOCK_MINUTES * 60)
    assert "Too many failed attempts" in refused.content.decode()
    assert hashed == []


def test_a_lock_out_is_of_one_account_and_address(person: User, make_user: Any) -> None:
    for _ in range(django_settings.AXES_FAILURE_LIMIT):
        sign_in("wrong")
    assert sign_in(PASSWORD, address="10.0.0.2").status_code == 302
    other = make_user("ottilie")
    other.set_password(PASSWORD)
    other.save()
    assert sign_in(PASSWORD, name="ottilie").status_code == 302


def test_an_address_that_tries_many_accounts_is_locked_out(person: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in_guard, "FAILURES_OF_ONE_ADDRESS", 5)
    for number in range(5):
        assert sign_in("wrong", name=f"guess{number}").status_code == 200
    assert sign_in(PASSWORD).status_code == 429
    assert sign_in(PASSWORD, address="10.0.0.2").status_code == 302


def test_a_good_sign_in_forgets_earlier_failures(person: User) -> None:
    for _ in range(3):
        for _ in range(django_settings.AXES_FAILURE_LIMIT - 1):
            assert sign_in("wrong").status_code == 200
        assert sign_in(PASSWORD).status_code == 302


@pytest.mark.parametrize("password", ["petra-Horse-77", "my-PETRA-Horse", "xx-artep-Horse-1"])
def test_a_password_with_the_user_name_is_refused(person: User, password: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(password, person)


def test_a_short_name_may_stand_in_a_password_by_chance() -> None:
    validate_password("Correct-Battery-9", User(username="at"))


def test_a_new_password_ends_tokens(person: User) -> None:
    _, token = ApiToken.issue(person, name="script")
    headers = {"Authorization": f"Bearer {token}"}
    assert Client().get("/api/v1/me", headers=headers).status_code == 200
    person.first_name = "Petra"
    person.save()
    assert Client().get("/api/v1/me", headers=headers).status_code == 200
    again = User.objects.get(pk=person.pk)
    again.set_password("another-Horse-9")
    again.save()
    assert Client().get("/api/v1/me", headers=headers).status_code == 401


def test_the_description_of_the_api_needs_a_sign_in(person: User) -> None:
    for path in ("/api/v1/docs", "/api/v1/openapi.json"):
        assert Client().get(path).status_code == 302
        client = Client()
        client.force_login(person)
        assert client.get(path).status_code == 200
    _, token = ApiToken.issue(person, name="script", scope="read")
    answer = Client().get("/api/v1/openapi.json", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("origin", "host", "is_let_in"),
    [
        ("http://ann.test:8000", "ann.test:8000", True), ("https://Ann.test", "ann.test", True),
        ("http://ann.test:8001", "ann.test:8000", False), ("http://ann.test", "ann.test:8000", False),
        ("http://other.test", "ann.test", False), ("null", "ann.test", False), ("", "ann.test", False),
        ("http://ann.test.evil.example", "ann.test", False), ("file://ann.test", "ann.test", False),
    ],
)  # fmt: skip
def test_sockets_take_their_own_origin_only(origin: str, host: str, is_let_in: bool) -> None:
    assert is_own({b"origin": origin.encode(), b"host": host.encode()}) is is_let_in


def test_a_trusted_origin_is_let_in(settings: Any) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://front.example"]
    assert is_own({b"origin": b"https://front.example", b"host": b"inner:8000"})


@pytest.mark.django_db(transaction=True)
async def test_sockets_end_with_the_sign_out_of_their_browser(project: Project, annotator: User) -> None:
    client = await database_sync_to_async(Client)()
    await database_sync_to_async(client.force_login)(annotator)
    other = await opened(project, annotator)
    line = await database_sync_to_async(line_to)(project, None)
    cookie = (b"cookie", f"sessionid={client.cookies['sessionid'].value}".encode())
    line.scope["headers"] = [*(line.scope["headers"] or ()), cookie]
    assert (await line.connect())[0]
    await database_sync_to_async(client.post)("/logout/")
    assert (await line.receive_output())["code"] == 4401
    assert await other.receive_nothing()
    await other.disconnect()
    await close_layer()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("ending", ["password", "deactivated"])
async def test_sockets_end_with_the_persons_access(project: Project, annotator: User, ending: str) -> None:
    line = await opened(project, annotator)

    def end() -> None:
        user = User.objects.get(pk=annotator.pk)
        if ending == "password":
            user.set_password("another-Horse-9")
        else:
            user.is_active = False
        user.save()

    await database_sync_to_async(end)()
    assert (await line.receive_output())["code"] == 4401
    await close_layer()
