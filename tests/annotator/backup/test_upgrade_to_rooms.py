"""A database of before the rooms upgrades: the same rows, and what was queued is done."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.annotator.backup.places_of_product import Place, make_place

# Every app as it was, and rows in each table of the app "engine" by the models of that time.
OLD = """
import datetime as dt, json, uuid
from django.apps import apps
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
BEFORE = [
    ("accounts", "0004_external_identities"), ("annotations", "0003_payloads_and_visits"), ("audit", "0001_events"),
    ("contents", "0001_initial"), ("engine", "0007_sums_of_one_dimension"), ("exchange", "0005_numbers_in_files"),
    ("images", "0005_find_images_by_picture"), ("inference", "0002_embeddings_of_pictures"), ("projects", "0004_bin"),
]
executor = MigrationExecutor(connection)
own = {config.label for config in apps.get_app_configs() if config.name.startswith("annotator.")}
before = [*BEFORE, *(leaf for leaf in executor.loader.graph.leaf_nodes() if leaf[0] not in own)]
executor.migrate(before)
get = executor.loader.project_state(before).apps.get_model
make = lambda app, model, **fields: get(app, model).objects.create(**fields)
now, project = timezone.now(), None
user = make("accounts", "User", username="ada", password="!", is_superuser=True)
project = make("projects", "Project", name="Street", created_by=user)
car = make("projects", "Label", project=project, name="Car", color="#E69F00")
version = make("inference", "ModelVersion", name="m", version="m-1", image_size=64, embed_dim=32, weights_sha256="0")
for name, label in (("sam_lite", "sam_lite-17"), ("sam_lite", "mine-17"), ("sam_lite", "sam_lite-18"),
    ("sam_tiny_test", "tiny-a"), ("sam_tiny_test", "tiny-b"),
    ("sam_vit_b", "sam_vit_b_01ec64"), ("sam_vit_b", "sam_vit_b-0123456789ab")):
    make("inference", "ModelVersion", name=name, version=label, licence="Apache-2.0", image_size=64, embed_dim=32,
        weights_sha256="0")
image = make("images", "Image", project=project, name="a.jpg", name_key="a.jpg", sha256="0" * 64, picture="0" * 64,
    width=64, height=48, byte_size=1, format="JPEG", status="ready", depth=8, file="a")
for number in range(3):
    make("annotations", "Annotation", id=uuid.uuid4(), image=image, label=car, counts="PPb2", bbox_x=0, bbox_y=0,
        bbox_w=1, bbox_h=1, area=1, stage="assisted_manual")
def queue(task, *arguments):
    make("django_tasks_database", "DBTaskResult", task_path=task, args_kwargs={"args": arguments, "kwargs": {}},
        backend_name="default", run_after=dt.datetime(9999, 1, 1, tzinfo=dt.timezone.utc), priority=-20,
        exception_class_path="", traceback="")
def job(kind, name, status="pending", **fields):
    task = f"annotator.engine.tasks.{name}"
    row = make("engine", "Job", project=project, kind=kind, task=task, status=status, created_by=user,
        enqueued_at=now, **fields)
    if status == "pending":
        queue(task, row.pk)
    return row
job("label_removal", "remove_label_of_many", total=3, key=f"label-{car.pk}",
    params={"label_id": car.pk, "name": "Car", "to": None})
job("figures", "count_figures", key="project")
waiting = job("prefill", "prefill", status="paused", key="project")
job("automatic", "annotate_automatically", status="failed", key="project")
done = job("embed", "embed_again", status="done")
queue("annotator.images.tasks.show_photos_anew", project.pk)
queue("annotator.images.tasks.show_photos_anew", project.pk + 1000)
run = make("engine", "MaskRun", image=image, kind="automatic", digest="d", model_version=version, status="done",
    mask_count=3, job=done)
make("engine", "CorrectionSample", image=image, run=run)
make("engine", "Lease", image=image, user=user, expires_at=now + dt.timedelta(hours=1))
make("engine", "Submission", project=project, image=image, user=user, stage="assisted_manual", masks=3)
make("engine", "WorkEvent", project=project, image=image, user=user, kind="submitted", data={"masks": 3})
make("engine", "LatencySample", project=project, user=user, kind="click", engine="wasm", browser="x", value_ms=3.5)
make("engine", "ActivityClock", user=user, credited_until=now)
figures = make("engine", "ImageFigures", project=project, image=image, mask_count=3)
make("engine", "ImageParts", figures=figures, parts={})
make("engine", "MaskFigures", project=project, key="m|x", source="manual", state="accepted", masks=3)
make("engine", "ScoreFigures", project=project, key="s|1|80", score_percent=80, accepted=1)
make("engine", "FiguresMark", project=project, counted_until=now - dt.timedelta(days=1))
make("exchange", "ExportFile", project=project, job=done, format="coco", name="a.json", file="a.json")
make("exchange", "ImportRun", project=project, job=done, format="coco", name="b.json")
types = get("contenttypes", "ContentType").objects
for name in ("job", "lease"):
    types.get_or_create(app_label="engine", model=name)
