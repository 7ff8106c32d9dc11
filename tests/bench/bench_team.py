"""A team at work: people with open sockets claim images, load embeddings, save masks and submit, all at once.

    python -m tests.bench team [--people 100] [--seconds 60] [--webs 2] [--workers 2] [--database postgresql|sqlite]

Starts its own web processes and workers on a data directory of its own. PostgreSQL is that of TEST_POSTGRESQL_URL (or
postgres://postgres@127.0.0.1/postgres), in a database that is made and dropped. Prints one JSON object: waits in ms,
errors by status, whether what was acknowledged is what is stored, messages over sockets, connections of the database.
Loopback only; ends by itself.
"""

import argparse
import http.client
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

ROOT = Path(__file__).resolve().parents[2]
IMAGES_PER_PERSON = 12
MASKS_PER_IMAGE = 3
THINK_SECONDS = (2.0, 4.0)
STARTED_WITHIN_SECONDS = 120
EMBEDDED_WITHIN_SECONDS = 300

MAKE = """
import io, json, sys
import numpy as np
from PIL import Image as Pillow
from django.test import Client
from annotator.accounts.models import User
from annotator.images.services import add_photo
from annotator.mask_gateway import encode
from annotator.projects.models import Membership, Project, Role
people, images = {people}, {images}
admin = User.objects.create(username="admin")
project = Project.objects.create(name="team", created_by=admin)
Membership.objects.create(project=project, user=admin, role=Role.ADMIN)
sessions = []
for number in range(people):
    user = User.objects.create(username=f"p{{number}}")
    Membership.objects.create(project=project, user=user, role=Role.ANNOTATOR)
    client = Client()
    client.force_login(user)
    sessions.append(client.cookies["sessionid"].value)
for number in range(images):
    photo = np.full((96, 128, 3), number % 251, np.uint8)
    photo[number % 96, number % 128] = number // 251
    file = io.BytesIO()
    Pillow.fromarray(photo).save(file, "PNG")
    file.seek(0)
    add_photo(project, file, name=f"{{number:05}}.png", user=admin)
mask = np.zeros((96, 128), bool)
mask[10:40, 20:60] = True
print(json.dumps({{"project": project.pk, "sessions": sessions, "counts": encode(mask)}}))
"""

READ = """
import json
from annotator.annotations.models import Annotation
print(json.dumps([str(pk) for pk in Annotation.objects.filter(deleted_at=None).values_list("pk", flat=True)]))
"""


class Home:
    """The data directory, the database and the processes of one run."""

    def __init__(self, folder: Path, database_url: str, wanted: argparse.Namespace) -> None:
        self.wanted = wanted
        self.ports = [free_port() for _ in range(wanted.webs)]
        self.processes: list[subprocess.Popen[bytes]] = []
        self.log = (folder / "log.txt").open("wb")
        self.environment = {
            **os.environ, "DATA_DIR": str(folder), "DATABASE_URL": database_url, "DEFAULT_MODEL": "sam_tiny_test",
            "LOG_LEVEL": "ERROR", "DJANGO_SETTINGS_MODULE": "annotator.settings", "PYTHONPATH": str(ROOT),
        }  # fmt: skip

    def run(self, code: str) -> Any:
        """Run Python with Django set up and return the JSON it prints last."""
        command = [sys.executable, "-c", f"import django; django.setup()\n{code}"]
        done = subprocess.run(command, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr)
        return json.loads(done.stdout.strip().splitlines()[-1])

    def manage(self, *arguments: str) -> None:
        """Run manage.py to its end."""
        subprocess.run([sys.executable, "manage.py", *arguments], env=self.environment, cwd=ROOT, check=True)

    def start(self) -> None:
        """Start web processes and workers; return when every page answers and every photo is embedded."""
        for port in self.ports:
            self._spawn("-m", "uvicorn", "annotator.asgi:application", "--port", str(port), "--log-level", "error")
        for _ in range(self.wanted.workers):
            self._spawn("manage.py", "run_worker")
        wait_until(lambda: all(is_open(port) for port in self.ports), STARTED_WITHIN_SECONDS, "the web processes")
        wait_until(self._is_embedded, EMBEDDED_WITHIN_SECONDS, "the embeddings")

    def stop(self) -> None:
        """End all of them."""
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.wait(30)
        self.log.close()

    def _spawn(self, *arguments: str) -> None:
        command = [sys.executable, *arguments]
        self.processes.append(subprocess.Popen(command, env=self.environment, cwd=ROOT, stderr=self.log))

    def _is_embedded(self) -> bool:
        left = self.run(
            "from annotator.images.models import Image\nfrom annotator.inference.models import ImageEmbedding\n"
            "print(Image.objects.count() - ImageEmbedding.objects.filter(status='ready').count())"
        )
        return int(left) <= 0


