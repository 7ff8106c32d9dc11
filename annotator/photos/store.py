"""Where the files of one photo content lie in the default storage. Addressed by SHA-256, never by a person's name."""

import contextlib
from typing import IO

from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage

THUMBNAIL = "thumbnail.webp"
PREVIEW = "preview.jpg"
TILES = "tiles.pack"
ORIGINAL = "original"


def name_of(sha256: str, part: str) -> str:
    """Return the storage name of one part of a photo."""
    return f"photos/{sha256[:2]}/{sha256}/{part}"


def has(sha256: str, part: str) -> bool:
    """Say whether a part is stored."""
    return default_storage.exists(name_of(sha256, part))


def save(sha256: str, part: str, content: bytes | IO[bytes]) -> str:
    """Store a part, whole or not at all, and return its name."""
    wrapped = ContentFile(content) if isinstance(content, bytes) else File(content)
    return default_storage.save(name_of(sha256, part), wrapped)


def open_part(sha256: str, part: str) -> IO[bytes]:
    """Open a part for reading; raise FileNotFoundError when it is not stored."""
    return default_storage.open(name_of(sha256, part), "rb")


def delete_all(sha256: str) -> None:
    """Remove every part of a photo; parts that are not there are fine."""
    for part in (ORIGINAL, THUMBNAIL, PREVIEW, TILES):
        default_storage.delete(name_of(sha256, part))
    with contextlib.suppress(NotImplementedError, OSError):
        default_storage.delete(name_of(sha256, "").rstrip("/"))
