"""What an import has to remember, on disk: images of the file, ids seen, and the masks that are there already.

A SQLite file of its own, so that a file of any length needs no memory to speak of and the product's database is not
touched. It knows how many masks it has taken in, so that a killed import replays what is missing.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class KnownImage:
    """Which photo an image of the file is; `problem` says why its masks are not taken."""

    key: str
    pk: int | None
    height: int
    width: int
    problem: str = ""


class Ledger:
    """Opens or makes the file; `read` is the number of masks noted until the last commit."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA cache_size=-8000;"
            "CREATE TABLE IF NOT EXISTS images(key TEXT PRIMARY KEY, pk INT, h INT, w INT, problem TEXT) WITHOUT ROWID;"
            "CREATE TABLE IF NOT EXISTS seen(key TEXT PRIMARY KEY) WITHOUT ROWID;"
            "CREATE TABLE IF NOT EXISTS stored(digest BLOB PRIMARY KEY, n INT) WITHOUT ROWID;"
            "CREATE TABLE IF NOT EXISTS facts(name TEXT PRIMARY KEY, value INT) WITHOUT ROWID;"
        )

    @property
    def read(self) -> int:
        """Return how many masks of the file have been noted."""
        return self.fact("read")

    def fact(self, name: str) -> int:
        """Return a number that was kept, or 0."""
        row = self._db.execute("SELECT value FROM facts WHERE name=?", (name,)).fetchone()
        return int(row[0]) if row else 0

    def keep(self, name: str, value: int) -> None:
        """Keep a number."""
        self._db.execute("INSERT OR REPLACE INTO facts VALUES(?, ?)", (name, value))

    def text(self, name: str) -> str:
        """Return a text that was kept, or an empty one."""
        row = self._db.execute("SELECT value FROM facts WHERE name=?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def keep_text(self, name: str, value: str) -> None:
        """Keep a text."""
        self._db.execute("INSERT OR REPLACE INTO facts VALUES(?, ?)", (name, value))

    def clear_images(self) -> None:
        """Forget the images, to read them again."""
        self._db.execute("DELETE FROM images")

    def add_images(self, images: Iterable[KnownImage]) -> list[str]:
        """Note images and return the keys that were there already: ids that the file has twice."""
        doubles = []
        self._db.execute("BEGIN")
        for image in images:
            values = (image.key, image.pk, image.height, image.width, image.problem)
            if not self._db.execute("INSERT OR IGNORE INTO images VALUES(?, ?, ?, ?, ?)", values).rowcount:
                doubles.append(image.key)
        self._db.execute("COMMIT")
        return doubles

    def find_images(self, keys: Sequence[str]) -> dict[str, KnownImage]:
        """Return the images with these keys."""
        marks = ",".join("?" * len(keys))
        rows = self._db.execute(f"SELECT key, pk, h, w, problem FROM images WHERE key IN ({marks})", keys)  # noqa: S608
        return {row[0]: KnownImage(*row) for row in rows}

    def image_chunks(self, size: int) -> Iterator[list[KnownImage]]:
        """Yield all images, `size` at a time; notes may be changed in between."""
        after = ""
        statement = "SELECT key, pk, h, w, problem FROM images WHERE key > ? ORDER BY key LIMIT ?"
        while rows := self._db.execute(statement, (after, size)).fetchall():
            yield [KnownImage(*row) for row in rows]
            after = rows[-1][0]

    def note_gone(self, key: str, problem: str) -> None:
        """Note that an image takes no masks any more."""
        self._db.execute("UPDATE images SET pk=NULL, problem=? WHERE key=?", (problem, key))

    def begin(self) -> None:
        """Start taking in a batch."""
        self._db.execute("BEGIN")

    def commit(self, read: int) -> None:
        """Keep the batch."""
        self.keep("read", read)
        self._db.execute("COMMIT")

    def roll_back(self) -> None:
        """Forget the batch."""
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def see(self, key: str) -> bool:
        """Note an id; return whether it is new."""
        return bool(self._db.execute("INSERT OR IGNORE INTO seen VALUES(?)", (key,)).rowcount)

    def add_stored(self, digests: Iterable[bytes]) -> None:
        """Note masks that are in the project already; each may answer for one of the file."""
        self._db.execute("BEGIN")
        statement = "INSERT INTO stored VALUES(?, 1) ON CONFLICT(digest) DO UPDATE SET n = n + 1"
        self._db.executemany(statement, ((digest,) for digest in digests))
        self._db.execute("COMMIT")

    def use_stored(self, digest: bytes) -> bool:
        """Return whether such a mask is in the project already, and count it as answered for."""
        return bool(self._db.execute("UPDATE stored SET n = n - 1 WHERE digest=? AND n > 0", (digest,)).rowcount)

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def mask_digest(image_pk: int, label_pk: int | None, counts: str) -> bytes:
    """Return what makes two masks the same: photo, label and pixels."""
    return hashlib.blake2b(f"{image_pk} {label_pk} {counts}".encode(), digest_size=16).digest()
