"""What is costly to make and only read or copied: made once for all processes of a test run, by whoever asks first."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

PLACE = "MASKWRIGHT_TESTS_MADE_ONCE"


def open_place() -> None:
    """Make the folder of this run; processes that are started later find it in their environment."""
    os.environ[PLACE] = tempfile.mkdtemp(prefix="maskwright-made-once-")


def close_place() -> None:
    """Remove the folder of this run."""
    shutil.rmtree(os.environ.pop(PLACE), ignore_errors=True)


def place() -> Path:
    """Return the folder of this run."""
    return Path(os.environ[PLACE])


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """Return the folder of that name, which `make` has filled; others wait meanwhile, and a failure leaves nothing."""
    made, making = place() / name, place() / f"{name}.making"
    with (place() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            make(making)
            making.rename(made)
    return made
