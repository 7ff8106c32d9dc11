"""Read events, latest first, a bounded number at once. Access is checked by the caller."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Q, QuerySet

from annotator.accounts.models import User
from annotator.audit.models import AuditEvent
from annotator.audit.verbs import Verb

MAX_PAGE_SIZE = 200
CSV_ROWS_AT_ONCE = 500
TEXT_PLACES = ("object_name", "object_id", "actor_name", "token_name", "address", "project_name")


@dataclass(frozen=True)
class EventFilters:
    """What is asked for; an empty one asks for everything. Days are whole and in UTC, both included.

    `person` is a user name, `what` a verb ("label.deleted") or a kind of thing ("label").
    """

    person: str = ""
    what: str = ""
    since: date | None = None
    until: date | None = None
    text: str = ""

    @property
    def is_empty(self) -> bool:
        """Say whether nothing is left out."""
        return not any(getattr(self, field.name) for field in fields(self))


def find_events(filters: EventFilters, *, project_id: int | None) -> QuerySet[AuditEvent]:
    """Return the events that fit, of one project or of the whole server."""
    rows = AuditEvent.objects.all() if project_id is None else AuditEvent.objects.filter(project_id=project_id)
    if filters.person:
        rows = rows.filter(_by(filters.person))
    if filters.what:
        rows = rows.filter(verb=filters.what) if "." in filters.what else rows.filter(object_kind=filters.what)
    if filters.since:
        rows = rows.filter(at__gte=_start_of(filters.since))
    if filters.until and filters.until < date.max:
        rows = rows.filter(at__lt=_start_of(filters.until + timedelta(days=1)))
    if filters.text:
        found = Q()
        for place in TEXT_PLACES:
            found |= Q(**{f"{place}__icontains": filters.text})
        rows = rows.filter(found)
    return rows


def list_events(
    filters: EventFilters, *, project_id: int | None, before: int | None, size: int
) -> tuple[list[AuditEvent], int | None]:
    """Return a page of events older than the event `before`, and which event the next page goes on from."""
    rows = find_events(filters, project_id=project_id)
    size = max(1, min(size, MAX_PAGE_SIZE))
    found = list((rows if before is None else rows.filter(pk__lt=before))[: size + 1])
    return found[:size], (found[size - 1].pk if len(found) > size else None)


def walk_events(filters: EventFilters, *, project_id: int | None) -> Iterator[AuditEvent]:
    """Yield every event that fits, latest first, in short reads: nothing is held while a slow reader downloads."""
    before = None
    while True:
        rows = find_events(filters, project_id=project_id)
        found = list((rows if before is None else rows.filter(pk__lt=before))[:CSV_ROWS_AT_ONCE])
        yield from found
        if len(found) < CSV_ROWS_AT_ONCE:
            return
        before = found[-1].pk


def verb_word(verb: str) -> str:
    """Return the words for a verb; one that is not known any more stands for itself."""
    return str(Verb(verb).label) if verb in Verb.values else verb


def _by(username: str) -> Q:
    user = User.objects.filter(username=username).values_list("pk", flat=True).first()
    return Q(actor_name=username) if user is None else Q(actor_id=user)


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)
