"""Run pg_dump and pg_restore: find them, compare their versions, turn what they say into a sentence."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from annotator.backup.errors import BackupError


def find_tool(name: str) -> tuple[str, int]:
    """Return path and major version of pg_dump or pg_restore; raise BackupError where it is missing."""
    path = shutil.which(name)
    if path is None:
        raise BackupError(f"{name} is not installed: install PostgreSQL's client (on Debian: postgresql-client).")
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"\(PostgreSQL\) (\d+)", said)
    if version is None:
        raise BackupError(f"{path} --version says {said.strip()!r}, which is no version of PostgreSQL.")
    return path, int(version[1])


def check_not_older(name: str, version: int, *, than: int, what: str) -> None:
    """Raise BackupError when a tool is older than what it works with."""
    if version < than:
        raise BackupError(
            f"{name} has version {version} and {what} {than}: install a client of version {than} or newer "
            f"(on Debian: postgresql-client-{than})."
        )


def server_version(connection: BaseDatabaseWrapper) -> int:
    """Return the server's major version."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        return int(cursor.fetchone()[0]) // 10000


def run_tool(command: Sequence[str], connection: BaseDatabaseWrapper, *, step: str) -> None:
    """Run a tool on the connection's database; raise BackupError with its last words when it fails."""
    environment = {**os.environ, **_environment(connection.settings_dict)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, umask=0o077)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if "error" in line.lower()] or done.stderr.splitlines()
        raise BackupError(f"{step} failed: {(lines or ['it said nothing'])[0][:300]}.")


def _environment(settings: dict[str, Any]) -> dict[str, str]:
    """Return the connection's parameters as libpq reads them; a command line would show the password to everybody."""
    names = {"HOST": "PGHOST", "PORT": "PGPORT", "USER": "PGUSER", "PASSWORD": "PGPASSWORD", "NAME": "PGDATABASE"}
    options = {
        "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY",
        "service": "PGSERVICE", "passfile": "PGPASSFILE", "options": "PGOPTIONS",
    }  # fmt: skip
    given = {name: settings.get(key) for key, name in names.items()}
    given |= {name: settings.get("OPTIONS", {}).get(key) for key, name in options.items()}
    return {name: str(value) for name, value in given.items() if value}
