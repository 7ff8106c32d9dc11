"""A request whose first line and headers never end takes a connection for HEAD_SECONDS only: real sockets."""

import select
import socket
import time
from collections.abc import Iterator

import pytest

from annotator.launcher.options import read_options
from annotator.launcher.processes import HTTP_PROTOCOL, make_children
from tests.annotator.running_server import RunningServer, read_answer
from tests.waiting import WITHIN_S


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that waits a second for a head."""
    running = RunningServer(tmp_path_factory.mktemp("heads"), HEAD_SECONDS="1")
    running.prepare()
    running.start()
    yield running
    running.stop()


def drip(line: socket.socket, piece: bytes) -> None:
    """Send a piece whenever nothing has come back for a while, until the server closes the connection."""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        if select.select([line], [], [], 0.1)[0]:
            assert is_closed(line)
            return
        try:
            line.sendall(piece)
        except OSError:
            return
    pytest.fail("the connection stays open")


def is_closed(line: socket.socket) -> bool:
    try:
        return line.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_head_that_never_ends_is_cut_off(server: RunningServer) -> None:
    with server.connect() as line:
        line.sendall(b"GET /login/ HTTP/1.1\r\n")
        drip(line, b"X-Slow: 1\r\n")


def test_a_connection_that_says_nothing_is_closed(server: RunningServer) -> None:
    with server.connect() as line:
        assert is_closed(line)


def test_the_second_request_of_a_connection_has_as_long(server: RunningServer) -> None:
    with server.connect() as line:
        line.sendall(server.head("GET /health/live HTTP/1.1"))
        assert read_answer(line)[0] == 200
        line.sendall(b"GET /health/live HTTP/1.1\r\n")
        drip(line, b"X")


def test_a_head_that_is_whole_has_no_such_limit(server: RunningServer) -> None:
    body = b'{"name": "Bus"}'
    head = f"POST /api/v1/projects HTTP/1.1\nContent-Type: application/json\nContent-Length: {len(body)}"
    with server.connect() as line, server.connect() as later:
        line.sendall(server.head(head, name="ada"))
        assert is_closed(later), "a second has gone by since the head was whole"
        line.sendall(body)
        assert read_answer(line)[0] in {200, 201}


SIGN_IN = """
from django.test import Client
from annotator.accounts.models import User
client = Client()
client.force_login(User.objects.get(username="ada"))
print(client.cookies["sessionid"].value)
"""
PING, PONG = bytes([0x89, 0x80, 0, 0, 0, 0]), bytes([0x8A, 0])


def test_a_websocket_stays_open(server: RunningServer) -> None:
    session = server.home.run(SIGN_IN).splitlines()[-1]
    head = f"""GET /ws/projects/{server.project} HTTP/1.1
        Upgrade: websocket
        Connection: Upgrade
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
        Sec-WebSocket-Version: 13
        Origin: http://127.0.0.1:{server.port}
        Cookie: sessionid={session}"""
    with server.connect() as line, line.makefile("rb") as file:
        line.sendall(server.head(head))
        assert b"101" in file.readline()
        with server.connect() as later:
            assert is_closed(later)
        line.sendall(PING)
        received = b""
        while PONG not in received:
            received += file.read(1)
            assert len(received) < 10_000


def test_many_slow_ones_leave_others_their_turn(server: RunningServer) -> None:
    lines = [server.connect() for _ in range(200)]
    for line in lines:
        line.sendall(b"GET / HTTP/1.1\r\nHost: x")
    assert server.ask("GET /health/live HTTP/1.1")[0] == 200
    assert all(is_closed(line) for line in lines)
    for line in lines:
        line.close()


def test_the_launcher_starts_the_web_process_so() -> None:
    web = make_children(read_options())[0]
    assert web.command[web.command.index("--http") + 1] == HTTP_PROTOCOL
