"""A web process of the product on a port of its own, spoken to through plain sockets."""

import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from annotator.launcher.processes import HTTP_PROTOCOL
from tests.annotator.homes import ROOT, Home
from tests.annotator.migrated_databases import put_sqlite
from tests.waiting import WITHIN_S, open_listener

MAKE_PEOPLE = """
import json
from annotator.accounts.models import ApiToken, User
from annotator.projects.models import Membership, Project, Role
project = Project.objects.create(name="Street", created_by=User.objects.create(username="owner"))
tokens = {}
for name, role in (("ada", Role.ADMIN), ("noor", Role.ANNOTATOR), ("otto", None)):
    user = User.objects.create_user(username=name, password=name)
    if role:
        Membership.objects.create(project=project, user=user, role=role)
    token = name * 12
    ApiToken.objects.create(user=user, name=name, digest=ApiToken.digest_of(token), scope="write")
    tokens[name] = token
print(json.dumps({"project": project.pk, "tokens": tokens}))
"""


class RunningServer:
    """The web process, its data directory, and people with tokens: ada (admin), noor (annotator), otto (outsider)."""

    def __init__(self, folder: Path, database_url: str = "", **variables: str) -> None:
        self.data_dir, self.proxy_port = folder, 0  # 0: no proxy stands before it
        self.home = Home(folder, database_url)
        self.home.environment.update(variables)
        with open_listener() as probe:
            self.port = int(probe.getsockname()[1])
        self.process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Make the database and the people."""
        if self.home.environment["DATABASE_URL"]:
            self.home.manage("migrate", "--verbosity", "0")
        else:
            put_sqlite(self.data_dir / "maskwright.sqlite3")
        made = json.loads(self.home.run(MAKE_PEOPLE).splitlines()[-1])
        self.project, self.tokens = made["project"], made["tokens"]

    def start(self, log: IO[bytes] | None = None) -> None:
        """Start the web process, which writes to `log`; whoever connects waits for it."""
        with open_listener(self.port) as listener:
            command = [sys.executable, "-m", "uvicorn", "annotator.asgi:application", "--fd", str(listener.fileno())]
            command += ["--http", HTTP_PROTOCOL, "--log-level", "error"]
            self.process = subprocess.Popen(
                command, env=self.home.environment, cwd=ROOT, stderr=log, pass_fds=[listener.fileno()]
            )
        self.ask("GET /health/live HTTP/1.1")  # which it answers with one thing or another, as soon as it can

    def stop(self) -> None:
        """End the web process."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(WITHIN_S)
            self.process = None

    def connect(self) -> socket.socket:
        """Return an open connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=WITHIN_S)

    def ask(self, head: str, body: bytes = b"", *, name: str = "") -> tuple[int, bytes]:
        """Send a request written by hand and return status and body of the answer."""
        with self.connect() as line:
            line.sendall(self.head(head, name=name))
            with contextlib.suppress(OSError):  # the server may have had enough
                line.sendall(body)
            return read_answer(line)

    def head(self, head: str, *, name: str = "") -> bytes:
        """Return the first lines of a request, with a token of a person where one is named."""
        lines = [*head.strip().splitlines(), f"Host: 127.0.0.1:{self.port}"]
        if name:
            lines.append(f"Authorization: Bearer {self.tokens[name]}")
        return ("\r\n".join(line.strip() for line in lines) + "\r\n\r\n").encode()


def read_answer(line: socket.socket) -> tuple[int, bytes]:
    """Read one answer with a Content-Length, and not what may come after it."""
    with line.makefile("rb") as file:
        status = int(file.readline().split()[1])
        length = 0
        while (header := file.readline().strip()) != b"":
            if header.lower().startswith(b"content-length:"):
                length = int(header.split(b":")[1])
        return status, file.read(length)


def chunks(size: int, *, piece: int = 64 * 1024) -> Iterator[bytes]:
    """Yield a chunked body of `size` bytes, without its end."""
    for start in range(0, size, piece):
        part = b"x" * min(piece, size - start)
        yield b"%x\r\n%s\r\n" % (len(part), part)
