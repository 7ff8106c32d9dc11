"""A list in a JSON file that grows item by item and can be cut back to a checkpoint. Must not know: formats, rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import IO

from annotator.exchange.files.packages import GrowingFile, Position

_COPY_BYTES = 1 << 20


class GrowingList:
    """The items of one list, a line each, without the brackets around them."""

    def __init__(self, path: Path, position: Position | None) -> None:
        self._file = GrowingFile(path, position)
        self.is_empty = not (position or {}).get("offset", 0)

    def add(self, items: Sequence[bytes]) -> None:
        """Append items, each a JSON value."""
        if items:
            self._file.write((b"\n" if self.is_empty else b",\n") + b",\n".join(items))
            self.is_empty = False

    def checkpoint(self) -> Position:
        """Flush and return where a later run may go on."""
        return self._file.checkpoint()

    def close(self) -> None:
        """Close the file; what was written stays."""
        self._file.close()

    def copy_to(self, out: IO[bytes]) -> None:
        """Write the whole list, in its brackets; the list must be closed."""
        out.write(b"[")
        with self._file.path.open("rb") as file:
            while chunk := file.read(_COPY_BYTES):
                out.write(chunk)
        out.write(b"]")
