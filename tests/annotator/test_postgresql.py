"""What only PostgreSQL shows: row locks outside a transaction, locks against foreign keys, connections used up.

Skipped on SQLite, which knows none of the three; CI runs every test of this folder on both databases.
"""

import ast
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction

import annotator
from annotator.images.models import Image
from annotator.projects.models import Project
from annotator.queue.models import WorkEvent
from tests.annotator.conftest import Api

PACKAGE = Path(annotator.__file__).parent
only_postgresql = pytest.mark.skipif(
    "postgresql" not in settings.DATABASES["default"]["ENGINE"], reason="DATABASE_URL names no PostgreSQL"
)


@only_postgresql
@pytest.mark.django_db(transaction=True)
def test_activity_is_recorded_outside_of_other_transactions(as_admin: Api, image: Image) -> None:
    answer = as_admin.post(f"/images/{image.pk}/activity", {"active_ms": 1200, "counts": {"zooms": 2}})
    assert answer.status_code == 200
    assert answer.json()["credited_ms"] == 1200
    assert WorkEvent.objects.get(kind="active").data["zooms"] == 2


@only_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_locked_project_lets_rows_be_added_to_it(project: Project, image: Image) -> None:
    """A row that points to a locked one checks its key; were that a lock for update, two could wait in a circle."""

    def add_event() -> None:
        with closing(connection), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '2s'")
            WorkEvent.objects.create(project=project, image=image, kind="active", data={})

    with transaction.atomic(), ThreadPoolExecutor(1) as threads:
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        threads.submit(add_event).result()
    assert WorkEvent.objects.filter(kind="active").count() == 1


def test_every_row_lock_leaves_keys_alone() -> None:
    """The lock of the test above is the only kind in the package."""
    bare = [
        f"{file.relative_to(PACKAGE)}:{node.lineno}"
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "select_for_update"
        if not any(keyword.arg == "no_key" for keyword in node.keywords)
    ]
    assert bare == []


@only_postgresql
@pytest.mark.django_db(transaction=True)
def test_many_threads_share_the_connections_of_one_pool(project: Project) -> None:
    """Forty requests at once on a pool of ten: each waits for its turn, none fails, none opens an eleventh."""
    most = settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"]
    start = threading.Barrier(4 * most)

    def count_connections() -> int:
        start.wait()
        with closing(connection), connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*), pg_sleep(0.05) FROM pg_stat_activity "
                "WHERE datname = current_database() AND backend_type = 'client backend'"
            )
            return int(cursor.fetchone()[0])

    with ThreadPoolExecutor(4 * most) as threads:
        seen = [future.result() for future in [threads.submit(count_connections) for _ in range(4 * most)]]
    assert max(seen) <= most
