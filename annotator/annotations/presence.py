"""Who has an image open at the moment: pages say so every half minute, and are believed for VISIT_SECONDS.

The truth is read over HTTP; the hint `image.presence` only makes pages ask sooner.
"""

from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from annotator.accounts.models import User
from annotator.annotations.answers import VisitorOut
from annotator.annotations.models import ImageVisit
from annotator.clock import is_old, is_recent
from annotator.images.models import Image
from annotator.live.hints import send_hint

VISIT_SECONDS = 75


def note_visit(image: Image, user: User) -> list[VisitorOut]:
    """Note that the person has the image open; return who else has, as {user_id, name}."""
    now = timezone.now()
    was_there = _living(image).filter(user=user).exists()
    ImageVisit.objects.update_or_create(image=image, user=user, defaults={"seen_at": now})
    if not was_there:
        ImageVisit.objects.filter(is_old("seen_at", timedelta(days=1))).delete()
        _tell(image, user)
    others = _living(image).exclude(user=user).select_related("user").order_by("user__username")
    return [{"user_id": visit.user_id, "name": visit.user.display_name} for visit in others]


def end_visit(image: Image, user: User) -> None:
    """Note that the person has closed the image; a page that is still open says otherwise within half a minute."""
    if ImageVisit.objects.filter(image=image, user=user).delete()[0]:
        _tell(image, user)


def _living(image: Image) -> QuerySet[ImageVisit]:
    return ImageVisit.objects.filter(is_recent("seen_at", timedelta(seconds=VISIT_SECONDS)), image=image)


def _tell(image: Image, user: User) -> None:
    send_hint(image.project_id, "image.presence", image_id=image.pk, user_id=user.pk)
