"""Temporary files that a killed process left behind: removed once nobody can be writing them any more."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from annotator.storage import PARTS, remove_set_aside

OLD_AFTER_SECONDS = 24 * 3600


def remove_leftovers() -> int:
    """Delete temporary files that nobody has written to for a day; return how many. Safe while people upload."""
    oldest = time.time() - OLD_AFTER_SECONDS
    removed = 0
    for file in _temporary_files():
        with contextlib.suppress(FileNotFoundError):  # whoever wrote it has just finished
            if file.lstat().st_mtime < oldest:
                file.unlink()
                removed += 1
    return removed + remove_set_aside(Path(settings.MEDIA_ROOT))  # of a backup that was killed


def _temporary_files() -> Iterator[Path]:
    for folder in (Path(settings.FILE_UPLOAD_TEMP_DIR), *Path(settings.MEDIA_ROOT).glob(f"*/{PARTS}")):
        if folder.is_dir():
            yield from (path for path in folder.iterdir() if not path.is_dir())