class Person(threading.Thread):
    """An annotator: a socket that is always open, and one image after the other."""

    def __init__(self, number: int, made: dict[str, Any], home: Home, until: float) -> None:
        super().__init__(daemon=True)
        self.random = random.Random(number)
        self.session = made["sessions"][number]
        self.made, self.until = made, until
        self.port = home.ports[number % len(home.ports)]
        self.waits: dict[str, list[float]] = {}
        self.errors: Counter[str] = Counter()
        self.acknowledged: set[str] = set()
        self.messages = 0
        self.http = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        self.csrf = uuid.uuid4().hex  # Django takes any 32 letters and digits that cookie and header share

    def run(self) -> None:
        """Work until the time is over."""
        address = f"ws://127.0.0.1:{self.port}/ws/projects/{self.made['project']}"
        cookie = {"Cookie": f"sessionid={self.session}", "Origin": f"http://127.0.0.1:{self.port}"}
        with connect(address, additional_headers=cookie, open_timeout=60) as line:
            listener = threading.Thread(target=self._listen, args=(line,), daemon=True)
            listener.start()
            while time.monotonic() < self.until:
                self._annotate(line)
        listener.join(5)

    def _listen(self, line: Any) -> None:
        try:
            for _ in line:
                self.messages += 1
        except ConnectionClosed:
            self.errors["socket"] += time.monotonic() < self.until

    def _annotate(self, line: Any) -> None:
        taken = self._call("claim", "POST", f"/projects/{self.made['project']}/next", {})
        image = taken and taken.get("image_id")
        if not image:
            self._think()
            return
        line.send(json.dumps({"type": "watch", "image_id": image}))
        detail = self._call("image", "GET", f"/images/{image}")
        self._call("masks", "GET", f"/images/{image}/annotations")
        if detail and detail["embedding"]["url"]:
            self._call("embedding", "GET", detail["embedding"]["url"].removeprefix("/api/v1"))
        for _ in range(MASKS_PER_IMAGE):
            self._think()
            if time.monotonic() > self.until:
                return
            self._save(image)
        self._call("submit", "POST", f"/images/{image}/submit", {})

    def _save(self, image: int) -> None:
        mask = str(uuid.uuid4())
        fields = {"counts": self.made["counts"], "active_ms": 1500, "provenance": {"prompts": [], "candidate": 1}}
        operation = {
            "op_id": str(uuid.uuid4()), "type": "create", "annotation_id": mask, "base_revision": 0, "fields": fields,
        }  # fmt: skip
        if self._call("save", "POST", f"/images/{image}/operations", {"operations": [operation]}) is not None:
            self.acknowledged.add(mask)

    def _think(self) -> None:
        time.sleep(self.random.uniform(*THINK_SECONDS))

    def _call(self, name: str, method: str, path: str, body: Any = None) -> Any:
        headers = {
            "Cookie": f"sessionid={self.session}; csrftoken={self.csrf}", "X-CSRFToken": self.csrf,
            "Content-Type": "application/json",
        }  # fmt: skip
        started = time.perf_counter()
        try:
            self.http.request(method, f"/api/v1{path}", None if body is None else json.dumps(body), headers)
            answer = self.http.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.errors[f"{name} {type(error).__name__}"] += 1
            self.http.close()
            return None
        self.waits.setdefault(name, []).append((time.perf_counter() - started) * 1000)
        if answer.status >= 300:
            self.errors[f"{name} {answer.status}"] += 1
            return None
        return json.loads(data) if "json" in answer.headers.get("Content-Type", "") else {}


