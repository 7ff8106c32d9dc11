"""An annotator who saves masks over HTTP to a web process of its own, while something else is measured."""

import http.client
import json
import socket
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HEIGHT, WIDTH = 1000, 1500
STARTED_WITHIN_SECONDS = 120
PAUSE_SECONDS = 0.1


class WebProcess:
    """The product's own web process on a free port, for the saves of an annotator."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        command = [sys.executable, "-m", "uvicorn", "annotator.asgi:application", "--port", str(self.port)]
        self._process = subprocess.Popen([*command, "--log-level", "error"], cwd=ROOT, stderr=subprocess.DEVNULL)
        until = time.monotonic() + STARTED_WITHIN_SECONDS
        while not self._is_up():
            if time.monotonic() > until or self._process.poll() is not None:
                raise SystemExit("The web process does not start.")
            time.sleep(0.2)

    def _is_up(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()


def call(web: WebProcess, method: str, path: str, token: str, body: Any) -> Any:
    """Return the JSON of one call of the API."""
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    if answer.status >= 300:
        raise SystemExit(f"{path} was answered with {answer.status}: {data[:300]!r}")
    return json.loads(data)


class Saver(threading.Thread):
    """An annotator who saves a mask every 100 ms over HTTP and notes how long each save took."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._address, self._token = prepare_saves()
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._halt = threading.Event()
        self._waits: list[float] = []
        self.start()

    def run(self) -> None:
        """Save until told to stop, on an image of a project of its own, so that the export's figures stay the same."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        counts = some_counts()
        while not self._halt.wait(PAUSE_SECONDS):
            operation = {
                "op_id": str(uuid.uuid4()), "type": "create", "annotation_id": str(uuid.uuid4()), "base_revision": 0,
                "fields": {"counts": counts},
            }  # fmt: skip
            started = time.perf_counter()
            self._connection.request("POST", self._address, json.dumps({"operations": [operation]}), headers)
            answer = self._connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise SystemExit(f"A save was answered with {answer.status}: {body[:300]!r}")
            self._waits.append((time.perf_counter() - started) * 1000)

    def stop(self) -> list[float]:
        """End and return the waits in ms."""
        self._halt.set()
        self.join()
        self._connection.close()
        return self._waits or [0.0]


def prepare_saves() -> tuple[str, str]:
    """Return where an annotator saves, and a token for it."""
    from annotator.accounts.models import ApiToken, User
    from annotator.images.models import Image
    from annotator.projects.models import Project

    user, _ = User.objects.get_or_create(username="saver", defaults={"is_superuser": True})
    project, _ = Project.objects.get_or_create(name="Saves")
    values = {"name": "s.jpg", "width": WIDTH, "height": HEIGHT, "byte_size": 1, "status": "ready"}
    image, _ = Image.objects.get_or_create(project=project, sha256="5" * 64, defaults=values)
    return f"/api/v1/images/{image.pk}/operations", ApiToken.issue(user, name="bench")[1]


def some_counts() -> str:
    """Return the counts of a mask."""
    import numpy as np

    from annotator.mask_gateway import encode

    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[100:200, 100:200] = True
    return encode(mask)
