"""How a run may end before its time. Each says what to do; the command line has an exit status for each."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from sam_core.errors import SamCoreError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "Cannot allocate memory")


class StoppedError(SamCoreError):
    """Somebody asked the run to stop; its state is saved."""


class OutOfMemoryError(SamCoreError):
    """One image with one mask does not fit into the memory of the device."""


class DiskFullError(SamCoreError):
    """The run's folder cannot be written to any more."""


class NotANumberError(SamCoreError):
    """The loss was not a number, and again after going back with a lower rate."""


@contextmanager
def saying_disk_full(folder: Path) -> Iterator[None]:
    """Raise DiskFullError in place of what the system or torch say when there is no room in a folder."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        if not is_disk_full(error):
            raise
        raise DiskFullError(
            f"there is no room left for {folder}: free some space and go on with --resume; what was saved is there"
        ) from error


def is_disk_full(error: BaseException | None) -> bool:
    """Tell whether an error, or one that it came from, is about a full disk."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            return True
        error = error.__cause__ or error.__context__
    return False


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that the device or the machine has no memory left."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in OUT_OF_MEMORY)
