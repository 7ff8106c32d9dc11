"""A product of its own: a data directory, a database of the kind under test, commands, a web process, people's work."""

import http.client
import io
import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from django.db import connection

from annotator.launcher.options import ROOT
from tests.annotator.conftest import jpeg
from tests.annotator.inference_steps import TINY_MODEL
from tests.annotator.migrated_databases import put_postgresql, put_sqlite
from tests.waiting import open_listener

STARTED_WITHIN_S = 120

MAKE = """
import io, json
from annotator.accounts.models import ApiToken, User
from annotator.images.services import add_photo
from annotator.projects.models import Label, Project
from tests.annotator.conftest import jpeg
user = User.objects.create_superuser(username="ada", password="Correct-Horse-7")
project = Project.objects.create(name="Street", created_by=user)
Label.objects.create(project=project, name="Car", color="#E69F00", key="1")
images = [add_photo(project, io.BytesIO(jpeg(seed=n)), name=f"{n}.jpg", user=user).image.pk for n in range(12)]
print(json.dumps({"project": project.pk, "images": images, "token": ApiToken.issue(user, name="t")[1]}))
"""

READ = """
import hashlib, json
from django.db import connection
from annotator.backup.database_reading import count_rows
tables = {}
with connection.cursor() as cursor:
    for table in count_rows(connection):
        cursor.execute(f'SELECT * FROM "{table}"')
        tables[table] = hashlib.sha256("\\n".join(sorted(map(repr, cursor.fetchall()))).encode()).hexdigest()
    cursor.execute("SELECT id, counts FROM annotations_annotation")
    masks = {str(key).replace("-", ""): counts for key, counts in cursor.fetchall()}
from annotator.images.models import Image
print(json.dumps({"tables": tables, "rows": count_rows(connection), "masks": masks,
    "originals": [str(image.file.name) for image in Image.objects.all()]}))
"""


