"""Send a hint to the open pages of a project. The truth is read over HTTP; a lost hint costs seconds, no data.

A page that shows one image asks for the hints of that image alone, so a hint goes to two groups at most: the image's
and the project's overview. Whom a project lets go is told to all of its pages.
"""

import logging
from collections.abc import Mapping

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction
from typing_extensions import Unpack

from annotator.live.payloads import Hint, HintKind, HintSubject

logger = logging.getLogger(__name__)
FOR_ALL = frozenset({"member.removed"})


def group_of_all(project_id: int) -> str:
    """Return the channel group of every page of one project."""
    return f"project.{project_id}"


def group_of_overview(project_id: int) -> str:
    """Return the channel group of the pages that show many images or jobs."""
    return f"project.{project_id}.overview"


def group_of_image(project_id: int, image_id: int) -> str:
    """Return the channel group of the pages that show one image."""
    return f"project.{project_id}.image.{image_id}"


def group_of_person(user_id: int) -> str:
    """Return the channel group of every page that a person has open, in whichever project."""
    return f"person.{user_id}"


def send_hint(project_id: int, kind: HintKind, **subject: Unpack[HintSubject]) -> None:
    """Send `{"type": kind, ...subject}` to the pages that show it, once the transaction is committed."""
    transaction.on_commit(lambda: _send({"type": kind, "project_id": project_id, **subject}))


def _groups_of(payload: Hint) -> list[str]:
    project_id, image_id = payload["project_id"], payload.get("image_id")
    if payload["type"] in FOR_ALL:
        return [group_of_all(project_id)]
    groups = [group_of_overview(project_id)]
    return groups if image_id is None else [*groups, group_of_image(project_id, image_id)]


def end_lines(user_id: int, *, session_digest: str | None) -> None:
    """Close the sockets of a person, or those of one browser, once the transaction is committed."""
    message = {"type": "end", "session_digest": session_digest}
    transaction.on_commit(lambda: _send_to([group_of_person(user_id)], message))


def _send(payload: Hint) -> None:
    _send_to(_groups_of(payload), {"type": "hint", "payload": payload})


def _send_to(groups: list[str], message: Mapping[str, object]) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        for group in groups:
            async_to_sync(layer.group_send)(group, dict(message))
    except OSError as error:
        logger.warning("hint not sent", extra={"groups": groups, "reason": str(error)[:200]})
    except Exception:
        logger.warning("hint not sent", extra={"groups": groups}, exc_info=True)
