"""Real file systems that are tiny or read-only; they need root and mount, as CI has them."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

needs_mount = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("mount") is None, reason="mounting a small disk needs root"
)


@contextmanager
def small_disk(folder: Path, *, megabytes: int) -> Iterator[Path]:
    """Mount a disk of a few megabytes."""
    folder.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def make_read_only(folder: Path) -> None:
    """Mount it again, read-only."""
    _mount("-o", "remount,ro", str(folder))


def fill(folder: Path, *, leave_bytes: int = 0) -> Path:
    """Write a file that leaves so much of the disk free, and return it."""
    ballast = folder / "ballast"
    with ballast.open("wb") as file:
        left = shutil.disk_usage(folder).free - leave_bytes
        while left > 0:
            left -= file.write(b"\0" * min(left, 1 << 20))
    return ballast


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
