"""The caller's own account."""

import json

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Body, Router, Schema

from annotator.accounts.authentication import user_of
from annotator.accounts.models import User
from annotator.accounts.preferences import keep_choice
from annotator.errors import TooLargeError
from annotator.json_types import JsonObject

router = Router(tags=["account"])
MAX_PREFERENCES_BYTES = 64 * 1024


class Me(Schema):
    """The signed-in person."""

    id: int
    username: str
    name: str
    email: str
    is_superuser: bool
    preferences: JsonObject

    @staticmethod
    def resolve_name(user: User) -> str:
        """Return the name shown to others."""
        return user.display_name


@router.get("/me", response=Me)
def get_me(request: HttpRequest) -> User:
    """Return the signed-in person."""
    return user_of(request)


@router.patch("/me/preferences", response=JsonObject)
def patch_preferences(request: HttpRequest, response: HttpResponse, changes: Body[JsonObject]) -> JsonObject:
    """Merge keys into the preferences; a key set to null is removed. The browser remembers language and theme too."""
    user = user_of(request)
    merged = {**user.preferences, **changes}
    user.preferences = {key: value for key, value in merged.items() if value is not None}
    if len(json.dumps(user.preferences)) > MAX_PREFERENCES_BYTES:
        raise TooLargeError(_("Preferences may hold 64 kB at most."))
    user.save(update_fields=["preferences"])
    keep_choice(response, changes)
    return dict(user.preferences)
