"""Which stored mask each written mask is, in the order of the file: 20 bytes a mask, on disk.

The certificate reads it beside the export, so that a mask is compared with the very revision that was written.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from annotator.exchange.files.packages import GrowingFile, Position

_RECORD = struct.Struct("<16sI")
_AT_ONCE = 1000

Reference = tuple[UUID, int]


class MaskIndex:
    """Appends (id, revision)."""

    def __init__(self, path: Path, position: Position | None = None) -> None:
        self._file = GrowingFile(path, position)

    def add(self, pk: UUID, revision: int) -> None:
        """Note the next mask of the file."""
        self._file.write(_RECORD.pack(pk.bytes, revision))

    def checkpoint(self) -> Position:
        """Flush and return the length."""
        return self._file.checkpoint()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_index(path: Path, *, skip: int = 0) -> Iterator[Reference]:
    """Yield (id, revision) in file order, after the first `skip`."""
    with path.open("rb") as file:
        file.seek(skip * _RECORD.size)
        while data := file.read(_RECORD.size * _AT_ONCE):
            for raw, revision in _RECORD.iter_unpack(data):
                yield UUID(bytes=raw), revision
