"""The default file storage: like Django's, but a file is either whole or absent, and its owner's alone.

Names are content-addressed, so writing the same name twice writes the same bytes and may replace the file. While a
backup runs, a deleted file is moved aside instead, so that the backup finds whatever its copy of the database names.
"""

import errno
import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage

PARTS = ".parts"
DELETION_LOCK = "deletions.lock"  # beside the files
SET_ASIDE = ".deleted"
_TRIES = 100


class AtomicFileSystemStorage(FileSystemStorage):
    """Write to a temporary file in a folder of the same disk, flush, then rename.

    Each top folder has its own, as it may be a disk of its own. What a killed process leaves there is removed a day
    later (annotator/background/leftovers.py).
    """

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Keep the name: equal names mean equal content here."""
        return name

    def _save(self, name: str, content: "File[Any]") -> str:
        target = Path(self.path(name))
        parts = Path(self.location) / Path(name).parts[0] / PARTS
        parts.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=parts)
        try:
            with os.fdopen(handle, "wb") as out:
                for chunk in content.chunks():
                    out.write(chunk)
                out.flush()
                os.fsync(out.fileno())
            _move(Path(temporary), target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return str(name).replace("\\", "/")

    def delete(self, name: str) -> None:
        """Delete a file, or an empty folder; a file is only moved aside while a backup runs."""
        path = Path(self.path(name))
        with _deletion(Path(self.location)) as is_kept:
            if not is_kept or path.is_dir():
                super().delete(name)
                return
            kept = set_aside_place(Path(self.location), name)
            kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                path.replace(kept)

    def take_away(self, name: str) -> Path | None:
        """Take a file out of reach by one rename; return where it is, to be deleted later. It may be absent already.

        None where there is nothing to delete: it was absent, or a backup keeps it.
        """
        location = Path(self.location)
        with _deletion(location) as is_kept:
            target = set_aside_place(location, name) if is_kept else self._place_apart(name)
            try:
                _move(Path(self.path(name)), target)
            except FileNotFoundError:
                return None
            return None if is_kept else target

    def _place_apart(self, name: str) -> Path:
        return Path(self.location) / Path(name).parts[0] / PARTS / uuid.uuid4().hex

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Keep the location out of migrations."""
        return "annotator.storage.AtomicFileSystemStorage", [], {}


def _move(source: Path, target: Path) -> None:
    """Rename a file into a folder, which may be removed at any moment by whoever took the last file out of it."""
    for _ in range(_TRIES):
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            return os.replace(source, target)
        except FileNotFoundError:
            if not source.exists():
                raise
    raise FileNotFoundError(errno.ENOENT, "the folder is removed again and again", str(target.parent))


def set_aside_place(location: Path, name: str) -> Path:
    """Return where a file lies that was deleted while a backup ran: on its own disk, below its top folder."""
    top, _, rest = name.partition("/")
    return location / top / SET_ASIDE / rest


@contextmanager
def keep_deleted_files(location: Path) -> Iterator[None]:
    """Hold deletions back while a backup runs; what was set aside goes at the end.

    The lock ends with its process, so a backup that was killed holds nothing back.
    """
    location.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = _open_lock(location)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        _remove_set_aside(location)
        yield
        _remove_set_aside(location)
    finally:
        os.close(handle)


def remove_set_aside(location: Path) -> bool:
    """Remove what a killed backup has kept from deletion; say whether there was anything."""
    if next(location.glob(f"*/{SET_ASIDE}"), None) is None:
        return False
    with _deletion(location) as is_kept:
        return not is_kept and _remove_set_aside(location)


def _remove_set_aside(location: Path) -> bool:
    folders = list(location.glob(f"*/{SET_ASIDE}"))
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    return bool(folders)


@contextmanager
def _deletion(location: Path) -> Iterator[bool]:
    """Keep backups from starting while something is deleted; yield whether one is running already."""
    if not location.is_dir():
        yield False
        return
    handle = _open_lock(location)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            yield True
        else:
            yield False
    finally:
        os.close(handle)


def _open_lock(location: Path) -> int:
    return os.open(location.parent / DELETION_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
