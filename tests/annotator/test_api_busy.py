"""A database that somebody else holds: the API says so, and the same request goes through afterwards."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from sqlite3 import connect

import pytest
from django.db import connection

from annotator.projects.models import Project
from tests.annotator.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def held_by_another() -> Iterator[None]:
    """Hold the write lock as another process would."""
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL has no lock on everything")
    with closing(connect(connection.settings_dict["NAME"], uri=True, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE projects_project SET name = name")
        yield
        other.execute("ROLLBACK")


def test_a_held_database_is_told_and_the_request_may_be_sent_again(as_admin: Api, project: Project) -> None:
    with held_by_another():
        refused = as_admin.post("/projects", {"name": "Later"})
    assert (refused.status_code, refused.json()["code"]) == (503, "busy")
    assert int(refused["Retry-After"]) > 0
    assert not Project.objects.filter(name="Later").exists()
    assert as_admin.post("/projects", {"name": "Later"}).status_code == 201
