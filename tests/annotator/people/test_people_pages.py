"""Pages of server admins: people, one person, invitations; everybody else is told that they may not."""

from typing import Any

import pytest
from django.test import Client

from annotator.accounts.models import AccountLink, User
from annotator.projects.models import Project

PAGES = ["/people/", "/people/new/", "/people/invite/", "/people/{pk}/"]
POSTS = [
    "/people/{pk}/active/",
    "/people/{pk}/server-admin/",
    "/people/{pk}/password-link/",
    "/people/invite/1/withdraw/",
]


@pytest.fixture
def chief(make_user: Any) -> User:
    """A server admin."""
    user: User = make_user("chief")
    user.is_superuser = True
    user.save()
    return user


@pytest.fixture
def client(chief: User) -> Client:
    """A browser in which the server admin is signed in."""
    browser = Client()
    browser.force_login(chief)
    return browser


def text_of(answer: Any) -> str:
    return str(answer.content.decode())


def test_only_server_admins_see_these_pages(client: Client, chief: User, admin: User) -> None:
    other = Client()
    other.force_login(admin)
    for path in PAGES:
        place = path.format(pk=chief.pk)
        assert client.get(place).status_code == 200
        assert other.get(place).status_code == 403
        assert Client().get(place)["Location"] == f"/login/?next={place}"
    for path in POSTS:
        place = path.format(pk=chief.pk)
        assert client.get(place).status_code == 405
        assert other.post(place).status_code == 403
        assert Client().post(place).status_code == 302
    assert other.get("/people/987654/").status_code == 403
    assert client.get("/people/987654/").status_code == 404
    assert client.get(f"/people/{10**25}/").status_code == 404
    assert "People" in text_of(client.get("/projects/"))
    assert 'href="/people/"' not in text_of(other.get("/projects/"))


def test_the_list_shows_state_projects_and_last_sign_in(client: Client, project: Project, annotator: User) -> None:
    page = text_of(client.get("/people/"))
    assert f'href="/projects/{project.pk}/members/"' in page
    assert "server admin" in page
    found = text_of(client.get("/people/?search=noor&state=active&page=9"))
    assert f'href="/people/{annotator.pk}/"' in found
    assert "chief</a>" not in found
    assert "Nobody fits." in text_of(client.get("/people/?search=nobody-here"))


def test_a_new_person_gets_a_link_to_choose_a_password(client: Client) -> None:
    page = text_of(client.post("/people/new/", {"username": "wei", "name": "Wei", "email": ""}))
    assert "/join/?link=" in page
    assert not User.objects.get(username="wei").has_usable_password()
    assert "The user name is taken." in text_of(client.post("/people/new/", {"username": "wei"}))
    assert "This field is required." in text_of(client.post("/people/new/", {}))


def test_an_invitation_is_shown_once_listed_and_withdrawn(client: Client) -> None:
    answer = client.post("/people/invite/", {"note": "For Wei", "days": "7"})
    assert "/join/?link=" in text_of(answer)
    assert "no-store" in answer["Cache-Control"]
    listed = text_of(client.get("/people/"))
    assert "For Wei" in listed
    assert "/join/" not in listed
    row = AccountLink.objects.get()
    assert client.post(f"/people/invite/{row.pk}/withdraw/").status_code == 302
    assert "For Wei" not in text_of(client.get("/people/"))
    assert client.post("/people/invite/", {"note": "x", "days": "4000"}).status_code == 200
    assert AccountLink.objects.count() == 1


def test_deactivating_says_what_ends_and_can_be_undone(client: Client, annotator: User) -> None:
    place = f"/people/{annotator.pk}/"
    assert "Ends at once" in text_of(client.get(place))
    client.post(f"{place}active/", {"is_active": "0"})
    assert not User.objects.get(pk=annotator.pk).is_active
    page = text_of(client.get(place))
    assert "signed out everywhere" in page
    assert "password link" not in page
    client.post(f"{place}active/", {"is_active": "1"})
    assert User.objects.get(pk=annotator.pk).is_active


def test_a_server_admin_is_made_and_unmade_but_not_by_themselves(client: Client, chief: User, annotator: User) -> None:
    place = f"/people/{annotator.pk}/server-admin/"
    client.post(place, {"is_server_admin": "1"})
    assert User.objects.get(pk=annotator.pk).is_superuser
    client.post(place, {"is_server_admin": "0"})
    assert not User.objects.get(pk=annotator.pk).is_superuser
    client.post(f"/people/{chief.pk}/server-admin/", {"is_server_admin": "0"})
    client.post(f"/people/{chief.pk}/active/", {"is_active": "0"})
    chief.refresh_from_db()
    assert (chief.is_superuser, chief.is_active) == (True, True)


def test_name_and_mail_are_changed(client: Client, annotator: User) -> None:
    place = f"/people/{annotator.pk}/"
    assert client.post(place, {"name": "Noor Inayat", "email": "n@example.org"}).status_code == 302
    annotator.refresh_from_db()
    assert (annotator.display_name, annotator.email) == ("Noor Inayat", "n@example.org")
    assert "Enter a valid email address." in text_of(client.post(place, {"name": "", "email": "none"}))
