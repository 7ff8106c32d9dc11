"""Fifty annotators at once, a killed web process, a killed worker: real processes on a real database file.

SQLite in WAL mode, or PostgreSQL where DATABASE_URL names one.
"""

import json
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.annotator.homes import ROOT, Home, make_home
from tests.annotator.inference_steps import TINY_MODEL, put_tiny_model

HERE = Path(__file__).resolve().parent
PEOPLE, IMAGES = 50, 120

MAKE_PROJECT = """
import hashlib, sys
from annotator.accounts.models import User
from annotator.images.models import Image
from annotator.projects.models import Membership, Project
project = Project.objects.create(name="rush")
users = [User.objects.create(username="p%d" % n) for n in range(PEOPLE)]
Membership.objects.bulk_create([Membership(project=project, user=user) for user in users])
Image.objects.bulk_create([
    Image(project=project, name=str(n), sha256=hashlib.sha256(str(n).encode()).hexdigest(), width=8, height=8,
          byte_size=1, format="PNG", status="ready", position=n) for n in range(IMAGES)])
print(project.pk, users[0].pk)
"""

READ_QUEUE = """
import json
from django.db.models import Count
from annotator.queue.models import Lease, Submission
from annotator.images.models import Image
print(json.dumps({
    "statuses": dict(Image.objects.order_by().values_list("work_status").annotate(n=Count("pk"))),
    "submitted_twice": Submission.objects.values("image").annotate(n=Count("pk")).filter(n__gt=1).count(),
    "alive": Lease.objects.filter(released_at=None).count(),
}))
"""

EXPIRE = """
from django.utils import timezone
from annotator.queue.models import Lease
Lease.objects.filter(released_at=None).update(expires_at=timezone.now())
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with make_home(tmp_path, "rush") as made:
        yield made


def lines_of(text: str) -> list[list[int]]:
    return [[int(part) for part in line.split()] for line in text.splitlines() if len(line.split()) == 2]


def test_fifty_annotators_at_once_get_every_image_exactly_once(home: Home) -> None:
    project, first = (int(part) for part in home.run(f"PEOPLE, IMAGES = {PEOPLE}, {IMAGES}\n{MAKE_PROJECT}").split())
    script = str(HERE / "queue_worker.py")
    processes = [home.start(script, str(project), str(first + 10 * n), "10") for n in range(PEOPLE // 10)]
    taken = [line for process in processes for line in lines_of(process.communicate()[0])]
    assert [process.returncode for process in processes] == [0] * len(processes)
    assert max(Counter(image for _, image in taken).values()) == 1
    assert len(taken) == IMAGES
    state = json.loads(home.run(READ_QUEUE))
    assert state == {"statuses": {"submitted": IMAGES}, "submitted_twice": 0, "alive": 0}


@pytest.mark.slow
def test_no_image_is_lost_when_a_process_is_killed_in_the_middle(home: Home) -> None:
    project, first = (int(part) for part in home.run(f"PEOPLE, IMAGES = {PEOPLE}, {IMAGES}\n{MAKE_PROJECT}").split())
    script = str(HERE / "queue_worker.py")
    doomed = home.start(script, str(project), str(first), "10")
    assert doomed.stdout is not None
    for _ in range(15):  # it has handed out and taken back some images by now
        doomed.stdout.readline()
    doomed.send_signal(signal.SIGKILL)
    doomed.communicate()
    home.run(EXPIRE)  # what its people held comes back when their leases end
    rest = home.start(script, str(project), str(first + 10), "10")
    rest.communicate()
    assert rest.returncode == 0
    state = json.loads(home.run(READ_QUEUE))
    assert state == {"statuses": {"submitted": IMAGES}, "submitted_twice": 0, "alive": 0}


MAKE_JOB = """
import io
from PIL import Image as Pillow
from annotator.accounts.models import User
from annotator.automatic.prefill_requests import start_automatic, start_prefill
from annotator.images.services import add_photo
from annotator.projects.models import Project
settings = {"predicted_iou": 0.0, "stability_score": 0.0, "min_area_px": 0, "nms_iou": 0.98, "points_per_side": 6}
project = Project.objects.create(name="rush", settings={"automatic": settings})
for number in range(PHOTOS):
    buffer = io.BytesIO()
    Pillow.effect_noise((96, 64), 20 + number).convert("RGB").save(buffer, "PNG")
    add_photo(project, buffer, name=f"{number}.png", user=None)
user = User.objects.create(username="ada")
start_prefill(project, user) if KIND == "prefill" else start_automatic(project, user, image_ids=None)
"""

READ_JOB = """
import json
from django.db.models import Count
from annotator.annotations.models import Annotation
from annotator.jobs.models import Job
from annotator.automatic.models import MaskRun
job = Job.objects.get(kind=KIND)
print(json.dumps({
    "status": job.status, "done": job.done, "runs": MaskRun.objects.count(),
    "images": MaskRun.objects.values("image").distinct().count(),
    "kept": sum(MaskRun.objects.values_list("mask_count", flat=True)), "masks": Annotation.objects.count(),
    "states": dict(Annotation.objects.order_by().values_list("state").annotate(n=Count("pk"))),
    "doubled": Annotation.objects.values("image", "counts").annotate(n=Count("pk")).filter(n__gt=1).count(),
}))
"""


# Beside the worker, so that nothing but a query lies between the second image and the kill.
KILL_AT_TWO = """
import os, signal, time
from annotator.automatic.models import MaskRun
give_up_at = time.monotonic() + 120
while MaskRun.objects.count() < 2:
    assert time.monotonic() < give_up_at, "the worker does nothing"
os.kill(PID, signal.SIGKILL)
"""


# Somebody decides about a suggestion while no worker is there.
ACCEPT_ONE = """
from annotator.annotations.models import Annotation
Annotation.objects.filter(pk=Annotation.objects.order_by("pk").first().pk).update(state="accepted")
"""


@pytest.mark.parametrize("kind", [pytest.param("automatic", marks=pytest.mark.slow), "prefill"])
def test_a_killed_worker_goes_on_where_it_was_and_doubles_nothing(home: Home, tmp_path: Path, kind: str) -> None:
    count = 12
    put_tiny_model(tmp_path / "models")
    home.manage("install_model", TINY_MODEL)
    home.run(f"PHOTOS, KIND = {count}, {kind!r}\n{MAKE_JOB}")
    doomed = home.start(str(ROOT / "manage.py"), "run_worker", "--batch")
    home.run(f"PID = {doomed.pid}\n{KILL_AT_TWO}")
    doomed.communicate()
    before = read(home, kind)
    assert before["status"] == "running"
    assert before["runs"] < count, "nothing was left to do"
    assert before["masks"] == before["kept"] > 0  # no image is half written
    home.run(ACCEPT_ONE)
    for _ in range(3):  # the reconciler runs beside the worker; a batch may end before it has looked
        home.manage("reconcile")
        home.manage("run_worker", "--batch")
        if read(home, kind)["status"] == "done":
            break
    after = read(home, kind)
    assert (after["status"], after["done"], after["runs"], after["images"]) == ("done", count, count, count)
    assert after["masks"] == after["kept"]
    assert after["doubled"] == 0
    suggested = {"suggestion": after["masks"] - 1} if kind == "prefill" else {}
    assert after["states"] == {"accepted": after["masks"] - sum(suggested.values()), **suggested}


def read(home: Home, kind: str) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(home.run(f"KIND = {kind!r}\n{READ_JOB}"))
    return state
