"""The channel layer where REDIS_URL is set: channels-redis by publish and subscribe, which drops what nobody hears.

A Redis that is away costs hints and nothing else: sending gives up within SEND_SECONDS and then rests, open pages
stay connected and hear again once Redis is back. Whatever fails is an OSError, as with the sockets of layer.py.
Knows nothing of projects.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable
from typing import TypeVar

from channels_redis.pubsub import RedisPubSubChannelLayer
from django.conf import settings
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

SEND_SECONDS = 2.0  # an answer of Redis takes under a millisecond
REST_SECONDS = 5.0
Given = TypeVar("Given")


class RedisHintLayer(RedisPubSubChannelLayer):  # type: ignore[misc]  # it has no types
    """Groups across processes and machines that share one Redis and one SECRET_KEY."""

    rest_seconds = REST_SECONDS

    def __init__(self, url: str) -> None:
        host = {"address": url, "socket_connect_timeout": SEND_SECONDS, "retry": Retry(NoBackoff(), 0)}
        # Publishing knows no database numbers: without a prefix of its own, two installations would hear each other.
        installation = hashlib.sha256(settings.SECRET_KEY.encode()).hexdigest()[:12]
        super().__init__(hosts=[host], prefix=f"maskwright.{installation}.")
        self._resting_until = 0.0

    async def new_channel(self, prefix: str = "specific.") -> str:
        """Return the name of a channel for one page."""
        return str(await _within(self._get_layer().new_channel(prefix)))

    async def group_add(self, group: str, channel: str) -> None:
        """Add a channel to a group."""
        await _within(self._get_layer().group_add(group, channel))

    async def group_discard(self, group: str, channel: str) -> None:
        """Take a channel out of a group."""
        await _within(self._get_layer().group_discard(group, channel))

    async def group_send(self, group: str, message: dict[str, object]) -> None:
        """Send to the group's members in all processes; nothing is sent for a while after Redis did not answer."""
        if time.monotonic() < self._resting_until:
            return
        try:
            await _within(self._get_layer().group_send(group, message))
        except OSError:
            self._resting_until = time.monotonic() + self.rest_seconds
            raise

    async def close(self) -> None:
        """Close the connections of this event loop."""
        await self._get_layer().flush()


async def _within(step: Awaitable[Given]) -> Given:
    """Return what a step of Redis gives; raise OSError when Redis does not answer in time."""
    try:
        return await asyncio.wait_for(step, SEND_SECONDS)
    except (RedisError, TimeoutError) as error:
        raise ConnectionError(f"Redis does not answer: {error}") from error
