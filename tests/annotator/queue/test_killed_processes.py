"""Fifty people work over HTTP while the web process and the worker are killed: real processes, as the launcher starts
them, on a real SQLite file.
"""

import http.client
import json
import os
import signal
import socket
import sqlite3
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from annotator import mask_gateway
from annotator.launcher.options import Options
from annotator.launcher.processes import Child, ask_ready, make_children
from tests.annotator.homes import Home
from tests.annotator.inference_steps import TINY_MODEL, put_tiny_model
from tests.annotator.migrated_databases import put_sqlite
from tests.waiting import wait_until

PEOPLE, IMAGES, PHOTOS, SIDE = 50, 120, 12, 8
PATIENCE_S = 150.0

MAKE = """
import hashlib, io, json
from django.core.management import call_command
from PIL import Image as Pillow
call_command("install_model", MODEL)
from annotator.accounts.models import ApiToken, User
from annotator.images.models import Image
from annotator.images.services import add_photo
from annotator.projects.models import Membership, Project
queue = Project.objects.create(name="queue")
people = [User.objects.create(username="p%d" % n) for n in range(PEOPLE)]
Membership.objects.bulk_create([Membership(project=queue, user=user) for user in people])
Image.objects.bulk_create([
    Image(project=queue, name=str(n), sha256=hashlib.sha256(str(n).encode()).hexdigest(), width=SIDE, height=SIDE,
          byte_size=1, format="PNG", status="ready", position=n) for n in range(IMAGES)])
settings = {"predicted_iou": 0.0, "stability_score": 0.0, "min_area_px": 0, "nms_iou": 0.98, "points_per_side": 6}
photos = Project.objects.create(name="photos", settings={"automatic": settings})
for number in range(PHOTOS):
    buffer = io.BytesIO()
    Pillow.effect_noise((96, 64), 20 + number).convert("RGB").save(buffer, "PNG")
    add_photo(photos, buffer, name=f"{number}.png", user=None)
print(json.dumps({"project": queue.pk, "tokens": [ApiToken.issue(user, name="test")[1] for user in people]}))
"""

START_JOB = """
from annotator.accounts.models import User
from annotator.automatic.prefill_requests import start_automatic
from annotator.projects.models import Project
start_automatic(Project.objects.get(name="photos"), User.objects.get(username="p0"), image_ids=None)
"""


