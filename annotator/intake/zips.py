"""Read photos out of a zip that nobody vouches for: bounded, flat, without links.

Entry names are for display only; nothing is ever written to a path made of them, so "../" reaches nowhere.
"""

import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from django.conf import settings
from django.utils.translation import gettext as _

from annotator.full_disk import is_disk_full
from annotator.photos.errors import PhotoRefusedError
from annotator.photos.zip_names import repair_names

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_CHUNK_BYTES = 1 << 20


def looks_like_zip(file: IO[bytes]) -> bool:
    """Say whether the file starts as a zip does, whatever its name."""
    file.seek(0)
    head = file.read(4)
    file.seek(0)
    return head in ZIP_MAGIC


@contextmanager
def open_zip(file: IO[bytes]) -> Iterator[tuple[zipfile.ZipFile, list[zipfile.ZipInfo], str]]:
    """Open a zip and yield it with its photo entries and a hint about their names ("" for none).

    Raises PhotoRefusedError for a bomb or a damaged file.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            entries = [entry for entry in archive.infolist() if not _is_noise(entry)]
            _check_bounds(entries)
            yield archive, entries, repair_names(entries)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise PhotoRefusedError("damaged", _("The zip file is damaged.")) from error


@contextmanager
def extract_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
    """Unpack one entry to a temporary file and yield it; raise PhotoRefusedError when it may not be read."""
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise PhotoRefusedError("link", _("Links inside a zip are not followed."))
    if entry.flag_bits & 0x1:
        raise PhotoRefusedError("encrypted", _("The entry is protected by a password."))
    with tempfile.TemporaryFile() as out:
        try:
            _copy_bounded(archive, entry, out)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
            if is_disk_full(error):
                raise
            raise PhotoRefusedError("damaged", _("The entry is damaged.")) from error
        out.seek(0)
        yield out


def _copy_bounded(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, out: IO[bytes]) -> None:
    # The size that an entry declares may be a lie, so the bytes are counted as they come.
    limit = min(settings.MAX_IMAGE_BYTES, max(entry.file_size, 1))
    written = 0
    with archive.open(entry) as source:
        while chunk := source.read(_CHUNK_BYTES):
            written += len(chunk)
            if written > limit:
                raise PhotoRefusedError("too_many_bytes", _("The entry unpacks to more than it may."))
            out.write(chunk)


def _is_noise(entry: zipfile.ZipInfo) -> bool:
    name = entry.filename.replace("\\", "/")
    last = name.rstrip("/").rsplit("/", maxsplit=1)[-1]
    return entry.is_dir() or name.startswith("__MACOSX/") or (last.startswith(".") and last not in {".", ".."})


def _check_bounds(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > settings.MAX_ZIP_ENTRIES:
        raise PhotoRefusedError(
            "zip_too_large",
            _("The zip holds more than %(max_zip_entries)s files.") % {"max_zip_entries": settings.MAX_ZIP_ENTRIES},
        )
    total = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    if total > settings.MAX_ZIP_TOTAL_BYTES or total > settings.MAX_ZIP_RATIO * max(packed, 1024):
        raise PhotoRefusedError("zip_too_large", _("The zip unpacks to more than photos ever do."))
