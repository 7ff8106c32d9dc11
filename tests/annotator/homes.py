"""A data directory and a database of its own, used by real processes only."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from tests.annotator.inference_steps import TINY_MODEL
from tests.annotator.migrated_databases import put_postgresql, put_sqlite

ROOT = Path(__file__).resolve().parents[2]
GIVEN = os.environ.get("DATABASE_URL", "")


class Home:
    """A data directory and a database of its own, used through processes only."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.environment = {
            **os.environ,
            "DATA_DIR": str(folder),
            "DATABASE_URL": database_url,
            "DEFAULT_MODEL": TINY_MODEL,
            "LOG_LEVEL": "ERROR",
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "annotator.settings",
        }

    def manage(self, *arguments: str, text: str | None = None) -> str:
        """Run manage.py to its end and return what it printed."""
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=self.environment, capture_output=True, text=True, input=text, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(self, code: str) -> str:
        """Run Python with Django set up."""
        done = subprocess.run(
            [sys.executable, "-c", f"import django; django.setup()\n{code}"],
            env=self.environment, capture_output=True, text=True, cwd=ROOT, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a process."""
        return subprocess.Popen(
            [sys.executable, *arguments], env=self.environment, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )


@contextmanager
def make_home(folder: Path, name: str) -> Iterator[Home]:
    """Make a home with tables, on PostgreSQL where DATABASE_URL names one; its database goes at the end."""
    if not GIVEN.startswith("postgres"):
        put_sqlite(folder / f"{name}.sqlite3")
        yield Home(folder, f"sqlite:///{folder / name}.sqlite3")
        return
    own = f"{name}_{os.getpid()}"
    put_postgresql(GIVEN, own)
    try:
        yield Home(folder, urlsplit(GIVEN)._replace(path=f"/{own}").geturl())
    finally:
        with psycopg.connect(GIVEN, autocommit=True) as server:
            server.execute(f'DROP DATABASE IF EXISTS "{own}" WITH (FORCE)')
