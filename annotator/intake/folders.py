"""Photos that lie on the server already, below INGEST_ROOT and nowhere else; links are never followed."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from django.conf import settings
from django.utils.translation import gettext as _

from annotator.errors import ForbiddenError, InvalidError, MissingError
from annotator.photos.decoding import SUFFIXES
from annotator.photos.errors import PhotoRefusedError


def allowed_root() -> Path:
    """Return INGEST_ROOT without links; raise ForbiddenError when the server sets none."""
    if settings.INGEST_ROOT is None:
        raise ForbiddenError(_("Reading folders is off: the server sets no INGEST_ROOT."), code="no_ingest_root")
    return Path(settings.INGEST_ROOT).resolve()


def resolve_folder(folder: str) -> Path:
    """Return the absolute folder; raise an AppError unless it is a folder below INGEST_ROOT."""
    root = allowed_root()
    if "\0" in folder:
        raise InvalidError(_("That is no folder name."), code="outside_root")
    target = (root / folder.strip().lstrip("/\\")).resolve()
    if not target.is_relative_to(root):
        raise InvalidError(_("The folder lies outside the folder that the server allows."), code="outside_root")
    if not target.is_dir():
        raise MissingError(_("There is no such folder."), code="no_such_folder")
    return target


def list_photos(folder: Path) -> list[Path]:
    """Return the photos below a folder in a fixed order; raise InvalidError above MAX_FOLDER_FILES."""
    found = []
    for path in _walk(folder):
        found.append(path)
        if len(found) > settings.MAX_FOLDER_FILES:
            raise InvalidError(
                _("The folder holds more than %(max_folder_files)s photos.")
                % {"max_folder_files": settings.MAX_FOLDER_FILES},
                code="too_many",
            )
    return sorted(found)


def open_photo_file(path: Path) -> IO[bytes]:
    """Open a file, refusing links even when one was put there a moment ago."""
    try:
        return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")
    except OSError as error:
        raise PhotoRefusedError("unreadable", _("The file cannot be read.")) from error


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder, followlinks=False):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            path = Path(parent) / name
            if path.suffix.lower() in SUFFIXES and not name.startswith(".") and not path.is_symlink():
                yield path
