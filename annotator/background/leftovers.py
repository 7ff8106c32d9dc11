"""Temporary files that a killed process left behind: removed once nobody can be writing them any more.

Downloads of models that broke off stay longer: the next try goes on with them.
"""

import contextlib
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.conf import settings

from annotator.inference.installing import DOWNLOADS
from annotator.sam_gateway import EXPORTING
from annotator.storage import PARTS, remove_set_aside

OLD_AFTER_SECONDS = 24 * 3600
DOWNLOADS_STAY_SECONDS = 7 * 24 * 3600


def remove_leftovers() -> int:
    """Delete temporary files that nobody has written to for a day; return how many. Safe while people upload."""
    models = Path(settings.MODELS_DIR)
    folders = (Path(settings.FILE_UPLOAD_TEMP_DIR), *Path(settings.MEDIA_ROOT).glob(f"*/{PARTS}"), models / PARTS)
    removed = sum(_remove_older(file, OLD_AFTER_SECONDS) for file in _files_in(folders))
    removed += sum(_remove_export(folder) for folder in models.glob(f"{EXPORTING}*"))
    removed += sum(_remove_older(file, DOWNLOADS_STAY_SECONDS) for file in _files_in([models / DOWNLOADS]))
    return removed + remove_set_aside(Path(settings.MEDIA_ROOT))  # of a backup that was killed


def _remove_older(file: Path, seconds: float) -> bool:
    with contextlib.suppress(FileNotFoundError):  # whoever wrote it has just finished
        if file.lstat().st_mtime < time.time() - seconds:
            file.unlink()
            return True
    return False


def _remove_export(folder: Path) -> bool:
    """Delete the folder of an export whose process was killed; an export takes minutes, never a day."""
    is_old = folder.is_dir() and folder.lstat().st_mtime < time.time() - OLD_AFTER_SECONDS
    if is_old:
        shutil.rmtree(folder, ignore_errors=True)
    return is_old


def _files_in(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        if folder.is_dir():
            yield from (path for path in folder.iterdir() if not path.is_dir())
