"""The queue: hand images out, take them back. Every step is one compare-and-set, so two people never get one image."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from annotator.accounts.models import User
from annotator.engine.models import LatencySample, Lease, WorkEvent
from annotator.errors import ConflictError
from annotator.images.models import Image, ImageStatus, WorkStatus
from annotator.live.hints import send_hint
from annotator.projects.models import Project

TRIES = 5


def take_next_image(project: Project, user: User) -> Lease | None:
    """Return the caller's lease on the next image: the one already held, else a new one, else None."""
    release_expired_leases(project)
    held = Lease.objects.filter(user=user, released_at=None, image__project=project).order_by("created_at").first()
    if held:
        return extend_lease(held)
    for _ in range(TRIES):
        image = _waiting_images(project, user).first()
        if image is None:
            return None
        lease = _try_lease(image, user)
        if lease:
            return lease
    return None


def submit_image(image: Image, user: User) -> Image:
    """Mark an image as annotated and end its lease; raise ConflictError when somebody else holds it."""
    with transaction.atomic():
        _release_own_lease(image, user)
        Image.objects.filter(pk=image.pk).update(work_status=WorkStatus.SUBMITTED, stage=image.project.stage)
        WorkEvent.objects.create(project=image.project, image=image, user=user, kind="submitted")
    send_hint(image.project_id, "image.changed", image_id=image.pk)
    image.refresh_from_db(fields=["work_status", "stage"])
    return image


def skip_image(image: Image, user: User, *, reason: str) -> Image:
    """Give an image back; it is not handed to the same person again."""
    with transaction.atomic():
        _release_own_lease(image, user)
        Image.objects.filter(pk=image.pk, work_status=WorkStatus.IN_PROGRESS).update(work_status=WorkStatus.NEW)
        WorkEvent.objects.create(project=image.project, image=image, user=user, kind="skipped", data={"reason": reason})
    send_hint(image.project_id, "image.changed", image_id=image.pk)
    image.refresh_from_db(fields=["work_status"])
    return image


def extend_lease(lease: Lease) -> Lease:
    """Give a held lease its full time again."""
    lease.expires_at = timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)
    lease.save(update_fields=["expires_at"])
    return lease


def release_expired_leases(project: Project) -> None:
    """Return images whose lease has run out to the queue."""
    expired = Lease.objects.filter(image__project=project, released_at=None, expires_at__lt=timezone.now())
    for lease in expired:
        if Lease.objects.filter(pk=lease.pk, released_at=None).update(released_at=timezone.now()):
            Image.objects.filter(pk=lease.image_id, work_status=WorkStatus.IN_PROGRESS).update(
                work_status=WorkStatus.NEW
            )


def record_latency(project: Project, user: User, *, samples: list[dict[str, Any]]) -> int:
    """Keep a batch of latency samples and return their number."""
    rows = [LatencySample(project=project, user=user, **sample) for sample in samples]
    return len(LatencySample.objects.bulk_create(rows))


def _waiting_images(project: Project, user: User) -> QuerySet[Image]:
    skipped = WorkEvent.objects.filter(image=OuterRef("pk"), user=user, kind="skipped")
    leased = Lease.objects.filter(image=OuterRef("pk"), released_at=None)
    waiting = Image.objects.filter(project=project, work_status=WorkStatus.NEW).exclude(status=ImageStatus.FAILED)
    return waiting.filter(~Exists(skipped), ~Exists(leased)).order_by("position", "pk")


def _try_lease(image: Image, user: User) -> Lease | None:
    try:
        with transaction.atomic():
            changed = Image.objects.filter(pk=image.pk, work_status=WorkStatus.NEW).update(
                work_status=WorkStatus.IN_PROGRESS
            )
            if not changed:
                return None
            expires_at = timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)
            lease = Lease.objects.create(image=image, user=user, expires_at=expires_at)
            WorkEvent.objects.create(project_id=image.project_id, image=image, user=user, kind="taken")
    except IntegrityError:  # somebody else was first
        return None
    send_hint(image.project_id, "image.taken", image_id=image.pk, user_id=user.pk)
    return lease


def _release_own_lease(image: Image, user: User) -> None:
    lease = Lease.objects.filter(image=image, released_at=None).select_related("user").first()
    if lease is None:
        return
    if lease.user_id != user.pk and lease.expires_at > timezone.now():
        raise ConflictError(
            f"{lease.user.display_name} is working on this image.",
            code="held_by_other",
            extra={"user_id": lease.user_id},
        )
    Lease.objects.filter(pk=lease.pk, released_at=None).update(released_at=timezone.now())
