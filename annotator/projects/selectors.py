"""Read projects for one person, with a constant number of queries whatever their number."""

from collections import defaultdict

from django.db.models import Count, Q, Sum

from annotator.accounts.models import User
from annotator.projects.access import Right, require_right, visible_projects
from annotator.projects.models import Membership, Project, Role
from annotator.projects.schemas import LabelOut, MemberOut, ProjectCounts, ProjectOut


def list_projects(user: User, *, include_archived: bool = False) -> list[ProjectOut]:
    """Return the projects the user sees, as ProjectOut dictionaries."""
    projects = visible_projects(user).select_related("model_version").prefetch_related("labels")
    if not include_archived:
        projects = projects.filter(archived_at=None)
    rows = list(projects)
    ids = [project.pk for project in rows]
    memberships = Membership.objects.filter(user=user, project__in=ids).values_list("project_id", "role")
    roles = {**dict(memberships), **(dict.fromkeys(ids, Role.ADMIN.value) if user.is_superuser else {})}
    counts = count_by_project(ids)
    # Whoever was let go between the two queries sees it no more.
    return [describe(row, role=roles[row.pk], counts=counts[row.pk]) for row in rows if row.pk in roles]


def get_project_detail(user: User, project: Project) -> ProjectOut:
    """Return one project as a ProjectOut dictionary."""
    role = require_right(user, project.pk, right=Right.VIEW)
    return describe(project, role=role, counts=count_by_project([project.pk])[project.pk])


def describe(project: Project, *, role: str, counts: dict[str, int]) -> ProjectOut:
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
        "labels": [LabelOut.from_orm(label) for label in project.labels.all()],
        "counts": ProjectCounts(**counts),
    }


def count_by_project(project_ids: list[int]) -> dict[int, dict[str, int]]:
    """Count images by work status, failed photos and members for each project."""
    counts: dict[int, dict[str, int]] = {pk: defaultdict(int) for pk in project_ids}
    images = Project.objects.filter(pk__in=project_ids, images__isnull=False).order_by()
    rows = images.values_list("pk", "images__work_status", "images__status").annotate(n=Count("images"))
    for project_id, work_status, status, number in rows:
        target = counts[project_id]
        target["images"] += number
        target[work_status] += number
        target["failed"] += number if status == "failed" else 0
    members = Membership.objects.filter(project__in=project_ids).order_by().values("project_id")
    for project_id, number in members.annotate(n=Count("pk")).values_list("project_id", "n"):
        counts[project_id]["members"] = number
    return counts


def count_contents(project: Project) -> dict[str, int]:
    """Return what a project holds, for whoever is about to delete it: {images, bytes, masks, labels, members}."""
    masks = Count("annotations", filter=Q(annotations__deleted_at=None))
    return {
        "images": project.images.count(),
        "bytes": project.images.aggregate(n=Sum("byte_size"))["n"] or 0,  # of its photos
        "masks": project.images.aggregate(n=masks)["n"],
        "labels": project.labels.count(),
        "members": project.memberships.count(),
    }


def list_members(project: Project) -> list[MemberOut]:
    """Return the project's members as MemberOut dictionaries."""
    return [describe_member(row) for row in project.memberships.select_related("user")]


def describe_member(row: Membership) -> MemberOut:
    """Return the MemberOut dictionary of a row."""
    return {
        "id": row.pk,
        "user_id": row.user_id,
        "username": row.user.username,
        "name": row.user.display_name,
        "role": row.role,
        "created_at": row.created_at,
    }
