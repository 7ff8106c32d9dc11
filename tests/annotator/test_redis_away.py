"""A Redis that dies, hangs and returns: saves go on, pages stay connected, hints come back."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator

from annotator.accounts.models import User
from annotator.annotations.models import Annotation
from annotator.images.models import Image
from annotator.live.hints import send_hint
from annotator.live.redis_layer import RedisHintLayer
from annotator.projects.models import Project
from tests.annotator.conftest import Api
from tests.annotator.own_redis import SERVER, OwnRedis
from tests.annotator.test_api_annotations import counts_of
from tests.annotator.test_live import closed, line_to, opened

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("sockets_let_go"),
    pytest.mark.skipif(SERVER is None, reason="redis-server is not installed (Debian: redis-server)"),
]
TRIES = 60


@pytest.fixture
def redis(tmp_path: Path, settings: Any) -> Iterator[OwnRedis]:
    server = OwnRedis(tmp_path)
    url = f"redis://127.0.0.1:{server.port}/0"
    by_redis = {"BACKEND": "annotator.live.redis_layer.RedisHintLayer", "CONFIG": {"url": url}}
    settings.CHANNEL_LAYERS = {"default": by_redis}
    yield server
    server.kill()


def save_mask(api: Api, image: Image, number: int) -> int:
    """Save one mask; return the status of the answer."""
    mask = {"op_id": f"{number:032x}", "type": "create", "annotation_id": f"{number + 1000:032x}"}
    body = {"operations": [{**mask, "base_revision": 0, "fields": {"counts": counts_of()}}]}
    return int(api.post(f"/images/{image.pk}/operations", body).status_code)


async def hears_again(line: WebsocketCommunicator, project: Project) -> bool:
    """Send hints until one arrives; what a Redis that woke up still had to tell of saves may come first."""
    for number in range(TRIES):
        await database_sync_to_async(send_hint)(project.pk, "job.progress", job_id=number)
        while not await line.receive_nothing(timeout=0.25):
            if (await line.receive_json_from())["type"] == "job.progress":
                return True
    return False


async def test_a_redis_that_dies_and_returns_costs_hints_alone(
    redis: OwnRedis, project: Project, annotator: User, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RedisHintLayer, "rest_seconds", 0)
    api = await database_sync_to_async(Api)(annotator)
    line = await opened(project, annotator)
    assert await hears_again(line, project)
    redis.kill()
    assert await database_sync_to_async(save_mask)(api, image, 1) == 200
    assert await Annotation.objects.acount() == 1
    await line.send_json_to({"type": "ping"})
    assert (await line.receive_json_from(timeout=5))["type"] == "pong"
    late = await database_sync_to_async(line_to)(project, annotator)
    await late.send_input({"type": "websocket.connect"})
    assert await late.receive_output(timeout=5) == {"type": "websocket.close", "code": 1013}
    redis.start()
    assert await database_sync_to_async(save_mask)(api, image, 2) == 200
    assert await hears_again(line, project)
    await closed(line)


async def test_a_redis_that_hangs_does_not_hold_saves_up(
    redis: OwnRedis, project: Project, annotator: User, image: Image
) -> None:
    """The first save waits for it once; those after it not at all, for a while."""
    api = await database_sync_to_async(Api)(annotator)
    line = await opened(project, annotator)
    assert await hears_again(line, project)
    redis.hang()
    layer: Any = get_channel_layer()
    assert await database_sync_to_async(save_mask)(api, image, 1) == 200
    assert layer._resting_until > time.monotonic()
    sent: list[Any] = []

    async def note(step: Any) -> None:
        sent.append(step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("annotator.live.redis_layer._within", note)
        for number in range(2, 6):
            assert await database_sync_to_async(save_mask)(api, image, number) == 200
    assert sent == []
    redis.kill()
    redis.start()
    layer._resting_until = 0.0
    assert await hears_again(line, project)
    await closed(line)


async def test_installations_that_share_a_redis_do_not_hear_each_other(
    redis: OwnRedis, project: Project, annotator: User, settings: Any
) -> None:
    line = await opened(project, annotator)
    settings.SECRET_KEY = "another installation's secret, long enough"
    stranger = RedisHintLayer(f"redis://127.0.0.1:{redis.port}/0")
    await stranger.group_send(f"project.{project.pk}", {"type": "hint", "payload": {"type": "member.removed"}})
    await stranger.close()
    assert await line.receive_nothing()
    await closed(line)
