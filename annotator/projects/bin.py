"""The bin: a deleted project is out of everybody's reach for BIN_DAYS, then it goes for good (background/purge.py).

Whoever may restore it: the project's admins and server admins. access.py hides it from everything else.
"""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.accounts.models import User
from annotator.audit.services import record_event
from annotator.audit.verbs import Verb
from annotator.errors import ConflictError, MissingError
from annotator.live.hints import send_hint
from annotator.projects.models import Project, Role
from annotator.projects.signals import project_binned, project_restored


@transaction.atomic
def bin_project(project: Project, user: User, *, told: dict[str, int] | None = None) -> None:
    """Put a project into the bin: its jobs, leases and sockets end. `told` is what it holds, for the audit log."""
    now = timezone.now()
    rows = Project.objects.filter(pk=project.pk, deleted_at=None)
    if not rows.update(deleted_at=now, purge_at=now + timedelta(days=settings.BIN_DAYS), deleted_by=user):
        return
    # Archived as well, so that no background work is done for it; the same moment tells that it was not before.
    Project.objects.filter(pk=project.pk, archived_at=None).update(archived_at=now)
    record_event(Verb.PROJECT_DELETED, project, project=project, by=user, before=told)
    project_binned.send(sender=Project, project=project)
    for user_id in project.memberships.values_list("user_id", flat=True):
        send_hint(project.pk, "member.removed", user_id=user_id)


def binned_projects(user: User) -> QuerySet[Project]:
    """Return what the person may take out of the bin, the latest first."""
    rows = Project.objects.exclude(deleted_at=None).select_related("deleted_by").order_by("-deleted_at")
    return rows if user.is_superuser else rows.filter(memberships__user=user, memberships__role=Role.ADMIN)


def get_binned(user: User, project_id: int) -> Project:
    """Return a project of the bin; raise MissingError where the person may not know of it."""
    project = binned_projects(user).filter(pk=project_id).first() if user.is_active else None
    if project is None:
        raise MissingError(_("There is no such project in the bin."))
    return project


@transaction.atomic
def restore_project(project: Project, user: User) -> None:
    """Take a project out of the bin, as it was; raise ConflictError once deleting it for good has begun."""
    rows = Project.objects.filter(pk=project.pk, purge_at__gt=timezone.now())
    archived_at = None if project.archived_at == project.deleted_at else project.archived_at
    if not rows.update(deleted_at=None, purge_at=None, deleted_by=None, archived_at=archived_at):
        raise ConflictError(_("The project is being deleted for good already."), code="purging")
    record_event(Verb.PROJECT_RESTORED, project, project=project, by=user)
    project_restored.send(sender=Project, project=project)


@transaction.atomic
def purge_project_now(project: Project, user: User) -> None:
    """Let a project of the bin be deleted for good from now on; there is no way back."""
    now = timezone.now()
    if Project.objects.filter(pk=project.pk, purge_at__gt=now).update(purge_at=now):
        record_event(Verb.PROJECT_PURGED, project, project=project, by=user, after={"begins": now})
