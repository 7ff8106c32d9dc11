"""Databases with all tables, for real processes: migrated once in each process of the tests, then copied.

Migrating takes seconds of a processor, copying takes none.
"""

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

ROOT = Path(__file__).resolve().parents[2]


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


@functools.cache
def _sqlite_template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="maskwright-migrated-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _migrate(f"sqlite:///{folder / 'template.sqlite3'}")
    return folder / "template.sqlite3"


@functools.cache
def _postgresql_template(server_url: str) -> str:
    name = f"maskwright_template_{os.getpid()}"
    _drop(server_url, name)
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
    atexit.register(_drop, server_url, name)
    _migrate(urlsplit(server_url)._replace(path=f"/{name}").geturl())
    return name


def _drop(server_url: str, name: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _migrate(database_url: str) -> None:
    with tempfile.TemporaryDirectory(prefix="maskwright-migrating-") as folder:
        environment = {**os.environ, "DATA_DIR": folder, "DATABASE_URL": database_url, "LOG_LEVEL": "ERROR"}
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=ROOT, env=environment, check=True
        )
