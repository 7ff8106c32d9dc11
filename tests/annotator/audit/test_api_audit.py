"""The audit log over HTTP: who may read it, filters, pages, CSV; and the same for its pages."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotator.accounts.models import User
from annotator.audit import selectors
from annotator.audit.models import AuditEvent
from annotator.audit.services import record_event
from annotator.audit.verbs import Verb
from annotator.projects.models import Project
from tests.annotator.conftest import Api


@pytest.fixture
def as_server_admin(db: None) -> Api:
    return Api(User.objects.create_superuser(username="root", password="root"))


@pytest.fixture
def events(project: Project, admin: User) -> list[AuditEvent]:
    """Three events of the project and one of the server."""
    record_event(Verb.LABEL_ADDED, name="Car", project=project, by=admin, after={"name": "Car"})
    record_event(Verb.LABEL_DELETED, name="=HYPERLINK(1)", project=project, by=admin, before={"name": "수차"})
    record_event(Verb.EXPORT_MADE, name="street.json", project=project)
    record_event(Verb.SIGNED_IN, admin, by=admin)
    return list(AuditEvent.objects.all())


def names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["object_name"] for row in answer.json()["events"]]


def test_a_projects_admin_reads_its_events_latest_first(as_admin: Api, project: Project, events: Any) -> None:
    answer = as_admin.get(f"/projects/{project.pk}/audit")
    assert names(answer) == ["street.json", "=HYPERLINK(1)", "Car"]
    row = answer.json()["events"][2]
    assert (row["verb"], row["actor_name"], row["changes"]) == ("label.added", "ada", {"name": [None, "Car"]})
    assert answer.json()["next"] is None


def test_server_admins_read_everything(as_server_admin: Api, events: Any) -> None:
    assert {"street.json", "ada", "root"} <= set(names(as_server_admin.get("/audit")))


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("person=ada", ["=HYPERLINK(1)", "Car"]), ("person=nobody", []), ("what=label", ["=HYPERLINK(1)", "Car"]),
        ("what=label.added", ["Car"]), ("what=nonsense.verb", []), ("text=HYPER", ["=HYPERLINK(1)"]),
        ("text=STREET.J", ["street.json"]), ("since=9999-12-31", []), ("until=2000-01-01", []),
        ("until=9999-12-31", ["street.json", "=HYPERLINK(1)", "Car"]),
    ],
)  # fmt: skip
def test_filters(as_admin: Api, project: Project, events: Any, query: str, wanted: list[str]) -> None:
    assert names(as_admin.get(f"/projects/{project.pk}/audit?{query}")) == wanted


def test_days_are_whole(as_admin: Api, project: Project, events: Any) -> None:
    today = timezone.now().date()
    for days, number in ((0, 3), (1, 0), (-1, 3)):
        since = today + timedelta(days=days)
        assert len(names(as_admin.get(f"/projects/{project.pk}/audit?since={since}"))) == number
    assert len(names(as_admin.get(f"/projects/{project.pk}/audit?until={today}"))) == 3


def test_pages_follow_each_other_and_are_bounded(as_admin: Api, project: Project, events: Any) -> None:
    seen, before = [], ""
    for _ in range(3):
        answer = as_admin.get(f"/projects/{project.pk}/audit?page_size=1{before}")
        seen += names(answer)
        before = f"&before={answer.json()['next']}"
    assert seen == ["street.json", "=HYPERLINK(1)", "Car"]
    assert before == "&before=None"
    assert as_admin.get(f"/projects/{project.pk}/audit?page_size=201").status_code == 422


@pytest.mark.parametrize("query", ["before=x", "before=-1", f"before={10**30}", "since=today", "page_size=0"])
def test_bad_queries(as_admin: Api, project: Project, query: str) -> None:
    assert as_admin.get(f"/projects/{project.pk}/audit?{query}").status_code == 422


def test_who_may_not(
    as_annotator: Api, as_reviewer: Api, as_outsider: Api, signed_out: Api, as_admin: Api, project: Project
) -> None:
    for path in (f"/projects/{project.pk}/audit", f"/projects/{project.pk}/audit.csv"):
        assert as_annotator.get(path).status_code == as_reviewer.get(path).status_code == 403
        assert as_outsider.get(path).status_code == 404
        assert signed_out.get(path).status_code == 401
        assert as_admin.get(path.replace(str(project.pk), "999999")).status_code == 404
    for path in ("/audit", "/audit.csv"):
        assert as_admin.get(path).status_code == as_outsider.get(path).status_code == 403
        assert signed_out.get(path).status_code == 401


def test_csv_holds_every_event_that_fits_and_no_formula(
    as_admin: Api, project: Project, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selectors, "CSV_ROWS_AT_ONCE", 1)
    answer = as_admin.get(f"/projects/{project.pk}/audit.csv?what=label")
    assert answer["Content-Type"].startswith("text/csv")
    assert "audit-project" in answer["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert [row["object_name"] for row in rows] == ["'=HYPERLINK(1)", "Car"]
    assert "수차" in rows[0]["changes"]


def test_a_page_is_a_constant_number_of_statements(as_admin: Api, project: Project, admin: User) -> None:
    for number in range(60):
        record_event(Verb.LABEL_ADDED, name=f"n{number}", project=project, by=admin)
    with CaptureQueriesContext(connection) as queries:
        as_admin.client.get(f"/projects/{project.pk}/audit/")
    assert len(queries) < 12


def test_the_page_shows_events_filters_and_older_ones(as_admin: Api, project: Project, admin: User) -> None:
    for number in range(60):
        told = {"name": f"<b>n{number}</b>"}
        record_event(Verb.LABEL_ADDED, name=f"n{number}", project=project, by=admin, after=told)
    page = as_admin.client.get(f"/projects/{project.pk}/audit/").content.decode()
    assert "n59" in page
    assert "&lt;b&gt;n59" in page
    assert "<b>n59" not in page
    assert "n5<" not in page
    assert 'rel="next"' in page
    older = as_admin.client.get(f"/projects/{project.pk}/audit/", {"before": AuditEvent.objects.all()[49].pk})
    assert ">n5<" in older.content.decode()
    none = as_admin.client.get(f"/projects/{project.pk}/audit/", {"text": "no such thing", "since": "x", "before": "y"})
    assert "No event fits" in none.content.decode()


def test_the_empty_page_says_so(as_admin: Api, project: Project) -> None:
    AuditEvent.objects.forget_older_than(timezone.now() + timedelta(days=1), at_most=1000)
    page = as_admin.client.get(f"/projects/{project.pk}/audit/").content.decode()
    assert "Nothing has happened yet" in page


def test_who_may_not_see_the_pages(
    as_annotator: Api, as_outsider: Api, signed_out: Api, as_server_admin: Api, project: Project
) -> None:
    here = f"/projects/{project.pk}/audit/"
    assert as_annotator.client.get(here).status_code == 403
    assert as_outsider.client.get(here).status_code == 404
    assert signed_out.client.get(here).status_code == 302
    assert as_outsider.client.get("/audit/").status_code == 403
    assert signed_out.client.get("/audit/").status_code == 302
    assert as_server_admin.client.get("/audit/").status_code == 200
    assert as_server_admin.client.post("/audit/").status_code == 405
