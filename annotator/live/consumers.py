"""The WebSocket of one project: hints out; in come only what the page shows and signs of life.

A hint that ends a socket may be lost like any other, so the right to listen is looked up again with the signs of life.
"""

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any, TypedDict, cast

from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore

from annotator.accounts.access_ended import session_digest
from annotator.accounts.models import User
from annotator.live.hints import group_of_all, group_of_image, group_of_overview, group_of_person
from annotator.live.payloads import Hint, Pong
from annotator.projects.access import role_of

if TYPE_CHECKING:
    from channels.consumer import _ChannelScope

logger = logging.getLogger(__name__)
SIGNED_OUT = 4401
NOT_FOUND = 4404
TRY_LATER = 1013
RECHECK_SECONDS = 60
# Hints that say the same within this time are sent once: the first at once, the last of the others at its end.
MERGE_SECONDS = 0.25
MAX_IMAGE_ID = 2**63 - 1


class HintEvent(TypedDict):
    """A hint on its way to the pages of a group."""

    payload: Hint


class EndEvent(TypedDict):
    """The end of a person's sockets, or of those of one browser."""

    session_digest: str | None


class ProjectConsumer(AsyncJsonWebsocketConsumer):
    """Members of the project get its hints; others are closed with 4401 (signed out) or 4404 (no such project).

    A page starts with the hints of the whole project. `{"type": "watch", "image_id": n}` leaves those of one image,
    `{"type": "watch", "image_id": null}` brings all back.
    """

    project_id: int | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve the page; ask it to come back later where hints cannot be heard at present (Redis is away)."""
        try:
            await super().__call__(scope, receive, send)
        except OSError as error:
            logger.warning("a page cannot be sent hints", extra={"reason": str(error)[:200]})
            with contextlib.suppress(Exception):  # the page may be gone as well
                await send({"type": "websocket.close", "code": TRY_LATER})

    async def connect(self) -> None:
        """Let members in."""
        self._group = ""
        self._waiting: dict[tuple[object, ...], Hint] = {}
        self._window: asyncio.Task[None] | None = None
        self._checked_at = time.monotonic()
        user = cast("User | AnonymousUser | None", self.scope.get("user"))
        project_id = self.scope["url_route"]["kwargs"]["project_id"]
        if not isinstance(user, User):
            await self._refuse(SIGNED_OUT)
        elif await database_sync_to_async(role_of)(user, project_id) is None:
            await self._refuse(NOT_FOUND)
        else:
            self.project_id = project_id
            self._own = [group_of_all(project_id), group_of_person(user.pk)]
            for group in self._own:
                await self.channel_layer.group_add(group, self.channel_name)
            await self._follow(group_of_overview(project_id))
            await self.accept()

    async def disconnect(self, code: int) -> None:
        """Leave the groups."""
        if self._window is not None:
            self._window.cancel()
        if self.project_id is not None:
            for group in (*self._own, self._group):
                with contextlib.suppress(OSError):
                    await self.channel_layer.group_discard(group, self.channel_name)

    async def hint(self, event: HintEvent) -> None:
        """Pass a hint on; whoever was removed from the project is let go."""
        payload = event["payload"]
        user = self.scope["user"]
        if user and payload["type"] == "member.removed" and payload.get("user_id") == user.pk:
            await self.close(code=NOT_FOUND)
            return
        if self._window is None:
            await self.send_json(payload)
            self._window = asyncio.create_task(self._merge())
        else:
            self._waiting[_topic_of(payload)] = payload

    async def end(self, event: EndEvent) -> None:
        """Close: the person signed out, in this browser where a session is named, or may not sign in any more."""
        if event["session_digest"] in (None, session_digest(self.scope["session"].session_key)):
            await self.close(code=SIGNED_OUT)

    async def receive_json(self, content: object, **kwargs: object) -> None:
        """Answer a ping, so that the page knows the line is alive; note what the page shows; ignore all else."""
        message = content if isinstance(content, dict) else {}
        kind = message.get("type")
        if kind == "ping":
            if await self._may_still_listen():
                await self.send_json(Pong(type="pong"))
        elif kind == "watch" and self.project_id is not None:
            await self._watch(self.project_id, message.get("image_id"))

    async def _may_still_listen(self) -> bool:
        """Close when the person has signed out or left the project meanwhile; looked up once in RECHECK_SECONDS."""
        if self.project_id is None or time.monotonic() - self._checked_at < RECHECK_SECONDS:
            return True
        self._checked_at = time.monotonic()
        # As it is now, not as it was when the page came.
        session = SessionStore(self.scope["session"].session_key)
        user = await get_user(cast("_ChannelScope", {"session": session}))
        if not isinstance(user, User):
            await self.close(code=SIGNED_OUT)
            return False
        if await database_sync_to_async(role_of)(user, self.project_id) is None:
            await self.close(code=NOT_FOUND)
            return False
        return True

    async def _watch(self, project_id: int, image_id: object) -> None:
        if image_id is None:
            await self._follow(group_of_overview(project_id))
        elif type(image_id) is int and 0 < image_id <= MAX_IMAGE_ID:
            await self._follow(group_of_image(project_id, image_id))

    async def _follow(self, group: str) -> None:
        before, self._group = self._group, group
        await self.channel_layer.group_add(group, self.channel_name)
        if before and before != group:
            await self.channel_layer.group_discard(before, self.channel_name)

    async def _merge(self) -> None:
        """Hold hints back for a while; go on for as long as some came meanwhile."""
        await asyncio.sleep(MERGE_SECONDS)
        while self._waiting:
            waiting, self._waiting = list(self._waiting.values()), {}
            for payload in waiting:
                await self.send_json(payload)
            await asyncio.sleep(MERGE_SECONDS)
        self._window = None

    async def _refuse(self, code: int) -> None:
        # Accepting first lets the browser see the code; a refused handshake shows it only 1006.
        await self.accept()
        await self.close(code=code)


def _topic_of(payload: Hint) -> tuple[object, ...]:
    """Return what a hint is about: a later one about the same says all that an earlier one said."""
    return tuple(payload.get(name) for name in ("type", "image_id", "job_id", "user_id", "tab", "what", "crop_box"))
