"""Events: written with the change that they tell of, bounded, never changed, forgotten when they are old."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils import timezone

from annotator.accounts.models import ApiToken, User
from annotator.audit.acting import ActingMiddleware
from annotator.audit.models import AppendOnlyError, AuditEvent
from annotator.audit.services import MAX_CHANGES_BYTES, forget_old_events, record_event, what_changed
from annotator.audit.verbs import Verb
from annotator.projects.models import Label, Project


def test_an_event_holds_who_what_and_from_what_to_what(project: Project, admin: User) -> None:
    label = Label.objects.get(project=project)
    record_event(
        Verb.LABEL_CHANGED, label, project=project, by=admin,
        before={"name": "Car", "key": "1"}, after={"name": "Van", "key": "1"},
    )  # fmt: skip
    event = AuditEvent.objects.get(verb="label.changed")
    assert (event.verb, event.object_kind, event.object_id) == ("label.changed", "label", str(label.pk))
    assert (event.object_name, event.project_id, event.project_name) == ("Car", project.pk, "Street")
    assert (event.actor_id, event.actor_name, event.address) == (admin.pk, "ada", "")
    assert event.changes == {"name": ["Car", "Van"]}


def test_who_acts_comes_from_the_request(admin: User) -> None:
    token, _plain = ApiToken.issue(admin, name="nightly")
    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.7")
    request.user = admin
    request.api_token = token  # type: ignore[attr-defined]  # as authentication.py sets it

    def answer(_request: HttpRequest) -> HttpResponse:
        record_event(Verb.TOKEN_MADE, token)
        return HttpResponse()

    ActingMiddleware(answer)(request)
    event = AuditEvent.objects.get(verb="token.made")
    assert (event.actor_name, event.token_name, event.address) == ("ada", "nightly", "192.0.2.7")
    record_event(Verb.TOKEN_MADE, token)
    assert AuditEvent.objects.latest("pk").actor_name == ""


def test_an_event_goes_with_a_change_that_is_rolled_back(project: Project) -> None:
    with transaction.atomic():
        record_event(Verb.PROJECT_CHANGED, project, project=project)
        transaction.set_rollback(True)
    assert not AuditEvent.objects.filter(verb="project.changed").exists()


@pytest.mark.parametrize(
    "value",
    ["x" * 100_000, ["x" * 200] * 1000, {f"k{n}": "x" * 500 for n in range(5000)}, "a\0b", float("nan"), "\ud800",
     [[[["x" * 300] * 20] * 20] * 20]],
    ids=["text", "list", "object", "nul", "nan", "surrogate", "nested"],
)  # fmt: skip
def test_whatever_changed_is_kept_bounded(db: None, value: Any) -> None:
    event = record_event(Verb.PROJECT_CHANGED, name="a\0b\ud800" + "n" * 1000, after={"settings": value})
    event = AuditEvent.objects.get(pk=event.pk)
    assert len(json.dumps(event.changes)) <= MAX_CHANGES_BYTES + 200
    assert len(event.object_name) == 300


def test_only_what_differs_is_kept() -> None:
    assert what_changed({"a": 1, "b": [1, 2]}, {"a": 1, "b": [1, 3], "c": None}) == {"b": [[1, 2], [1, 3]]}
    assert what_changed({"gone": 5}, {}) == {"gone": [5, None]}


def test_events_do_not_change(db: None) -> None:
    event = record_event(Verb.SIGNED_IN, name="ada")
    for act in (event.save, event.delete, AuditEvent.objects.all().delete, lambda: AuditEvent.objects.update(verb="x")):
        with pytest.raises(AppendOnlyError):
            act()


def test_events_are_forgotten_after_as_many_days_as_set(db: None, settings: Any, monkeypatch: Any) -> None:
    settings.AUDIT_DAYS = 30
    for days in (29, 31, 400):
        moment = timezone.now() - timedelta(days=days)
        with monkeypatch.context() as patch:
            patch.setattr(timezone, "now", lambda moment=moment: moment)
            record_event(Verb.SIGNED_IN, name=f"{days}")
    assert forget_old_events() == 2
    assert [event.object_name for event in AuditEvent.objects.all()] == ["29"]


def test_every_verb_names_its_kind_and_fits_its_column() -> None:
    for verb in Verb:
        kind, _dot, rest = verb.value.partition(".")
        assert kind == verb.kind
        assert rest
        assert (len(verb.value) <= 40, len(kind) <= 20) == (True, True)
