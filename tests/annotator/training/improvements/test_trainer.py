"""The process that trains: started by a worker when a run waits, apart from everything that somebody waits for."""

import json
import sqlite3
from pathlib import Path

import pytest
from django.test import Client

from annotator.background.management.commands.run_worker import QuietWorker
from annotator.background.pulse import beat
from annotator.inference.models import TRAINER_IDS
from annotator.training.improvement_tasks import TRAIN_QUEUE
from tests.annotator.homes import Home
from tests.annotator.migrated_databases import put_sqlite
from tests.waiting import wait_until

ASK = """
from annotator.training.improvement_tasks import improve_model
improve_model.enqueue(12345)
"""


def worker_of(*queues: str) -> QuietWorker:
    return QuietWorker(
        queue_names=list(queues), interval=0, batch=True, backend_name="default", startup_delay=False, max_tasks=None,
        worker_id="w", excluded_queue_names=[],
    )  # fmt: skip


@pytest.mark.django_db
def test_a_worker_of_all_queues_leaves_training_alone() -> None:
    assert worker_of("*").excluded_queue_names == [TRAIN_QUEUE]
    assert worker_of(TRAIN_QUEUE).excluded_queue_names == []


@pytest.mark.django_db
def test_a_process_that_only_trains_does_not_make_the_server_ready() -> None:
    beat(f"{TRAINER_IDS}abc")
    assert Client().get("/health/ready").json()["checks"]["worker"] == "no worker is running"
    beat("w")
    assert Client().get("/health/ready").json()["checks"]["worker"] == "ok"


def test_a_worker_starts_a_process_for_it_and_ends_with_it(tmp_path: Path) -> None:
    database = tmp_path / "trainer.sqlite3"
    put_sqlite(database)
    home = Home(tmp_path, f"sqlite:///{database}")
    home.run(ASK)

    def done_by() -> list[str]:
        with sqlite3.connect(database) as rows:
            found = rows.execute(
                "SELECT worker_ids FROM django_tasks_database_dbtaskresult "
                "WHERE status = 'SUCCESSFUL' AND queue_name = ?",
                [TRAIN_QUEUE],
            ).fetchall()
        return [name for (names,) in found for name in json.loads(names)]

    with home.start("manage.py", "run_worker", "--verbosity", "0") as worker:
        try:
            wait_until(done_by)
            assert done_by()[0].startswith(TRAINER_IDS)
        finally:
            worker.terminate()
    with sqlite3.connect(database) as rows:
        assert rows.execute("SELECT count(*) FROM inference_workerpulse").fetchone() == (0,)
