"""Endpoints of projects, labels and members."""

from dataclasses import replace

from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router, Status

from annotator.accounts.authentication import user_of
from annotator.errors import MissingError
from annotator.images.brightness import wish_brightness
from annotator.projects import schemas, selectors, services
from annotator.projects.access import Right, get_project, require_right, role_of
from annotator.projects.models import Label, Membership

router = Router(tags=["projects"])


@router.get("/projects", response=list[schemas.ProjectOut])
def list_projects(request: HttpRequest, include_archived: bool = False) -> list[schemas.ProjectOut]:
    """Return the caller's projects."""
    return selectors.list_projects(user_of(request), include_archived=include_archived)


@router.post("/projects", response={201: schemas.ProjectOut})
def create_project(request: HttpRequest, body: schemas.ProjectIn) -> Status[schemas.ProjectOut]:
    """Create a project; the caller becomes its admin."""
    project = services.create_project(user_of(request), body.command())
    return Status(201, selectors.get_project_detail(user_of(request), project))


@router.get("/projects/{int:project_id}", response=schemas.ProjectOut)
def get_one_project(request: HttpRequest, project_id: int) -> schemas.ProjectOut:
    """Return one project."""
    return selectors.get_project_detail(user_of(request), get_project(user_of(request), project_id))


@router.patch("/projects/{int:project_id}", response=schemas.ProjectOut)
def patch_project(request: HttpRequest, project_id: int, body: schemas.ProjectPatch) -> schemas.ProjectOut:
    """Change a project."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    settings = dict(body.settings or {})
    with transaction.atomic():
        if "brightness" in settings:  # more than a setting: photos are shown anew
            project = wish_brightness(project, settings.pop("brightness"))
        project = services.update_project(project, replace(body.command(), settings=settings))
    return selectors.get_project_detail(user_of(request), project)


@router.delete("/projects/{int:project_id}", response={204: None})
def delete_project(request: HttpRequest, project_id: int) -> Status[None]:
    """Archive a project: it leaves the lists, and `is_archived: false` brings it back."""
    services.archive_project(get_project(user_of(request), project_id, right=Right.MANAGE))
    return Status(204, None)


@router.get("/projects/{int:project_id}/labels", response=list[schemas.LabelOut])
def list_labels(request: HttpRequest, project_id: int) -> list[Label]:
    """Return the project's labels in their order."""
    return list(get_project(user_of(request), project_id).labels.all())


@router.post("/projects/{int:project_id}/labels", response={201: schemas.LabelOut})
def create_label(request: HttpRequest, project_id: int, body: schemas.LabelIn) -> Status[Label]:
    """Add a label."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    return Status(201, services.create_label(project, body.command()))


@router.get("/projects/{int:project_id}/members", response=list[schemas.MemberOut])
def list_members(request: HttpRequest, project_id: int) -> list[schemas.MemberOut]:
    """Return the project's members."""
    return selectors.list_members(get_project(user_of(request), project_id))


@router.post("/projects/{int:project_id}/members", response={201: schemas.MemberOut})
def add_member(request: HttpRequest, project_id: int, body: schemas.MemberIn) -> Status[schemas.MemberOut]:
    """Make somebody with whom the caller shares a project a member; server admins add anybody."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    member = services.add_member(project, username=body.username, role=body.role, by=user_of(request))
    return Status(201, selectors.describe_member(member))


@router.patch("/members/{int:member_id}", response=schemas.MemberOut)
def patch_member(request: HttpRequest, member_id: int, body: schemas.MemberPatch) -> schemas.MemberOut:
    """Change a member's role."""
    return selectors.describe_member(services.change_role(_managed_member(request, member_id), role=body.role))


@router.delete("/members/{int:member_id}", response={204: None})
def remove_member(request: HttpRequest, member_id: int) -> Status[None]:
    """Remove a member. At once they see nothing of the project.

    Their open pages of it close, images that they hold return to the queue, and links that they shared stop working.
    Masks and comments that they made stay. The last admin cannot be removed (409 `last_admin`).
    """
    services.remove_member(_managed_member(request, member_id))
    return Status(204, None)


def managed_label(request: HttpRequest, label_id: int) -> Label:
    """Return a label of a project that the caller manages."""
    label = Label.objects.filter(pk=label_id).first()
    if label is None or role_of(user_of(request), label.project_id) is None:
        raise MissingError(_("There is no such label."))  # in the same words, so that outsiders learn no numbers
    require_right(user_of(request), label.project_id, right=Right.MANAGE)
    return label


def _managed_member(request: HttpRequest, member_id: int) -> Membership:
    member = Membership.objects.select_related("user").filter(pk=member_id).first()
    if member is None or role_of(user_of(request), member.project_id) is None:
        raise MissingError(_("There is no such member."))
    require_right(user_of(request), member.project_id, right=Right.MANAGE)
    return member
