"""Who is calling the API: a signed-in browser (session and CSRF token) or a script (bearer token)."""

from typing import Any, cast

from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer
from ninja.security.apikey import APIKeyCookie
from ninja.utils import check_csrf

from annotator.accounts.models import ApiToken, User
from annotator.errors import ForbiddenError


class TokenAuth(HttpBearer):
    """`Authorization: Bearer TOKEN`; no cookie takes part, so no CSRF token is needed."""

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        """Return the token's owner, or None when the token is unknown, revoked or its owner inactive."""
        row = (
            ApiToken.objects.select_related("user")
            .filter(digest=ApiToken.digest_of(token), revoked_at=None, user__is_active=True)
            .first()
        )
        if row is None:
            return None
        ApiToken.objects.filter(pk=row.pk).update(last_used_at=timezone.now())
        request.user = row.user
        return row.user


class SessionCookieAuth(APIKeyCookie):
    """The browser's session; a writing call needs the CSRF token too. Signed out is told apart from a CSRF failure."""

    param_name = "sessionid"

    def __init__(self) -> None:
        super().__init__(csrf=False)

    def authenticate(self, request: HttpRequest, key: str | None) -> User | None:
        """Return the signed-in user, or None; raise ForbiddenError when the CSRF token is missing or wrong."""
        if SESSION_KEY not in request.session or not request.user.is_authenticated:
            return None
        if check_csrf(request) is not None:
            raise ForbiddenError("The CSRF token is missing or out of date. Reload the page.", code="csrf_failed")
        return cast("User", request.user)


API_AUTH: list[Any] = [TokenAuth(), SessionCookieAuth()]


def user_of(request: HttpRequest) -> User:
    """Return the authenticated caller of an API endpoint."""
    return cast("User", request.user)
