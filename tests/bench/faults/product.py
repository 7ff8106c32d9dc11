"""The whole product under its launcher, on a data directory of its own, with processes that can be killed."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
WITHIN_S = 180.0
PHOTOS = 12
MAKE = """
import io, json
import numpy as np
from PIL import Image as Pillow
from annotator.accounts.models import ApiToken, User
from annotator.images.services import add_photo
from annotator.mask_gateway import encode
from annotator.projects.models import Membership, Project, Role
people = [User.objects.create_superuser(username=name, password=name) for name in ("ada", "bo")]
projects, images = [], []
for name in ("one", "two"):
    project = Project.objects.create(name=name, created_by=people[0])
    for user in people:
        Membership.objects.create(project=project, user=user, role=Role.ADMIN)
    for number in range(PHOTOS):
        file, photo = io.BytesIO(), np.full((96, 128, 3), number, np.uint8)
        Pillow.fromarray(photo).save(file, "PNG")
        file.seek(0)
        row = add_photo(project, file, name=f"{number:03}.png", user=people[0]).image
        images += [row.pk] if name == "one" else []
    projects.append(project.pk)
masks = []
for number in range(400):
    mask = np.zeros((96, 128), bool)
    mask[: 1 + number % 90, : 1 + number // 4] = True
    masks.append(encode(mask))
tokens = [ApiToken.issue(user, name="bench")[1] for user in people]
print(json.dumps({"projects": projects, "images": images, "tokens": tokens, "masks": masks}))
""".replace("PHOTOS", str(PHOTOS))
READ = """
import json
from annotator.annotations.models import Annotation
rows = Annotation.objects.filter(image__project=PROJECT, deleted_at=None).values_list("pk", "counts")
print(json.dumps({str(key): counts for key, counts in rows}))
"""


class Product:
    """Launcher, web process and worker; calls are sent again until they are answered, as the journal does."""

    def __init__(self, folder: Path, database_url: str, **variables: str) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.environment = {
            **os.environ, "DATA_DIR": str(folder), "DATABASE_URL": database_url, "DEFAULT_MODEL": "sam_tiny_test",
            "PORT": str(self.port), "DEMO": "0", "WORKER_STALE_SECONDS": "5", "LOG_LEVEL": "WARNING",
            "DJANGO_SETTINGS_MODULE": "annotator.settings", "PYTHONPATH": str(ROOT), **variables,
        }  # fmt: skip
        self.launcher: subprocess.Popen[str] | None = None
        self.refusals = 0

    def start(self) -> None:
        """Start it and wait for the line `ready`."""
        command = [sys.executable, "-m", "annotator.launcher", "run"]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        self.launcher = subprocess.Popen(command, cwd=ROOT, env=self.environment, **pipes)
        said = []
        assert self.launcher.stdout is not None
        for line in self.launcher.stdout:
            said.append(line)
            if line.startswith("ready "):
                return
        raise SystemExit("".join(said))

    def stop(self) -> None:
        """Stop it as Ctrl-C does."""
        if self.launcher is not None and self.launcher.poll() is None:
            self.launcher.send_signal(signal.SIGINT)
            self.launcher.communicate(timeout=WITHIN_S)

    def kill(self, name: str) -> None:
        """End a process with SIGKILL: web, worker, or the launcher, which is started again."""
        if name != "launcher":
            with contextlib.suppress(KeyError, ProcessLookupError):
                os.kill(self.children()[name], signal.SIGKILL)
            return
        assert self.launcher is not None
        self.launcher.kill()
        self.launcher.communicate()
        self.start()

    def children(self) -> dict[str, int]:
        """Return the process ids of web server and worker."""
        assert self.launcher is not None
        pid = self.launcher.pid
        found = {}
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with contextlib.suppress(OSError):
                line = Path(f"/proc/{child}/cmdline").read_bytes()
                found["web" if b"uvicorn" in line else "worker" if b"run_worker" in line else "other"] = int(child)
        return found

    def run(self, code: str) -> Any:
        """Run Python with Django set up, by the true clock, and return the JSON that it prints last."""
        plain = {name: value for name, value in self.environment.items() if name != "LD_PRELOAD"}
        command = [sys.executable, "-c", f"import django; django.setup()\n{code}"]
        done = subprocess.run(command, cwd=ROOT, env=plain, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr)
        return json.loads(done.stdout.strip().splitlines()[-1])

    def masks(self, project: int) -> dict[str, str]:
        """Return the counts of all masks of a project by id."""
        found: dict[str, str] = self.run(READ.replace("PROJECT", str(project)))
        return found

    def ask(self, token: str, method: str, path: str, body: Any = None) -> tuple[int, dict[str, str], bytes]:
        """Send one request and return status, headers and body; (0, ...) when nobody answered."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WITHIN_S)
        try:
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            if isinstance(body, bytes):
                headers["Content-Type"] = f"multipart/form-data; boundary={body[2:34].decode()}"
            line.request(method, f"/api/v1{path}", data, headers)
            answer = line.getresponse()
            return answer.status, dict(answer.headers), answer.read()
        except (OSError, http.client.HTTPException):
            return 0, {}, b""
        finally:
            line.close()

    def call(self, token: str, method: str, path: str, body: Any = None) -> Any:
        """Send a request until it is answered; raise SystemExit for an answer that sending again does not mend."""
        until = time.monotonic() + WITHIN_S
        while time.monotonic() < until:
            status, headers, data = self.ask(token, method, path, body)
            if status and status < 300:
                return json.loads(data) if data[:1] in (b"{", b"[") else data
            if status and not (status == 503 and "Retry-After" in headers):
                raise SystemExit(f"{method} {path}: {status} {data[:300]!r}")
            self.refusals += 1
            time.sleep(0.1)
        raise SystemExit(f"{method} {path} is not answered")


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Return as soon as it is so."""
    until = time.monotonic() + WITHIN_S
    while not is_so():
        if time.monotonic() > until:
            raise SystemExit(f"waited in vain: {what}")
        time.sleep(0.02)


def as_upload(field: str, name: str, data: bytes, **fields: str) -> bytes:
    """Return a multipart body whose boundary are its first 32 letters after the dashes."""
    boundary = uuid.uuid4().hex
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
             for key, value in fields.items()]  # fmt: skip
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'.encode()
    return b"".join([*parts, head, data, f"\r\n--{boundary}--\r\n".encode()])


def as_operations(counts: list[str]) -> list[dict[str, Any]]:
    """Return operations that save a mask each, under new ids."""
    return [
        {"op_id": str(uuid.uuid4()), "type": "create", "annotation_id": str(uuid.uuid4()), "base_revision": 0,
         "fields": {"counts": one}}
        for one in counts
    ]  # fmt: skip
