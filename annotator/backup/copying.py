"""Copy single files with their digests; link what an earlier backup has already."""

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from annotator.backup.errors import BackupError
from annotator.full_disk import is_disk_full

CHUNK_BYTES = 1 << 20
SPARE_BYTES = 64 << 20  # left free on a disk that is written to


def copy_file(source: Path, target: Path, *, mtime_ns: int | None = None) -> tuple[int, str]:
    """Copy a file for its owner alone and return its size and SHA-256, as they were read."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as file, open(target, "xb", opener=_open_private) as out:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
            out.write(chunk)
    if mtime_ns is not None:
        os.utime(target, ns=(mtime_ns, mtime_ns))
    return size, digest.hexdigest()


def link_file(earlier: Path, target: Path, *, size: int) -> bool:
    """Make `target` a hard link to the earlier copy; False where that is gone, has another size, or links fail."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        if earlier.stat().st_size != size:
            return False
        os.link(earlier, target)
    except OSError:
        return False
    return True


def hash_file(path: Path) -> tuple[int, str]:
    """Return size and SHA-256."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return size, digest.hexdigest()


def check_room(folder: Path, needed: int) -> None:
    """Raise BackupError when the disk has too little room."""
    facts = os.statvfs(folder)
    free = facts.f_bavail * facts.f_frsize
    if free < needed + SPARE_BYTES:
        raise BackupError(
            f"Too little disk: {folder} has {describe_bytes(free)} free and "
            f"{describe_bytes(needed + SPARE_BYTES)} are needed."
        )


@contextmanager
def full_disk_told(folder: Path) -> Iterator[None]:
    """Turn a disk that got full, or broke, into a sentence."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        if is_disk_full(error):
            raise BackupError(f"The disk of {folder} is full: nothing of this attempt was kept.") from error
        if isinstance(error, sqlite3.Error):
            raise BackupError(f"The database cannot be copied: {error}.") from error
        raise BackupError(f"{error.filename or folder}: {error.strerror or error}.") from error


def describe_bytes(count: int) -> str:
    """Return a size for people.

    >>> describe_bytes(1536 << 20)
    '1.5 GB'
    """
    return f"{count / 1024**3:.1f} GB" if count >= 1024**3 else f"{max(count, 0) / 1024**2:.1f} MB"


def _open_private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)
