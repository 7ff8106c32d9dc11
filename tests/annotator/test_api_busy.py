"""A database that somebody else holds: the API says so, and the same request goes through afterwards."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from sqlite3 import connect

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from annotator.projects.models import Project
from tests.annotator.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def held_by_another() -> Iterator[None]:
    """Hold the write lock as another process would."""
    if connection.vendor == "postgresql":
        with _held_table():
            yield
        return
    with closing(connect(connection.settings_dict["NAME"], uri=True, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE projects_project SET name = name")
        yield
        other.execute("ROLLBACK")


@contextmanager
def _held_table() -> Iterator[None]:
    """Lock PostgreSQL's table of projects; this test's own connection waits for less than people do."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone()[0] == f"{settings.DATABASE_WAIT_SECONDS}s"
        cursor.execute("SET lock_timeout = '100ms'")
    try:
        with psycopg.connect(**connection.get_connection_params()) as other:
            other.execute("LOCK TABLE projects_project IN ACCESS EXCLUSIVE MODE")
            yield
            other.rollback()
    finally:
        with connection.cursor() as cursor:  # which the next test may get out of the pool
            cursor.execute("RESET lock_timeout")
            cursor.execute("SHOW lock_timeout")
            assert cursor.fetchone()[0] == f"{settings.DATABASE_WAIT_SECONDS}s"


def test_a_held_database_is_told_and_the_request_may_be_sent_again(as_admin: Api, project: Project) -> None:
    with held_by_another():
        refused = as_admin.post("/projects", {"name": "Later"})
    assert (refused.status_code, refused.json()["code"]) == (503, "busy")
    assert int(refused["Retry-After"]) > 0
    assert not Project.objects.filter(name="Later").exists()
    assert as_admin.post("/projects", {"name": "Later"}).status_code == 201
