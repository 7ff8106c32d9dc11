"""Prove a backup whole before anything is touched: every file, its length and its digest."""

from collections.abc import Callable
from pathlib import Path

from django.db import connection
from django.db.migrations.loader import MigrationLoader

from annotator.backup.copying import hash_file
from annotator.backup.errors import BackupError
from annotator.backup.file_rows import read_rows
from annotator.backup.manifest import Manifest, read_manifest
from annotator.backup.places import FILE_ROWS, FILES
from annotator.backup.progress import Progress


def verify_backup(backup: Path, *, say: Callable[[str], None]) -> Manifest:
    """Return the card of a backup that is whole; raise BackupError naming the first file that is not."""
    manifest = read_manifest(backup)
    say(f"Checking every file of {backup} ...")
    _check(backup / manifest.database.file, manifest.database.bytes, manifest.database.sha256)
    if manifest.scope == "all":
        _check(backup / FILE_ROWS, None, manifest.files.sha256)
        progress, count = Progress(say, "files checked"), 0
        for row in read_rows(backup / FILE_ROWS):
            _check(backup / FILES / row.path, row.bytes, row.sha256)
            progress.step(row.bytes)
            count += 1
        if count != manifest.files.count:
            raise BackupError(f"{backup} is damaged: it lists {count} files of {manifest.files.count}.")
    return manifest


def check_fits(manifest: Manifest) -> None:
    """Raise BackupError for a backup of another kind of database or of a newer version."""
    if manifest.database.kind != connection.vendor:
        raise BackupError(
            f"The backup is of {manifest.database.kind} and this database is {connection.vendor}: a backup goes back "
            "into the same kind only (see docs/operations.md)."
        )
    known = {f"{app}.{name}" for app, name in MigrationLoader(None, ignore_no_migrations=True).disk_migrations}
    apps = {name.partition(".")[0] for name in known}
    newer = [name for name in manifest.database.migrations if name.partition(".")[0] in apps and name not in known]
    if newer:
        raise BackupError(
            f"The backup was made by a newer Maskwright ({manifest.version}; this one does not know {newer[0]}): "
            "restore it with that version."
        )


def _check(path: Path, size: int | None, digest: str) -> None:
    try:
        found_size, found_digest = hash_file(path)
    except OSError as error:
        raise BackupError(f"The backup is damaged: {path} cannot be read ({error.strerror}).") from error
    if size is not None and found_size != size:
        raise BackupError(f"The backup is damaged: {path} has {found_size:,} bytes and should have {size:,}.")
    if found_digest != digest:
        raise BackupError(f"The backup is damaged: {path} is not what was written there.")
