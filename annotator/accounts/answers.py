"""What this room tells of its rows: dictionaries that the API answers as they are."""

from datetime import datetime

from typing_extensions import TypedDict


class PersonProject(TypedDict):
    """A project that somebody is a member of."""

    id: int
    name: str
    role: str


class PersonOut(TypedDict):
    """Somebody with an account."""

    id: int
    username: str
    name: str
    email: str
    is_active: bool
    is_server_admin: bool
    has_password: bool
    last_sign_in: datetime | None
    created_at: datetime
    projects: list[PersonProject]


class PeoplePage(TypedDict):
    """One page of people."""

    items: list[PersonOut]
    page: int
    page_size: int
    total: int


class AccountLinkOut(TypedDict):
    """A link into an account that is shown this once."""

    id: int
    link: str
    expires_at: datetime
