"""Two web processes that share a database and Redis but no folder, as on two machines."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.annotator.own_redis import SERVER, OwnRedis
from tests.annotator.running_server import RunningServer
from tests.waiting import WITHIN_S

pytestmark = pytest.mark.skipif(SERVER is None, reason="redis-server is not installed (Debian: redis-server)")
NOT_FOUND = 4404

SIGN_IN = """
from django.test import Client
from annotator.accounts.models import User
client = Client()
client.force_login(User.objects.get(username="noor"))
print(client.cookies["sessionid"].value)
"""
FIND_MEMBER = """
from annotator.projects.models import Membership
print(Membership.objects.get(user__username="noor").pk)
"""


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[RunningServer, RunningServer]]:
    redis = OwnRedis(tmp_path)
    shared = {"REDIS_URL": f"redis://127.0.0.1:{redis.port}/0", "SECRET_KEY": "one secret of two machines, long enough"}
    database = f"sqlite:///{tmp_path / 'shared.sqlite3'}"
    pair = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        pair.append(RunningServer(folder, database, **shared))
    pair[0].prepare()
    pair[1].project, pair[1].tokens = pair[0].project, pair[0].tokens
    try:
        for server in pair:
            server.start()
        yield pair[0], pair[1]
    finally:
        for server in pair:
            server.stop()
        redis.kill()


def listen(server: RunningServer) -> ClientConnection:
    """Open noor's socket of the project."""
    session = server.home.run(SIGN_IN).split()[-1]
    address = f"ws://127.0.0.1:{server.port}/ws/projects/{server.project}"
    origin = Origin(f"http://127.0.0.1:{server.port}")
    return connect(address, origin=origin, additional_headers={"Cookie": f"sessionid={session}"})


def wait_for_the_end(line: ClientConnection) -> None:
    """Read until the server closes the socket."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            line.recv(timeout=WITHIN_S)


def test_what_one_process_does_is_heard_by_pages_of_the_other(servers: tuple[RunningServer, RunningServer]) -> None:
    here, there = servers
    member = here.home.run(FIND_MEMBER).split()[-1]
    with listen(there) as line:
        line.send(json.dumps({"type": "ping"}))
        assert json.loads(line.recv(timeout=WITHIN_S))["type"] == "pong"
        status, _ = here.ask(f"DELETE /api/v1/members/{member} HTTP/1.1", name="ada")
        assert status == 204
        wait_for_the_end(line)  # told by Redis: this process would look for itself only at a later sign of life
        assert line.close_code == NOT_FOUND
