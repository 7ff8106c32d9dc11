"""Who is calling the API: a signed-in browser (session and CSRF token) or a script (bearer token)."""

import re
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import cast

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.views import redirect_to_login
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja.security import HttpBearer
from ninja.security.apikey import APIKeyCookie
from ninja.utils import check_csrf

from annotator.accounts.models import ApiToken, TokenScope, User
from annotator.errors import ForbiddenError

LAST_USED_STEP = timedelta(minutes=1)  # so that a busy script does not write a row at each call
_EXPORT_CALLS = re.compile(r"/projects/\d+/(exports|preflight)$")


class TokenAuth(HttpBearer):
    """`Authorization: Bearer TOKEN`; no cookie takes part, so no CSRF token is needed."""

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        """Return the token's owner, or None when it is unknown, revoked, expired or its owner inactive.

        Raise ForbiddenError when the token's scope does not reach as far as the call.
        """
        now = timezone.now()
        row = (
            ApiToken.objects.select_related("user")
            .filter(Q(expires_at=None) | Q(expires_at__gt=now), digest=ApiToken.digest_of(token))
            .filter(revoked_at=None, user__is_active=True)
            .first()
        )
        if row is None:
            return None
        if not _reaches(row.scope, request):
            raise ForbiddenError(
                _("The token may only read.")
                if row.scope == TokenScope.READ
                else _("The token may only read and export."),
                code="token_scope",
                extra={"scope": row.scope},
            )
        if row.last_used_at is None or now - row.last_used_at > LAST_USED_STEP:
            ApiToken.objects.filter(pk=row.pk).update(last_used_at=now)
        request.user = row.user
        request.api_token = row  # type: ignore[attr-defined]  # for the audit log (annotator/audit/acting.py)
        return row.user


def _reaches(scope: str, request: HttpRequest) -> bool:
    if scope == TokenScope.WRITE or request.method in ("GET", "HEAD", "OPTIONS"):
        return True
    return scope == TokenScope.EXPORT and request.method == "POST" and bool(_EXPORT_CALLS.search(request.path))


class SessionCookieAuth(APIKeyCookie):
    """The browser's session; a writing call needs the CSRF token too. Signed out is told apart from a CSRF failure."""

    param_name = "sessionid"

    def __init__(self) -> None:
        super().__init__(csrf=False)

    def authenticate(self, request: HttpRequest, key: str | None) -> User | None:
        """Return the signed-in user, or None.

        Raise ForbiddenError when the CSRF token is missing or wrong, or the page belongs to another person.
        """
        if SESSION_KEY not in request.session or not request.user.is_authenticated:
            return None
        if request.headers.get("X-Maskwright-User", str(request.user.pk)) != str(request.user.pk):
            # A page of somebody who has signed out since must not write in the name of whoever came after.
            raise ForbiddenError(_("Somebody else is signed in here by now. Reload the page."), code="other_account")
        if check_csrf(request) is not None:
            raise ForbiddenError(_("The CSRF token is missing or out of date. Reload the page."), code="csrf_failed")
        return request.user


def needs_sign_in(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Show a view of the API's description to people who are signed in and to scripts with a token only."""

    @wraps(view)
    def checked(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if request.user.is_authenticated or TokenAuth()(request):
            return view(request, *args, **kwargs)
        return redirect_to_login(request.get_full_path())

    return checked


API_AUTH: list[TokenAuth | SessionCookieAuth] = [TokenAuth(), SessionCookieAuth()]


def user_of(request: HttpRequest) -> User:
    """Return the authenticated caller of an API endpoint."""
    return cast("User", request.user)