print(json.dumps({"paused": waiting.pk, "image": image.pk}))
"""

TABLES = """
import json
from django.db import connection
tables = {}
with connection.cursor() as cursor:
    for table in sorted(connection.introspection.table_names(cursor)):
        if table.startswith(("engine_", "exchange_")):
            names = [row.name for row in connection.introspection.get_table_description(cursor, table)]
            cursor.execute(f'SELECT * FROM "{table}" ORDER BY 1')
            rows = [dict(zip(names, map(str, row), strict=True)) for row in cursor.fetchall()]
            rows = [row for row in rows if row.get("kind") != "brightness"]
            apart = ("task", "queue_name")  # one is renamed, the other came later
            tables[table] = [{name: row[name] for name in row if name not in apart} for row in rows]
print(json.dumps(tables))
"""

READ = """
import json
from django.contrib.contenttypes.models import ContentType
from django_tasks_db.models import DBTaskResult
from annotator.images.models import Image
from annotator.inference.models import ModelVersion
from annotator.inference.selectors import default_model_version
from annotator.jobs.models import Job
from annotator.statistics.models import ImageFigures
image, done = Image.objects.get(), Job.objects.get(kind="embed")
rows = {
    "tasks": sorted(Job.objects.values_list("task", flat=True)),
    "queued": sorted(DBTaskResult.objects.values_list("task_path", flat=True)),
    "of the job": [done.export_files.count(), done.import_runs.count(), done.mask_runs.count()],
    "of the image": [
        image.leases.count(), image.submissions.count(), image.work_events.count(), image.mask_runs.count()
    ],
    "masks": [image.figures.mask_count, image.figures.adding.parts],
    "sample": image.correction_sample.run.mask_count,
    "versions": {row.version: [row.number, row.weights_licence, row.data_licence[:5]] for row in
        ModelVersion.objects.all()},
    "default": default_model_version().version,
    "types": sorted(ContentType.objects.filter(model__in=("job", "lease")).values_list("app_label", "model")),
}
print(json.dumps(rows))
"""

WORK = """
import json
from django.core.management import call_command
from annotator.annotations.models import Annotation
from annotator.jobs.models import Job
from annotator.projects.models import Label, Project
from annotator.statistics.dashboard import read_dashboard
call_command("db_worker", queue_name="*", batch=True, interval=0, startup_delay=False, reload=False, verbosity=0)
print(json.dumps({
    "jobs": dict(Job.objects.values_list("kind", "status")), "labels": Label.objects.count(),
    "unlabelled": Annotation.objects.filter(label=None).count(),
    "counted": read_dashboard(Project.objects.get())["totals"]["masks"],
}))
"""

NAMES = [
    "annotator.annotations.tasks.remove_label_of_many",
    "annotator.automatic.tasks.annotate_automatically",
    "annotator.automatic.tasks.embed_again",
    "annotator.automatic.tasks.prefill",
    "annotator.images.brightness_tasks.show_photos_anew",
    "annotator.statistics.tasks.count_figures",
]


@pytest.fixture
def place(db: None, tmp_path: Path) -> Iterator[Place]:
    """A product without anything yet, on the kind of database that the tests have (`db` says that it matters)."""
    with make_place(tmp_path / "place") as one:
        yield one


def test_rows_stay_there_and_back_and_queued_jobs_are_done_after_the_upgrade(place: Place) -> None:
    place.run(OLD)
    before = place.run(TABLES)
    assert [table for table, rows in before.items() if table.startswith("engine_") and not rows] == []
    place.do("migrate", "-v0")
    assert place.run(TABLES) == before
    assert place.run(READ) == {
        "tasks": NAMES,
        "queued": [NAMES[0], NAMES[4], NAMES[5]],
        "of the job": [1, 1, 1],
        "of the image": [1, 1, 1, 1],
        "masks": [3, {}],
        "sample": 3,
        "versions": {
            "m-1": [1, "", ""],
            "sam_lite-17": [17, "Apache-2.0", "35 pu"],
            "mine-17": [19, "", ""],
            "sam_lite-18": [18, "Apache-2.0", "35 pu"],
            "tiny-a": [1, "Apache-2.0", ""],
            "tiny-b": [2, "Apache-2.0", ""],
            "sam_vit_b_01ec64": [1, "Apache-2.0", "SA-1B"],
            "sam_vit_b-0123456789ab": [2, "", ""],
        },
        "default": "tiny-b",
        "types": [["jobs", "job"], ["queue", "lease"]],
    }
    place.do("migrate", "-v0", "engine", "0007")
    assert place.run(TABLES) == before, "whoever goes back finds the names of before"
    gone_back = place.run(READ)
    assert {name.rpartition(".")[0] for name in gone_back["tasks"]} == {"annotator.engine.tasks"}
    assert gone_back["queued"] == [
        "annotator.engine.tasks.count_figures", "annotator.engine.tasks.remove_label_of_many",
        "annotator.images.tasks.show_photos_anew",
    ]  # fmt: skip
    place.do("migrate", "-v0")
    after = place.run(WORK)
    assert after["jobs"] == {
        "label_removal": "done", "figures": "done", "brightness": "done", "prefill": "paused", "automatic": "failed",
        "embed": "done",
    }  # fmt: skip
    assert (after["labels"], after["unlabelled"], after["counted"]) == (0, 3, 3)
