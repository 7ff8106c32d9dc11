"""Endpoints of server admins: everybody with an account, and invitations. Everybody else is answered 403.

What would let a token make itself another way in (links, server admins) is done in the browser only.
"""

from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field, StringConstraints

from annotator.accounts import account_links, people
from annotator.accounts.answers import AccountLinkOut, PeoplePage, PersonOut
from annotator.accounts.authentication import SessionCookieAuth, user_of
from annotator.accounts.models import AccountLink, User

router = Router(tags=["people"])
browser_router = Router(tags=["people"], auth=SessionCookieAuth())
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=150)]
Mail = Annotated[str, StringConstraints(strip_whitespace=True, max_length=254, pattern=r"^$|^[^@\s]+@[^@\s]+$")]


class PersonIn(Schema):
    """A new account without a password; a password link lets the person choose one."""

    username: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=150)]
    name: Text = ""
    email: Mail = ""


class PersonPatch(Schema):
    """Changes; what is left out stays. `is_active: false` ends everything of the person at once."""

    name: Text | None = None
    email: Mail | None = None
    is_active: bool | None = None


class ServerAdminIn(Schema):
    """Whether somebody is a server admin."""

    is_server_admin: bool


class InviteIn(Schema):
    """For whom an invitation is (shown to server admins only), and how long it works."""

    note: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = ""
    days: int = Field(default=account_links.INVITE_DAYS, ge=1, le=30)


class InviteOut(Schema):
    """An invitation that still works, without its link."""

    id: int
    note: str
    created_by: str
    created_at: datetime
    expires_at: datetime

    @staticmethod
    def resolve_created_by(row: AccountLink) -> str:
        """Return the name of whoever invited."""
        return row.created_by.display_name


def link_to(request: HttpRequest, secret: str) -> str:
    """Return the whole address of a link. The secret stands in the query, which no log of ours holds."""
    return request.build_absolute_uri(f"/join/?{urlencode({'link': secret})}")


def _answer_with_link(request: HttpRequest, made: tuple[AccountLink, str]) -> Status[AccountLinkOut]:
    row, secret = made
    return Status(201, {"id": row.pk, "link": link_to(request, secret), "expires_at": row.expires_at})


def _admin_of(request: HttpRequest) -> User:
    user = user_of(request)
    people.require_server_admin(user)
    return user


@router.get("/people", response=PeoplePage)
def list_people(
    request: HttpRequest,
    search: Annotated[str, Field(max_length=200)] = "",
    state: Literal["", "active", "deactivated", "admins"] = "",
    page: Annotated[int, Field(ge=1, le=10**6)] = 1,
    page_size: Annotated[int, Field(ge=1, le=200)] = 50,
) -> PeoplePage:
    """Return people by user name, with their roles in projects. A page beyond the last is empty."""
    _admin_of(request)
    rows = people.find_people(search, state=state)
    pages = Paginator(rows, page_size)
    items = pages.page(page).object_list if page <= pages.num_pages else []
    described = [people.describe_person(row) for row in items]
    return {"items": described, "page": page, "page_size": page_size, "total": pages.count}


@router.post("/people", response={201: PersonOut})
def create_person(request: HttpRequest, body: PersonIn) -> Status[PersonOut]:
    """Make an account. 409 `username_taken`, 422 `bad_username`."""
    _admin_of(request)
    return Status(
        201, people.describe_person(people.create_person(username=body.username, name=body.name, email=body.email))
    )


@router.get("/people/{int:person_id}", response=PersonOut)
def get_person(request: HttpRequest, person_id: int) -> PersonOut:
    """Return one person."""
    _admin_of(request)
    return people.describe_person(people.get_person(person_id))


@router.patch("/people/{int:person_id}", response=PersonOut)
def patch_person(request: HttpRequest, person_id: int, body: PersonPatch) -> PersonOut:
    """Change a person. 409 `own_account`, `last_server_admin`."""
    admin = _admin_of(request)
    person = people.get_person(person_id)
    if body.is_active is not None:
        people.set_active(person, body.is_active, by=admin)
    people.change_person(person, name=body.name, email=body.email)
    return people.describe_person(people.get_person(person_id))


@browser_router.put("/people/{int:person_id}/server-admin", response=PersonOut)
def put_server_admin(request: HttpRequest, person_id: int, body: ServerAdminIn) -> PersonOut:
    """Make a person a server admin or no longer one. 409 `own_account`, `last_server_admin`, `deactivated`."""
    admin = _admin_of(request)
    people.set_server_admin(people.get_person(person_id), body.is_server_admin, by=admin)
    return people.describe_person(people.get_person(person_id))


@browser_router.post("/people/{int:person_id}/password-link", response={201: AccountLinkOut})
def create_password_link(request: HttpRequest, person_id: int) -> Status[AccountLinkOut]:
    """Make a link, good once and for a day, by which the person chooses a password. 409 `deactivated`."""
    admin = _admin_of(request)
    return _answer_with_link(request, account_links.make_password_link(people.get_person(person_id), admin))


@browser_router.get("/people/invites", response=list[InviteOut])
def list_invites(request: HttpRequest) -> list[AccountLink]:
    """Return the invitations that still work, newest first."""
    _admin_of(request)
    return list(account_links.living_invites())


@browser_router.post("/people/invites", response={201: AccountLinkOut})
def create_invite(request: HttpRequest, body: InviteIn) -> Status[AccountLinkOut]:
    """Make a link, good once, by which somebody makes an account of their own. 409 `too_many_links`."""
    return _answer_with_link(request, account_links.make_invite(_admin_of(request), note=body.note, days=body.days))


@browser_router.delete("/people/invites/{int:invite_id}", response={204: None})
def delete_invite(request: HttpRequest, invite_id: int) -> Status[None]:
    """Withdraw an invitation at once."""
    _admin_of(request)
    account_links.end_invite(invite_id)
    return Status(204, None)
