"""The errors that services raise and the one envelope in which the API answers them.

{"code": machine-readable, "message": one sentence for people, "extra": whatever helps}.
"""

from http import HTTPStatus
from typing import Any


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


class UnavailableError(AppError):
    """Not at the moment; trying again later makes sense."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "unavailable"


def envelope(code: str, message: str, extra: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the body of every error answer."""
    return {"code": code, "message": message, "extra": extra or {}}
