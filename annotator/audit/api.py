"""Endpoints of the audit log: the whole server for server admins, one project for its admins."""

import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated

from django.http import HttpRequest, StreamingHttpResponse
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema
from pydantic import Field, StringConstraints

from annotator.accounts.authentication import user_of
from annotator.audit.models import AuditEvent
from annotator.audit.selectors import MAX_PAGE_SIZE, EventFilters, list_events, walk_events
from annotator.audit.services import Changes
from annotator.errors import ForbiddenError
from annotator.exchange.files.csv_lines import csv_line
from annotator.http.immutable import as_download
from annotator.http.streaming import stream_parts
from annotator.projects.access import Right, get_project

router = Router(tags=["audit log"])
COLUMNS = (
    "id", "at", "verb", "actor_id", "actor_name", "token_name", "address", "object_kind", "object_id", "object_name",
    "project_id", "project_name",
)  # fmt: skip
ShortText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


class EventQuery(Schema):
    """Which events; days are whole and in UTC. `what` is a verb (label.deleted) or a kind of thing (label)."""

    person: ShortText = ""
    what: ShortText = ""
    since: date | None = None
    until: date | None = None
    text: ShortText = ""

    def filters(self) -> EventFilters:
        """Return the same for the selectors."""
        return EventFilters(person=self.person, what=self.what, since=self.since, until=self.until, text=self.text)


class PagedQuery(EventQuery):
    """And which part of them: `before` is the `next` of the page before."""

    before: int | None = Field(default=None, ge=1, lt=2**63)
    page_size: int = Field(default=50, ge=1, le=MAX_PAGE_SIZE)


class EventOut(Schema):
    """An event; `changes` is {field: [from, to]}, cut to a bounded size."""

    id: int
    at: datetime
    verb: str
    actor_id: int | None
    actor_name: str
    token_name: str
    address: str
    object_kind: str
    object_id: str
    object_name: str
    project_id: int | None
    project_name: str
    changes: Changes


class EventPage(Schema):
    """Events, latest first; `next` is null on the last page."""

    events: list[EventOut]
    next: int | None


@router.get("/audit", response=EventPage)
def list_all_events(request: HttpRequest, query: Query[PagedQuery]) -> EventPage:
    """Return a page of what happened on the server (server admins)."""
    require_server_admin(request)
    return _page(query, project_id=None)


@router.get("/audit.csv")
def download_all_events(request: HttpRequest, query: Query[EventQuery]) -> StreamingHttpResponse:
    """Return all of it as CSV (server admins)."""
    require_server_admin(request)
    return _csv(request, query, project_id=None, name="audit.csv")


@router.get("/projects/{int:project_id}/audit", response=EventPage)
def list_project_events(request: HttpRequest, project_id: int, query: Query[PagedQuery]) -> EventPage:
    """Return a page of what happened in a project (its admins)."""
    get_project(user_of(request), project_id, right=Right.MANAGE)
    return _page(query, project_id=project_id)


@router.get("/projects/{int:project_id}/audit.csv")
def download_project_events(request: HttpRequest, project_id: int, query: Query[EventQuery]) -> StreamingHttpResponse:
    """Return all of it as CSV (the project's admins)."""
    get_project(user_of(request), project_id, right=Right.MANAGE)
    return _csv(request, query, project_id=project_id, name=f"audit-project-{project_id}.csv")


def require_server_admin(request: HttpRequest) -> None:
    """Raise ForbiddenError for whoever is no server admin."""
    if not user_of(request).is_superuser:
        raise ForbiddenError(_("Only a server admin may see that."))


def _page(query: PagedQuery, *, project_id: int | None) -> EventPage:
    events, following = list_events(query.filters(), project_id=project_id, before=query.before, size=query.page_size)
    return EventPage(events=[EventOut.from_orm(event) for event in events], next=following)


def _csv(request: HttpRequest, query: EventQuery, *, project_id: int | None, name: str) -> StreamingHttpResponse:
    lines = _lines(walk_events(query.filters(), project_id=project_id))
    answer = stream_parts(request, lines, content_type="text/csv; charset=utf-8")
    answer["Cache-Control"] = "private, no-store"
    as_download(answer, name)
    return answer


def _lines(events: Iterator[AuditEvent]) -> Iterator[bytes]:
    yield csv_line(*COLUMNS, "changes")
    for event in events:
        cells = [_cell(getattr(event, name)) for name in COLUMNS]
        yield csv_line(*cells, json.dumps(event.changes, ensure_ascii=False))


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, datetime) else str(value)
