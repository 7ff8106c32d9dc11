"""The caller's own account."""

import json
from typing import Any

from django.http import HttpRequest
from ninja import Body, Router, Schema

from annotator.accounts.authentication import user_of
from annotator.accounts.models import User
from annotator.errors import TooLargeError

router = Router(tags=["account"])
MAX_PREFERENCES_BYTES = 64 * 1024


class Me(Schema):
    """The signed-in person."""

    id: int
    username: str
    name: str
    email: str
    is_superuser: bool
    preferences: dict[str, Any]

    @staticmethod
    def resolve_name(user: User) -> str:
        """Return the name shown to others."""
        return user.display_name


@router.get("/me", response=Me)
def get_me(request: HttpRequest) -> User:
    """Return the signed-in person."""
    return user_of(request)


@router.patch("/me/preferences", response=dict[str, Any])
def patch_preferences(request: HttpRequest, changes: Body[dict[str, Any]]) -> dict[str, Any]:
    """Merge keys into the preferences; a key set to null is removed."""
    user = user_of(request)
    merged = {**user.preferences, **changes}
    user.preferences = {key: value for key, value in merged.items() if value is not None}
    if len(json.dumps(user.preferences)) > MAX_PREFERENCES_BYTES:
        raise TooLargeError("Preferences may hold 64 kB at most.")
    user.save(update_fields=["preferences"])
    return dict(user.preferences)
