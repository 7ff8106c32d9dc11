"""Make a backup while people work: the database first, then the files, with deletions held back in between.

So the copy of the database never names a file that the copy of the files lacks, unless it was lacking before.
"""

import logging
import os
import shlex
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from annotator import __version__, environment
from annotator.backup import postgresql_copy, sqlite_copy
from annotator.backup.copying import check_room, copy_file, describe_bytes, full_disk_told, hash_file, link_file
from annotator.backup.database_reading import list_file_names, model_file_lists
from annotator.backup.errors import BackupError
from annotator.backup.file_rows import FileRow, pair_with_earlier, read_rows, walk_files
from annotator.backup.manifest import LISTED, DatabaseFacts, FilesFacts, Manifest, read_manifest
from annotator.backup.places import (
    DATABASES,
    EARLIER_DATA,
    FILE_ROWS,
    FILES,
    SETTINGS,
    draft,
    list_backups,
    open_folder,
    remove_oldest,
)
from annotator.backup.progress import Progress
from annotator.storage import DELETION_LOCK, keep_deleted_files, set_aside_place

logger = logging.getLogger(__name__)
Say = Callable[[str], None]
KINDS: dict[str, Any] = {"sqlite": sqlite_copy, "postgresql": postgresql_copy}
# What is made anew, belongs to this machine alone, or is in the backup under another name.
LEFT_OUT = (
    "logs",
    "locale",
    "backups",
    "exchange",
    "tmp",
    "training",
    "launcher.lock",
    DELETION_LOCK,
)
NAMES_FILE = "names"


@dataclass(frozen=True)
class Wishes:
    """What a backup holds beside database, photos, models and key. With has_files false it is the database alone."""

    has_files: bool = True
    has_embeddings: bool = False
    has_exports: bool = True
    kept: int = 0  # how many backups stay in the folder; 0 for all


def make_backup(folder: Path, wishes: Wishes, *, say: Say) -> Path:
    """Make a backup in the folder and return it; raise BackupError, and then nothing of it stays."""
    _check_place(folder)
    now = timezone.now()
    with full_disk_told(folder), open_folder(folder), _deletions_held(wishes):
        whole = list_backups(folder)
        earlier = whole[-1] if whole else None
        _check_room(folder, earlier, wishes)
        with draft(folder, now) as part:
            manifest = _fill(part, earlier, wishes, say)
            manifest.write(part)
        made = list_backups(folder)[-1]
        _report(manifest, made, say)
        if wishes.kept:
            for path in remove_oldest(folder, kept=wishes.kept):
                say(f"Removed the oldest: {path}")
    return made


def _fill(part: Path, earlier: Path | None, wishes: Wishes, say: Say) -> Manifest:
    say("Copying the database ...")
    kind = KINDS[connection.vendor]
    with kind.copy_database(connection, part / DATABASES[connection.vendor]) as (facts, copy):
        if wishes.has_files:
            _note_names(part, list_file_names(copy), wishes)
    facts.bytes, facts.sha256 = hash_file(part / facts.file)
    files = FilesFacts()
    if wishes.has_files:
        files = _copy_files(part, earlier, wishes, say)
        _find_missing(part, files)
    _write_settings(part)
    return _describe(facts, files, wishes)


def _copy_files(part: Path, earlier: Path | None, wishes: Wishes, say: Say) -> FilesFacts:
    root, facts = Path(settings.DATA_DIR), FilesFacts()
    progress = Progress(say, "files copied")
    old = _rows_of(earlier)
    with (part / FILE_ROWS).open("w", encoding="utf-8") as rows:
        for row, same in pair_with_earlier(walk_files(root, left_out=_left_out(wishes)), old):
            kept = _keep_file(root / row.path, part / FILES / row.path, row, same, earlier)
            if kept is None:
                continue
            facts.count, facts.bytes = facts.count + 1, facts.bytes + kept.bytes
            facts.linked += kept is same
            if _is_damaged(kept):
                facts.damaged.append(kept.path)
            rows.write(kept.to_line())
            progress.step(kept.bytes)
    return facts


def _keep_file(source: Path, target: Path, row: FileRow, same: FileRow | None, earlier: Path | None) -> FileRow | None:
    """Link or copy one file and return its row; None where it was deleted meanwhile."""
    if same is not None and earlier is not None and link_file(earlier / FILES / row.path, target, size=row.bytes):
        return same
    try:
        size, digest = copy_file(source, target, mtime_ns=row.mtime_ns)
    except FileNotFoundError:
        return None
    return replace(row, bytes=size, sha256=digest)


