"""Copy a PostgreSQL database by pg_dump, and put a dump in the place of another database.

Counts and names of files are read in the same snapshot that pg_dump reads. A restore moves the old tables aside by
renaming their schema, so nothing is deleted and going back is one renaming.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from annotator.backup.copying import hash_file
from annotator.backup.database_reading import count_rows, list_migrations
from annotator.backup.errors import BackupError
from annotator.backup.manifest import DatabaseFacts
from annotator.backup.postgresql_tools import check_not_older, find_tool, run_tool, server_version

CLOSING_SECONDS = 10.0


def size_of(connection: BaseDatabaseWrapper) -> int:
    """Return the bytes of the database; a dump is compressed and takes less."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])


@contextmanager
def copy_database(connection: BaseDatabaseWrapper, target: Path) -> Iterator[tuple[DatabaseFacts, BaseDatabaseWrapper]]:
    """Write the dump; yield its facts and a connection that reads the same state."""
    path, version = find_tool("pg_dump")
    check_not_older("pg_dump", version, than=server_version(connection), what="the server has")
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            cursor.execute("SELECT pg_export_snapshot(), current_schema()")
            snapshot, schema = cursor.fetchone()
        command = [path, "--format=custom", f"--snapshot={snapshot}", f"--schema={schema}", "--no-owner"]
        command += ["--no-privileges", f"--file={target}", "--no-password"]
        run_tool(command, connection, step="pg_dump")
        target.chmod(0o600)
        facts = DatabaseFacts("postgresql", target.name, tool=str(version))
        facts.tables, facts.migrations = count_rows(connection), list_migrations(connection)
        yield facts, connection


def _wait_for_others(cursor: CursorWrapper) -> int:
    """Return how many other connections stay; one that was closed just now takes a moment to go."""
    until = time.monotonic() + CLOSING_SECONDS
    while True:
        cursor.execute(
            "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        others = int(cursor.fetchone()[0])
        if not others or time.monotonic() >= until:
            return others
        time.sleep(0.1)


class PostgresqlTarget:
    """The database that a restore replaces."""

    def __init__(self, connection: BaseDatabaseWrapper, aside: Path, *, dumped_by: str) -> None:
        self._shared = connection
        self._connection = _without_pool(connection)
        self._kept = aside.name.replace("-", "_")
        self._schema = "public"
        self._was_moved = self._was_put = False
        self._dump: Path | None = None
        self._tool, version = find_tool("pg_restore")
        check_not_older("pg_restore", version, than=int(dumped_by), what="the backup was made by")

    def check_free(self) -> None:
        """Raise BackupError while others are connected, or when the schema may not be renamed."""
        self._close_shared()
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT current_schema()")
            self._schema = str(cursor.fetchone()[0] or "public")
            others = _wait_for_others(cursor)
            cursor.execute(
                "SELECT pg_has_role(nspowner, 'USAGE'), has_database_privilege(current_database(), 'CREATE')"
                " FROM pg_namespace WHERE nspname = %s", [self._schema],
            )  # fmt: skip
            rights = cursor.fetchone()
        if others:
            raise BackupError(f"{others} other connections use the database: stop web server and worker first.")
        if not all(rights or (False,)):
            raise BackupError(
                f"The database's user may not rename the schema {self._schema}: make it the owner of the database "
                "(ALTER DATABASE name OWNER TO user) or restore as the owner."
            )

    def _close_shared(self) -> None:
        """Close this process's other connections, which do not count as others."""
        self._shared.close()
        getattr(self._shared, "close_pool", lambda: None)()

    def stage(self, source: Path) -> str:
        """Note the dump, which is read where it lies, and return its digest."""
        self._dump = source
        return hash_file(source)[1]

    def put(self) -> str:
        """Rename the old schema and restore into a new one, all or nothing; return where the old tables are."""
        self._close_shared()
        with self._told("Moving the old tables aside"), self._atomic(), self._connection.cursor() as cursor:
            cursor.execute(f'ALTER SCHEMA "{self._schema}" RENAME TO "{self._kept}"')
            cursor.execute(f'CREATE SCHEMA "{self._schema}"')
        self._was_moved = self._was_put = True
        self._connection.close()
        command = [self._tool, "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
        command += [f"--schema={self._schema}", "--no-password", f"--dbname={self._connection.settings_dict['NAME']}"]
        run_tool([*command, str(self._dump)], self._connection, step="pg_restore")
        was_empty = self._was_empty()
        self._connection.close()
        return "" if was_empty else f"the schema {self._kept} of the database"

    def undo(self) -> None:
        """Bring the old tables back."""
        self._close_shared()
        if not self._was_put:
            return
        with self._atomic(), self._connection.cursor() as cursor:
            cursor.execute(f'DROP SCHEMA "{self._schema}" CASCADE')
            if self._was_moved:
                cursor.execute(f'ALTER SCHEMA "{self._kept}" RENAME TO "{self._schema}"')
            else:
                cursor.execute(f'CREATE SCHEMA "{self._schema}"')
        self._connection.close()

    def _was_empty(self) -> bool:
        """Drop the schema that was moved aside if nothing lies in it; say whether that was so."""
        with self._atomic(), self._connection.cursor() as cursor:
            cursor.execute(
                "SELECT COUNT(*) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = %s",
                [self._kept],
            )
            if cursor.fetchone()[0]:
                return False
            cursor.execute(f'DROP SCHEMA "{self._kept}" CASCADE')
        self._was_moved = False
        return True

    @contextmanager
    def _atomic(self) -> Iterator[None]:
        """Commit all of it or nothing."""
        self._connection.ensure_connection()
        self._connection.set_autocommit(False)
        try:
            yield
            self._connection.commit()
        except BaseException:
            self._connection.rollback()
            raise
        finally:
            self._connection.set_autocommit(True)

    @contextmanager
    def _told(self, step: str) -> Iterator[None]:
        try:
            yield
        except DatabaseError as error:
            raise BackupError(f"{step} failed: {str(error).splitlines()[0]}.") from error


def _without_pool(connection: BaseDatabaseWrapper) -> BaseDatabaseWrapper:
    """Return one connection of its own to the same database."""
    plain = connection.copy()
    plain.settings_dict["OPTIONS"] = {
        name: value for name, value in plain.settings_dict.get("OPTIONS", {}).items() if name != "pool"
    }
    return plain
