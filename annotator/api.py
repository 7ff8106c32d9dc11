"""The API's root: routers of all rooms, authentication, and one envelope for every error."""

import logging
from pathlib import Path

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.utils.translation import gettext as _
from ninja import NinjaAPI, Swagger
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.operation import Operation

from annotator.accounts.api import router as accounts_router
from annotator.accounts.authentication import API_AUTH, needs_sign_in
from annotator.accounts.people_api import browser_router as people_browser_router
from annotator.accounts.people_api import router as people_router
from annotator.accounts.tokens_api import router as tokens_router
from annotator.annotations.api import router as annotations_router
from annotator.annotations.label_api import router as label_router
from annotator.audit.api import router as audit_router
from annotator.automatic.api import router as automatic_router
from annotator.automatic.model_api import router as model_versions_router
from annotator.errors import AppError, Envelope, envelope
from annotator.exchange.api import router as exchange_router
from annotator.faults import BUSY_RETRY_SECONDS, BusyError, explain_fault
from annotator.http.page_faults_api import router as page_faults_router
from annotator.http.request_texts import StorableJsonParser
from annotator.images.decode_api import router as decode_router
from annotator.images.embedding_api import router as embedding_router
from annotator.inference.api import router as inference_router
from annotator.intake.api import router as images_router
from annotator.jobs.api import router as jobs_router
from annotator.projects.api import router as projects_router
from annotator.projects.bin_api import router as bin_router
from annotator.projects.links_api import router as project_links_router
from annotator.queue.api import router as queue_router
from annotator.queue.settings_api import router as settings_router
from annotator.statistics.api import router as statistics_router
from annotator.statistics.version_api import router as versions_router
from annotator.training.api import router as training_router
from annotator.training.improvements_api import router as improvements_router

logger = logging.getLogger("annotator.api")


class Api(NinjaAPI):
    """The API; an operation's id in its description is the endpoint's name, wherever its code lies."""

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Return the name of the function that answers; no two endpoints have the same."""
        return operation.view_func.__name__


class Documentation(Swagger):
    """The page that documents the API, with ninja's own files from this server rather than from another site."""

    template_cdn = str(Path(Swagger.template_cdn).with_name("swagger.html"))  # what is taken where ninja is no app


api = Api(
    title="Maskwright",
    version="1.0",
    description="Projects, images, masks and exports. Errors come as {code, message, extra}.",
    auth=API_AUTH,
    parser=StorableJsonParser(),
    docs=Documentation(),
    docs_decorator=needs_sign_in,
    urls_namespace="api",
)
# In the section "queue" of the description as well as in one of their own.
for router in (
    settings_router,
    jobs_router,
    automatic_router,
    statistics_router,
    model_versions_router,
    versions_router,
    improvements_router,
    label_router,
    bin_router,
):
    queue_router.add_router("", router)
for router in (
    accounts_router,
    tokens_router,
    people_router,
    people_browser_router,
    projects_router,
    project_links_router,
    images_router,
    decode_router,
    embedding_router,
    inference_router,
    annotations_router,
    queue_router,
    exchange_router,
    training_router,
    page_faults_router,
    audit_router,
):
    api.add_router("", router)


def _answer(request: HttpRequest, status: int, body: Envelope) -> HttpResponse:
    return api.create_response(request, body, status=status)


@api.exception_handler(AppError)
def answer_app_error(request: HttpRequest, error: AppError) -> HttpResponse:
    """A refusal that a service raised."""
    return _answer(request, error.status, envelope(error.code, error.message, error.extra))


@api.exception_handler(AuthenticationError)
def answer_signed_out(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    """Nobody is signed in."""
    return _answer(request, 401, envelope("signed_out", _("Sign in first.")))


@api.exception_handler(ValidationError)
def answer_invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """The body or query does not fit the schema; `extra.errors` names each place."""
    errors = [{"place": list(e["loc"]), "message": e["msg"]} for e in error.errors]
    return _answer(request, 422, envelope("invalid", _("The request does not fit its schema."), {"errors": errors}))


@api.exception_handler(HttpError)
def answer_http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    """An error of the API layer itself, such as a body that is not JSON; ninja wraps whatever the parser raised."""
    if isinstance(error.__cause__, AppError):
        return answer_app_error(request, error.__cause__)
    return _answer(request, error.status_code, envelope("bad_request", str(error)))


@api.exception_handler(Http404)
def answer_missing(request: HttpRequest, error: Http404) -> HttpResponse:
    """No such thing."""
    return _answer(request, 404, envelope("not_found", _("There is no such thing.")))


@api.exception_handler(RequestDataTooBig)
def answer_too_large(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    """More bytes than DATA_UPLOAD_MAX_MEMORY_SIZE outside of files."""
    return _answer(request, 413, envelope("too_large", _("The request is too large.")))


@api.exception_handler(MultiPartParserError)
@api.exception_handler(SuspiciousOperation)
def answer_suspicious(request: HttpRequest, error: Exception) -> HttpResponse:
    """Too many files or fields, or a body that is not what its header says."""
    return _answer(request, 400, envelope("bad_request", str(error)))


@api.exception_handler(DataError)
@api.exception_handler(OverflowError)
def answer_out_of_range(request: HttpRequest, error: Exception) -> HttpResponse:
    """A number or text that no column holds and no schema had bounded."""
    logger.warning("a value is out of range", extra={"path": request.path, "reason": str(error)[:200]})
    return _answer(request, 422, envelope("out_of_range", _("A value is out of range.")))


@api.exception_handler(Exception)
def answer_fault(request: HttpRequest, error: Exception) -> HttpResponse:
    """A full disk, a database that is busy or broken, or what nobody foresaw, which tells nothing of the inside."""
    fault = explain_fault(error)
    if fault is None:
        logger.exception("unhandled error in the API", extra={"path": request.path})
        return _answer(request, 500, envelope("server_error", _("Something went wrong on the server.")))
    logger.warning(
        "a fault of disk or database", extra={"path": request.path, "code": fault.code, "reason": str(error)}
    )
    answer = answer_app_error(request, fault)
    if isinstance(fault, BusyError):
        answer["Retry-After"] = str(BUSY_RETRY_SECONDS)
    return answer
