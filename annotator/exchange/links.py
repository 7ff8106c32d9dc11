"""Links to a file of an export that anybody may download by: made, listed, ended; each hangs on its maker.

A link ends at its hour, by hand, with its file, and when its maker signs out of the right to make it: removed from the
project, deactivated, or with a new password.
"""

from datetime import timedelta
from typing import Any

from django.core import signing
from django.db import transaction
from django.db.models import QuerySet
from django.dispatch import receiver
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.accounts.access_ended import access_ended
from annotator.accounts.models import User
from annotator.audit.services import record_event
from annotator.audit.verbs import Verb
from annotator.errors import ConflictError, MissingError
from annotator.exchange.models import ExportFile, ExportLink
from annotator.projects.access import Right, has_right, role_of
from annotator.projects.models import Project

LINK_SALT = "annotator.exchange.link"
MAX_LINKS = 200


def make_link(file: ExportFile, user: User, *, hours: int) -> tuple[ExportLink, str]:
    """Make a link and return it with the token that stands in its address; raise ConflictError for too many."""
    if living_links(file.project).count() >= MAX_LINKS:
        raise ConflictError(_("The project has too many links; end some first."), code="too_many_links")
    with transaction.atomic():
        link = ExportLink.objects.create(file=file, created_by=user, expires_at=timezone.now() + timedelta(hours=hours))
        record_event(Verb.LINK_MADE, link, name=file.name, project=file.project, after={"hours": hours})
    return link, signing.dumps(link.pk, salt=LINK_SALT)


def living_links(project: Project) -> QuerySet[ExportLink]:
    """Return the links of a project that are neither over nor ended, newest first."""
    rows = ExportLink.objects.filter(file__project=project, ended_at=None, expires_at__gt=timezone.now())
    return rows.select_related("file", "created_by").order_by("-created_at", "-pk")


def end_link(link: ExportLink) -> None:
    """End a link at once."""
    _end(ExportLink.objects.filter(pk=link.pk), because="")


@transaction.atomic
def _end(links: QuerySet[ExportLink], *, because: str) -> None:
    told = {"because": because} if because else {}
    for link in links.filter(ended_at=None).select_related("file__project"):
        if ExportLink.objects.filter(pk=link.pk, ended_at=None).update(ended_at=timezone.now()):
            record_event(Verb.LINK_ENDED, link, name=link.file.name, project=link.file.project, after=told)


def link_of(token: str) -> ExportLink:
    """Return a link by what stands in its address; raise MissingError for one that was changed, or is over."""
    try:
        pk = signing.loads(token, salt=LINK_SALT)
    except signing.BadSignature:
        raise MissingError(_("The link is not complete.")) from None
    rows = ExportLink.objects.select_related("file__project", "created_by")
    link = rows.filter(pk=pk, ended_at=None).first()
    if link is None or link.expires_at <= timezone.now() or not _may_share(link):
        raise MissingError(_("The link has expired."), code="link_expired")
    return link


def _may_share(link: ExportLink) -> bool:
    return has_right(role_of(link.created_by, link.file.project_id), Right.MANAGE)


@receiver(access_ended)
def end_links_of(sender: Any, *, user_id: int, session_digest: str | None, **kwargs: Any) -> None:
    """End what a person has shared once the person's password changed or the account was closed."""
    if session_digest is None:
        _end(ExportLink.objects.filter(created_by=user_id), because="password or account changed")
