"""How long the pages and calls of a large project take: 10,000 images, 500,000 masks, 20 people, 26 weeks.

    python tests/bench/bench_engine.py --folder /tmp/bench-engine [--images 10000] [--masks-per-image 50]

DATABASE_URL chooses the database (default: SQLite in --folder). Prints one line of JSON for each figure: the median of
five calls through Django's test client, with the number of queries; the first line is the counting of all masks, as the
worker does it.
`cpu_ms` is the processor's time in this process, which other work on the machine does not lengthen much.
"""

import argparse
import datetime as dt
import hashlib
import json
import os
import random
import statistics
import sys
import time
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CALLS = 5
PEOPLE, LABELS, WEEKS = 20, 12, 26
ROWS_AT_ONCE = 5000
LATENCY_SAMPLES = 20_000
TAGS: list[list[str]] = [[], ["night"], ["day", "rain"], ["day"]]


def main() -> None:
    """Make the rows unless they are there, then measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--masks-per-image", type=int, default=50)
    wanted = parser.parse_args()
    prepare(wanted.folder)
    from annotator.projects.models import Project

    project = Project.objects.filter(name="bench").first() or make_project(wanted.images, wanted.masks_per_image)
    measure_count(project)
    measure_pages(project)
    measure_queue(project)


def prepare(folder: Path) -> None:
    """Point Django at the folder and make the tables."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.update(DATA_DIR=str(folder), DJANGO_SETTINGS_MODULE="annotator.settings", LOG_LEVEL="ERROR")
    os.environ.setdefault("ALLOWED_HOSTS", "testserver")
    sys.path.insert(0, str(ROOT))
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def report(name: str, **figures: Any) -> None:
    """Print one figure."""
    rounded = {key: round(value, 4) if isinstance(value, float) else value for key, value in figures.items()}
    print(json.dumps({"figure": name, **rounded}), flush=True)


def make_project(images: int, masks_per_image: int) -> Any:
    """Make a project as half a year of work leaves it."""
    from annotator.accounts.models import User
    from annotator.projects.models import Label, Membership, Project, Role

    project = Project.objects.create(name="bench")
    people = [User.objects.create(username=f"person{number}") for number in range(PEOPLE)]
    roles = [Role.ADMIN, Role.REVIEWER] + [Role.ANNOTATOR] * (PEOPLE - 2)
    Membership.objects.bulk_create(
        [Membership(project=project, user=user, role=role) for user, role in zip(people, roles, strict=True)]
    )
    labels = [Label.objects.create(project=project, name=f"label {n}", color="#E69F00") for n in range(LABELS)]
    rows = make_images(project, images, people)
    make_masks(rows, masks_per_image, people, labels)
    make_embeddings(project)
    make_samples(project, people)
    return project


def make_images(project: Any, count: int, people: list[Any]) -> list[Any]:
    """Make images, most of them submitted."""
    from annotator.images.models import Image, ImageStatus, WorkStatus
    from annotator.queue.models import Submission, Verdict
    from annotator.weeks import week_of

    statuses = [WorkStatus.NEW, WorkStatus.SUBMITTED, WorkStatus.REVIEWED, WorkStatus.REVIEWED]
    stages = ["assisted_manual", "semi_automatic", "fully_automatic"]
    rows = [
        Image(
            project=project, name=f"{n:06}.jpg", sha256=hashlib.sha256(str(n).encode()).hexdigest(), width=1500,
            height=1000, byte_size=400_000, format="JPEG", status=ImageStatus.READY, position=n,
            work_status=statuses[n % 4], stage=stages[n % 3], tags=TAGS[n % len(TAGS)],
        )
        for n in range(count)
    ]  # fmt: skip
    made = Image.objects.bulk_create(rows, batch_size=ROWS_AT_ONCE)
    submitted = [image for image in made if image.work_status != WorkStatus.NEW]
    Submission.objects.bulk_create(
        [
            Submission(
                project=project,
                image=image,
                user=people[image.pk % PEOPLE],
                stage=image.stage,
                verdict=(Verdict.ACCEPTED, Verdict.WAITING)[image.work_status == WorkStatus.SUBMITTED],
                week=week_of(moment(image.pk)),
                masks=image.pk % 60,
                reviewer=people[1],
                reviewed_at=moment(image.pk),
            )
            for image in submitted
        ],
        batch_size=ROWS_AT_ONCE,
    )
    return made


