"""Send a hint to the open pages of a project. The truth is read over HTTP; a lost hint costs seconds, no data."""

import logging
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

logger = logging.getLogger(__name__)


def group_of(project_id: int) -> str:
    """Return the channel group of one project."""
    return f"project.{project_id}"


def send_hint(project_id: int, kind: str, **ids: Any) -> None:
    """Send `{"type": kind, ...ids}` to whoever has the project open, once the transaction is committed."""
    transaction.on_commit(lambda: _send(project_id, {"type": kind, "project_id": project_id, **ids}))


def _send(project_id: int, payload: dict[str, Any]) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        async_to_sync(layer.group_send)(group_of(project_id), {"type": "hint", "payload": payload})
    except Exception:
        logger.warning("hint not sent", extra={"hint": payload["type"]}, exc_info=True)
