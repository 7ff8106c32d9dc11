"""The WebSocket of one project: hints out, nothing in."""

from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from annotator.accounts.models import User
from annotator.live.hints import group_of
from annotator.projects.access import role_of

SIGNED_OUT = 4401
NOT_FOUND = 4404


class ProjectConsumer(AsyncJsonWebsocketConsumer):
    """Members of the project get its hints; others are closed with 4401 (signed out) or 4404 (no such project)."""

    group: str | None = None

    async def connect(self) -> None:
        """Let members in."""
        user = self.scope.get("user")
        project_id = self.scope["url_route"]["kwargs"]["project_id"]
        if not isinstance(user, User) and not getattr(user, "is_authenticated", False):
            await self._refuse(SIGNED_OUT)
        elif await database_sync_to_async(role_of)(user, project_id) is None:
            await self._refuse(NOT_FOUND)
        else:
            self.group = group_of(project_id)
            await self.channel_layer.group_add(self.group, self.channel_name)
            await self.accept()

    async def disconnect(self, code: int) -> None:
        """Leave the group."""
        if self.group:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def hint(self, event: dict[str, Any]) -> None:
        """Pass a hint on; whoever was removed from the project is let go."""
        payload = event["payload"]
        user = self.scope["user"]
        if user and payload["type"] == "member.removed" and payload.get("user_id") == user.pk:
            await self.close(code=NOT_FOUND)
            return
        await self.send_json(payload)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        """Ignore whatever a page sends but a ping, which is answered so that the page knows the line is alive."""
        if isinstance(content, dict) and content.get("type") == "ping":
            await self.send_json({"type": "pong"})

    async def _refuse(self, code: int) -> None:
        # Accepting first lets the browser see the code; a refused handshake shows it only 1006.
        await self.accept()
        await self.close(code=code)
