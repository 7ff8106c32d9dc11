"""The edge: what no column can hold is refused before any service sees it (annotator/storable.py)."""

import json
from collections.abc import Callable
from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from ninja.parser import Parser

from annotator.errors import InvalidError
from annotator.storable import why_text_unstorable, why_unstorable

# The operations of a batch stand each on their own: annotations/payloads.py refuses the one that is at fault.
CHECKED_BY_PARTS = "/operations"


class StorableJsonParser(Parser):
    """Reads the API's JSON bodies. Bodies that are no JSON are answered 400, unstorable ones 422."""

    def parse_body(self, request: HttpRequest) -> Any:
        """Return the body's value; raise InvalidError for one that no column can hold."""
        try:
            value = json.loads(request.body)
        except RecursionError:
            raise InvalidError(_("The request is nested too deeply."), code="not_storable") from None
        if not request.path.endswith(CHECKED_BY_PARTS) and (reason := why_unstorable(value)):
            raise InvalidError(reason, code="not_storable")
        return value

    def parse_querydict(self, data: MultiValueDict[str, Any], list_fields: list[str], request: HttpRequest) -> Any:
        """Return the fields of a query or form; raise InvalidError for texts that no column can hold."""
        if reason := _why_refused(data):
            raise InvalidError(reason, code="not_storable")
        return super().parse_querydict(data, list_fields, request)


class StorableAddressMiddleware:
    """Refuse addresses, queries and plain forms that hold a NUL: 400 on pages and in the API alike."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        """Raise BadRequest where the address holds what no column can hold. Here, so that 400 has its page."""
        reason = why_text_unstorable(request.path) or _why_refused(request.GET)
        if not reason and request.content_type == "application/x-www-form-urlencoded":
            reason = _why_refused(request.POST)
        if reason:
            raise BadRequest(reason)


def _why_refused(fields: MultiValueDict[str, Any]) -> str:
    return why_unstorable([[name, *values] for name, values in fields.lists()])
