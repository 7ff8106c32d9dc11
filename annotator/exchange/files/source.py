"""Open what was sent: one file, a zip, a tar or (on the command line) a folder, as entries with names.

Nothing is ever unpacked to a path made of an entry's name, so "../" reaches nowhere; links, devices and encrypted
entries are left out and named. Sizes and numbers are bounded before anything is read. Must not know: formats.
"""

import io
import json
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.utils.translation import gettext as _

from annotator.photos.naming import name_key, photo_path
from annotator.photos.zip_names import find_charset, raw_name, repair_names

MAX_ENTRIES = 2_000_000
MAX_RATIO = 200
MAX_SMALL_BYTES = 64 * 2**20
MENTIONS_SOUGHT = 50
MAX_CANDIDATES = 500
PHOTO_ENDINGS = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".heic", ".heif", ".avif",
)  # fmt: skip
TEXT_ENDINGS = (".json", ".xml", ".csv", ".txt", ".yaml", ".yml")
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

    @property
    def path(self) -> str:
        """Return the name as a path inside a project."""
        return photo_path(self.name)


class Source:
    """The entries of a file, in order; `left_out` names those that are never opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.left_out: list[tuple[str, str]] = []
        self.json_kinds: dict[str, str] = {}  # by entry, as json_shape finds them
        self.names_hint = ""  # what people are told of names that are not UTF-8
        self._archive: Any = None
        try:
            self.kind = self._find_kind()
            self.entries = self._list()
        except _BAD_DIRECTORY as error:
            raise BrokenFileError(_("The file is damaged: %(reason)s") % {"reason": error}) from error
        self._by_key: dict[str, list[Entry]] | None = None
        self._by_name: dict[str, Entry] | None = None

    def close(self) -> None:
        """Close the container."""
        if self._archive is not None:
            self._archive.close()

    def named(self, *endings: str) -> Iterator[Entry]:
        """Yield the entries with one of these endings, in order."""
        for entry in self.entries:
            if entry.name.lower().endswith(endings):
                yield entry

    def first(self, *endings: str) -> Iterator[Entry]:
        """Yield the entries that tell the format: a file that was sent alone, or the first with these endings."""
        yield from self.entries if self.kind == "file" else islice(self.named(*endings), MAX_CANDIDATES)

    @contextmanager
    def open(self, entry: Entry) -> Iterator[IO[bytes]]:
        """Open an entry; raises BrokenFileError also for damage that shows while reading."""
        try:
            opened = self._open(entry)
        except _BAD_DIRECTORY as error:
            raise BrokenFileError(
                _("%(name)s cannot be read: %(reason)s") % {"name": entry.name, "reason": error}
            ) from error
        try:
            with opened as file:
                yield file
        except _DAMAGE as error:
            raise BrokenFileError(
                _("%(name)s cannot be read: %(reason)s") % {"name": entry.name, "reason": error}
            ) from error

    def read_small(self, entry: Entry, limit: int = MAX_SMALL_BYTES) -> bytes:
        """Return the whole content of an entry; raises BrokenFileError when it is larger than `limit`."""
        with self.open(entry) as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise BrokenFileError(_("%(name)s is larger than %(n)s MB.") % {"name": entry.name, "n": limit >> 20})
        return data

    def find(self, name: str) -> Entry | None:
        """Return the entry of exactly this name; None when there is none."""
        if self._by_name is None:
            self._by_name = {entry.name: entry for entry in reversed(self.entries)}
        return self._by_name.get(name)

    def photos_like(self, keys: Iterable[str]) -> list[Entry]:
        """Return the photos whose last part, folded and without its ending, is one of these keys."""
        if self._by_key is None:
            self._by_key = {}
            for entry in self.named(*PHOTO_ENDINGS):
                self._by_key.setdefault(name_key(entry.path), []).append(entry)
        return [entry for key in keys for entry in self._by_key.get(key, [])]

    def describe(self) -> str:
        """Return how many files of which endings there are, as words for people."""
        endings = Counter(Path(entry.name).suffix.lower() or "no ending" for entry in self.entries)
        listed = ", ".join(f"{count} {ending}" for ending, count in endings.most_common(5))
        return f"{len(self.entries)} files ({listed})" if listed else "no files"

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
            raise BrokenFileError(_("The zip unpacks to far more than such files do."))
        self.names_hint = repair_names(infos, self._count_mentions)
        entries = []
        for info in infos:
            if info.is_dir() or _is_noise(info.filename):
                continue
            if stat.S_ISLNK(info.external_attr >> 16):
                self.left_out.append((info.filename, _("links are not followed")))
            elif info.flag_bits & 1:
                self.left_out.append((info.filename, _("protected by a password")))
            else:
                entries.append(Entry(info.filename, info.file_size, info))
        return entries

    def _count_mentions(self, words: Iterable[str]) -> int:
        """Return how many of the first words the archive's small text files hold, as text or as JSON escapes it."""
        sample = list(islice((word for word in words if not word.isascii()), MENTIONS_SOUGHT))
        forms = [(word.encode(), json.dumps(word)[1:-1].encode()) for word in sample]
        text = self._text_files()
        return sum(any(form in text for form in pair) for pair in forms)

    def _text_files(self) -> bytes:
        parts: list[bytes] = []
        left = MAX_SMALL_BYTES
        for info in self._archive.infolist():
            if info.filename.lower().endswith(TEXT_ENDINGS) and info.file_size <= left and not info.flag_bits & 1:
                parts.append(self._archive.read(info))
                left -= len(parts[-1])
        return b"\n".join(parts)

    def _list_tar(self) -> list[Entry]:
        self._archive = tarfile.open(self.path, "r:*" if self.path.stat().st_size < MAX_SMALL_BYTES else "r:")  # noqa: SIM115
        entries: list[Entry] = []
        total = 0
        for member in self._archive:
            total += member.size
            _check_bounds(len(entries) + 1, total)
            if member.isfile() and not _is_noise(member.name):
                entries.append(Entry(_utf8(member.name), member.size, (member.offset_data, member.size)))
            elif not member.isdir() and not member.isfile():
                self.left_out.append((member.name, _("links and devices are not followed")))
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
                    self.left_out.append((relative, _("links and devices are not followed")))
                elif not name.startswith("."):
                    entries.append(Entry(_utf8(relative), path.stat().st_size, path))
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
        raise BrokenFileError(
            _("The file holds more than %(max_entries)s entries.") % {"max_entries": f"{MAX_ENTRIES:,}"}
        )
    if total > settings.MAX_ZIP_TOTAL_BYTES:
        raise BrokenFileError(_("The file unpacks to more than %(n)s GB.") % {"n": settings.MAX_ZIP_TOTAL_BYTES >> 30})


def _utf8(name: str) -> str:
    """Return the name of a tar's or folder's entry whose bytes are no UTF-8, read by its charset as far as it shows."""
    raw = raw_name(name) if any("\udc80" <= c <= "\udcff" for c in name) else None
    charset = find_charset([raw]) if raw else None
    return raw.decode(charset) if raw and charset else name


def _base(name: str) -> str:
    return name.replace("\\", "/").rsplit("/", maxsplit=1)[-1]


def _is_noise(name: str) -> bool:
    return name.startswith("__MACOSX/") or _base(name).startswith(".")
