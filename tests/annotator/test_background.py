"""The worker's pulse and the reconciler: what a crash leaves behind is found and asked for again."""

import io
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from annotator.background.lost_files import reconcile_files
from annotator.background.management.commands import run_worker
from annotator.background.pulse import Pulse, beat, living_workers
from annotator.background.reconcile import reconcile_missing
from annotator.images.models import Image, ImageStatus
from annotator.images.services import add_photo
from annotator.images.tasks import prepare_image
from annotator.inference.default_model import set_default
from annotator.inference.embedding_requests import request_embedding
from annotator.inference.models import EmbeddingStatus, ImageEmbedding, ModelVersion, WorkerPulse
from annotator.photos import store
from annotator.projects.models import Project
from tests.annotator.conftest import jpeg
from tests.annotator.homes import ROOT, Home
from tests.annotator.migrated_databases import put_sqlite

LONG_AGO = timedelta(hours=1)


@pytest.fixture
def version(db: None) -> ModelVersion:
    row = ModelVersion.objects.create(name="m", version="m-1", image_size=64, embed_dim=8, weights_sha256="0" * 64)
    return set_default(row.version)


def make_old(*rows: Any) -> None:
    """Move rows into the past, as an update does not touch auto_now."""
    past = timezone.now() - LONG_AGO
    for row in rows:
        names = {field.name for field in row._meta.fields}
        changes = {name: past for name in ("created_at", "updated_at", "started_at", "enqueued_at") if name in names}
        type(row)._default_manager.filter(pk=row.pk).update(**changes)


def tasks_of(name: str, status: str = TaskResultStatus.READY) -> int:
    return DBTaskResult.objects.filter(task_path__endswith=name, status=status).count()


def test_a_beating_worker_makes_the_server_ready(db: None) -> None:
    beat("w1")
    assert living_workers() == {"w1"}
    assert Client().get("/health/ready").json()["checks"]["worker"] == "ok"
    WorkerPulse.objects.update(beat_at=timezone.now() - LONG_AGO)
    assert living_workers() == set()
    WorkerPulse.objects.update(beat_at=timezone.now() - timedelta(days=3))
    beat("w2")
    assert list(WorkerPulse.objects.values_list("worker_id", flat=True)) == ["w2"]


@pytest.mark.django_db(transaction=True)
def test_the_pulse_starts_at_once_reconciles_and_ends_clean() -> None:
    import threading

    reconciled = threading.Event()
    pulse = Pulse("w1", reconciled.set)
    pulse.start()
    assert living_workers() == {"w1"}
    assert reconciled.wait(10)
    pulse.stop()
    assert WorkerPulse.objects.count() == 0


ADD_PHOTO = """
import io
from annotator.images.services import add_photo
from annotator.images.tasks import prepare_image
from annotator.projects.models import Project
from tests.annotator.conftest import jpeg
project = Project.objects.create(name="Street")
prepare_image.enqueue(add_photo(project, io.BytesIO(jpeg()), name="a.jpg", user=None).image.pk)
"""
READ_STATUS = """
from annotator.images.models import Image
from annotator.inference.models import WorkerPulse
print(Image.objects.get().status, WorkerPulse.objects.count())
"""


def test_run_worker_does_the_work_and_takes_its_pulse_away(tmp_path: Path) -> None:
    # A database file: two threads of one process that share a database in memory do not wait for each other.
    put_sqlite(tmp_path / "worker.sqlite3")
    home = Home(tmp_path, f"sqlite:///{tmp_path / 'worker.sqlite3'}")
    home.run(ADD_PHOTO)
    home.manage("run_worker", "--batch", "--worker-id", "w1", "--verbosity", "0")
    assert home.run(READ_STATUS).split()[-2:] == ["ready", "0"]


@pytest.mark.parametrize(
    ("queues", "left"),
    [("*", ""), ("default", "m-1 (model-{pk})"), ("default,model-{pk}", "none")],
)
def test_a_worker_of_chosen_queues_says_at_its_start_what_it_leaves_to_others(
    queues: str, left: str, version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_worker, "Pulse", Mock())
    for name in ("run", "configure_signals"):
        monkeypatch.setattr(run_worker.QuietWorker, name, lambda self: None)
    said = io.StringIO()
    names = queues.format(pk=version.pk)
    call_command("run_worker", queue_name=names, stdout=io.StringIO(), stderr=said)
    if not left:
        assert said.getvalue() == ""
        return
    assert f"takes the tasks of {names} alone" in said.getvalue()
    assert f"Left to other workers now: {left.format(pk=version.pk)}. What no worker takes" in said.getvalue()


