"""Keep a copy of the database before its tables change, so that an upgrade can be gone back from."""

import os
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from annotator.backup.errors import BackupError
from annotator.backup.making import Say, Wishes, make_backup

FOLDER = "backups"


def back_up_before_migrating(*, say: Say) -> str:
    """Back the database up if migrations wait for it; return a line that says how to go back, or "".

    Raises BackupError when that fails, with what to do to go on without.
    """
    if not settings.BACKUPS_BEFORE_UPGRADE or not _is_waiting():
        return ""
    os.umask(0o077)
    folder = Path(settings.DATA_DIR) / FOLDER
    try:
        made = make_backup(folder, Wishes(has_files=False, kept=settings.BACKUPS_BEFORE_UPGRADE), say=say)
    except BackupError as error:
        raise BackupError(
            f"{error} So the database was not upgraded; to upgrade it without a backup: "
            "BACKUPS_BEFORE_UPGRADE=0 make run"
        ) from error
    return (
        f"The database is upgraded; what it was is in {made}. To go back: stop, check out the version from before, "
        f"and run .venv/bin/python manage.py restore {made} --replace"
    )


def _is_waiting() -> bool:
    """Say whether a database that was in use before has migrations to come."""
    executor = MigrationExecutor(connection)
    is_new = not executor.loader.applied_migrations
    return not is_new and bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
