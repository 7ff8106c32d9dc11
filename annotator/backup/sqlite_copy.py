"""Copy a SQLite database that others write to, by its online backup, and put a copy in another's place."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from django.db.backends.base.base import BaseDatabaseWrapper

from annotator.backup.copying import copy_file, link_file
from annotator.backup.database_reading import count_rows, list_migrations
from annotator.backup.errors import BackupError
from annotator.backup.manifest import DatabaseFacts

PAGES_PER_STEP = 2048
WAIT_SECONDS = 20
WITH_IT = ("-wal", "-shm", "-journal")


def size_of(connection: BaseDatabaseWrapper) -> int:
    """Return the bytes that a copy takes."""
    with connection.cursor() as cursor:
        pages = cursor.execute("PRAGMA page_count").fetchone()[0]
        return int(pages) * int(cursor.execute("PRAGMA page_size").fetchone()[0])


@contextmanager
def copy_database(connection: BaseDatabaseWrapper, target: Path) -> Iterator[tuple[DatabaseFacts, BaseDatabaseWrapper]]:
    """Write the copy; yield its facts and a connection to it.

    The read transaction holds one state: without it every write of others would start the copy anew. In WAL mode it
    keeps nobody from writing.
    """
    target.touch(mode=0o600)
    with closing(sqlite3.connect(target)) as out:
        with closing(sqlite3.connect(_path_of(connection), timeout=WAIT_SECONDS, isolation_level=None)) as source:
            source.execute("BEGIN")
            source.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
            source.backup(out, pages=PAGES_PER_STEP)
        out.execute("PRAGMA journal_mode=DELETE")
        verdict = out.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise BackupError(f"The database is damaged, and so would be its copy: {verdict}.")
    copy = open_copy(connection, target)
    try:
        facts = DatabaseFacts("sqlite", target.name, tool=sqlite3.sqlite_version)
        facts.tables, facts.migrations = count_rows(copy), list_migrations(copy)
        yield facts, copy
    finally:
        copy.close()


def open_copy(connection: BaseDatabaseWrapper, path: Path) -> BaseDatabaseWrapper:
    """Return a connection to another file, without the settings that change it."""
    copy = connection.copy()
    copy.settings_dict["NAME"] = str(path)
    copy.settings_dict["OPTIONS"] = {}
    return copy


class SqliteTarget:
    """The database that a restore replaces."""

    def __init__(self, connection: BaseDatabaseWrapper, aside: Path) -> None:
        self._connection, self._aside = connection, aside
        self._path = Path(_path_of(connection))
        self._staged = self._path.with_name(f".{self._path.name}.{aside.name}")
        self._was_put = False

    def check_free(self) -> None:
        """Raise BackupError while another process has the database open."""
        self._connection.close()
        if not self._path.exists():
            return
        try:
            with closing(sqlite3.connect(self._path, timeout=1, isolation_level=None)) as own:
                own.execute("PRAGMA journal_mode=DELETE")  # refused while anybody else is connected; folds the WAL in
        except sqlite3.Error as error:
            raise BackupError(f"{self._path} is in use ({error}): stop web server and worker first.") from error

    def stage(self, source: Path) -> str:
        """Copy the backup beside the database and return the copy's digest."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._path.parent.glob(f".{self._path.name}.*"):  # of a restore that was killed
            left.unlink()
        return copy_file(source, self._staged)[1]

    def put(self) -> str:
        """Keep the old database aside and put the copy into its place, in one step; "" as it is with the files."""
        self._connection.close()
        if self._path.exists() and self._path.stat().st_size:
            self._aside.mkdir(mode=0o700, exist_ok=True)
            if not link_file(self._path, self._kept, size=self._path.stat().st_size):
                copy_file(self._path, self._kept)
        self._was_put = True
        self._staged.replace(self._path)
        return ""

    def undo(self) -> None:
        """Bring the old database back."""
        self._connection.close()
        self._staged.unlink(missing_ok=True)
        if not self._was_put:
            return
        for ending in WITH_IT:
            Path(f"{self._path}{ending}").unlink(missing_ok=True)
        self._path.unlink(missing_ok=True)
        if self._kept.exists() and not link_file(self._kept, self._path, size=self._kept.stat().st_size):
            copy_file(self._kept, self._path)

    @property
    def _kept(self) -> Path:
        return self._aside / self._path.name


def _path_of(connection: BaseDatabaseWrapper) -> str:
    return str(connection.settings_dict["NAME"])