def test_tasks_of_dead_workers_are_put_back_and_those_of_living_ones_left(image: Image) -> None:
    beat("alive")
    for worker in ("alive", "dead"):
        result = prepare_image.enqueue(image.pk)
        row = DBTaskResult.objects.get(pk=result.id)
        row.claim(worker)
        make_old(row)
    assert reconcile_missing()["revived_tasks"] == 1
    assert tasks_of("prepare_image") == 1
    assert tasks_of("prepare_image", TaskResultStatus.RUNNING) == 1
    assert reconcile_missing()["revived_tasks"] == 0


def test_a_task_that_kills_its_worker_each_time_is_given_up(image: Image, settings: Any) -> None:
    row = DBTaskResult.objects.get(pk=prepare_image.enqueue(image.pk).id)
    for attempt in range(settings.MAX_TASK_ATTEMPTS):
        row.refresh_from_db()
        assert row.status == TaskResultStatus.READY
        row.claim(f"dead-{attempt}")
        make_old(row)
        reconcile_missing()
    row.refresh_from_db()
    assert row.status == TaskResultStatus.FAILED


def test_an_embedding_whose_worker_died_goes_back_to_waiting(image: Image, version: ModelVersion) -> None:
    row = request_embedding(image.sha256, version)
    DBTaskResult.objects.all().delete()
    ImageEmbedding.objects.update(status=EmbeddingStatus.RUNNING, attempts=1)
    make_old(row)
    found = reconcile_missing()
    assert (found["released_embeddings"], found["embeddings"]) == (1, 1)
    row.refresh_from_db()
    assert row.status == EmbeddingStatus.PENDING
    assert tasks_of("embed_image") == 1
    assert reconcile_missing()["embeddings"] == 0


def test_an_embedding_that_killed_every_worker_fails(image: Image, version: ModelVersion, settings: Any) -> None:
    row = request_embedding(image.sha256, version)
    DBTaskResult.objects.all().delete()
    ImageEmbedding.objects.update(status=EmbeddingStatus.RUNNING, attempts=settings.MAX_TASK_ATTEMPTS)
    make_old(row)
    reconcile_missing()
    row.refresh_from_db()
    assert (row.status, row.error) == (EmbeddingStatus.FAILED, "The worker stopped each time it tried.")


def test_a_running_embedding_of_a_living_worker_is_left(image: Image, version: ModelVersion) -> None:
    row = request_embedding(image.sha256, version)
    beat("alive")
    DBTaskResult.objects.get().claim("alive")
    ImageEmbedding.objects.update(status=EmbeddingStatus.RUNNING)
    make_old(row, DBTaskResult.objects.get())
    assert reconcile_missing()["released_embeddings"] == 0


def test_lost_messages_are_sent_again(image: Image) -> None:
    make_old(image)
    assert reconcile_missing()["images"] == 1
    assert tasks_of("prepare_image") == 1
    assert reconcile_missing()["images"] == 0


def test_a_photo_gets_an_embedding_of_the_version_in_use_and_a_new_version_asks_for_nothing(
    image: Image, version: ModelVersion, project: Project
) -> None:
    assert reconcile_missing()["requested_embeddings"] == 1
    newer = ModelVersion.objects.create(name="m", version="m-2", image_size=64, embed_dim=8, weights_sha256="1" * 64)
    assert reconcile_missing()["requested_embeddings"] == 0
    Project.objects.update(model_version=newer)
    assert reconcile_missing()["requested_embeddings"] == 0, "somebody has to ask for that"
    ImageEmbedding.objects.all().delete()
    assert reconcile_missing()["requested_embeddings"] == 1
    assert newer.embeddings.count() == 1


def test_archived_projects_ask_for_nothing(image: Image, version: ModelVersion) -> None:
    Project.objects.update(archived_at=timezone.now())
    assert reconcile_missing()["requested_embeddings"] == 0


