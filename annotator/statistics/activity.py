"""Active time, checked: nobody is active for longer than the server saw time pass.

Clients measure how long pointer or keys were in use (pauses over 30 s cut) and send durations, never times of day, so a
wrong clock does no harm. A person's time can be credited once: the clock of each person says until when it is spent.
Waiting up to OFFLINE_ALLOWANCE is believed afterwards, because work without a network arrives late, all at once.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone

from annotator.accounts.models import User
from annotator.annotations.models import Annotation, RevisionAction, State
from annotator.annotations.signals import Before, operation_applied
from annotator.images.models import Image
from annotator.projects.models import Project
from annotator.queue.leases import keep_lease
from annotator.queue.models import Lease, WorkEvent
from annotator.statistics.models import ActivityClock, LatencySample

OFFLINE_ALLOWANCE = timedelta(minutes=30)
MOST_AN_HOUR = 5000  # latency samples of one person: three a click, and nobody clicks every second for an hour
# Network and the moment between the last input and the sending of an operation.
SLACK = timedelta(seconds=2)
DECISIONS = {State.ACCEPTED: "suggestion_accepted", State.REJECTED: "suggestion_rejected"}


def credit_time(user: User, claimed_ms: int, *, image: Image | None = None, now: datetime | None = None) -> int:
    """Return how much of a claimed duration is believed, and spend it. Call it inside a transaction."""
    now = now or timezone.now()
    clock = ActivityClock.objects.select_for_update(no_key=True).filter(user=user).first()
    start = clock.credited_until if clock else _first_moment(user, image, now)
    start = max(start, now - OFFLINE_ALLOWANCE)
    credited = min(timedelta(milliseconds=claimed_ms), max(now + SLACK - start, timedelta()))
    ActivityClock.objects.update_or_create(user=user, defaults={"credited_until": min(start + credited, now)})
    return round(credited.total_seconds() * 1000)


@receiver(operation_applied)
def note_operation(
    sender: Any,
    *,
    image: Image,
    user: User,
    row: Annotation,
    action: str,
    before: Before | None,
    **kwargs: Any,
) -> None:
    """Check the active time that an operation claims and write down what was done."""
    was_ms = before["active_ms"] if before else 0
    claimed = max(row.active_ms - was_ms, 0)
    credited = credit_time(user, claimed, image=image) if claimed else 0
    if credited < claimed:
        row.active_ms = was_ms + credited
        Annotation.objects.filter(pk=row.pk).update(active_ms=row.active_ms)
    keep_lease(image, user)
    kind = _kind_of(row, action, before["state"] if before else None)
    data = {"annotation_id": str(row.pk), "credited_ms": credited}
    if credited < claimed:
        data["claimed_ms"] = claimed
    WorkEvent.objects.create(project_id=image.project_id, image=image, user=user, kind=kind, data=data)


@transaction.atomic
def record_activity(image: Image, user: User, *, active_ms: int, counts: dict[str, int]) -> int:
    """Keep time and counts of looking and searching that belong to no mask; return the milliseconds credited."""
    credited = credit_time(user, active_ms, image=image)
    WorkEvent.objects.create(
        project_id=image.project_id,
        image=image,
        user=user,
        kind="active",
        data={**counts, "credited_ms": credited, "claimed_ms": active_ms},
    )
    return credited


def record_latency(project: Project, user: User, *, samples: list[dict[str, Any]]) -> int:
    """Keep a batch of latency samples and return their number; 0 where the person has told MOST_AN_HOUR already."""
    earlier = LatencySample.objects.filter(user=user).order_by("-pk").values_list("created_at", flat=True)
    told_before = earlier[MOST_AN_HOUR - 1 : MOST_AN_HOUR]
    if any(moment > timezone.now() - timedelta(hours=1) for moment in told_before):
        return 0
    rows = [LatencySample(project=project, user=user, **sample) for sample in samples]
    return len(LatencySample.objects.bulk_create(rows))


def _first_moment(user: User, image: Image | None, now: datetime) -> datetime:
    lease = Lease.objects.filter(image=image, user=user).order_by("-created_at").first() if image else None
    return lease.created_at if lease else now - OFFLINE_ALLOWANCE


def _kind_of(row: Annotation, action: str, was: str | None) -> str:
    if action == RevisionAction.UPDATE and was == State.SUGGESTION and row.state in DECISIONS:
        return DECISIONS[State(row.state)]
    return f"mask_{action}"
