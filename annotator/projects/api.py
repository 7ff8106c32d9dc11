"""Endpoints of projects, labels and members."""

from typing import Any

from django.http import HttpRequest
from ninja import Router, Status

from annotator.accounts.authentication import user_of
from annotator.errors import MissingError
from annotator.projects import schemas, selectors, services
from annotator.projects.access import Right, get_project, require_right
from annotator.projects.models import Label, Membership

router = Router(tags=["projects"])


@router.get("/projects", response=list[schemas.ProjectOut])
def list_projects(request: HttpRequest, include_archived: bool = False) -> list[dict[str, Any]]:
    """Return the caller's projects."""
    return selectors.list_projects(user_of(request), include_archived=include_archived)


@router.post("/projects", response={201: schemas.ProjectOut})
def create_project(request: HttpRequest, body: schemas.ProjectIn) -> Status[Any]:
    """Create a project; the caller becomes its admin."""
    fields = body.dict(exclude={"labels"})
    project = services.create_project(user_of(request), fields=fields, labels=[label.dict() for label in body.labels])
    return Status(201, selectors.get_project_detail(user_of(request), project))


@router.get("/projects/{int:project_id}", response=schemas.ProjectOut)
def get_one_project(request: HttpRequest, project_id: int) -> dict[str, Any]:
    """Return one project."""
    return selectors.get_project_detail(user_of(request), get_project(user_of(request), project_id))


@router.patch("/projects/{int:project_id}", response=schemas.ProjectOut)
def patch_project(request: HttpRequest, project_id: int, body: schemas.ProjectPatch) -> dict[str, Any]:
    """Change a project."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    project = services.update_project(project, changes=body.dict(exclude_unset=True))
    return selectors.get_project_detail(user_of(request), project)


@router.delete("/projects/{int:project_id}", response={204: None})
def delete_project(request: HttpRequest, project_id: int) -> Status[Any]:
    """Archive a project: it leaves the lists, and `is_archived: false` brings it back."""
    services.archive_project(get_project(user_of(request), project_id, right=Right.MANAGE))
    return Status(204, None)


@router.get("/projects/{int:project_id}/labels", response=list[schemas.LabelOut])
def list_labels(request: HttpRequest, project_id: int) -> list[Label]:
    """Return the project's labels in their order."""
    return list(get_project(user_of(request), project_id).labels.all())


@router.post("/projects/{int:project_id}/labels", response={201: schemas.LabelOut})
def create_label(request: HttpRequest, project_id: int, body: schemas.LabelIn) -> Status[Any]:
    """Add a label."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    return Status(201, services.create_label(project, fields=body.dict()))


@router.patch("/labels/{int:label_id}", response=schemas.LabelOut)
def patch_label(request: HttpRequest, label_id: int, body: schemas.LabelPatch) -> Label:
    """Change a label."""
    return services.update_label(_managed_label(request, label_id), changes=body.dict(exclude_unset=True))


@router.delete("/labels/{int:label_id}", response={204: None})
def delete_label(request: HttpRequest, label_id: int) -> Status[Any]:
    """Delete a label; its masks stay without one."""
    services.delete_label(_managed_label(request, label_id))
    return Status(204, None)


@router.get("/projects/{int:project_id}/members", response=list[schemas.MemberOut])
def list_members(request: HttpRequest, project_id: int) -> list[dict[str, Any]]:
    """Return the project's members."""
    return selectors.list_members(get_project(user_of(request), project_id))


@router.post("/projects/{int:project_id}/members", response={201: schemas.MemberOut})
def add_member(request: HttpRequest, project_id: int, body: schemas.MemberIn) -> Status[Any]:
    """Make an existing user a member."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    return Status(201, selectors.describe_member(services.add_member(project, username=body.username, role=body.role)))


@router.patch("/members/{int:member_id}", response=schemas.MemberOut)
def patch_member(request: HttpRequest, member_id: int, body: schemas.MemberPatch) -> dict[str, Any]:
    """Change a member's role."""
    return selectors.describe_member(services.change_role(_managed_member(request, member_id), role=body.role))


@router.delete("/members/{int:member_id}", response={204: None})
def remove_member(request: HttpRequest, member_id: int) -> Status[Any]:
    """Remove a member, whose leases end at once."""
    services.remove_member(_managed_member(request, member_id))
    return Status(204, None)


def _managed_label(request: HttpRequest, label_id: int) -> Label:
    label = Label.objects.filter(pk=label_id).first()
    if label is None:
        raise MissingError("There is no such label.")
    require_right(user_of(request), label.project_id, right=Right.MANAGE)
    return label


def _managed_member(request: HttpRequest, member_id: int) -> Membership:
    member = Membership.objects.select_related("user").filter(pk=member_id).first()
    if member is None:
        raise MissingError("There is no such member.")
    require_right(user_of(request), member.project_id, right=Right.MANAGE)
    return member
