"""Answer a request whose body is not wanted: in the API's envelope, or as a page in the person's language.

The rest of the body is read and dropped for a moment after the answer: a connection that is closed on unread bytes is
reset, and then nobody sees the answer. Then the connection ends. Knows nothing of limits.
"""

import asyncio
import io
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader
from django.utils import translation

from annotator.accounts.preferences import THEME_COOKIE, read_theme
from annotator.errors import AppError, envelope
from annotator.http.security_headers import HEADERS
from annotator.words.stored import say

LINGER_SECONDS = 3.0
LINGER_BYTES = 64 * 1024 * 1024


async def answer_early(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    refusal: AppError,
) -> None:
    """Send the refusal, drop what still comes, and end the connection."""
    answer = await sync_to_async(_render, thread_sensitive=False)(dict(scope), refusal)
    headers = [(name.lower().encode(), value.encode()) for name, value in answer.items()]
    try:
        await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": answer.content, "more_body": True})
        await _drop_rest(receive)
        await send({"type": "http.response.body"})
    except OSError:  # whoever sent it has gone
        return


async def _drop_rest(receive: Callable[[], Awaitable[MutableMapping[str, Any]]]) -> None:
    dropped = 0
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while dropped < LINGER_BYTES:
                message = await receive()
                dropped += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return


def _render(scope: dict[str, Any], refusal: AppError) -> HttpResponse:
    request = ASGIRequest(scope, io.BytesIO())
    with translation.override(translation.get_language_from_request(request)):
        answer = _say_refusal(request, refusal)
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    answer["Content-Length"] = str(len(answer.content))
    answer["Connection"] = "close"
    return answer


def _say_refusal(request: HttpRequest, refusal: AppError) -> HttpResponse:
    message = say(refusal.message)
    if request.path.startswith("/api/"):
        return JsonResponse(envelope(refusal.code, message, refusal.extra), status=refusal.status)
    theme = read_theme({"theme": request.COOKIES.get(THEME_COOKIE)})
    context = {"code": int(refusal.status), "message": message, "theme": theme}
    return HttpResponse(loader.get_template("refused.html").render(context), status=refusal.status)
