"""Leases: one person's claim on one image for a limited time. The lease is the truth, the image's status follows it.

Every change is a compare-and-set. An image without a living lease is back in the queue, whatever became of its holder:
expired, removed from the project, or gone with the process that was answering.
"""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.accounts.models import User
from annotator.errors import ConflictError, MissingError
from annotator.images.models import Image, WorkStatus
from annotator.live.hints import send_hint
from annotator.projects.models import Project
from annotator.queue.models import Lease, Purpose, WorkEvent


def find_lease(user: User, project: Project, *, purpose: Purpose) -> Lease | None:
    """Return the person's living lease in the project."""
    rows = Lease.objects.living().filter(user=user, purpose=purpose)
    return rows.filter(image__project=project).select_related("image").order_by("created_at").first()


def open_lease(image: Image, user: User, *, purpose: Purpose) -> Lease | None:
    """Claim an image; None when somebody else holds it or was faster. Call it with `image.project` loaded."""
    try:
        with transaction.atomic():
            _lock(image)
            _release_dead(image)
            lease = Lease.objects.create(
                image=image, user=user, purpose=purpose, stage=image.project.stage, expires_at=_next_expiry()
            )
            _mark_taken(image, lease)
    except IntegrityError:
        return None
    send_hint(image.project_id, "image.taken", image_id=image.pk, user_id=user.pk)
    return lease


def hold_image(image: Image, user: User) -> Lease:
    """Claim or keep one image that was opened by hand; raise ConflictError (`held_by_other`) when it is taken.

    A submitted image is held for review: it must not come back as the next image to annotate.
    """
    purpose = Purpose.REVIEW if image.work_status == WorkStatus.SUBMITTED else Purpose.ANNOTATE
    own = Lease.objects.living().filter(image=image, user=user).first()
    if own is not None:
        return extend_lease(own)
    lease = open_lease(image, user, purpose=purpose)
    if lease is None:
        if not Image.objects.filter(pk=image.pk).exists():
            raise MissingError(_("There is no such image."))
        raise _held_by_other(image)
    return lease


def extend_lease(lease: Lease) -> Lease:
    """Give a living lease its full time again; raise ConflictError (`lease_lost`) when it is over."""
    expires_at = _next_expiry()
    living = Lease.objects.living().filter(pk=lease.pk)
    if not living.update(expires_at=expires_at):
        raise ConflictError(_("Your claim on this image is over. What you saved is kept."), code="lease_lost")
    lease.expires_at = expires_at
    return lease


def beat_lease(image: Image, user: User) -> Lease:
    """The workspace's heartbeat: extend the person's lease on the image."""
    lease = Lease.objects.filter(image=image, user=user, released_at=None).first()
    if lease is None:
        raise ConflictError(_("Your claim on this image is over. What you saved is kept."), code="lease_lost")
    return extend_lease(lease)


def keep_lease(image: Image, user: User) -> None:
    """Give the person's living lease on the image its full time again, if there is one: saving is a sign of life."""
    living = Lease.objects.living().filter(image=image, user=user)
    living.update(expires_at=_next_expiry())


def close_lease(image: Image, user: User) -> Lease | None:
    """End the person's lease and return it; raise ConflictError when another person's lease is alive.

    Call it inside a transaction, before anything else there.
    """
    _lock(image)
    lease = Lease.objects.filter(image=image, released_at=None).select_related("user").first()
    if lease is None:
        return None
    if lease.user_id != user.pk and Lease.objects.living().filter(pk=lease.pk).exists():
        raise _held_by_other(image)
    Lease.objects.filter(pk=lease.pk, released_at=None).update(released_at=timezone.now())
    return lease if lease.user_id == user.pk else None


def release_expired(project: Project) -> int:
    """Put images back whose lease has run out or was ended from outside; return how many leases ended."""
    image_ids = set(_lapsed(project).values_list("image_id", flat=True)) | set(_adrift(project))
    if not image_ids:
        return 0  # without a transaction, which on SQLite waits for all other writers: this is asked with each image
    with transaction.atomic():
        _lock_in_order(image_ids)
        ended = _lapsed(project).filter(image__in=image_ids).update(released_at=timezone.now())
        _put_back(project, image_ids)
    return ended


def _lapsed(project: Project) -> QuerySet[Lease]:
    return Lease.objects.lapsed().filter(image__project=project)


def _adrift(project: Project) -> QuerySet[Image, int]:
    """Return the ids of images in progress that nobody holds."""
    held = Lease.objects.filter(image__project=project, released_at=None).values("image_id")
    images = Image.objects.filter(project=project, work_status=WorkStatus.IN_PROGRESS).exclude(pk__in=held)
    return images.values_list("pk", flat=True)


def _put_back(project: Project, image_ids: set[int]) -> None:
    # Two steps, as the rows are only now as they will stay: the ids alone are read before they were locked.
    adrift = [pk for pk in _adrift(project) if pk in image_ids]
    Image.objects.filter(pk__in=adrift).update(work_status=WorkStatus.NEW)


def release_expired_everywhere() -> int:
    """Do the same for every project, so that its pages tell the truth even while nobody asks for an image."""
    lapsed = Lease.objects.lapsed()
    return sum(release_expired(project) for project in Project.objects.filter(pk__in=lapsed.values("image__project")))


def release_all_of(user_id: int, project: Project) -> None:
    """Put back whatever a person holds in a project that the person has left."""
    with transaction.atomic():
        held = Lease.objects.filter(user=user_id, image__project=project, released_at=None)
        image_ids = set(held.values_list("image_id", flat=True)) | set(_adrift(project))  # a deleted person holds none
        _lock_in_order(image_ids)
        held.filter(image__in=image_ids).update(released_at=timezone.now())
        _put_back(project, image_ids)


def holder_of(image: Image) -> dict[str, Any] | None:
    """Return who holds an image, as {user_id, name, purpose, expires_at}."""
    rows = Lease.objects.living().filter(image=image)
    lease = rows.select_related("user").first()
    if lease is None:
        return None
    return {
        "user_id": lease.user_id,
        "name": lease.user.display_name,
        "purpose": lease.purpose,
        "expires_at": lease.expires_at,
    }


def _lock(image: Image) -> None:
    """Lock the image's row: whoever changes leases locks it first, so that nobody waits in a circle."""
    Image.objects.select_for_update(no_key=True).only("pk").filter(pk=image.pk).first()


def _lock_in_order(image_ids: set[int]) -> None:
    """Lock many images as `_lock` does one, by primary key."""
    list(Image.objects.select_for_update(no_key=True).filter(pk__in=image_ids).order_by("pk").values_list("pk"))


def _release_dead(image: Image) -> None:
    now = timezone.now()
    Lease.objects.lapsed().filter(image=image).update(released_at=now)


def _mark_taken(image: Image, lease: Lease) -> None:
    if lease.purpose == Purpose.ANNOTATE:
        waiting = Image.objects.filter(pk=image.pk, work_status__in=(WorkStatus.NEW, WorkStatus.IN_PROGRESS))
        waiting.update(work_status=WorkStatus.IN_PROGRESS, stage=lease.stage)
        WorkEvent.objects.create(project_id=image.project_id, image=image, user=lease.user, kind="taken")


def _next_expiry() -> Any:
    return timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)


def _held_by_other(image: Image) -> ConflictError:
    holder = holder_of(image)
    name = holder["name"] if holder else _("Somebody else")
    extra = {"user_id": holder["user_id"]} if holder else {}
    return ConflictError(_("%(name)s is working on this image.") % {"name": name}, code="held_by_other", extra=extra)
