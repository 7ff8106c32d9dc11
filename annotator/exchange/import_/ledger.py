"""What an import has to remember, on disk: images of the file, ids seen, and the masks that are there already.

A SQLite file of its own, so that a file of any length needs no memory to speak of and the product's database is not
touched. It knows how many masks it has taken in, so that a killed import replays what is missing.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path


@dataclass(frozen=True, slots=True)
class KnownImage:
    """Which photo an image of the file is; `problem` says why its masks are not taken.

    `claim` names the photo, of the project or of the archive (`entry`), and `rank` how well the name fits (smaller is
    better): no two images of a file may claim one. `about` is what the file says of the photo, as JSON.
    """

    key: str
    pk: int | None
    height: int
    width: int
    problem: str = ""
    claim: str = ""
    rank: int = 0
    entry: str = ""
    about: str = ""


_MARKS = ",".join("?" * len(fields(KnownImage)))


class Ledger:
    """Opens or makes the file; `read` is the number of masks noted until the last commit."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA cache_size=-8000;"
            "CREATE TABLE IF NOT EXISTS images(key TEXT PRIMARY KEY, pk INT, h INT, w INT, problem TEXT, claim TEXT,"
            " rank INT, entry TEXT, about TEXT) WITHOUT ROWID;"
            "CREATE TABLE IF NOT EXISTS numbers(n INTEGER PRIMARY KEY);"
            "CREATE TABLE IF NOT EXISTS boxes(place INTEGER PRIMARY KEY, image INT, row TEXT);"
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
        statement = f"INSERT OR IGNORE INTO images VALUES({_MARKS})"
        self._db.execute("BEGIN")
        doubles = [image.key for image in images if not self._db.execute(statement, astuple(image)).rowcount]
        self._db.execute("COMMIT")
        return doubles

    def find_images(self, keys: Sequence[str]) -> dict[str, KnownImage]:
        """Return the images with these keys."""
        marks = ",".join("?" * len(keys))
        rows = self._db.execute(f"SELECT * FROM images WHERE key IN ({marks})", keys)  # noqa: S608
        return {row[0]: KnownImage(*row) for row in rows}

    def image_chunks(self, size: int) -> Iterator[list[KnownImage]]:
        """Yield all images, `size` at a time; notes may be changed in between."""
        after = ""
        statement = "SELECT * FROM images WHERE key > ? ORDER BY key LIMIT ?"
        while rows := self._db.execute(statement, (after, size)).fetchall():
            yield [KnownImage(*row) for row in rows]
            after = rows[-1][0]

    def note_gone(self, key: str, problem: str) -> None:
        """Note that an image takes no masks any more."""
        self._db.execute("UPDATE images SET pk=NULL, problem=? WHERE key=?", (problem, key))

    def claimed_twice(self) -> Iterator[list[KnownImage]]:
        """Yield the images that claim one photo, best first, for each photo that more than one claims."""
        claims = "SELECT claim FROM images WHERE claim != '' AND problem = '' GROUP BY claim HAVING count(*) > 1"
        for (claim,) in self._db.execute(claims).fetchall():
            rows = self._db.execute("SELECT * FROM images WHERE claim=? AND problem='' ORDER BY rank, key", (claim,))
            yield [KnownImage(*row) for row in rows.fetchall()]

    def part_from(self, key: str) -> None:
        """Note that an image is not the photo that it was taken for, but the one that the file brings."""
        self._db.execute("UPDATE images SET pk=NULL, claim='entry ' || entry WHERE key=?", (key,))

    def settle(self, key: str, *, pk: int | None, height: int, width: int) -> None:
        """Note which photo an image has become."""
        self._db.execute("UPDATE images SET pk=?, h=?, w=? WHERE key=?", (pk, height, width, key))

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

    def see(self, number: int) -> bool:
        """Note the number of a mask; return whether none had it before."""
        return bool(self._db.execute("INSERT OR IGNORE INTO numbers VALUES(?)", (number,)).rowcount)

    def add_numbers(self, numbers: Iterable[int]) -> None:
        """Note the numbers that masks of the project have already."""
        self._db.execute("BEGIN")
        self._db.executemany("INSERT OR IGNORE INTO numbers VALUES(?)", ((number,) for number in numbers))
        self._db.execute("COMMIT")

    def add_box(self, place: int, image_pk: int, row: str) -> None:
        """Note a box, as JSON, of which the model is to make a mask; again at the same place changes nothing."""
        self._db.execute("INSERT OR REPLACE INTO boxes VALUES(?, ?, ?)", (place, image_pk, row))

    def boxes(self) -> Iterator[str]:
        """Yield the boxes photo by photo, in file order."""
        yield from (row for (row,) in self._db.execute("SELECT row FROM boxes ORDER BY image, place"))

    def has_boxes(self) -> bool:
        """Say whether a box was noted."""
        return self._db.execute("SELECT 1 FROM boxes LIMIT 1").fetchone() is not None

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
