"""Errors below /api that arise before the API sees the request: the same envelope as everywhere."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse

from annotator.errors import envelope

_MESSAGES = {
    400: ("bad_request", "The request cannot be read."),
    404: ("not_found", "There is no such address."),
    405: ("method_not_allowed", "This address does not take that method."),
}


class ApiErrorMiddleware:
    """Replace plain error pages below /api/ by JSON."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request; JSON answers pass as they are."""
        response = self.get_response(request)
        if response.status_code not in _MESSAGES or not request.path.startswith("/api/"):
            return response
        if response.get("Content-Type", "").startswith("application/json"):
            return response
        code, message = _MESSAGES[response.status_code]
        answer = JsonResponse(envelope(code, message), status=response.status_code)
        if "Allow" in response:
            answer["Allow"] = response["Allow"]
        return answer