class Place:
    """One DATA_DIR with its database."""

    def __init__(self, data_dir: Path, database_url: str) -> None:
        self.data_dir = data_dir
        self.environment = {
            **os.environ, "DATA_DIR": str(data_dir), "DEFAULT_MODEL": TINY_MODEL, "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "annotator.settings", "LOG_LEVEL": "ERROR", "DATABASE_URL": database_url,
        }  # fmt: skip

    def manage(self, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a management command to its end."""
        command = [sys.executable, "manage.py", *map(str, arguments)]
        env = {**self.environment, **environment}
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)

    def do(self, *arguments: str | Path) -> str:
        """Run a management command that has to succeed and return what it printed."""
        done = self.manage(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def refuse(self, *arguments: str | Path, **environment: str) -> str:
        """Run a management command that has to be refused, and return its one sentence."""
        done = self.manage(*arguments, **environment)
        assert done.returncode == 1, done.stdout + done.stderr
        (line,) = done.stderr.splitlines()
        assert line.startswith("CommandError: ")
        return line.removeprefix("CommandError: ")

    def migrate(self) -> None:
        """Give an empty place all tables."""
        url = self.environment["DATABASE_URL"]
        if url:
            server, name = url.rsplit("/", 1)
            put_postgresql(f"{server}/postgres", name)
        else:
            put_sqlite(self.data_dir / "maskwright.sqlite3")

    def run(self, code: str) -> Any:
        """Run Python with Django set up and return the JSON that it prints last."""
        command = [sys.executable, "-c", f"import django; django.setup()\n{code}"]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.strip().splitlines()[-1])

    def files(self, below: str = "media") -> dict[str, bytes]:
        """Return every file below a folder of DATA_DIR."""
        root = self.data_dir / below
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    @contextmanager
    def web(self) -> Iterator[int]:
        """Run the web process and yield its port."""
        with open_listener() as listener:
            port = int(listener.getsockname()[1])
            command = [sys.executable, "-m", "uvicorn", "annotator.asgi:application", "--fd", str(listener.fileno())]
            command += ["--log-level", "error", "--lifespan", "off"]
            process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stderr=subprocess.DEVNULL, pass_fds=[listener.fileno()]
            )
        try:
            yield port  # whoever connects waits for it
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()


@contextmanager
def make_place(data_dir: Path) -> Iterator[Place]:
    """Make a place on the kind of database that the tests run on; its database goes at the end."""
    if connection.vendor == "sqlite":
        yield Place(data_dir, "")
        return
    about = connection.settings_dict
    name = f"maskwright_place_{uuid.uuid4().hex[:12]}"
    secret = f":{quote(about['PASSWORD'])}" if about["PASSWORD"] else ""
    server = f"postgres://{about['USER']}{secret}@{about['HOST'] or '127.0.0.1'}:{about['PORT'] or 5432}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as server_line:
        server_line.execute(f'CREATE DATABASE "{name}"')
        try:
            yield Place(data_dir, f"{server}/{name}")
        finally:
            server_line.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


class Worker(threading.Thread, ABC):
    """Somebody who works over HTTP until told to stop."""

    def __init__(self, port: int, made: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        self.made = made
        self.halt = threading.Event()
        self.acknowledged: dict[str, str] = {}
        self.errors: list[str] = []
        self.rounds = 0
        self._done = threading.Condition()
        self._line = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def run(self) -> None:
        """Work."""
        while not self.halt.is_set() and not self.errors:
            self.work()
            with self._done:
                self.rounds += 1
                self._done.notify_all()
        self._line.close()

    @abstractmethod
    def work(self) -> None:
        """Do one piece of work."""

    def stop(self) -> None:
        """End, after the piece that is being done."""
        self.halt.set()
        self.join()

    def wait_for(self, rounds: int) -> None:
        """Return when so many pieces are done."""
        with self._done:
            goal = self.rounds + rounds
            self._done.wait_for(lambda: self.rounds >= goal or self.errors, STARTED_WITHIN_S)
            assert not self.errors, self.errors
            assert self.rounds >= goal, "nothing is done"

    def call(self, method: str, path: str, body: bytes, kind: str = "application/json") -> Any:
        """Call the API and return its JSON."""
        headers = {"Authorization": f"Bearer {self.made['token']}", "Content-Type": kind}
        self._line.request(method, f"/api/v1{path}", body, headers)
        answer = self._line.getresponse()
        data = answer.read()
        if answer.status >= 300:
            self.errors.append(f"{method} {path}: {answer.status} {data[:300]!r}")
            return None
        return json.loads(data) if data else None


class Annotator(Worker):
    """Saves masks, each a little different."""

    def work(self) -> None:
        """Save one mask."""
        number = self.rounds % 2000
        mask, counts = str(uuid.uuid4()), encode_square(number)
        operation = {
            "op_id": str(uuid.uuid4()), "type": "create", "annotation_id": mask, "base_revision": 0,
            "fields": {"counts": counts},
        }  # fmt: skip
        image = self.made["images"][self.rounds % 6]
        body = json.dumps({"operations": [operation]}).encode()
        if self.call("POST", f"/images/{image}/operations", body) is not None:
            self.acknowledged[mask.replace("-", "")] = counts


class Curator(Worker):
    """Uploads a photo and deletes it again, all the time."""

    def work(self) -> None:
        """Upload, then delete."""
        boundary, file = uuid.uuid4().hex, io.BytesIO()
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{boundary}.jpg"\r\n\r\n'
        file.write(head.encode())
        file.write(jpeg(seed=1000 + self.rounds))
        file.write(f"\r\n--{boundary}--\r\n".encode())
        kind = f"multipart/form-data; boundary={boundary}"
        rows = self.call("POST", f"/projects/{self.made['project']}/images", file.getvalue(), kind)
        if rows:
            self.call("DELETE", f"/images/{rows[0]['image_id']}", b"")


def encode_square(number: int) -> str:
    """Return the counts of a mask of 48 x 64."""
    import numpy as np

    from annotator.mask_gateway import encode

    mask = np.zeros((48, 64), bool)
    mask[: 1 + number % 48, : 1 + number // 48] = True
    return encode(mask)