def make_embeddings(project: Any) -> None:
    """Pin a model version and call every image embedded with it."""
    from annotator.images.models import Image
    from annotator.inference.models import EmbeddingStatus, ImageEmbedding, ModelVersion

    version, _ = ModelVersion.objects.get_or_create(
        version="bench-1", defaults={"name": "sam_lite", "number": 1, "image_size": 512, "embed_dim": 128}
    )
    project.model_version = version
    project.save(update_fields=["model_version"])
    rows = [
        ImageEmbedding(
            sha256=sha256, model_version=version, crop_box="full", status=EmbeddingStatus.READY, encode_ms=400
        )
        for sha256 in Image.objects.filter(project=project).values_list("sha256", flat=True)
    ]  # fmt: skip
    ImageEmbedding.objects.bulk_create(rows, batch_size=ROWS_AT_ONCE, ignore_conflicts=True)


def make_masks(images: list[Any], per_image: int, people: list[Any], labels: list[Any]) -> None:
    """Make masks with provenance as the workspace writes it."""
    from annotator.annotations.models import Annotation

    batch: list[Any] = []
    for image in images:
        batch += [make_mask(image, n, people, labels) for n in range(per_image)]
        if len(batch) >= ROWS_AT_ONCE:
            Annotation.objects.bulk_create(batch)
            batch = []
    Annotation.objects.bulk_create(batch)
    from django.db import connection

    with connection.cursor() as cursor:  # spread over half a year, in one statement
        cursor.execute(
            "UPDATE annotations_annotation SET created_at = decided_at, updated_at = decided_at, decided_at = NULL"
        )


def make_mask(image: Any, number: int, people: list[Any], labels: list[Any]) -> Any:
    """Return one row; the time it was made is put where `make_masks` moves it from."""
    from annotator.annotations.models import Annotation

    is_suggestion = number % 3 == 0
    state = random.choice(["accepted", "accepted", "rejected"]) if is_suggestion else "accepted"
    score = random.uniform(0.5, 1)
    return Annotation(
        id=uuid.uuid4(), image=image, label=labels[number % LABELS], counts="PPYo0" * 30, bbox_x=1, bbox_y=1, bbox_w=9,
        bbox_h=9, area=60, source="suggestion" if is_suggestion else "manual", state=state,
        predicted_iou=score, stability_score=score, author=people[image.pk % PEOPLE], stage=image.stage,
        active_ms=random.randint(3000, 40_000), decided_at=moment(image.pk),
        provenance={"prompts": [{"type": "point", "x": 1.5, "y": 2.5, "label": 1}] * 3, "candidate": 1,
                    "model_version": "sam_lite-1", "brush_pixels": 12, "edits": ["brush"]},
    )  # fmt: skip


def moment(seed: int) -> dt.datetime:
    """Return a time within the last half year."""
    now = dt.datetime.now(dt.UTC)
    return now - dt.timedelta(weeks=seed % WEEKS, hours=seed % 40)


def make_samples(project: Any, people: list[Any]) -> None:
    """Make latency samples of a few browsers."""
    from annotator.statistics.models import LatencySample

    rows = [
        LatencySample(
            project=project, user=people[n % PEOPLE], kind=("decode", "paint")[n % 2],
            engine=("wasm", "webgpu")[n % 3 > 0],
            browser=("Chrome", "Firefox", "Safari")[n % 3], value_ms=random.gammavariate(4, 9),
        )
        for n in range(LATENCY_SAMPLES)
    ]  # fmt: skip
    LatencySample.objects.bulk_create(rows, batch_size=ROWS_AT_ONCE)


