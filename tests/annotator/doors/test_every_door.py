"""The outsider matrix: every operation of the API against everybody who may not use it, and who may.

A refusal must leave nothing behind, and must tell an outsider no more than a number that was never given.
"""

import json
import re
import uuid
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from annotator.accounts.models import ApiToken, User
from annotator.api import api
from annotator.audit.verbs import Verb
from tests.annotator.doors.routes import CALLS, UNDESCRIBED, Call, Who

PREFIX = "/api/v1"
ROLES = {"annotator": Who.ANNOTATOR, "reviewer": Who.REVIEWER, "admin": Who.ADMIN}
UNTOLD = {"sessions.Session", "accounts.ApiToken", "axes.AccessAttempt", "annotations.ImageVisit"}

SIGN_INS = {Verb.SIGNED_IN}  # the tests' own


def send(call: Call, client: Client, world: dict[str, Any], token: str = "") -> Any:
    """Send the call as a browser, or as a script where a token is given."""
    options: dict[str, Any] = {"headers": {"Authorization": f"Bearer {token}"} if token else {}}
    if call.form is not None:
        options["data"] = call.form(world)
    elif call.method != "GET":
        options |= {"data": json.dumps(call.content(world)), "content_type": "application/json"}
    answer = getattr(client, call.method.lower())(PREFIX + call.path.format(**world), **options)
    answer.body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return answer


def client_of(user: User | None, **options: Any) -> Client:
    client = Client(**options)
    if user is not None:
        client.force_login(user)
    return client


def everything() -> dict[str, Any]:
    """Return all rows of the product's own tables, but for what merely says who was there."""
    found = {}
    for model in apps.get_models():
        if model._meta.label not in UNTOLD and model._meta.managed:
            rows = [{**row, "last_login": None} for row in model._default_manager.values()]
            rows = [row for row in rows if row.get("verb") not in SIGN_INS]
            found[model._meta.label] = sorted(map(repr, rows))
    return found


def never_given(world: dict[str, Any]) -> dict[str, Any]:
    """Return the same names with numbers that no thing has."""
    numbers = {name: 10**9 + 7 if isinstance(value, int) else value for name, value in world.items()}
    key = "0" * 64 + world["key"][64:]
    return {**numbers, "level": 0, "x": 0, "y": 0, "annotation_id": str(uuid.uuid4()), "key": key}


def test_every_operation_is_classified() -> None:
    described = {
        f"{method.upper()} {path.removeprefix(PREFIX)}"
        for path, methods in api.get_openapi_schema()["paths"].items()
        for method in methods
    }
    assert {str(call) for call in CALLS} == described
    assert len(CALLS) == len({str(call) for call in CALLS})


def test_an_operation_is_named_after_what_it_does_and_not_after_where_its_code_lies() -> None:
    described = [
        operation["operationId"]
        for methods in api.get_openapi_schema()["paths"].values()
        for operation in methods.values()
    ]
    assert len(described) == len(set(described))
    assert [name for name in described if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name) or "annotator_" in name] == []


def test_no_address_of_the_api_is_left_out_of_its_description() -> None:
    described = {path.removeprefix(f"{PREFIX}/") for path in api.get_openapi_schema()["paths"]}
    roots = [entry for entry in get_resolver().url_patterns if isinstance(entry, URLResolver)]
    root = next(entry for entry in roots if entry.namespace == "api")
    routed = {
        re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(entry.pattern))
        for entry in root.url_patterns
        if isinstance(entry, URLPattern)
    }
    assert routed - described == set(UNDESCRIBED)


@pytest.mark.parametrize("path", UNDESCRIBED)
def test_what_describes_the_api_needs_a_sign_in(path: str, db: None) -> None:
    answer = Client().get(f"{PREFIX}/{path}")
    assert answer.status_code in (302, 404)
    assert b"openapi" not in answer.content


def of(*, above: Who) -> pytest.MarkDecorator:
    """Return the decorator that runs a test for every call that asks for more than `above`."""
    return pytest.mark.parametrize("call", [call for call in CALLS if call.who > above], ids=str)


