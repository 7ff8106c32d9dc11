"""Which address takes how large a request, and from whom: the table behind annotator/http/body_limits.py.

Everything takes MAX_REQUEST_BYTES. Only a batch of masks and files may be larger, and only from somebody who may send
them: whoever may not is told so before the bytes arrive.
"""

import io
import re
from collections.abc import Awaitable, Callable
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from annotator.accounts.authentication import API_AUTH, user_of
from annotator.accounts.people import require_server_admin
from annotator.errors import SignedOutError
from annotator.http.body_limits import BodyRule, Scope
from annotator.projects.access import Right, require_right

_BATCH = re.compile(r"^/api/v1/images/\d+/operations$")
_WEIGHTS = re.compile(r"^/models/install/[^/]{1,50}/$")
_FILES = re.compile(r"^/api/v1/projects/(\d{1,18})/(?:images|imports)$")


def rule_of(scope: Scope) -> BodyRule:
    """Return the limits of a request."""
    small, seconds = settings.MAX_REQUEST_BYTES, settings.BODY_SECONDS
    if scope["method"] == "POST" and _BATCH.match(scope["path"]):
        most = max(small, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        return BodyRule(most, seconds, small_bytes=small, check_caller=_in_thread(_check_signed_in))
    if scope["method"] == "POST" and (found := _FILES.match(scope["path"])):
        project_id = int(found[1])
        return BodyRule(
            max(small, settings.MAX_UPLOAD_BYTES),
            settings.UPLOAD_SECONDS,
            small_bytes=small,
            check_caller=_in_thread(lambda request: _check_manages(request, project_id)),
        )
    if scope["method"] == "POST" and _WEIGHTS.match(scope["path"]):
        return BodyRule(
            max(small, settings.MAX_UPLOAD_BYTES),
            settings.UPLOAD_SECONDS,
            small_bytes=small,
            check_caller=_in_thread(_check_administers),
        )
    return BodyRule(small, seconds)


def _in_thread(check: Callable[[HttpRequest], None]) -> Callable[[Scope], Awaitable[None]]:
    async def checked(scope: Scope) -> None:
        await database_sync_to_async(check, thread_sensitive=False)(_bare_request(scope))

    return checked


def _bare_request(scope: Scope) -> HttpRequest:
    """Return the request without its body, with session and user as the middleware sets them."""
    kept = [(name, value) for name, value in scope["headers"] if name not in (b"content-type", b"content-length")]
    request = ASGIRequest({**scope, "headers": kept}, io.BytesIO())
    SessionMiddleware(_unused).process_request(request)
    AuthenticationMiddleware(_unused).process_request(request)
    return request


def _unused(request: Any) -> HttpResponse:
    """Stand for the view that middleware is made around; only `process_request` is called, which never asks it."""
    raise AssertionError("no view is called for a request without its body")


def _check_signed_in(request: HttpRequest) -> None:
    """Raise AppError unless the API would take a call of this caller; sets request.user."""
    if not any(authenticate(request) for authenticate in API_AUTH):
        raise SignedOutError(_("Sign in first."))


def _check_administers(request: HttpRequest) -> None:
    _check_signed_in(request)
    require_server_admin(user_of(request))


def _check_manages(request: HttpRequest, project_id: int) -> None:
    _check_signed_in(request)
    require_right(user_of(request), project_id, right=Right.MANAGE)