def measure_count(project: Any) -> None:
    """Count all masks as the worker does: a job in small steps, handed on every few seconds."""
    from annotator.jobs import services as jobs
    from annotator.statistics import counting
    from annotator.statistics.models import FiguresMark
    from annotator.statistics.tasks import count_figures

    if FiguresMark.objects.filter(project=project).exists():
        return
    started, cpu_started, slices, longest = time.perf_counter(), time.process_time(), 0, 0.0
    job = jobs.start_job(project, kind="figures", key="project", task=count_figures, params={}, user=None)
    while job.status in jobs.OPEN_STATUSES:
        slice_started = time.perf_counter()
        jobs.do_job(job.pk, counting.count_project)
        longest, slices = max(longest, time.perf_counter() - slice_started), slices + 1
        job.refresh_from_db()
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu_started
    report("count_all_masks", seconds=seconds, cpu_seconds=cpu, steps=job.done, slices=slices, longest_slice_s=longest)


def measure_pages(project: Any) -> None:
    """Measure every page and call that shows figures."""
    from django.test import Client

    from annotator.accounts.models import User
    from annotator.statistics.dashboard import TABLES

    client = Client()
    client.force_login(User.objects.get(username="person0"))
    base, api = f"/projects/{project.pk}", f"/api/v1/projects/{project.pk}"
    pages = {
        "dashboard_page": f"{base}/dashboard/",
        "dashboard_page_of_one_person": f"{base}/dashboard/?person={User.objects.get(username='person3').pk}",
        "dashboard_page_of_one_model": f"{base}/dashboard/?model_version={project.model_version_id}",
        "dashboard_page_since": f"{base}/dashboard/?since=2020-01-01",
        "dashboard_api": f"{api}/dashboard",
        **{f"csv_{table}": f"{api}/dashboard/{table}.csv" for table in TABLES},
        "corrections_api": f"{api}/corrections",
        "today_api": f"{api}/today",
        "jobs_api": f"{api}/jobs",
        "project_page": f"{base}/",
        "project_page_of_one_tag": f"{base}/?tag=rain",
        "labels_page": f"{base}/labels/",
        "members_page": f"{base}/members/",
        "projects_page": "/projects/",
        "queue_page": f"{base}/queue/",
        "review_page": f"{base}/review/",
        "automatic_page": f"{base}/automatic/",
        "models_page": "/models/",
    }
    for name, url in pages.items():
        measure(name, lambda url=url: client.get(url))


def measure_queue(project: Any) -> None:
    """Measure "next image" in each order."""
    from django.test import Client

    from annotator.accounts.models import User
    from annotator.projects.models import Project
    from annotator.queue.models import Lease

    client = Client()
    client.force_login(User.objects.get(username="person7"))
    for order in ("oldest", "random", "uncertain", "fewest_masks", "tag"):
        Project.objects.filter(pk=project.pk).update(settings={"queue": {"order": order, "tag": "night"}})

        def take() -> Any:
            Lease.objects.all().delete()
            return client.post(f"/api/v1/projects/{project.pk}/next")

        measure(f"next_{order}", take)


def measure(name: str, call: Any) -> None:
    """Report the median of some calls after one that warms up."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    call()
    times, cpu = [], []
    for _ in range(CALLS):
        started, cpu_started = time.perf_counter(), time.process_time()
        answer = call()
        times.append(time.perf_counter() - started)
        cpu.append(time.process_time() - cpu_started)
        if answer.status_code != 200:
            raise SystemExit(f"{name} answered {answer.status_code}")
    with CaptureQueriesContext(connection) as queries:
        call()
    median_ms, cpu_ms = 1000 * statistics.median(times), 1000 * statistics.median(cpu)
    report(name, median_ms=median_ms, cpu_ms=cpu_ms, most_ms=1000 * max(times), queries=len(queries))


if __name__ == "__main__":
    main()
