"""Links into an account: each works once, ends with its hour and its maker, and tells nothing else."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from annotator.accounts import account_links
from annotator.accounts.models import AccountLink, User
from annotator.accounts.people import set_active, set_server_admin

PASSWORD = "Correct-Horse-7"
CHOSEN = {"username": "wei", "name": "Wei", "password": PASSWORD, "again": PASSWORD}


@pytest.fixture
def chief(make_user: Any) -> User:
    """A server admin."""
    user: User = make_user("chief")
    user.is_superuser = True
    user.save()
    return user


def opens(secret: str) -> bool:
    return Client().get("/join/", {"link": secret}).status_code == 200


def test_an_invited_person_chooses_name_and_password_once(chief: User) -> None:
    _, secret = account_links.make_invite(chief, note="the new one")
    client = Client()
    page = client.get("/join/", {"link": secret})
    assert "the new one" not in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    answer = client.post("/join/", {"link": secret, **CHOSEN})
    assert (answer.status_code, answer["Location"]) == (302, "/projects/")
    made = User.objects.get(username="wei")
    assert (made.display_name, made.is_superuser, made.check_password(PASSWORD)) == ("Wei", False, True)
    assert client.get("/api/v1/me").json()["username"] == "wei"
    again = Client().post("/join/", {"link": secret, **CHOSEN, "username": "second"})
    assert again.status_code == 404
    assert not User.objects.filter(username="second").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"again": "another"}, "The two passwords differ."), ({"username": "CHIEF"}, "The user name is taken."),
        ({"username": "a b"}, "Use letters"), ({"username": ""}, "This field is required."),
        ({"password": "1234", "again": "1234"}, "too short"),
        ({"password": "wei-Horse-77", "again": "wei-Horse-77"}, "must not contain the user name"),
    ],
)  # fmt: skip
def test_what_an_invited_person_may_not_choose(chief: User, changes: dict[str, str], said: str) -> None:
    row, secret = account_links.make_invite(chief)
    answer = Client().post("/join/", {"link": secret, **CHOSEN, **changes})
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert User.objects.count() == 1
    assert AccountLink.objects.get(pk=row.pk).used_at is None


def test_an_invitation_is_no_list_of_names(chief: User) -> None:
    _, secret = account_links.make_invite(chief)
    for _ in range(account_links.MAX_REFUSALS):
        assert Client().post("/join/", {"link": secret, **CHOSEN, "username": "chief"}).status_code == 200
    assert Client().post("/join/", {"link": secret, **CHOSEN}).status_code == 404


def test_links_end_with_their_hour_and_their_maker(chief: User, make_user: Any) -> None:
    second = make_user("second")
    set_server_admin(second, True, by=chief)
    endings: dict[str, Any] = {
        "hour": lambda row: AccountLink.objects.filter(pk=row.pk).update(expires_at=timezone.now() - timedelta(1)),
        "right": lambda row: set_server_admin(second, False, by=chief),
    }
    for end in endings.values():
        row, secret = account_links.make_invite(second)
        assert opens(secret)
        end(row)
        assert not opens(secret)
    set_server_admin(second, True, by=chief)
    row, secret = account_links.make_invite(second)
    set_active(second, False, by=chief)
    set_active(second, True, by=chief)
    assert not opens(secret)
    assert AccountLink.objects.get(pk=row.pk).ended_at is not None


@pytest.mark.parametrize("secret", ["", "x", "x" * 5000, "\N{SNOWMAN}"])
def test_what_is_no_link_is_said_to_be_over(db: None, secret: str) -> None:
    assert not opens(secret)
    assert Client().post("/join/", {"link": secret, **CHOSEN}).status_code == 404


def test_a_password_link_sets_the_password_and_ends_what_hung_on_the_old_one(chief: User, make_user: Any) -> None:
    person = make_user("petra")
    theirs, earlier = Client(), account_links.make_password_link(person, chief)[1]
    theirs.force_login(person)
    _, secret = account_links.make_password_link(person, chief)
    assert not opens(earlier)
    client = Client()
    assert client.post("/join/", {"link": secret, "password": PASSWORD, "again": PASSWORD}).status_code == 302
    assert User.objects.get(pk=person.pk).check_password(PASSWORD)
    assert client.get("/api/v1/me").json()["username"] == "petra"
    assert theirs.get("/api/v1/me").status_code == 401
    assert not opens(secret)


def test_a_password_link_ends_with_the_account_and_with_another_password(chief: User, make_user: Any) -> None:
    person = make_user("petra")
    _, secret = account_links.make_password_link(person, chief)
    set_active(person, False, by=chief)
    assert not opens(secret)
    person = set_active(person, True, by=chief)
    assert not opens(secret)
    _, secret = account_links.make_password_link(person, chief)
    person.set_password(PASSWORD)
    person.save()
    assert not opens(secret)


def test_the_form_needs_its_csrf_token(chief: User) -> None:
    _, secret = account_links.make_invite(chief)
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/join/", {"link": secret, **CHOSEN}).status_code == 403