class ConnectionCounter(threading.Thread):
    """Counts the connections of one PostgreSQL database every half second."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.url, self.most, self.halt = url, 0, threading.Event()

    def run(self) -> None:
        """Count until told to stop; the counter's own connection is left out."""
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        with psycopg.connect(self.url, autocommit=True) as line:
            while not self.halt.wait(0.5):
                row = line.execute(query).fetchone()
                self.most = max(self.most, row[0] if row else 0)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_open(port: int) -> bool:
    """Say whether somebody listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(is_so: Any, seconds: float, what: str) -> None:
    """Return when `is_so` says so; raise SystemExit after `seconds`."""
    until = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > until:
            raise SystemExit(f"Waited {seconds} s in vain for {what}.")
        time.sleep(0.5)


def percentiles(waits: list[float]) -> dict[str, float]:
    """Return p50, p95 and p99 in ms, and how many there were."""
    if len(waits) < 2:
        return {"count": len(waits)}
    cuts = statistics.quantiles(waits, n=100)
    return {"count": len(waits), "p50": round(cuts[49]), "p95": round(cuts[94]), "p99": round(cuts[98])}


def work(home: Home, made: dict[str, Any], wanted: argparse.Namespace) -> dict[str, Any]:
    """Let everybody work and return the figures."""
    until = time.monotonic() + wanted.seconds
    people = [Person(number, made, home, until) for number in range(wanted.people)]
    for person in people:
        person.start()
    for person in people:
        person.join(wanted.seconds + 120)
    acknowledged = set().union(*(person.acknowledged for person in people))
    stored = set(home.run(READ))
    errors = sum((person.errors for person in people), Counter())
    names = sorted({name for person in people for name in person.waits})
    return {
        "saves_per_second": round(len(acknowledged) / wanted.seconds, 1),
        "waits_ms": {name: percentiles([w for person in people for w in person.waits.get(name, [])]) for name in names},
        "errors": {name: count for name, count in errors.items() if count},
        "acknowledged": len(acknowledged),
        "acknowledged_but_not_stored": len(acknowledged - stored),
        "stored_but_not_acknowledged": len(stored - acknowledged),
        "socket_messages": sum(person.messages for person in people),
    }


def measure(database_url: str, wanted: argparse.Namespace) -> dict[str, Any]:
    """Prepare, work, and stop whatever was started."""
    with tempfile.TemporaryDirectory(prefix="maskwright-team-") as folder:
        home = Home(Path(folder), database_url, wanted)
        home.manage("migrate", "--verbosity", "0")
        home.manage("install_model", "sam_tiny_test")
        made = home.run(MAKE.format(people=wanted.people, images=wanted.people * IMAGES_PER_PERSON))
        counter = ConnectionCounter(database_url) if database_url.startswith("postgres") else None
        try:
            home.start()
            if counter:
                counter.start()
            figures = work(home, made, wanted)
        finally:
            home.stop()
        if counter:
            counter.halt.set()
            counter.join()
            figures["most_connections"] = counter.most
        return figures


def main() -> None:
    """Measure on the database that was asked for and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--webs", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--database", choices=["postgresql", "sqlite"], default="sqlite")
    wanted = parser.parse_args()
    head = {"database": wanted.database, "people": wanted.people, "webs": wanted.webs, "workers": wanted.workers}
    if wanted.database == "sqlite":
        print(json.dumps({**head, **measure("", wanted)}))
        return
    given = os.environ.get("TEST_POSTGRESQL_URL", "postgres://postgres@127.0.0.1/postgres")
    admin_url = urlunsplit(urlsplit(given)._replace(path="/postgres"))
    name = f"maskwright_team_{os.getpid()}"
    with psycopg.connect(admin_url, autocommit=True) as line:
        line.execute(f'CREATE DATABASE "{name}"')
        try:
            print(json.dumps({**head, **measure(urlunsplit(urlsplit(given)._replace(path=f"/{name}")), wanted)}))
        finally:
            line.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


if __name__ == "__main__":
    main()