def test_finished_tasks_are_forgotten_after_a_day(image: Image) -> None:
    row = DBTaskResult.objects.get(pk=prepare_image.enqueue(image.pk).id)
    row.set_successful("ready")
    DBTaskResult.objects.update(finished_at=timezone.now() - timedelta(days=2))
    reconcile_missing()
    assert not DBTaskResult.objects.exists()


def test_files_that_have_gone_are_made_again_or_told_of(project: Project, version: ModelVersion) -> None:
    rows = [add_photo(project, io.BytesIO(jpeg(seed=n)), name=f"{n}.jpg", user=None).image for n in range(2)]
    Image.objects.update(status=ImageStatus.READY)
    ImageEmbedding.objects.create(
        sha256=rows[0].sha256, model_version=version, status=EmbeddingStatus.READY, file="embeddings/none.npy"
    )
    store.delete_made(rows[1].sha256)
    store.remove_for_good(store.set_aside([store.name_of(rows[1].sha256, store.ORIGINAL)]))
    found = reconcile_files()
    assert dict(found) == {"lost_embeddings": 1, "lost_originals": 1, "lost_previews": 1}
    rows[1].refresh_from_db()
    assert (rows[1].status, rows[1].error) == (ImageStatus.FAILED, "The photo's file is missing.")


def test_the_command_says_what_it_found(image: Image, capsys: pytest.CaptureFixture[str]) -> None:
    make_old(image)
    call_command("reconcile", files=True)
    assert "images: 1" in capsys.readouterr().out
    DBTaskResult.objects.all().delete()
    Image.objects.all().delete()
    call_command("reconcile")
    assert capsys.readouterr().out.strip() == "nothing is missing"


def test_the_storage_writes_whole_files_or_none(own_data_dir: Path) -> None:
    from django.core.files.base import ContentFile

    from annotator.storage import AtomicFileSystemStorage

    class Broken(ContentFile):  # type: ignore[type-arg]  # Django's takes no type when it runs
        def chunks(self, chunk_size: int | None = None) -> Any:
            yield b"half"
            raise OSError("disk full")

    storage = AtomicFileSystemStorage(location=own_data_dir / "files")
    with pytest.raises(OSError, match="disk full"):
        storage.save("a/b.bin", Broken(b""))
    assert [path for path in (own_data_dir / "files").rglob("*") if path.is_file()] == []
    assert storage.save("a/b.bin", ContentFile(b"one")) == storage.save("a/b.bin", ContentFile(b"two")) == "a/b.bin"
    with storage.open("a/b.bin") as file:
        assert file.read() == b"two"


WATCH_IDLE_WORKER = """
from unittest.mock import patch
from django.db import connection
from annotator.background.management.commands.run_worker import QuietWorker
looks, said = 0, []
class Watched(QuietWorker):
    def _has_task(self):
        global looks
        looks += 1
        self.running = looks < 5
        return super()._has_task()
connection.ensure_connection()
connection.connection.set_trace_callback(said.append)
with patch("annotator.background.management.commands.run_worker.close_old_connections"):
    Watched(queue_names=["default"], interval=0, batch=False, backend_name="default", startup_delay=False,
            max_tasks=None, worker_id="w1", excluded_queue_names=[]).run()
print(looks, sum(line.startswith("BEGIN") for line in said), len(said))
"""


def test_an_idle_worker_takes_no_write_lock(tmp_path: Path) -> None:
    put_sqlite(tmp_path / "idle.sqlite3")
    home = Home(tmp_path, f"sqlite:///{tmp_path / 'idle.sqlite3'}")
    looks, locks, statements = (int(part) for part in home.run(WATCH_IDLE_WORKER).split()[-3:])
    assert (looks, locks) == (5, 0)
    assert statements >= 5


def test_a_waiting_worker_takes_a_task_that_comes_later_and_ends_after_so_many(tmp_path: Path) -> None:
    put_sqlite(tmp_path / "later.sqlite3")
    home = Home(tmp_path, f"sqlite:///{tmp_path / 'later.sqlite3'}")
    with home.start(str(ROOT / "manage.py"), "run_worker", "--max-tasks", "1", "--worker-id", "w1") as worker:
        home.run(ADD_PHOTO)
        worker.communicate(timeout=120)
    assert worker.returncode == 0
    assert home.run(READ_STATUS).split()[-2:] == ["ready", "0"]
