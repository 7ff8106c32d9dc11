"""Endpoints of links into projects."""

from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field, StringConstraints
from typing_extensions import TypedDict

from annotator.accounts.authentication import user_of
from annotator.projects import links, schemas, selectors
from annotator.projects.access import Right, get_project
from annotator.projects.models import ProjectLink, Role

router = Router(tags=["projects"])


class ProjectLinkIn(Schema):
    """What whoever opens the link becomes, and how long it works."""

    role: Role = Role.ANNOTATOR
    days: int = Field(default=links.LINK_DAYS, ge=1, le=30)


class ProjectLinkOut(Schema):
    """A link that still works, without its address."""

    id: int
    role: Role
    created_by: str
    created_at: datetime
    expires_at: datetime

    @staticmethod
    def resolve_created_by(row: ProjectLink) -> str:
        """Return the name of whoever made it."""
        return row.created_by.display_name


class NewProjectLinkOut(TypedDict):
    """A link that is shown this once."""

    id: int
    link: str
    expires_at: datetime


class JoinIn(Schema):
    """What stands after `link=` in the address."""

    link: Annotated[str, StringConstraints(max_length=200)]


def address_of(request: HttpRequest, secret: str) -> str:
    """Return the whole address of a link. The secret stands in the query, which no log of ours holds."""
    return request.build_absolute_uri(f"/projects/join/?{urlencode({'link': secret})}")


@router.get("/projects/{int:project_id}/members/links", response=list[ProjectLinkOut])
def list_project_links(request: HttpRequest, project_id: int) -> list[ProjectLink]:
    """Return the links that still work, newest first."""
    return list(links.living_links(get_project(user_of(request), project_id, right=Right.MANAGE)))


@router.post("/projects/{int:project_id}/members/links", response={201: NewProjectLinkOut})
def create_project_link(request: HttpRequest, project_id: int, body: ProjectLinkIn) -> Status[NewProjectLinkOut]:
    """Make a link that makes whoever is signed in and opens it first a member. 409 `too_many_links`."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    row, secret = links.make_link(project, user_of(request), role=body.role, days=body.days)
    return Status(201, {"id": row.pk, "link": address_of(request, secret), "expires_at": row.expires_at})


@router.delete("/projects/{int:project_id}/members/links/{int:project_link_id}", response={204: None})
def delete_project_link(request: HttpRequest, project_id: int, project_link_id: int) -> Status[None]:
    """End a link at once."""
    links.end_link(get_project(user_of(request), project_id, right=Right.MANAGE), project_link_id)
    return Status(204, None)


@router.post("/me/projects", response={201: schemas.MemberOut})
def join_project(request: HttpRequest, body: JoinIn) -> Status[schemas.MemberOut]:
    """Become a member by a link. 404 `link_over`, 409 `already_member`."""
    member = links.join_project(links.find_link(body.link), user_of(request))
    return Status(201, selectors.describe_member(member))
