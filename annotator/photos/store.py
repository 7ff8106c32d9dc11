"""Where the files of one photo content lie in the default storage. Addressed by SHA-256, never by a person's name."""

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage

THUMBNAIL = "thumbnail.webp"
PREVIEW = "preview.jpg"
TILES = "tiles.pack"
ORIGINAL = "original"


def name_of(sha256: str, part: str) -> str:
    """Return the storage name of one part of a photo, which is a digest, or a picture's name (readings.py)."""
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


def delete_made(picture: str) -> None:
    """Remove every part that was made of a picture; parts that are not there are fine."""
    for name in made_names(picture):
        default_storage.delete(name)
    remove_folder(picture)


def made_names(picture: str) -> list[str]:
    """Return the storage names of all parts that are made of a picture."""
    return [name_of(picture, part) for part in (THUMBNAIL, PREVIEW, TILES)]


def set_aside(names: Iterable[str]) -> list[Path]:
    """Take files out of reach, each by one rename, and return where they are; they may be absent already.

    It is quick enough for a transaction. A store without paths has no renames: there they are deleted at once.
    """
    take_away = getattr(default_storage, "take_away", None)
    if take_away is None:
        for name in names:
            default_storage.delete(name)
        return []
    return [path for path in map(take_away, names) if path is not None]


def remove_for_good(aside: Iterable[Path]) -> None:
    """Delete what was set aside; what a killed process leaves goes with other left-over files."""
    for path in aside:
        path.unlink(missing_ok=True)


def remove_folder(picture: str) -> None:
    """Remove the folder of a picture if it is empty."""
    with contextlib.suppress(NotImplementedError, OSError):
        default_storage.delete(name_of(picture, "").rstrip("/"))
