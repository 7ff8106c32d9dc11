"""Model files in the storage, under their digests, and this machine's own copies of them.

A version's row lists its files. The storage holds each as models/{two letters}/{SHA-256}; MODELS_DIR/{version}/ is a
copy that any process makes, and makes again, from there. A file gets its name only after its digest has been seen to be
right.
"""

import fcntl
import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.utils import translation
from django.utils.translation import gettext as _
from typing_extensions import TypedDict

from annotator import sam_gateway
from annotator.full_disk import is_disk_full
from annotator.inference import lacking_models
from annotator.inference.lacking_models import ModelAwayError
from annotator.inference.models import ModelVersion
from annotator.inference.selectors import model_folder

logger = logging.getLogger(__name__)
BLOCK_BYTES = 1 << 20
LOCKS = ".locks"
PARTS = ".parts"


class StoredFile(TypedDict):
    """One file of a model version."""

    name: str
    bytes: int
    sha256: str


class DamagedFileError(Exception):
    """A stored file is not what its digest says."""


def blob_name(sha256: str) -> str:
    """Return the storage name of a file."""
    return f"models/{sha256[:2]}/{sha256}"


def keep_folder(folder: Path) -> list[StoredFile]:
    """Copy the files of a model folder into the storage, and return their list for the row."""
    return [keep_file(file) for file in sorted(folder.iterdir()) if file.is_file()]


def keep_file(file: Path) -> StoredFile:
    """Copy one file into the storage unless it is there."""
    digest, size = sam_gateway.sha256_of(file), file.stat().st_size
    if not is_stored(digest, size):
        with file.open("rb") as content:
            default_storage.save(blob_name(digest), File(content))
    return {"name": file.name, "bytes": size, "sha256": digest}


def is_stored(sha256: str, size: int) -> bool:
    """Say whether the storage has a file of that digest and size."""
    name = blob_name(sha256)
    return default_storage.exists(name) and default_storage.size(name) == size


def drop_unnamed(digests: Collection[str]) -> None:
    """Delete those of the files that no version names any more."""
    named = {file["sha256"] for files in ModelVersion.objects.values_list("files", flat=True) for file in files}
    for digest in set(digests) - named:
        default_storage.delete(blob_name(digest))


def own_folder(version: ModelVersion, names: Collection[str] | None = None) -> Path:
    """Return this machine's folder of a version; the files (those of `names`) that it lacks are fetched first.

    Raises ModelAwayError where they cannot be had; it is logged, and told on the page.
    """
    folder = model_folder(version.version)
    if not lacks_files(version, names):
        lacking_models.forget(version.version)
        return folder
    try:
        with hold(version.version):
            _fetch_lacking(version, names)
    except Exception as error:
        with translation.override("en"):
            reason = _why_not(version, error)
        raise lacking_models.note(version, reason) from error
    lacking_models.forget(version.version)
    return folder


def lacks_files(version: ModelVersion, names: Collection[str] | None = None) -> bool:
    """Say whether this machine lacks one of a version's files; a version whose files nobody listed lacks none."""
    wanted = _files_of(version, names)
    return bool(wanted) and not (_is_current(version) and all(_is_here(version, file) for file in wanted))


def missing_files(version: ModelVersion, names: Collection[str]) -> list[str]:
    """Return those of the names that neither this machine nor the storage has."""
    folder, stored = model_folder(version.version), {file["name"]: file for file in version.files}
    away = sorted(name for name in names if not (folder / name).is_file())
    return [
        name for name in away if name not in stored or not default_storage.exists(blob_name(stored[name]["sha256"]))
    ]


def drop_damaged(version: ModelVersion) -> bool:
    """Delete this machine's files of a version that are not what their digests say; return whether there were any."""
    wrong = [file["name"] for file in version.files if not _is_right(model_folder(version.version), file)]
    for name in wrong:
        logger.error("a damaged model file is fetched again", extra={"version": version.version, "file": name})
        (model_folder(version.version) / name).unlink(missing_ok=True)
    return bool(wrong)


def fetch_blob(file: StoredFile, target: Path) -> None:
    """Copy a stored file to a path, whole or not at all; raise DamagedFileError where its digest is another."""
    parts = Path(settings.MODELS_DIR) / PARTS
    parts.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=parts)
    try:
        with os.fdopen(handle, "wb") as out, default_storage.open(blob_name(file["sha256"]), "rb") as source:
            if _copy(source, out) != file["sha256"]:
                raise DamagedFileError(file["name"])
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.replace(draft, target)
    finally:
        Path(draft).unlink(missing_ok=True)


@contextmanager
def hold(name: str, *, is_waiting: bool = True) -> Iterator[None]:
    """Hold a lock of this machine for a name; it ends with the process. Raise BlockingIOError unless it may wait."""
    locks = Path(settings.MODELS_DIR) / LOCKS
    locks.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(locks / name, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if is_waiting else fcntl.LOCK_NB))
        yield
    finally:
        os.close(handle)


def _fetch_lacking(version: ModelVersion, names: Collection[str] | None) -> None:
    folder = model_folder(version.version)
    if not _is_current(version):
        shutil.rmtree(folder, ignore_errors=True)  # of another export, or nothing yet
    for file in _files_of(version, names):
        if not _is_here(version, file):
            fetch_blob(file, folder / file["name"])
    logger.info("model files fetched", extra={"version": version.version})


def _files_of(version: ModelVersion, names: Collection[str] | None) -> list[StoredFile]:
    """Return the wanted files, and always the card first: it tells which export a folder is of."""
    files = sorted(version.files, key=lambda file: file["name"] != sam_gateway.MODEL_CARD)
    return [file for file in files if names is None or file["name"] in (*names, sam_gateway.MODEL_CARD)]


def _is_current(version: ModelVersion) -> bool:
    card = next((file for file in version.files if file["name"] == sam_gateway.MODEL_CARD), None)
    with suppress(FileNotFoundError, NotADirectoryError):
        content = (model_folder(version.version) / sam_gateway.MODEL_CARD).read_bytes()
        return card is not None and hashlib.sha256(content).hexdigest() == card["sha256"]
    return False


def _is_here(version: ModelVersion, file: StoredFile) -> bool:
    path = model_folder(version.version) / file["name"]
    return path.is_file() and path.stat().st_size == file["bytes"]


def _is_right(folder: Path, file: StoredFile) -> bool:
    path = folder / file["name"]
    return path.is_file() and sam_gateway.sha256_of(path) == file["sha256"]


def digest_of(source: IO[bytes]) -> str:
    """Return the SHA-256 of what is left of a file."""
    return _copy(source, None)


def _copy(source: IO[bytes], target: IO[bytes] | None) -> str:
    digest = hashlib.sha256()
    while block := source.read(BLOCK_BYTES):
        digest.update(block)
        if target is not None:
            target.write(block)
    return digest.hexdigest()


def _why_not(version: ModelVersion, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        reason = _("the storage lacks them; install the model again")
    elif isinstance(error, DamagedFileError):
        reason = _("%(file)s is damaged in the storage; install the model again") % {"file": error}
    elif is_disk_full(error):
        reason = _("its disk is full; free some space")
    else:
        reason = _("the storage cannot be read (%(error)s)") % {"error": f"{type(error).__name__}: {error}"[:200]}
    words = _("The files of model %(version)s are not on this machine and cannot be fetched: %(reason)s")
    return words % {"version": version.version, "reason": reason}


__all__ = ["DamagedFileError", "ModelAwayError", "StoredFile", "blob_name", "own_folder"]
