"""The folder of one improvement: what it was begun with, what it has found so far, its progress, its lock.

Files are written whole or not at all; progress.jsonl grows by one line at a time. Must not know: models.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sam_core.training.config import ConfigError

BEGUN, BEFORE, SHARE, RESULT = "begun.json", "before.json", "share.json", "result.json"
PROGRESS, LOCK, PICTURES = "progress.jsonl", ".lock", "pictures"
SECONDS_BETWEEN_LINES = 1.0
Row = dict[str, Any]


def write_json(path: Path, content: Row) -> None:
    """Write content so that path is either the old file or the whole new one."""
    part = path.with_suffix(".part")
    try:
        part.write_text(json.dumps(content), encoding="utf-8")
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def read_json(path: Path) -> Row | None:
    """Return what write_json wrote, None where there is nothing."""
    if not path.exists():
        return None
    content: Row = json.loads(path.read_text(encoding="utf-8"))
    return content


def forget_unbegun(folder: Path) -> None:
    """Remove what a run left that ended before it began to learn."""
    for name in (BEFORE, PROGRESS):
        (folder / name).unlink(missing_ok=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run's folder, made if missing; ConfigError where another process holds it. Ends with the process."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError(f"another process works in {folder}; wait for it, or name another folder") from error
        yield
    finally:
        os.close(handle)


class Progress:
    """Tells how far a run is: a line in progress.jsonl, and whoever listens. seconds: of all its processes so far."""

    def __init__(self, folder: Path, on_progress: Callable[[Row], None] | None, *, kept_steps: int) -> None:
        """Go on with a folder's progress; what it says of steps after kept_steps, which are taken again, is dropped."""
        self.path, self.on_progress = folder / PROGRESS, on_progress
        rows = [row for row in _rows(self.path) if row.get("step", 0) <= kept_steps]
        self.path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        self.seconds_before = max((float(row["seconds"]) for row in rows), default=0.0)
        self.began, self.told = time.monotonic(), -SECONDS_BETWEEN_LINES

    @property
    def seconds(self) -> float:
        """Seconds of this run, those before it was resumed included."""
        return self.seconds_before + time.monotonic() - self.began

    def tell(self, phase: str, done: int, total: int, *, is_due: bool = False, **more: Any) -> bool:
        """Write a line, SECONDS_BETWEEN_LINES after the last one at the earliest unless is_due; tell whether it did."""
        now = time.monotonic()
        if not is_due and now - self.told < SECONDS_BETWEEN_LINES:
            return False
        self.told = now
        row = {"phase": phase, "done": done, "total": total, "seconds": round(self.seconds, 1), **more}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        if self.on_progress is not None:
            self.on_progress(row)
        return True


def _rows(path: Path) -> Iterator[Row]:
    """Yield the whole lines of a file; the last one may be cut off."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and "seconds" in row:
            yield row