def _find_missing(part: Path, facts: FilesFacts) -> None:
    """Look for every file that a row of the copy names; take what was deleted meanwhile from where it was moved."""
    with (part / NAMES_FILE).open(encoding="utf-8") as names, (part / FILE_ROWS).open("a", encoding="utf-8") as rows:
        for line in names:
            name = line.rstrip("\n")
            target = part / FILES / "media" / name
            if target.is_file():
                continue
            aside = set_aside_place(Path(settings.MEDIA_ROOT), name)
            if aside.is_file():
                size, digest = copy_file(aside, target)
                rows.write(FileRow(f"media/{name}", size, target.stat().st_mtime_ns, digest).to_line())
                facts.count, facts.bytes = facts.count + 1, facts.bytes + size
                continue
            facts.missing_count += 1
            if len(facts.missing) < LISTED:
                facts.missing.append(name)
    (part / NAMES_FILE).unlink()
    facts.sha256 = hash_file(part / FILE_ROWS)[1]


def _note_names(part: Path, names: Iterator[str], wishes: Wishes) -> None:
    left_out = tuple(f"{path.removeprefix('media/')}/" for path in _media_left_out(wishes))
    with (part / NAMES_FILE).open("w", encoding="utf-8") as out:
        out.writelines(f"{name}\n" for name in names if not (left_out and name.startswith(left_out)))


def _describe(database: DatabaseFacts, files: FilesFacts, wishes: Wishes) -> Manifest:
    return Manifest(
        made_at=timezone.now().isoformat(timespec="seconds"),
        version=__version__,
        scope="all" if wishes.has_files else "database",
        database=database,
        files=files,
        left_out=_media_left_out(wishes),
        has_secret_key=not os.environ.get("SECRET_KEY"),
    )


def _write_settings(part: Path) -> None:
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in environment.given().items()]
    with open(os.open(part / SETTINGS, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as out:
        out.writelines(lines)


def _media_left_out(wishes: Wishes) -> list[str]:
    wanted = {"media/embeddings": wishes.has_embeddings, "media/exports": wishes.has_exports}
    return [path for path, is_wanted in wanted.items() if not is_wanted]


def _left_out(wishes: Wishes) -> Collection[str]:
    old = (path.name for path in Path(settings.DATA_DIR).iterdir() if path.name.startswith(EARLIER_DATA))
    paths = [*LEFT_OUT, *_media_left_out(wishes), *old]
    database = Path(str(connection.settings_dict["NAME"]))
    if all(model_file_lists(connection)):
        paths.append("models")  # copies of what the storage has; older versions kept model files here alone
    if connection.vendor == "sqlite" and database.parent == Path(settings.DATA_DIR):
        paths += [database.name + ending for ending in ("", *sqlite_copy.WITH_IT)]
    return paths


@contextmanager
def _deletions_held(wishes: Wishes) -> Iterator[None]:
    if not wishes.has_files:
        yield
        return
    with keep_deleted_files(Path(settings.MEDIA_ROOT)):
        yield


def _check_place(folder: Path) -> None:
    if settings.STORAGES["default"]["BACKEND"].startswith("storages."):
        logger.warning(
            "photos and models lie in a bucket and are not part of the backup: keep the bucket's own versions"
        )
    data = Path(settings.DATA_DIR).resolve()
    if folder.resolve().is_relative_to(data) and not folder.resolve().is_relative_to(data / "backups"):
        raise BackupError(f"{folder} lies in DATA_DIR, which is what is backed up: name a folder elsewhere.")
    if connection.vendor not in KINDS:
        raise BackupError(f"Backups are for SQLite and PostgreSQL; this database is {connection.vendor}.")


def _check_room(folder: Path, earlier: Path | None, wishes: Wishes) -> None:
    needed = int(KINDS[connection.vendor].size_of(connection))
    if wishes.has_files:
        rows = pair_with_earlier(walk_files(Path(settings.DATA_DIR), left_out=_left_out(wishes)), _rows_of(earlier))
        needed += sum(row.bytes for row, same in rows if same is None)
    check_room(folder, needed)


def _rows_of(earlier: Path | None) -> Iterator[FileRow]:
    """Return the rows of the backup before this one; none where its list cannot be trusted."""
    if earlier is None or not (earlier / FILE_ROWS).is_file():
        return iter(())
    if hash_file(earlier / FILE_ROWS)[1] != read_manifest(earlier).files.sha256:
        return iter(())
    return read_rows(earlier / FILE_ROWS)


def _is_damaged(row: FileRow) -> bool:
    """Say whether a photo's file no longer has the digest that its folder is named after."""
    parts = row.path.split("/")
    return parts[:2] == ["media", "photos"] and parts[-1] == "original" and parts[-2] != row.sha256


def _report(manifest: Manifest, made: Path, say: Say) -> None:
    tables, files = manifest.database.tables, manifest.files
    counts = [
        f"{tables.get(table, 0):,} {name}"
        for table, name in (
            ("projects_project", "projects"),
            ("images_image", "images"),
            ("annotations_annotation", "masks"),
            ("accounts_user", "people"),
        )
    ]
    say(f"Database: {', '.join(counts)} ({describe_bytes(manifest.database.bytes)}).")
    if manifest.scope == "all":
        say(f"Files: {files.count:,} ({describe_bytes(files.bytes)}), {files.linked:,} of them as in the last backup.")
    for name in files.missing:
        say(f"Missing already: {name}")
    for name in files.damaged:
        say(f"Damaged already: {name}")
    say(f"Backup {made}")
