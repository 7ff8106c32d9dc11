"""Put a backup in the place of what is there. Everything is checked and copied first; the old is moved aside, not lost.

When a step after that fails, what was moved is moved back.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.utils import timezone

from annotator.background.lost_files import reconcile_files
from annotator.backup.copying import check_room, copy_file, describe_bytes, full_disk_told
from annotator.backup.database_reading import count_projects, count_rows
from annotator.backup.errors import BackupError
from annotator.backup.file_rows import read_rows
from annotator.backup.manifest import Manifest
from annotator.backup.places import EARLIER_DATA, FILE_ROWS, FILES, find_backup, free_place
from annotator.backup.postgresql_copy import PostgresqlTarget
from annotator.backup.progress import Progress
from annotator.backup.sqlite_copy import SqliteTarget
from annotator.backup.verifying import check_fits, verify_backup
from annotator.clock import is_recent
from annotator.inference.models import WorkerPulse

Say = Callable[[str], None]
LAUNCHER_LOCK = "launcher.lock"  # annotator/launcher/house.py
WORK_FOLDERS = "exchange"  # of jobs of the old database, whose numbers the new one gives again


def restore_backup(folder: Path, *, is_replacing: bool, say: Say) -> None:
    """Restore the backup, or the newest of a folder; raise BackupError, and then everything is as it was."""
    backup = find_backup(folder)
    check_fits(manifest := verify_backup(backup, say=say))
    data = Path(settings.DATA_DIR)
    with full_disk_told(data), _nobody_running(data):
        aside = free_place(data, f"{EARLIER_DATA[0]}{timezone.now():%Y%m%d-%H%M%S}")
        target = _open_target(manifest, aside)
        _refuse_projects(is_replacing)
        target.check_free()
        check_room(data, manifest.files.bytes + manifest.database.bytes * (connection.vendor == "sqlite"))
        with _staging(data) as staging:
            say(f"Copying {manifest.files.count:,} files ({describe_bytes(manifest.files.bytes)}) ...")
            _stage(backup, staging, manifest, target, say)
            kept = _exchange(staging, aside, manifest, target, say)
    _finish(manifest, kept, aside, say)


def _exchange(staging: Path, aside: Path, manifest: Manifest, target: Any, say: Say) -> str:
    """Put everything in its place; when a step fails, move everything back and raise."""
    moves: list[tuple[Path, Path]] = []
    try:
        say("Restoring the database ...")
        kept = str(target.put())
        _check_counts(manifest)
        _move_files(staging, aside, moves)
        call_command("migrate", interactive=False, verbosity=0)
    except BaseException:
        for source, goal in reversed(moves):
            goal.rename(source)
        target.undo()
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return kept


def _stage(backup: Path, staging: Path, manifest: Manifest, target: Any, say: Say) -> None:
    if target.stage(backup / manifest.database.file) != manifest.database.sha256:
        raise BackupError("The database of the backup changed while it was read.")
    if manifest.scope != "all":
        return
    progress = Progress(say, "files copied")
    for row in read_rows(backup / FILE_ROWS):
        _size, digest = copy_file(backup / FILES / row.path, staging / row.path, mtime_ns=row.mtime_ns)
        if digest != row.sha256:
            raise BackupError(f"{row.path} of the backup changed while it was read.")
        progress.step(row.bytes)
    os.sync()


def _move_files(staging: Path, aside: Path, moves: list[tuple[Path, Path]]) -> None:
    """Move what is replaced aside and the new into its place, noting each move."""
    data = aside.parent
    names = [path.name for path in staging.iterdir()]
    for name in dict.fromkeys([*names, WORK_FOLDERS]):
        if (data / name).exists():
            aside.mkdir(mode=0o700, exist_ok=True)
            _rename(data / name, aside / name, moves)
        if name in names:
            _rename(staging / name, data / name, moves)


def _rename(source: Path, goal: Path, moves: list[tuple[Path, Path]]) -> None:
    source.rename(goal)
    moves.append((source, goal))


def _check_counts(manifest: Manifest) -> None:
    """Raise BackupError unless every table has as many rows as were copied."""
    found = count_rows(connection)
    for table, rows in manifest.database.tables.items():
        if found.get(table) != rows:
            raise BackupError(f"After restoring, {table} has {found.get(table)} rows and should have {rows}.")


def _finish(manifest: Manifest, kept: str, aside: Path, say: Say) -> None:
    WorkerPulse.objects.all().delete()  # signs of life of workers that this database never had
    for name, count in reconcile_files().items():
        say(f"{name.replace('_', ' ')}: {count:,}")
    say(f"Restored: {sum(manifest.database.tables.values()):,} rows in {len(manifest.database.tables)} tables, and "
        f"{manifest.files.count:,} files, as many as in the backup.")  # fmt: skip
    places = [place for place in (kept, str(aside) if aside.exists() else "") if place]
    if places:
        say(f"What was there before is kept, until you delete it: {' and '.join(places)}")
    if not manifest.has_secret_key:
        say("SECRET_KEY came from the environment: set the same again (settings.env), or everybody signs in anew.")


def _refuse_projects(is_replacing: bool) -> None:
    count = count_projects(connection)
    if count and not is_replacing:
        raise BackupError(
            f"The database holds {count:,} projects: add --replace to move them aside and restore in their place."
        )


def _open_target(manifest: Manifest, aside: Path) -> Any:
    if connection.vendor == "sqlite":
        return SqliteTarget(connection, aside)
    return PostgresqlTarget(connection, aside, dumped_by=manifest.database.tool)


@contextmanager
def _nobody_running(data: Path) -> Iterator[None]:
    """Hold the launcher's lock; raise BackupError while a launcher or a worker runs."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(data / LAUNCHER_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BackupError(f"Maskwright runs on {data}: stop it first.") from error
        if _has_worker():
            raise BackupError("A worker is running on this database: stop web server and worker first.")
        yield
    finally:
        os.close(handle)


def _has_worker() -> bool:
    living = is_recent("beat_at", timedelta(seconds=settings.WORKER_STALE_SECONDS))
    try:
        return WorkerPulse.objects.filter(living).exists()
    except DatabaseError:  # an empty database
        return False


@contextmanager
def _staging(data: Path) -> Iterator[Path]:
    for left in data.glob(f"{EARLIER_DATA[1]}*"):
        shutil.rmtree(left)
    folder = data / f"{EARLIER_DATA[1]}{os.getpid()}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
