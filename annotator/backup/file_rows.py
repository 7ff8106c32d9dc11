"""Lists of files, in one fixed order, so that two lists are compared in one pass and no list has to fit in memory."""

import json
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from annotator.storage import PARTS, SET_ASIDE

LINKED_DEPTH = 2


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file: its path below the root, and what tells whether it has changed."""

    path: str
    bytes: int
    mtime_ns: int
    sha256: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """Return what lists are sorted by: a folder's files come together."""
        return tuple(self.path.split("/"))

    def is_same_as(self, other: "FileRow") -> bool:
        """Say whether the file has not changed since, as far as size and time tell."""
        return (self.path, self.bytes, self.mtime_ns) == (other.path, other.bytes, other.mtime_ns)

    def to_line(self) -> str:
        """Return the row as a line."""
        return json.dumps(asdict(self), ensure_ascii=False) + "\n"


def walk_files(root: Path, *, left_out: Collection[str]) -> Iterator[FileRow]:
    """Yield the regular files below `root`, sorted; `left_out` are paths of files and folders that do not count."""
    yield from _walk(root, "", frozenset(left_out))


def read_rows(path: Path) -> Iterator[FileRow]:
    """Yield the rows of a list; nothing where there is none."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield FileRow(**json.loads(line))


def pair_with_earlier(now: Iterable[FileRow], earlier: Iterator[FileRow]) -> Iterator[tuple[FileRow, FileRow | None]]:
    """Yield each row with the earlier row of the same file, if it has not changed."""
    old = next(earlier, None)
    for row in now:
        while old is not None and old.key < row.key:
            old = next(earlier, None)
        yield row, old if old is not None and row.is_same_as(old) else None


def _walk(folder: Path, prefix: str, left_out: frozenset[str]) -> Iterator[FileRow]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        return  # removed meanwhile
    for entry in entries:
        path = prefix + entry.name
        if path in left_out or entry.name in (PARTS, SET_ASIDE):
            continue
        # Links of media/ and media/photos are how people put photos on another disk; further down, links lead nowhere.
        if entry.is_dir(follow_symlinks=prefix.count("/") < LINKED_DEPTH):
            yield from _walk(Path(entry.path), f"{path}/", left_out)
        elif entry.is_file(follow_symlinks=False):
            try:
                facts = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            yield FileRow(path, facts.st_size, facts.st_mtime_ns)
