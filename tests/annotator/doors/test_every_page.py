"""The outsider matrix of the pages and of the WebSockets: each address, each method, everybody."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from annotator.accounts.models import ApiToken, User
from annotator.live.routing import websocket_urlpatterns
from tests.annotator.doors.routes import EVERY_METHOD, PAGES, SOCKETS, Who
from tests.annotator.doors.test_every_door import ROLES, client_of, everything, never_given

LINKED = {"project_join"}  # found only with the secret of a link
TOKEN_OF_FORMS = re.compile(rb'value="[A-Za-z0-9]{64}"')
SIGNED_IN = [(name, method) for name, methods in PAGES.items() for method in methods if methods[method] > Who.ANYBODY]
OF_PROJECTS = [(name, method) for name, method in SIGNED_IN if Who.MEMBER <= PAGES[name][method] < Who.OWNER]
OF_THE_SERVER = [(name, method) for name, method in SIGNED_IN if PAGES[name][method] == Who.SERVER_ADMIN]


def patterns_of(resolver: Any) -> Iterator[URLPattern]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver) and entry.namespace != "api":
            yield from patterns_of(entry)
        elif isinstance(entry, URLPattern):
            yield entry


def address_of(name: str, world: dict[str, Any]) -> str:
    """Return the address of a page of the world's project."""
    pattern = next(entry for entry in patterns_of(get_resolver()) if entry.name == name)
    return reverse(name, kwargs={key: world[key] for key in pattern.pattern.converters})


def ask(client: Client, name: str, method: str, world: dict[str, Any], **headers: str) -> Any:
    return getattr(client, method)(address_of(name, world), headers=headers)


def each(rows: list[tuple[str, str]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("name", "method"), rows, ids=[f"{method} {name}" for name, method in rows])


def test_every_page_and_socket_is_classified() -> None:
    assert {str(entry.name) for entry in patterns_of(get_resolver())} == set(PAGES)
    assert {str(entry.pattern) for entry in websocket_urlpatterns} == {
        *SOCKETS,
        "",
    }  # the last refuses every other address


@each(SIGNED_IN)
def test_the_signed_out_are_sent_to_sign_in(
    name: str, method: str, world: Any, people: dict[str, User], ended_tokens: dict[str, str]
) -> None:
    token = ApiToken.issue(people["admin"], name="script")[1]
    signed_in_before = client_of(people["reviewer"])
    people["reviewer"].is_active = False
    people["reviewer"].save()
    before = everything()
    answers = [ask(Client(), name, method, world), ask(signed_in_before, name, method, world)]
    # A token opens the API alone: pages act for whoever sits before them.
    answers.append(ask(Client(), name, method, world, Authorization=f"Bearer {token}"))
    for answer in answers:
        assert (answer.status_code, answer["Location"]) == (302, f"/login/?next={address_of(name, world)}")
    if method != "get":
        forged = client_of(people["admin"], enforce_csrf_checks=True)
        assert ask(forged, name, method, world).status_code == 403
    assert everything() == before


@each(OF_PROJECTS)
def test_pages_tell_outsiders_nothing_and_members_what_they_may(
    name: str, method: str, world: Any, people: dict[str, User]
) -> None:
    before = everything()
    for outsider in ("outsider", "removed"):
        client = client_of(people[outsider])
        answer, missing = (ask(client, name, method, named) for named in (world, never_given(world)))
        assert (answer.status_code, missing.status_code) == (404, 404)
        texts = [TOKEN_OF_FORMS.sub(b"", page.content) for page in (answer, missing)]
        numbers = [re.sub(rb"/[\d/]+/", b"/", text) for text in texts]
        assert numbers[0] == numbers[1]
    for role in [role for role, rank in ROLES.items() if rank < PAGES[name][method]]:
        assert ask(client_of(people[role]), name, method, world).status_code == 403, role
    assert everything() == before


@each(OF_THE_SERVER)
def test_pages_of_the_server_are_for_its_admins(name: str, method: str, world: Any, people: dict[str, User]) -> None:
    before = everything()
    for person in ("outsider", "removed", "annotator", "reviewer", "admin"):
        client = client_of(people[person])
        answers = [ask(client, name, method, named) for named in (world, never_given(world))]
        assert [answer.status_code for answer in answers] == [403, 403], person
    assert everything() == before


@each([(name, method) for name, method in SIGNED_IN if PAGES[name][method] == Who.OWNER])
def test_pages_of_ones_own_things_are_not_there_for_others(
    name: str, method: str, world: Any, people: dict[str, User]
) -> None:
    before = everything()
    for person in ("outsider", "removed", "annotator", "reviewer"):
        assert ask(client_of(people[person]), name, method, world).status_code == 404, person
    assert everything() == before


@each(SIGNED_IN)
def test_whoever_may_see_a_page_is_let_in(name: str, method: str, world: Any, people: dict[str, User]) -> None:
    weakest = {Who.PERSON: "outsider", Who.MEMBER: "annotator", Who.OWNER: "admin"}
    who = PAGES[name][method]
    answer = ask(client_of(people[weakest.get(who, who.name.lower())]), name, method, world)
    assert answer.status_code in (200, 302, *([404] if name in LINKED else []))
    assert "/login/" not in answer.get("Location", "")


def test_pages_take_no_other_method(world: Any, server_admin: User) -> None:
    before = everything()
    for name, methods in PAGES.items():
        for method in (method for method in EVERY_METHOD if method not in methods):
            assert ask(client_of(server_admin), name, method, world).status_code == 405, (name, method)
    assert everything() == before
