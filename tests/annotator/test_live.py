"""The WebSocket of a project: who gets in, and hints across processes, by Unix sockets and by Redis."""

import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session
from django.test import Client

from annotator.accounts.models import User
from annotator.asgi import application
from annotator.live import consumers
from annotator.live.hints import send_hint
from annotator.live.layer import send_datagram, socket_folder
from annotator.projects.models import Project
from annotator.projects.services import remove_member

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sockets_let_go")]
ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60

REDIS_URL = os.environ.get("TEST_REDIS_URL", "")


@pytest.fixture(params=["sockets", "redis"], autouse=True)
def layer(request: pytest.FixtureRequest, settings: Any) -> str:
    """Send hints by this layer."""
    if request.param == "redis":
        if not REDIS_URL:
            pytest.skip("TEST_REDIS_URL names no Redis server (for example redis://127.0.0.1:6379/0)")
        by_redis = {"BACKEND": "annotator.live.redis_layer.RedisHintLayer", "CONFIG": {"url": REDIS_URL}}
        settings.CHANNEL_LAYERS = {"default": by_redis}
        settings.SECRET_KEY = secrets.token_hex()  # whoever else tests beside us at the same Redis is not heard
    return str(request.param)


by_sockets = pytest.mark.parametrize("layer", ["sockets"], indirect=True)


class PatientLine(WebsocketCommunicator):
    """Waits for answers as long as a busy machine takes; channels' own second is a matter of luck there."""

    async def receive_output(self, timeout: float = 1) -> Any:  # noqa: ASYNC109 - channels calls it so
        return await super().receive_output(max(timeout, PATIENCE_SECONDS))

    async def wait(self, timeout: float = 1) -> None:  # noqa: ASYNC109
        await super().wait(max(timeout, PATIENCE_SECONDS))


def line_to(project: Project, user: User | None, *, origin: str = "http://localhost") -> WebsocketCommunicator:
    headers = [(b"origin", origin.encode()), (b"host", b"localhost")]
    if user is not None:
        client = Client()
        client.force_login(user)
        headers.append((b"cookie", f"sessionid={client.cookies['sessionid'].value}".encode()))
    return PatientLine(application, f"/ws/projects/{project.pk}", headers=headers)


async def opened(project: Project, user: User) -> WebsocketCommunicator:
    line = await database_sync_to_async(line_to)(project, user)
    assert (await line.connect())[0]
    return line


async def close_layer() -> None:
    """Close what the process holds of its channel layer."""
    layer: Any = get_channel_layer()
    await layer.close()


async def closed(line: WebsocketCommunicator) -> None:
    await line.disconnect()
    await close_layer()


@pytest.mark.parametrize("path", ["/", "/ws/", "/ws/projects/x", "/ws/projects/1/", "/no/such/socket"])
async def test_an_address_that_is_no_socket_is_refused_and_no_error(path: str) -> None:
    headers = [(b"origin", b"http://localhost"), (b"host", b"localhost")]
    line = PatientLine(application, path, headers=headers)
    assert await line.connect() == (False, 1000)


async def test_members_get_hints(project: Project, annotator: User) -> None:
    line = await opened(project, annotator)
    await database_sync_to_async(send_hint)(project.pk, "image.ready", image_id=5)
    assert await line.receive_json_from() == {"type": "image.ready", "project_id": project.pk, "image_id": 5}
    await closed(line)


async def test_hints_of_other_projects_stay_there(project: Project, annotator: User) -> None:
    line = await opened(project, annotator)
    await database_sync_to_async(send_hint)(project.pk + 1, "image.ready", image_id=5)
    await database_sync_to_async(send_hint)(project.pk, "image.ready", image_id=6)
    assert (await line.receive_json_from())["image_id"] == 6
    await closed(line)


async def test_a_ping_is_answered_and_other_messages_are_ignored(project: Project, annotator: User) -> None:
    line = await opened(project, annotator)
    await line.send_json_to({"type": "annotations.changed", "image_id": 1})
    await line.send_json_to({"type": "ping"})
    assert await line.receive_json_from() == {"type": "pong"}
    await closed(line)


async def test_a_page_of_one_image_hears_of_that_image_alone(project: Project, annotator: User) -> None:
    line = await opened(project, annotator)
    await line.send_json_to({"type": "watch", "image_id": 5})
    await told_everything(line)
    for image_id in (4, 5):
        await database_sync_to_async(send_hint)(project.pk, "image.ready", image_id=image_id)
    await database_sync_to_async(send_hint)(project.pk, "job.progress", job_id=1)
    assert (await line.receive_json_from())["image_id"] == 5
    await line.send_json_to({"type": "watch", "image_id": None})
    await told_everything(line)
    await database_sync_to_async(send_hint)(project.pk, "job.progress", job_id=2)
    assert (await line.receive_json_from())["job_id"] == 2
    await closed(line)


@pytest.mark.parametrize("image_id", ["5", 0, -1, True, 10**30, [5], {}])
async def test_nonsense_to_watch_changes_nothing(project: Project, annotator: User, image_id: Any) -> None:
    line = await opened(project, annotator)
    await line.send_json_to({"type": "watch", "image_id": image_id})
    await told_everything(line)
    await database_sync_to_async(send_hint)(project.pk, "image.ready", image_id=9)
    assert (await line.receive_json_from())["image_id"] == 9
    await closed(line)