class Product:
    """The web process and the worker with the launcher's own commands."""

    def __init__(self, data_dir: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        self.options = Options(host="127.0.0.1", port=port, data_dir=data_dir)
        self.options.log_dir.mkdir()
        self.children: list[Child] = []

    def start(self) -> None:
        """Start both; the page answers soon after."""
        self.children = make_children(self.options)
        for child in self.children:
            child.start()

    def kill(self) -> None:
        """Kill both as `kill -9` does."""
        for child in self.children:
            child.signal(signal.SIGKILL)
            if child.process is not None:
                child.process.wait()


class Person:
    """Somebody who takes images, draws one mask on each and submits it, and asks again when nobody answers."""

    def __init__(self, port: int, project: int, token: str, gate: threading.Event) -> None:
        self.port, self.project, self.token, self.gate = port, project, token, gate
        self.taken: list[int] = []
        self.failures: list[str] = []

    def work(self) -> None:
        """Do one image, wait at the gate, go on until the queue is empty."""
        while image := self.call(f"/projects/{self.project}/next")["image_id"]:
            if image in self.taken:
                self.failures.append(f"image {image} again")
                return
            self.taken.append(image)
            self.call(f"/images/{image}/operations", {"operations": [new_mask()]})
            self.call(f"/images/{image}/submit")
            self.gate.wait(PATIENCE_S)

    def call(self, path: str, body: Any = None) -> Any:
        """Post, as often as it takes: a retried operation has the same id."""
        data = json.dumps(body if body is not None else {})
        answers: list[bytes] = []

        def is_answered() -> bool:
            status, text = self.ask(path, data)
            assert status == 0 or status == 200 or status >= 500, f"{path}: {status} {text!r}"
            if status == 200:
                answers.append(text)
            return status == 200

        wait_until(is_answered, within_s=PATIENCE_S, what=path)
        return json.loads(answers[0])

    def ask(self, path: str, data: str) -> tuple[int, bytes]:
        """Post once and return status and body, 0 where nobody answers."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", f"/api/v1{path}", data, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            return 0, repr(error).encode()
        finally:
            connection.close()


def new_mask() -> dict[str, Any]:
    import numpy as np

    mask = np.zeros((SIDE, SIDE), bool)
    mask[1:5, 2:6] = True
    fields = {"counts": mask_gateway.encode(mask), "active_ms": 5}
    ids = {"op_id": str(uuid.uuid4()), "annotation_id": str(uuid.uuid4())}
    return {**ids, "type": "create", "base_revision": 0, "fields": fields}


@pytest.fixture
def product(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Product]:
    put_tiny_model(tmp_path / "models")
    put_sqlite(tmp_path / "rush.sqlite3")
    for name, value in Home(tmp_path, f"sqlite:///{tmp_path / 'rush.sqlite3'}").environment.items():
        monkeypatch.setenv(name, value)
    made = Product(tmp_path)
    yield made
    made.kill()


def until(condition: Callable[[], bool], product: Product) -> None:
    """Wait for a condition while the product lives."""

    def is_so() -> bool:
        for child in product.children:
            assert not child.has_ended(), child.last_words()
        return condition()

    wait_until(is_so, within_s=PATIENCE_S)


def test_nothing_is_lost_or_doubled_when_both_processes_are_killed_in_the_middle(
    product: Product, tmp_path: Path
) -> None:
    home = Home(tmp_path, os.environ["DATABASE_URL"])
    numbers = f"MODEL, PEOPLE, IMAGES, PHOTOS, SIDE = {TINY_MODEL!r}, {PEOPLE}, {IMAGES}, {PHOTOS}, {SIDE}"
    made = json.loads(home.run(f"{numbers}\n{MAKE}").splitlines()[-1])
    rows = sqlite3.connect(tmp_path / "rush.sqlite3", timeout=30)

    def count(query: str, *values: int) -> int:
        return int(rows.execute(query, values).fetchone()[0])

    gate = threading.Event()  # holds people until the worker is in the middle of its job as well
    people = [Person(product.options.port, made["project"], token, gate) for token in made["tokens"]]
    threads = [threading.Thread(target=person.work) for person in people]
    product.start()
    until(lambda: ask_ready(product.options) == "", product)
    for thread in threads:
        thread.start()
    submitted = "SELECT COUNT(*) FROM engine_submission"
    runs = "SELECT COUNT(*) FROM engine_maskrun"
    until(lambda: count(submitted) == PEOPLE, product)
    home.run(START_JOB)
    until(lambda: count(runs) >= 2, product)
    gate.set()
    until(lambda: count(submitted) > PEOPLE, product)
    product.kill()
    assert count(submitted) < IMAGES, "they were done before anything was killed"
    assert count(runs) < PHOTOS, "the job was done before anything was killed"
    product.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    finished = "SELECT COUNT(*) FROM engine_job WHERE kind = 'automatic' AND status = 'done'"
    until(lambda: count(finished) == 1, product)

    assert [person.failures for person in people if person.failures] == []
    handed_out = Counter(image for person in people for image in person.taken)
    assert len(handed_out) == IMAGES
    assert set(handed_out.values()) == {1}
    assert count(submitted) == count("SELECT COUNT(DISTINCT image_id) FROM engine_submission") == IMAGES
    assert count("SELECT COUNT(*) FROM engine_lease WHERE released_at IS NULL") == 0
    in_queue = "SELECT COUNT(*) FROM images_image WHERE project_id = ? AND work_status = 'submitted'"
    assert count(in_queue, made["project"]) == IMAGES
    masks = "SELECT COUNT(*), COUNT(DISTINCT image_id) FROM annotations_annotation WHERE source = ?"
    assert rows.execute(masks, ["manual"]).fetchone() == (IMAGES, IMAGES)
    assert count(runs) == count("SELECT COUNT(DISTINCT image_id) FROM engine_maskrun") == PHOTOS
    kept = count("SELECT SUM(mask_count) FROM engine_maskrun")
    assert rows.execute(masks, ["automatic"]).fetchone() == (kept, PHOTOS)
    doubled = (
        "SELECT COUNT(*) FROM (SELECT 1 FROM annotations_annotation GROUP BY image_id, counts HAVING COUNT(*) > 1)"
    )
    assert count(doubled) == 0
    assert count("SELECT done FROM engine_job WHERE kind = 'automatic'") == PHOTOS