@of(above=Who.ANYBODY)
def test_whoever_may_not_is_refused_and_nothing_happens(
    call: Call, world: Any, people: dict[str, User], ended_tokens: dict[str, str]
) -> None:
    tokens = {name: ApiToken.issue(user, name="script")[1] for name, user in people.items()}
    before = everything()
    refuse_the_signed_out(call, world, ended_tokens)
    if call.method != "GET":
        answer = send(call, client_of(people["admin"], enforce_csrf_checks=True), world)
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")
    if call.who == Who.SERVER_ADMIN:
        refuse_all_but_server_admins(call, world, people, tokens)
    elif call.who == Who.OWNER:
        refuse_others(call, world, people)
    elif call.who >= Who.MEMBER:
        refuse_outsiders(call, world, people, tokens)
        refuse_lower_roles(call, world, people, tokens)
    assert everything() == before


def refuse_the_signed_out(call: Call, world: Any, ended_tokens: dict[str, str]) -> None:
    answer = send(call, Client(), world)
    assert (answer.status_code, answer.json()["code"]) == (401, "signed_out")
    for why, token in ended_tokens.items():
        assert send(call, Client(), world, token).status_code == 401, why


def refuse_outsiders(call: Call, world: Any, people: dict[str, User], tokens: dict[str, str]) -> None:
    for name in ("outsider", "removed"):
        for client, token in ((client_of(people[name]), ""), (Client(), tokens[name])):
            answer = send(call, client, world, token)
            missing = send(call, client, never_given(world), token)
            assert answer.status_code == 404, name
            assert (answer.status_code, answer.body) == (missing.status_code, missing.body), name


def refuse_lower_roles(call: Call, world: Any, people: dict[str, User], tokens: dict[str, str]) -> None:
    for name in [name for name, role in ROLES.items() if role < call.who]:
        answers = send(call, client_of(people[name]), world), send(call, Client(), world, tokens[name])
        assert [answer.status_code for answer in answers] == [403, 403], name
        assert {answer.json()["code"] for answer in answers} == {"forbidden"}


def refuse_others(call: Call, world: Any, people: dict[str, User]) -> None:
    for name in ("reviewer", "annotator", "outsider"):
        assert send(call, client_of(people[name]), world).status_code == 404


def refuse_all_but_server_admins(call: Call, world: Any, people: dict[str, User], tokens: dict[str, str]) -> None:
    for name in ("admin", "reviewer", "annotator", "outsider"):
        answers = [send(call, client_of(people[name]), named) for named in (world, never_given(world))]
        assert [answer.status_code for answer in answers] == [403, 403], name
        assert answers[0].body == answers[1].body
        assert send(call, Client(), world, tokens[name]).status_code == (401 if call.is_for_browsers else 403)


@of(above=Who.ANYBODY)
def test_tokens_reach_no_further_than_their_scope(call: Call, world: Any, people: dict[str, User]) -> None:
    owner = people["server_admin" if call.who == Who.SERVER_ADMIN else "admin"]
    for scope in ("read", "export"):
        token = ApiToken.issue(owner, name="script", scope=scope)[1]
        before = everything()
        answer = send(call, Client(), world, token)
        if call.is_for_browsers:
            assert answer.status_code == 401
        elif call.method == "GET" or (call.is_export and scope == "export"):
            assert is_let_in(answer)
        else:
            assert (answer.status_code, answer.json()["code"]) == (403, "token_scope")
            assert everything() == before


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_whoever_may_is_let_in(call: Call, world: Any, people: dict[str, User]) -> None:
    """So that the refusals of the other tests come from the door, not from a body that fits nothing."""
    weakest = {Who.ANYBODY: None, Who.PERSON: "outsider", Who.MEMBER: "annotator", Who.OWNER: "admin"}
    name = weakest.get(call.who, call.who.name.lower())
    answer = send(call, client_of(people[name] if name else None), world)
    assert is_let_in(answer), answer.body


def is_let_in(answer: Any) -> bool:
    """Say whether only the thing's own state was in the way; that is told to those who may know of it."""
    if answer.status_code == 422:
        return bool(answer.json()["code"] != "invalid")
    return answer.status_code < 300 or answer.status_code in (409, 503)
