"""The errors that services raise and the one envelope in which the API answers them.

{"code": machine-readable, "message": one sentence for people, "extra": whatever helps}.
"""

from http import HTTPStatus
from typing import Any

from typing_extensions import TypedDict


class AppError(Exception):
    """A refusal that the caller can understand; `code` is stable, `message` is for people."""

    status = HTTPStatus.BAD_REQUEST
    code = "bad_request"

    def __init__(self, message: str, *, code: str | None = None, extra: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.extra = extra or {}


class InvalidError(AppError):
    """What was sent cannot be used."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invalid"


class SignedOutError(AppError):
    """Nobody is signed in."""

    status = HTTPStatus.UNAUTHORIZED
    code = "signed_out"


class ForbiddenError(AppError):
    """The person may see this but not do that."""

    status = HTTPStatus.FORBIDDEN
    code = "forbidden"


class MissingError(AppError):
    """It does not exist, or the person may not know that it does."""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class ConflictError(AppError):
    """It changed meanwhile; `extra` carries the current state."""

    status = HTTPStatus.CONFLICT
    code = "conflict"


class TooLargeError(AppError):
    """More than the limits allow."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "too_large"


class SlowBodyError(AppError):
    """The request stopped arriving, or took longer than anybody waits."""

    status = HTTPStatus.REQUEST_TIMEOUT
    code = "too_slow"


class TooManyError(AppError):
    """More often than the limits allow."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too_many"


class UnavailableError(AppError):
    """Not at the moment; trying again later makes sense."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "unavailable"


class ElsewhereError(UnavailableError):
    """What it takes is not on this machine; a worker that takes the tasks of `queue_name` may have it."""

    def __init__(self, message: str, *, queue_name: str) -> None:
        super().__init__(message)
        self.queue_name = queue_name


class Envelope(TypedDict):
    """The body of every error answer."""

    code: str
    message: str
    extra: dict[str, Any]


def envelope(code: str, message: str, extra: dict[str, Any] | None = None) -> Envelope:
    """Return the body of every error answer."""
    return {"code": code, "message": message, "extra": extra or {}}
