"""Requests that are too large, too slow or broken off: refused while they arrive, and nothing of them is left."""

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from annotator.background.leftovers import remove_leftovers
from annotator.http.body_limits import say_bytes
from tests.annotator.conftest import jpeg
from tests.annotator.running_server import RunningServer, chunks, read_answer
from tests.waiting import wait_until

MB = 1024 * 1024
SMALL = 128 * 1024
IDLE_SECONDS = 2


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with small limits and little patience."""
    folder = tmp_path_factory.mktemp("server")
    temporary = folder / "system-tmp"
    temporary.mkdir()
    one = RunningServer(
        folder / "data", MAX_REQUEST_BYTES=str(SMALL), MAX_BODY_BYTES=str(MB), MAX_UPLOAD_BYTES=str(4 * MB),
        BODY_IDLE_SECONDS=str(IDLE_SECONDS), BODY_SECONDS="6", TMPDIR=str(temporary), LANGUAGE="en",
    )  # fmt: skip
    one.prepare()
    one.start()
    yield one
    one.stop()


def kept_bytes(server: RunningServer) -> int:
    """Return the bytes of all files that the web process holds open or has put into temporary folders."""
    assert server.process is not None
    total = 0
    for link in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            target = os.readlink(link)
            total += link.stat().st_size if "/system-tmp/" in target or "/data/tmp/" in target else 0
    return total


def left_files(server: RunningServer) -> list[Path]:
    """Return what lies in the temporary folders."""
    folders = (server.data_dir / "tmp", server.data_dir / "media/photos/.parts", server.data_dir.parent / "system-tmp")
    return [path for folder in folders if folder.is_dir() for path in folder.iterdir()]


ADDRESSES = ["/login/", "/no/such/page", "/api/v1/me", "/api/v1/nothing", "/api/v1/projects", "/static/none.js"]


@pytest.mark.parametrize("method", ["POST", "PUT", "GET", "DELETE"])
@pytest.mark.parametrize("path", ADDRESSES)
def test_a_request_that_announces_too_much_is_refused_unread(server: RunningServer, method: str, path: str) -> None:
    with server.connect() as line:
        line.sendall(server.head(f"{method} {path} HTTP/1.1\nContent-Length: {600 * MB}"))
        status, body = read_answer(line)
    assert status == 413
    if path.startswith("/api/"):
        told = json.loads(body)
        assert (told["code"], told["extra"]) == ("too_large", {"limit_bytes": SMALL})
        assert "128 KB" in told["message"]
    else:
        assert b"128 KB" in body
        assert b"<h1>The server did not take that</h1>" in body


@pytest.mark.parametrize("path", ADDRESSES)
def test_a_body_of_unknown_length_ends_at_the_limit(server: RunningServer, path: str) -> None:
    with server.connect() as line:
        line.sendall(server.head(f"POST {path} HTTP/1.1\nTransfer-Encoding: chunked"))
        most = 0
        with contextlib.suppress(OSError):
            for part in chunks(8 * MB):
                line.sendall(part)
                most = max(most, kept_bytes(server))
        status, body = read_answer(line)
    assert status == 413, body
    assert most <= 2 * SMALL
    assert left_files(server) == []


def test_the_page_speaks_the_language_of_the_browser(server: RunningServer) -> None:
    status, body = server.ask(f"POST /login/ HTTP/1.1\nAccept-Language: ko\nContent-Length: {MB}")
    assert status == 413
    assert 'lang="ko"' in body.decode()
    assert "The request is larger" not in body.decode()


def test_what_fits_is_answered_as_ever(server: RunningServer) -> None:
    body = b'{"name": "' + b"x" * 100 + b'"}'
    head = f"POST /api/v1/projects HTTP/1.1\nContent-Type: application/json\nContent-Length: {len(body)}"
    assert server.ask(head, body, name="ada")[0] in {200, 201}
    assert server.ask(head, body)[0] == 401


def form(data: bytes) -> tuple[bytes, str]:
    """Return a multipart body with one photo, and its type."""
    head = b'--edge\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
    return head + data + b"\r\n--edge--\r\n", "multipart/form-data; boundary=edge"


@pytest.mark.parametrize(
    ("size", "name", "status", "code"),
    [
        (2 * MB, "ada", 200, ""),
        (5 * MB, "ada", 413, "too_large"),
        (2 * MB, "noor", 403, "forbidden"),
        (2 * MB, "otto", 404, "not_found"),
        (2 * MB, "", 401, "signed_out"),
    ],
)
@pytest.mark.parametrize("is_chunked", [False, True])
def test_photos_may_be_larger_for_whoever_may_add_them(
    server: RunningServer, size: int, name: str, status: int, code: str, is_chunked: bool
) -> None:
    body, kind = form(jpeg(seed=size + is_chunked) + b"x" * size)
    length = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {len(body)}"
    if is_chunked:
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    head = f"POST /api/v1/projects/{server.project}/images HTTP/1.1\nContent-Type: {kind}\n{length}"
    answer, told = server.ask(head, body, name=name)
    # Django reads forms of a known length only; without one this form has no files.
    assert answer == (422 if is_chunked and status == 200 else status), told
    if code:
        assert json.loads(told)["code"] == code
    wait_until(lambda: left_files(server) == [])


@pytest.mark.parametrize(("name", "status"), [("noor", 422), ("", 401)])
def test_a_batch_of_masks_may_be_larger_for_whoever_is_signed_in(server: RunningServer, name: str, status: int) -> None:
    body = json.dumps({"operations": [], "padding": "x" * (SMALL + 1000)}).encode()
    head = f"POST /api/v1/images/1/operations HTTP/1.1\nContent-Type: application/json\nContent-Length: {len(body)}"
    assert server.ask(head, body, name=name)[0] == status


@pytest.mark.parametrize("path", ["/login/", "/api/v1/me", "/api/v1/projects/1/images"])
def test_a_body_that_stalls_is_ended(server: RunningServer, path: str) -> None:
    with server.connect() as line:
        line.sendall(server.head(f"POST {path} HTTP/1.1\nContent-Length: 1000") + b"only this")
        status, body = read_answer(line)
        assert status == 408
        assert b"too long to arrive" in body
        assert line.recv(1) == b""


def test_a_body_that_trickles_is_ended_as_well(server: RunningServer) -> None:
    with server.connect() as line:
        line.sendall(server.head("POST /login/ HTTP/1.1\nContent-Length: 1000"))
        line.settimeout(IDLE_SECONDS / 2)
        deadline = time.monotonic() + 60
        while True:
            assert time.monotonic() < deadline
            line.sendall(b"x")
            with contextlib.suppress(TimeoutError):
                assert line.recv(12) == b"HTTP/1.1 408"
                return


def test_an_upload_that_breaks_off_leaves_nothing(server: RunningServer) -> None:
    body, kind = form(b"x" * 3 * MB)
    head = f"POST /api/v1/projects/{server.project}/images HTTP/1.1\nContent-Type: {kind}\nContent-Length: {len(body)}"
    line: socket.socket = server.connect()
    line.sendall(server.head(head, name="ada") + body[: 2 * MB])
    wait_until(lambda: kept_bytes(server) > MB)
    line.close()
    wait_until(lambda: kept_bytes(server) == 0)
    assert left_files(server) == []


def test_old_leftovers_are_removed_and_new_ones_kept(own_data_dir: Path, settings: Any) -> None:
    parts = own_data_dir / "media" / "photos" / ".parts"
    parts.mkdir(parents=True)
    old, new = parts / "tmpold", own_data_dir / "tmp" / "new.upload"
    for file in (old, new):
        file.write_bytes(b"x")
    os.utime(old, (time.time() - 25 * 3600,) * 2)
    assert remove_leftovers() == 1
    assert (old.exists(), new.exists()) == (False, True)
    assert remove_leftovers() == 0


def test_sizes_are_said_as_people_read_them() -> None:
    assert [say_bytes(n) for n in (2 * MB, 20 * 1024**3, 900, 1536)] == ["2 MB", "20 GB", "900 bytes", "1.5 KB"]
