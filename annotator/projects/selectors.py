"""Read projects for one person, with a constant number of queries whatever their number."""

from collections import defaultdict
from typing import Any

from django.apps import apps
from django.db.models import Count

from annotator.accounts.models import User
from annotator.projects.access import role_of, visible_projects
from annotator.projects.models import Membership, Project, Role


def list_projects(user: User, *, include_archived: bool = False) -> list[dict[str, Any]]:
    """Return the projects the user sees, as ProjectOut dictionaries."""
    projects = visible_projects(user).select_related("model_version").prefetch_related("labels")
    if not include_archived:
        projects = projects.filter(archived_at=None)
    rows = list(projects)
    ids = [project.pk for project in rows]
    roles = dict(Membership.objects.filter(user=user, project__in=ids).values_list("project_id", "role"))
    counts = count_by_project(ids)
    return [describe(row, role=_role_in(user, roles.get(row.pk)), counts=counts[row.pk]) for row in rows]


def get_project_detail(user: User, project: Project) -> dict[str, Any]:
    """Return one project as a ProjectOut dictionary; access has been checked."""
    return describe(project, role=role_of(user, project.pk), counts=count_by_project([project.pk])[project.pk])


def describe(project: Project, *, role: str | None, counts: dict[str, int]) -> dict[str, Any]:
    """Return the ProjectOut dictionary of a row."""
    return {
        "id": project.pk,
        "name": project.name,
        "description": project.description,
        "guidelines": project.guidelines,
        "stage": project.stage,
        "model_version": project.model_version.version if project.model_version else None,
        "settings": project.settings,
        "created_at": project.created_at,
        "archived_at": project.archived_at,
        "role": role,
        "labels": list(project.labels.all()),
        "counts": counts,
    }


def count_by_project(project_ids: list[int]) -> dict[int, dict[str, int]]:
    """Count images by work status, failed photos and members for each project."""
    counts: dict[int, dict[str, int]] = {pk: defaultdict(int) for pk in project_ids}
    # By name, because images build on projects and not the other way round.
    images = apps.get_model("images", "Image").objects.filter(project__in=project_ids).order_by()
    for row in images.values("project_id", "work_status", "status").annotate(n=Count("pk")):
        target = counts[row["project_id"]]
        target["images"] += row["n"]
        target[row["work_status"]] += row["n"]
        target["failed"] += row["n"] if row["status"] == "failed" else 0
    members = Membership.objects.filter(project__in=project_ids).order_by().values("project_id")
    for project_id, number in members.annotate(n=Count("pk")).values_list("project_id", "n"):
        counts[project_id]["members"] = number
    return counts


def list_members(project: Project) -> list[dict[str, Any]]:
    """Return the project's members as MemberOut dictionaries."""
    return [describe_member(row) for row in project.memberships.select_related("user")]


def describe_member(row: Membership) -> dict[str, Any]:
    """Return the MemberOut dictionary of a row."""
    return {
        "id": row.pk,
        "user_id": row.user_id,
        "username": row.user.username,
        "name": row.user.display_name,
        "role": row.role,
        "created_at": row.created_at,
    }


def _role_in(user: User, role: str | None) -> str | None:
    return Role.ADMIN if user.is_superuser else role