async def test_hints_about_the_same_are_merged(project: Project, annotator: User) -> None:
    """The first is sent at once; of the others the last, after the window: the page asks twice, not fifty times."""
    line = await opened(project, annotator)
    for done in range(50):
        await database_sync_to_async(send_hint)(project.pk, "job.progress", job_id=3, done=done)
    await database_sync_to_async(send_hint)(project.pk, "job.progress", job_id=4, done=1)
    heard: list[dict[str, Any]] = []
    while not heard or heard[-1]["job_id"] != 4:
        heard.append(await line.receive_json_from(timeout=5))
    own = [hint["done"] for hint in heard if hint["job_id"] == 3]
    assert own[0] == 0
    assert own[-1] == 49
    assert len(own) < 50
    await closed(line)


async def told_everything(line: WebsocketCommunicator) -> None:
    """Return when the server has read all that was sent until now."""
    await line.send_json_to({"type": "ping"})
    assert await line.receive_json_from() == {"type": "pong"}


@pytest.mark.parametrize(("who", "code"), [("outsider", 4404), (None, 4401)])
async def test_others_are_turned_away(project: Project, outsider: User, who: str | None, code: int) -> None:
    line = await database_sync_to_async(line_to)(project, outsider if who else None)
    assert (await line.connect())[0]
    assert (await line.receive_output())["code"] == code


async def test_a_removed_member_is_let_go(project: Project, annotator: User) -> None:
    line = await opened(project, annotator)
    member = await project.memberships.select_related("user").aget(user=annotator)
    await database_sync_to_async(remove_member)(member)
    assert (await line.receive_output())["code"] == 4404
    await closed(line)


async def test_another_site_cannot_connect(project: Project, annotator: User) -> None:
    line = await database_sync_to_async(line_to)(project, annotator, origin="https://evil.example")
    assert not (await line.connect())[0]


def run_code(code: str, environment: dict[str, str]) -> None:
    """Run a program of Python."""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True)


async def test_a_hint_crosses_processes(project: Project, annotator: User, own_data_dir: Path, layer: str) -> None:
    line = await opened(project, annotator)
    code = (
        "import django; django.setup()\n"
        "from annotator.live.hints import send_hint\n"
        f"send_hint({project.pk}, 'job.progress', job_id=3)"
    )
    environment = {
        **os.environ,
        "DATA_DIR": str(own_data_dir),
        "DJANGO_SETTINGS_MODULE": "annotator.settings",
        "DATABASE_URL": "sqlite://:memory:",
        "SECRET_KEY": django_settings.SECRET_KEY,
        "REDIS_URL": REDIS_URL if layer == "redis" else "",
    }
    await database_sync_to_async(run_code)(code, environment)
    assert await line.receive_json_from() == {"type": "job.progress", "project_id": project.pk, "job_id": 3}
    await closed(line)


@by_sockets
async def test_sockets_are_private_and_dead_ones_are_swept(project: Project, annotator: User) -> None:
    line = await opened(project, annotator)
    assert socket_folder().stat().st_mode & 0o777 == 0o700
    import socket

    dead = socket_folder() / "1-dead.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(dead))
    assert send_datagram(b"{}") == 1
    assert not dead.exists()
    await closed(line)
    assert list(socket_folder().glob("*.sock")) == []


@by_sockets
async def test_malformed_datagrams_are_dropped(project: Project, annotator: User) -> None:
    line = await opened(project, annotator)
    for payload in (b"\xff", b"[]", b'{"group": 7}'):
        send_datagram(payload)
    await database_sync_to_async(send_hint)(project.pk, "image.ready", image_id=1)
    assert (await line.receive_json_from())["image_id"] == 1
    await closed(line)


@by_sockets
def test_a_layer_that_fails_never_undoes_the_work(project: Project, settings: Any) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "annotator.live.layer.SocketChannelLayer"}}
    send_hint(project.pk, "image.ready", status="x" * 70_000)
    assert Project.objects.filter(pk=project.pk).exists()


@by_sockets
def test_redis_is_a_matter_of_settings(tmp_path: Path) -> None:
    code = "import annotator.settings as s; print(s.CHANNEL_LAYERS['default']['BACKEND'])"
    environment = {**os.environ, "REDIS_URL": "redis://example:6379/0", "DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "annotator.live.redis_layer.RedisHintLayer"
    assert django_settings.CHANNEL_LAYERS["default"]["BACKEND"].endswith("SocketChannelLayer")


@pytest.mark.parametrize(("ending", "code"), [("left", 4404), ("signed out", 4401), ("closed account", 4401)])
async def test_a_page_that_missed_its_end_is_closed_at_its_next_sign_of_life(
    project: Project, annotator: User, ending: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows change without any hint, as when it was lost."""
    monkeypatch.setattr(consumers, "RECHECK_SECONDS", 0)
    line = await opened(project, annotator)
    await told_everything(line)
    if ending == "left":
        await database_sync_to_async(project.memberships.filter(user=annotator).delete)()
    elif ending == "signed out":
        await Session.objects.all().adelete()
    else:
        await User.objects.filter(pk=annotator.pk).aupdate(is_active=False)
    await line.send_json_to({"type": "ping"})
    assert (await line.receive_output())["code"] == code
    await closed(line)
