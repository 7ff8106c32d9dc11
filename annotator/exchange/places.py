"""Where exports and imports work and where their files stay.

Work happens in a local folder, because growing files must be cut and continued; finished files go to the default
storage. Must not know: formats.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _

from annotator.errors import InvalidError, MissingError
from annotator.intake.folders import allowed_root


def work_folder(kind: str, pk: int) -> Path:
    """Return the folder of one run; it may not exist yet."""
    return Path(settings.DATA_DIR) / "exchange" / f"{kind}-{pk}"


def work_folders(kind: str) -> list[int]:
    """Return the numbers of the runs of a kind that have a folder."""
    names = (path.name.removeprefix(f"{kind}-") for path in work_folder(kind, 0).parent.glob(f"{kind}-*"))
    return [int(name) for name in names if name.isdigit()]


def remove_work_folder(kind: str, pk: int) -> None:
    """Remove the folder of a run with everything in it."""
    shutil.rmtree(work_folder(kind, pk), ignore_errors=True)


def move_into_storage(path: Path, name: str) -> str:
    """Move a finished file into the default storage and return its name there."""
    try:
        target = Path(default_storage.path(name))
    except NotImplementedError:
        with path.open("rb") as file:
            stored = default_storage.save(name, File(file))
        path.unlink()
        return stored
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(path, target)
    return name


def resolve_place(place: str) -> Path:
    """Return a folder or file below INGEST_ROOT; raise an AppError for anything else. Links lead nowhere else."""
    root = allowed_root()
    target = root if "\0" in place else (root / place.strip().lstrip("/\\")).resolve()
    if target == root or not target.is_relative_to(root):
        raise InvalidError(_("The place is not below the folder that the server allows."), code="outside_root")
    if not (target.is_dir() or target.is_file()):
        raise MissingError(_("There is no such folder or file."), code="no_such_folder")
    return target


@contextmanager
def local_copy(name: str) -> Iterator[Path]:
    """Yield a stored file as a path: itself where the storage is a folder, else a copy that goes afterwards."""
    try:
        yield Path(default_storage.path(name))
        return
    except NotImplementedError:
        pass
    import tempfile

    with tempfile.TemporaryDirectory() as folder, default_storage.open(name, "rb") as source:
        path = Path(folder) / Path(name).name
        with path.open("wb") as target:
            _copy(source, target)
        yield path


def _copy(source: IO[bytes], target: IO[bytes]) -> None:
    shutil.copyfileobj(source, target, 1 << 20)
