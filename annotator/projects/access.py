"""Who may do what: the one place for access rules. Every other room asks here.

Outsiders learn nothing (MissingError); members without the right are told so (ForbiddenError).
"""

from enum import StrEnum

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from annotator.accounts.models import User
from annotator.errors import ForbiddenError, MissingError
from annotator.projects.models import Membership, Project, Role


class Right(StrEnum):
    """What can be asked for."""

    VIEW = "view"
    ANNOTATE = "annotate"
    REVIEW = "review"
    MANAGE = "manage"


RIGHTS: dict[str, frozenset[Right]] = {
    Role.ADMIN: frozenset(Right),
    Role.REVIEWER: frozenset({Right.VIEW, Right.ANNOTATE, Right.REVIEW}),
    Role.ANNOTATOR: frozenset({Right.VIEW, Right.ANNOTATE}),
}


def visible_projects(user: User) -> QuerySet[Project]:
    """Return the projects the user is a member of; superusers see all. What is in the bin (bin.py) nobody sees."""
    rows = Project.objects.filter(deleted_at=None)
    return rows if user.is_superuser else rows.filter(memberships__user=user)


def role_of(user: User, project_id: int) -> str | None:
    """Return the user's role in the project, or None for an outsider or a project that does not exist."""
    if not user.is_active:
        return None
    if user.is_superuser:
        return Role.ADMIN if Project.objects.filter(pk=project_id, deleted_at=None).exists() else None
    return (
        Membership.objects.filter(project_id=project_id, project__deleted_at=None, user=user)
        .values_list("role", flat=True)
        .first()
    )


def has_right(role: str | None, right: Right) -> bool:
    """Say whether a role includes a right."""
    return role is not None and right in RIGHTS[role]


def require_right(user: User, project_id: int, *, right: Right) -> str:
    """Return the user's role, or raise MissingError (outsider) or ForbiddenError (member without the right)."""
    role = role_of(user, project_id)
    if role is None:
        raise MissingError(_("There is no such project."))
    if not has_right(role, right):
        raise ForbiddenError(_("Your role in this project does not allow that."), extra={"right": right})
    return role


def get_project(user: User, project_id: int, *, right: Right = Right.VIEW) -> Project:
    """Return the project when the user has the right on it."""
    require_right(user, project_id, right=right)
    return Project.objects.select_related("model_version").get(pk=project_id)
