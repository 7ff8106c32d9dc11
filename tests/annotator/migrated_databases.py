"""Databases with all tables: migrated once in a run of tests, then copied, for real processes and for the tests' own.

Migrating takes seconds of a processor, copying takes none.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.made_once import made_once, place

ROOT = Path(__file__).resolve().parents[2]
SQLITE, POSTGRESQL = "sqlite", "postgresql"
IN_MEMORY = "file:maskwright-tests?mode=memory&cache=shared"
# The same in every database, made by migrating: no test changes them.
KEPT_TABLES = {"django_content_type", "auth_permission", "django_migrations"}


def put_sqlite(target: Path) -> None:
    """Write a migrated database to a file that is not there yet."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_sqlite_template(), target)


def put_postgresql(server_url: str, name: str) -> None:
    """Make a migrated database on the server, in the place of one of that name that nobody uses."""
    template = _postgresql_template(server_url)
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}"')
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')


def copy_into_tests_own() -> sqlite3.Connection | None:
    """Have the tests' own database begin as a copy. Returns what holds one in memory open: keep it."""
    connection = connections[DEFAULT_DB_ALIAS]
    test = connection.settings_dict["TEST"]
    test["MIGRATE"] = False
    if connection.vendor == POSTGRESQL:
        test["TEMPLATE"] = _postgresql_template(os.environ["DATABASE_URL"])
        return None
    test["NAME"] = IN_MEMORY
    held = sqlite3.connect(IN_MEMORY, uri=True)
    template = sqlite3.connect(_sqlite_template())
    template.backup(held)
    template.close()
    return held


def empty_tables(connection: BaseDatabaseWrapper) -> None:
    """Remove every row that a test has written. Where few tables have rows this is far quicker than Django's flush."""
    tables = sorted(set(connection.introspection.django_table_names(only_existing=True)) - KEPT_TABLES)
    quote = connection.ops.quote_name
    # The names are of our own tables.
    asked = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {quote(name)})" for name in tables)  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(asked)
        used = [name for (name,) in cursor.fetchall()]
    # In one transaction: foreign keys are checked at its end, so the order of the tables is of no matter.
    connection.ops.execute_sql_flush([f"DELETE FROM {quote(name)}" for name in used])  # noqa: S608


def drop_templates() -> None:
    """Remove what this run has made on a server; its files go with the place."""
    named = place() / POSTGRESQL / "name"
    if named.exists():
        _drop(os.environ["DATABASE_URL"], named.read_text(encoding="utf-8"))


def _sqlite_template() -> Path:
    def make(folder: Path) -> None:
        _migrate(f"sqlite:///{folder / 'template.sqlite3'}")

    return made_once(SQLITE, make) / "template.sqlite3"


def _postgresql_template(server_url: str) -> str:
    def make(folder: Path) -> None:
        name = f"maskwright_template_{os.getpid()}"
        _drop(server_url, name)
        with psycopg.connect(server_url, autocommit=True) as server:
            server.execute(f'CREATE DATABASE "{name}"')
        _migrate(urlsplit(server_url)._replace(path=f"/{name}").geturl())
        (folder / "name").write_text(name, encoding="utf-8")

    return (made_once(POSTGRESQL, make) / "name").read_text(encoding="utf-8")


def _drop(server_url: str, name: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _migrate(database_url: str) -> None:
    with tempfile.TemporaryDirectory(prefix="maskwright-migrating-") as folder:
        environment = {**os.environ, "DATA_DIR": folder, "DATABASE_URL": database_url, "LOG_LEVEL": "ERROR"}
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=ROOT, env=environment, check=True
        )
