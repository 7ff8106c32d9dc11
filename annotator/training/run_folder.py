"""The folder of one run on this machine: photos with masks to learn from, and what the training process writes.

It goes when the run has ended. Must not know: rows, jobs.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

WEIGHTS = "weights.pt"
RESULT = "result.json"
PROGRESS = "progress.jsonl"
PICTURES = "pictures"


def runs_folder() -> Path:
    """Return the folder of all runs on this machine."""
    return Path(settings.DATA_DIR) / "training"


class RunFolder:
    """Where what lies of the run of one improvement; nothing is made by asking."""

    def __init__(self, improvement_id: int) -> None:
        self.root = runs_folder() / str(improvement_id)
        self.freeze = self.root / "freeze"
        self.data = self.root / "data"
        self.run = self.root / "run"
        self.process_note = self.root / "process.json"
        self.errors = self.root / "errors.log"
        self._written = self.root / "data-is-whole"

    @property
    def has_data(self) -> bool:
        """Say whether all photos and masks are there."""
        return self._written.exists()

    def note_data(self) -> None:
        """Note that they are."""
        self._written.touch()

    def make(self) -> None:
        """Make the folder, for its owner alone."""
        for folder in (self.root.parent, self.root, self.run):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def remove(self) -> None:
        """Delete everything of the run."""
        shutil.rmtree(self.root, ignore_errors=True)


def left_runs() -> Iterator[tuple[int, Path]]:
    """Yield the ids of improvements that have a folder here, with the folder."""
    root = runs_folder()
    if root.is_dir():
        yield from ((int(path.name), path) for path in sorted(root.iterdir()) if path.name.isdecimal())
