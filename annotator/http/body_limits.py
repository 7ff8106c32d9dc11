"""How many bytes a request may bring and how long it may take, enforced while they arrive.

Django keeps the whole body of a request on the disk before any view sees it, whoever sent it. This stands before
Django: a body that is too large, too slow or stuck ends here. Knows no addresses and no people: annotator/body_rules.py
does.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from annotator.errors import AppError, SlowBodyError, TooLargeError
from annotator.full_disk import DiskFullError, is_disk_full
from annotator.http.early_answers import answer_early

logger = logging.getLogger("annotator.request")
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
GONE = {"type": "http.disconnect"}


@dataclass(frozen=True)
class BodyRule:
    """The limits of one address. `check_caller` raises AppError for a caller who may not go beyond `small_bytes`."""

    most_bytes: int
    seconds: float
    small_bytes: int | None = None
    check_caller: Callable[[Scope], Awaitable[None]] | None = None


class LimitBodies:
    """Hand requests on to the application; refuse 413, 408 or 507 what must not reach the disk or cannot."""

    def __init__(self, application: Any, rule_of: Callable[[Scope], BodyRule]) -> None:
        self.application = application
        self.rule_of = rule_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        body = _Body(scope, receive, self.rule_of(scope))
        answer = _Answer(send)
        try:
            await body.check_announced_size()
            await self.application(scope, body.receive, answer.send)
        except AppError as error:
            body.refused = error
        except OSError as error:
            if answer.has_started or not is_disk_full(error):
                raise
            body.refused = DiskFullError()
        if body.refused is not None and not answer.has_started:
            extra = {"method": scope["method"], "path": scope["path"], "status": int(body.refused.status)}
            logger.warning("a body was refused", extra={**extra, "reason": body.refused.code, "bytes": body.received})
            await answer_early(scope, receive, send, body.refused)


class _Answer:
    """Notes whether the application has begun to answer."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_started = False

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.has_started = True
        await self._send(message)


class _Body:
    """Counts the bytes of one body and the seconds that they take.

    The application is told that the caller went away when a limit is passed, so that it drops what it has kept.
    """

    def __init__(self, scope: Scope, receive: Receive, rule: BodyRule) -> None:
        self.refused: AppError | None = None
        self.received = 0
        self._scope, self._receive, self._rule = scope, receive, rule
        self._until = time.monotonic() + rule.seconds
        self._is_whole = False
        self._is_checked = rule.check_caller is None or rule.small_bytes is None

    async def check_announced_size(self) -> None:
        """Raise AppError where Content-Length says at once that the body must not come."""
        announced = dict(self._scope["headers"]).get(b"content-length", b"")
        if announced.isdigit():
            await self._check_size(int(announced[:20]))

    async def receive(self) -> MutableMapping[str, Any]:
        """Return the next message, or the caller's departure where a limit is passed."""
        if self._is_whole:
            return await self._receive()
        if self.refused is not None:
            return GONE
        try:
            return await self._receive_part()
        except AppError as error:
            self.refused = error
            return GONE

    async def _receive_part(self) -> MutableMapping[str, Any]:
        message = await self._wait()
        self.received += len(message.get("body", b""))
        self._is_whole = message["type"] != "http.request" or not message.get("more_body", False)
        await self._check_size(self.received)
        return message

    async def _wait(self) -> MutableMapping[str, Any]:
        patience = min(settings.BODY_IDLE_SECONDS, self._until - time.monotonic())
        try:
            async with asyncio.timeout(max(0.0, patience)):
                return await self._receive()
        except TimeoutError:
            raise SlowBodyError(_("The request took too long to arrive. Send it again.")) from None

    async def _check_size(self, size: int) -> None:
        if size > self._rule.most_bytes:
            raise too_large(self._rule.most_bytes)
        if not self._is_checked and size > (self._rule.small_bytes or 0) and self._rule.check_caller:
            await self._rule.check_caller(self._scope)
            self._is_checked = True


def too_large(limit: int) -> TooLargeError:
    """Return the refusal of a body that is larger than `limit` bytes; its sentence names the limit."""
    sentence = _("The request is larger than the %(limit)s that this address takes. Nothing of it was kept.")
    return TooLargeError(sentence % {"limit": say_bytes(limit)}, extra={"limit_bytes": limit})


def say_bytes(count: int) -> str:
    """Return a size as people read it.

    >>> say_bytes(2 * 1024 * 1024), say_bytes(20 * 1024**3), say_bytes(900)
    ('2 MB', '20 GB', '900 bytes')
    """
    for unit, name in ((1024**3, "GB"), (1024**2, "MB"), (1024, "KB")):
        if count >= unit:
            return f"{count / unit:.10g} {name}" if count % unit == 0 else f"{count / unit:.1f} {name}"
    return f"{count} bytes"
