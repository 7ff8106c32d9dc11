"""Open what was sent: one file, a zip, a tar or (on the command line) a folder, as entries with names.

Nothing is ever unpacked to a path made of an entry's name, so "../" reaches nowhere; links, devices and encrypted
entries are left out and named. Sizes and numbers are bounded before anything is read. Must not know: formats.
"""

import io
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.conf import settings

MAX_ENTRIES = 2_000_000
MAX_RATIO = 200
MAX_SMALL_BYTES = 64 * 2**20
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
)
# Damaged directories also make zipfile and tarfile fall over numbers and names; found by fuzzing.
_BAD_DIRECTORY = (*_DAMAGE, ValueError, LookupError, struct.error, MemoryError)


class BrokenFileError(Exception):
    """A file that cannot be read as what it says it is; the message is for people."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file inside; `handle` is what its container needs to open it."""

    name: str
    size: int
    handle: Any = None


class Source:
    """The entries of a file, in order; `left_out` names those that are never opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.left_out: list[tuple[str, str]] = []
        self._archive: Any = None
        try:
            self.kind = self._find_kind()
            self.entries = self._list()
        except _BAD_DIRECTORY as error:
            raise BrokenFileError(f"The file is damaged: {error}") from error
        self._by_base: dict[str, Entry] | None = None

    def close(self) -> None:
        """Close the container."""
        if self._archive is not None:
            self._archive.close()

    def named(self, *endings: str) -> Iterator[Entry]:
        """Yield the entries with one of these endings, in order."""
        for entry in self.entries:
            if entry.name.lower().endswith(endings):
                yield entry

    @contextmanager
    def open(self, entry: Entry) -> Iterator[IO[bytes]]:
        """Open an entry; raises BrokenFileError also for damage that shows while reading."""
        try:
            opened = self._open(entry)
        except _BAD_DIRECTORY as error:
            raise BrokenFileError(f"{entry.name} cannot be read: {error}") from error
        try:
            with opened as file:
                yield file
        except _DAMAGE as error:
            raise BrokenFileError(f"{entry.name} cannot be read: {error}") from error

    def read_small(self, entry: Entry, limit: int = MAX_SMALL_BYTES) -> bytes:
        """Return the whole content of an entry; raises BrokenFileError when it is larger than `limit`."""
        with self.open(entry) as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise BrokenFileError(f"{entry.name} is larger than {limit >> 20} MB.")
        return data

    def find_photo(self, file_name: str) -> Entry | None:
        """Return the entry whose last part is this name; None when there is none."""
        if self._by_base is None:
            self._by_base = {_base(entry.name): entry for entry in reversed(self.entries)}
        return self._by_base.get(_base(file_name))

    def _find_kind(self) -> str:
        if self.path.is_dir():
            return "folder"
        if zipfile.is_zipfile(self.path):
            return "zip"
        return "tar" if tarfile.is_tarfile(self.path) else "file"

    def _list(self) -> list[Entry]:
        if self.kind == "folder":
            return self._list_folder()
        if self.kind == "zip":
            return self._list_zip()
        if self.kind == "tar":
            return self._list_tar()
        return [Entry(self.path.name, self.path.stat().st_size)]

    def _list_zip(self) -> list[Entry]:
        self._archive = zipfile.ZipFile(self.path)
        infos = self._archive.infolist()
        total, packed = sum(i.file_size for i in infos), sum(i.compress_size for i in infos)
        _check_bounds(len(infos), total)
        if total > MAX_RATIO * max(packed, 4096):
            raise BrokenFileError("The zip unpacks to far more than such files do.")
        entries = []
        for info in infos:
            if info.is_dir() or _is_noise(info.filename):
                continue
            if stat.S_ISLNK(info.external_attr >> 16):
                self.left_out.append((info.filename, "links are not followed"))
            elif info.flag_bits & 1:
                self.left_out.append((info.filename, "protected by a password"))
            else:
                entries.append(Entry(info.filename, info.file_size, info))
        return entries

    def _list_tar(self) -> list[Entry]:
        self._archive = tarfile.open(self.path, "r:*" if self.path.stat().st_size < MAX_SMALL_BYTES else "r:")  # noqa: SIM115
        entries: list[Entry] = []
        total = 0
        for member in self._archive:
            total += member.size
            _check_bounds(len(entries) + 1, total)
            if member.isfile() and not _is_noise(member.name):
                entries.append(Entry(member.name, member.size, (member.offset_data, member.size)))
            elif not member.isdir() and not member.isfile():
                self.left_out.append((member.name, "links and devices are not followed"))
            self._archive.members = []  # entries are found by their place; tarfile need not remember them
        return entries

    def _list_folder(self) -> list[Entry]:
        entries = []
        for parent, folders, files in os.walk(self.path, followlinks=False):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                path = Path(parent) / name
                relative = str(path.relative_to(self.path))
                if path.is_symlink() or not path.is_file():
                    self.left_out.append((relative, "links and devices are not followed"))
                elif not name.startswith("."):
                    entries.append(Entry(relative, path.stat().st_size, path))
                _check_bounds(len(entries), 0)
        return entries

    def _open(self, entry: Entry) -> IO[bytes]:
        if self.kind == "zip":
            opened: IO[bytes] = self._archive.open(entry.handle)
            return opened
        if self.kind == "tar":
            return io.BufferedReader(_TarPart(self._archive.fileobj, *entry.handle))
        path = entry.handle if self.kind == "folder" else self.path
        return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")


class _TarPart(io.RawIOBase):
    """The bytes of one member of an open tar."""

    def __init__(self, file: IO[bytes], offset: int, size: int) -> None:
        self._file, self._at, self._left = file, offset, size

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read on."""
        self._file.seek(self._at)
        data = self._file.read(min(len(buffer), self._left))
        if not data and self._left:
            raise EOFError("the tar is cut off")
        buffer[: len(data)] = data
        self._at += len(data)
        self._left -= len(data)
        return len(data)


def _check_bounds(count: int, total: int) -> None:
    if count > MAX_ENTRIES:
        raise BrokenFileError(f"The file holds more than {MAX_ENTRIES:,} entries.")
    if total > settings.MAX_ZIP_TOTAL_BYTES:
        raise BrokenFileError(f"The file unpacks to more than {settings.MAX_ZIP_TOTAL_BYTES >> 30} GB.")


def _base(name: str) -> str:
    return name.replace("\\", "/").rsplit("/", maxsplit=1)[-1]


def _is_noise(name: str) -> bool:
    return name.startswith("__MACOSX/") or _base(name).startswith(".")
