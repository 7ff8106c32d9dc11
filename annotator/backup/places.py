"""What lies where in a folder of backups, and which of it is whole."""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from annotator.backup.errors import BackupError

MANIFEST = "manifest.json"
FILE_ROWS = "files.jsonl"
FILES = "files"
SETTINGS = "settings.env"
DATABASES = {"sqlite": "database.sqlite3", "postgresql": "database.dump"}
# In DATA_DIR: what a restore moved aside, and what a killed one left.
EARLIER_DATA = ("before-restore-", ".restore-")
_WHOLE = re.compile(r"^\d{8}-\d{6}(-\d+)?$")
_PART = re.compile(r"^\.part-")


def list_backups(folder: Path) -> list[Path]:
    """Return the whole backups of a folder, oldest first."""
    if not folder.is_dir():
        return []
    found = (path for path in folder.iterdir() if _WHOLE.match(path.name) and (path / MANIFEST).is_file())
    return sorted(found, key=lambda path: [int(part) for part in path.name.split("-")])


def find_backup(folder: Path) -> Path:
    """Return the backup that a person names: one itself, or the newest of a folder; raise BackupError without one."""
    if (folder / MANIFEST).is_file():
        return folder
    backups = list_backups(folder)
    if not backups:
        raise BackupError(f"{folder} holds no whole backup.")
    return backups[-1]


@contextmanager
def open_folder(folder: Path) -> Iterator[None]:
    """Make the folder and hold it for one backup; raise BackupError when it is in use or holds something else."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise BackupError(f"{folder} cannot be made or opened: {error.strerror}.") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise BackupError(f"Another backup is being written to {folder}.") from error
    else:
        _refuse_other_content(folder)
        yield
    finally:
        os.close(handle)


@contextmanager
def draft(folder: Path, now: datetime) -> Iterator[Path]:
    """Yield a folder to write to. It gets its name at the end, and goes when anything is raised."""
    for left in folder.iterdir():
        if _PART.match(left.name):
            shutil.rmtree(left)
    part = folder / f".part-{os.getpid()}"
    part.mkdir(mode=0o700)
    try:
        yield part
        os.sync()
        part.rename(free_place(folder, f"{now:%Y%m%d-%H%M%S}"))
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def free_place(folder: Path, name: str) -> Path:
    """Return the path of that name in the folder, with a number where it is taken."""
    path, number = folder / name, 2
    while path.exists():
        path, number = folder / f"{name}-{number}", number + 1
    return path


def remove_oldest(folder: Path, *, kept: int) -> list[Path]:
    """Remove the oldest backups beyond `kept` and return them. A backup loses its manifest first."""
    spent = list_backups(folder)[:-kept]
    for path in spent:
        (path / MANIFEST).unlink()
        shutil.rmtree(path)
    return spent


def _refuse_other_content(folder: Path) -> None:
    for path in folder.iterdir():
        if not (_WHOLE.match(path.name) or _PART.match(path.name) or path.name == "lost+found"):
            raise BackupError(f"{folder} is not empty and no folder of backups (it holds {path.name}): name another.")
