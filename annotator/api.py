"""The API's root: routers of all rooms, authentication, and one envelope for every error."""

import logging
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from annotator.accounts.api import router as accounts_router
from annotator.accounts.authentication import API_AUTH
from annotator.accounts.tokens_api import router as tokens_router
from annotator.annotations.api import router as annotations_router
from annotator.engine.api import router as engine_router
from annotator.errors import AppError, envelope
from annotator.exchange.api import router as exchange_router
from annotator.images.decode_api import router as decode_router
from annotator.inference.api import router as inference_router
from annotator.intake.api import router as images_router
from annotator.projects.api import router as projects_router

logger = logging.getLogger("annotator.api")
BUSY_RETRY_SECONDS = 5

api = NinjaAPI(
    title="Maskwright",
    version="1.0",
    description="Projects, images, masks and exports. Errors come as {code, message, extra}.",
    auth=API_AUTH,
    urls_namespace="api",
)
for router in (
    accounts_router,
    tokens_router,
    projects_router,
    images_router,
    decode_router,
    inference_router,
    annotations_router,
    engine_router,
    exchange_router,
):
    api.add_router("", router)


def _answer(request: HttpRequest, status: int, body: dict[str, Any]) -> HttpResponse:
    return api.create_response(request, body, status=status)


@api.exception_handler(AppError)
def answer_app_error(request: HttpRequest, error: AppError) -> HttpResponse:
    """A refusal that a service raised."""
    return _answer(request, error.status, envelope(error.code, error.message, error.extra))


@api.exception_handler(AuthenticationError)
def answer_signed_out(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    """Nobody is signed in."""
    return _answer(request, 401, envelope("signed_out", "Sign in first."))


@api.exception_handler(ValidationError)
def answer_invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """The body or query does not fit the schema; `extra.errors` names each place."""
    errors = [{"place": list(e["loc"]), "message": e["msg"]} for e in error.errors]
    return _answer(request, 422, envelope("invalid", "The request does not fit its schema.", {"errors": errors}))


@api.exception_handler(HttpError)
def answer_http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    """An error of the API layer itself, such as a body that is not JSON."""
    return _answer(request, error.status_code, envelope("bad_request", str(error)))


@api.exception_handler(Http404)
def answer_missing(request: HttpRequest, error: Http404) -> HttpResponse:
    """No such thing."""
    return _answer(request, 404, envelope("not_found", "There is no such thing."))


@api.exception_handler(RequestDataTooBig)
def answer_too_large(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    """More bytes than DATA_UPLOAD_MAX_MEMORY_SIZE outside of files."""
    return _answer(request, 413, envelope("too_large", "The request is too large."))


@api.exception_handler(MultiPartParserError)
@api.exception_handler(SuspiciousOperation)
def answer_suspicious(request: HttpRequest, error: Exception) -> HttpResponse:
    """Too many files or fields, or a body that is not what its header says."""
    return _answer(request, 400, envelope("bad_request", str(error)))


@api.exception_handler(OperationalError)
def answer_busy(request: HttpRequest, error: OperationalError) -> HttpResponse:
    """The database could not be reached, or was held by others for longer than anybody waits."""
    logger.warning("the database did not answer", extra={"path": request.path, "reason": str(error)})
    answer = _answer(request, 503, envelope("busy", "The database is busy. Try again in a moment."))
    answer["Retry-After"] = str(BUSY_RETRY_SECONDS)
    return answer


@api.exception_handler(Exception)
def answer_crash(request: HttpRequest, error: Exception) -> HttpResponse:
    """Log what nobody foresaw; the answer tells nothing of the inside."""
    logger.exception("unhandled error in the API", extra={"path": request.path})
    return _answer(request, 500, envelope("server_error", "Something went wrong on the server."))
