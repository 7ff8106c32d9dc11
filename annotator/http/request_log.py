"""One log line per request, under a request id that the answer carries too. Never logs bodies or queries."""

import json
import logging
import time
import uuid
from collections.abc import Callable
from contextlib import suppress

from django.http import HttpRequest, HttpResponse

logger = logging.getLogger("annotator.request")


class RequestLogMiddleware:
    """Log method, path, status, duration and user of each request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request and log it."""
        started = time.perf_counter()
        request_id = uuid.uuid4().hex[:16]
        response = self.get_response(request)
        response["X-Request-Id"] = request_id
        level = logging.WARNING if response.status_code >= 500 else logging.INFO
        if not request.path.startswith(("/static/", "/health/")) or level > logging.INFO:
            logger.log(level, "request", extra=self._fields(request, response, request_id, started))
        return response

    @staticmethod
    def _fields(request: HttpRequest, response: HttpResponse, request_id: str, started: float) -> dict[str, object]:
        # Reading request.user could cost a query; the cached one is there only when the view asked for it.
        user = getattr(request, "_cached_user", None)
        return {
            "request_id": request_id,
            "method": request.method,
            "path": request.path,
            "status": response.status_code,
            "duration_ms": round((time.perf_counter() - started) * 1000, 1),
            "user_id": getattr(user, "pk", None),
            **_code_of(response),
        }


def _code_of(response: HttpResponse) -> dict[str, str]:
    """Return the envelope's code where the server could not answer: it tells a full disk from a crash."""
    if response.status_code < 500 or "json" not in response.headers.get("Content-Type", ""):
        return {}
    with suppress(ValueError, TypeError, KeyError):
        return {"code": str(json.loads(response.content)["code"])}
    return {}
