"""Who acts at the moment: the request that is being answered, remembered for record_event. Knows no rows."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

from axes.helpers import get_client_ip_address
from django.http import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

_request: ContextVar[HttpRequest | None] = ContextVar("audit_request", default=None)


class Acting(NamedTuple):
    """Who acts (a user row or None), with which token, and from where."""

    user: "AbstractBaseUser | None"
    token_name: str
    address: str


class ActingMiddleware:
    """Remember the request while it is answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        remembered = _request.set(request)
        try:
            return self.get_response(request)
        finally:
            _request.reset(remembered)


def who_acts() -> Acting:
    """Return who acts; nobody outside of a request, where a command or a task names the person itself."""
    request = _request.get()
    if request is None:
        return Acting(None, "", "")
    user = getattr(request, "user", None)
    token = getattr(request, "api_token", None)
    is_known = user is not None and user.is_authenticated
    return Acting(user if is_known else None, token.name if token else "", get_client_ip_address(request) or "")
