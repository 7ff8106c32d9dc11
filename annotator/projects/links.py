"""Links into a project, each good for one person who is signed in: made, listed, ended by the project's admins.

With them an admin invites people without being told who has an account. A link ends at its hour, with its use, by
hand, and with its maker's right.
"""

import secrets
from datetime import timedelta

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
from annotator.projects.access import Right, has_right, role_of
from annotator.projects.models import Membership, Project, ProjectLink
from annotator.projects.services import make_member

MAX_LINKS = 200
LINK_DAYS = 7


def make_link(project: Project, by: User, *, role: str, days: int = LINK_DAYS) -> tuple[ProjectLink, str]:
    """Return a new link and its secret; raise ConflictError for too many."""
    if living_links(project).count() >= MAX_LINKS:
        raise ConflictError(_("The project has too many links; end some first."), code="too_many_links")
    secret = secrets.token_urlsafe(32)
    ends = timezone.now() + timedelta(days=days)
    with transaction.atomic():
        link = ProjectLink.objects.create(
            project=project, role=role, digest=ProjectLink.digest_of(secret), created_by=by, expires_at=ends
        )
        record_event(Verb.LINK_MADE, link, project=project, after={"role": str(role), "days": days})
    return link, secret


def living_links(project: Project) -> QuerySet[ProjectLink]:
    """Return the links into a project that are neither over, used nor ended, newest first."""
    return _living().filter(project=project)


def _living() -> QuerySet[ProjectLink]:
    rows = ProjectLink.objects.filter(used_at=None, ended_at=None, expires_at__gt=timezone.now())
    return rows.select_related("project", "created_by")


@transaction.atomic
def end_link(project: Project, link_id: int) -> None:
    """End a link at once; raise MissingError when there is none that works."""
    link = living_links(project).filter(pk=link_id).first()
    if link is None:
        raise MissingError(_("There is no such link."))
    ProjectLink.objects.filter(pk=link.pk, ended_at=None).update(ended_at=timezone.now())
    record_event(Verb.LINK_ENDED, link, project=project)


def find_link(secret: str) -> ProjectLink:
    """Return the link of a secret; raise MissingError for one that is over, used, or never was."""
    link = _living().filter(digest=ProjectLink.digest_of(secret)).first()
    if link is None or not has_right(role_of(link.created_by, link.project_id), Right.MANAGE):
        raise _over()
    return link


@transaction.atomic
def join_project(link: ProjectLink, user: User) -> Membership:
    """Make the person a member; raise ConflictError for a member, MissingError when somebody else was faster."""
    if not ProjectLink.objects.filter(pk=link.pk, used_at=None, ended_at=None).update(used_at=timezone.now()):
        raise _over()
    return make_member(link.project, user, role=link.role)


def _over() -> MissingError:
    return MissingError(_("The link does not work any more. Ask for another one."), code="link_over")


@receiver(access_ended)
def end_links_of(sender: object, *, user_id: int, session_digest: str | None, **kwargs: object) -> None:
    """End what a person has made once the person's password changed or the account was closed."""
    if session_digest is None:
        theirs = ProjectLink.objects.filter(created_by=user_id, used_at=None, ended_at=None)
        theirs.update(ended_at=timezone.now())
