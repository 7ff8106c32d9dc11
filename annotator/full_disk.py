"""What a full disk looks like from everywhere, and the one refusal that says so.

Files fail with ENOSPC, EDQUOT or EFBIG, SQLite with "database or disk is full", PostgreSQL with its class 53100.
"""

import errno
import shutil
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from annotator.errors import AppError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_SQLITE_FULL = "database or disk is full"
# What SQLite says where it cannot make or lengthen the files beside the database; full, if there is no space indeed.
_SQLITE_MAYBE_FULL = ("disk I/O error", "unable to open database file")
_NO_SPACE_BYTES = 1024 * 1024
_POSTGRESQL_FULL = "53100"


class DiskFullError(AppError):
    """Nothing more can be stored until somebody frees space."""

    status = HTTPStatus.INSUFFICIENT_STORAGE
    code = "disk_full"

    def __init__(self) -> None:
        super().__init__(explain_full_disk())


def explain_full_disk() -> str:
    """Return the sentence for people: what is wrong, and what to do."""
    return _(
        "The server's disk is full, so this was not stored. Tell the person who runs the server; "
        "once space is free, do it again."
    )


def explain_job_without_space() -> str:
    """Return the sentence for the page of a job."""
    return _(
        "The server's disk is full. What was made until then is kept: once space is free, resume this job, "
        "and it goes on where it was."
    )


def is_disk_full(error: BaseException) -> bool:
    """Say whether an error, or what it came from, means that there is no space."""
    return any(_means_full(one) for one in _causes(error))


def _means_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    if str(error) in _SQLITE_MAYBE_FULL:
        return free_bytes() < _NO_SPACE_BYTES
    return getattr(error, "sqlstate", None) == _POSTGRESQL_FULL or _SQLITE_FULL in str(error)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__


def free_bytes(folder: Path | None = None) -> int:
    """Return how much of the disk that holds a folder (DATA_DIR if none is named) may still be filled."""
    return shutil.disk_usage(folder or settings.DATA_DIR).free
