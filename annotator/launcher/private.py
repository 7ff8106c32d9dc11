"""Files that are the owner's alone: sessions, passwords and photos lie in DATA_DIR."""

import contextlib
import os
from pathlib import Path
from typing import IO

PRIVATE_UMASK = 0o077


def make_private(folder: Path) -> None:
    """Make the folder, for its owner alone; narrow one that is there already, and what lies directly in it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in (folder, *folder.iterdir()):
        with contextlib.suppress(OSError):  # somebody else's folder: the checks that follow say what is wrong
            mode = path.lstat().st_mode
            if mode & 0o077 and not path.is_symlink():
                path.chmod(mode & 0o700)


def open_private(path: Path, mode: str) -> IO[str]:
    """Open a text file that only the owner may read."""
    return open(path, mode, encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600))
