"""The names that photos get in files: their owner's, unless two of them would meet there.

Two kinds of meeting: whole names (images/a.png twice), and stems, for formats that write a file of their own beside
each photo (a.jpg and a.png would share a.txt). On a disk that does not tell letter cases apart, A.png and a.png meet
as well. Must not know: formats.
"""

import unicodedata
from array import array
from collections.abc import Iterable

from annotator.photos.naming import stem_of

HASH_DIGITS = 8


class FileNames:
    """Names for the photos of one project, made of (name, sha256) of each."""

    def __init__(self, photos: Iterable[tuple[str, str]]) -> None:
        whole, alike, stems, marked = _NameHashes(), _NameHashes(), _NameHashes(), _NameHashes()
        for name, sha256 in photos:
            stem = _folded(stem_of(name))
            whole.add(name)
            alike.add(_folded(name))
            stems.add(stem)
            marked.add(stem + sha256[:HASH_DIGITS])  # one content under two names that meet
        self._whole, self._alike, self._stems, self._marked = (names.twins() for names in (whole, alike, stems, marked))

    def whole(self, name: str, *, sha256: str, pk: int, on_disk: bool) -> str:
        """Return the name that a photo is called by; on_disk: the photo itself is written under it."""
        is_twin = hash(_folded(name)) in self._alike if on_disk else hash(name) in self._whole
        return self._told_apart(name, sha256, pk) + name[len(stem_of(name)) :] if is_twin else name

    def stem(self, name: str, *, sha256: str, pk: int) -> str:
        """Return the name without an ending that belongs to this photo alone."""
        is_twin = hash(_folded(stem_of(name))) in self._stems
        return self._told_apart(name, sha256, pk) if is_twin else stem_of(name)

    def _told_apart(self, name: str, sha256: str, pk: int) -> str:
        stem, mark = stem_of(name), sha256[:HASH_DIGITS]
        is_twin = hash(_folded(stem) + mark) in self._marked
        return f"{stem}-{mark}-{pk}" if is_twin else f"{stem}-{mark}"


class _NameHashes:
    """Texts by their hash, 8 bytes each, so that a million names are no burden."""

    def __init__(self) -> None:
        self._hashes = array("q")

    def add(self, text: str) -> None:
        self._hashes.append(hash(text))

    def twins(self) -> frozenset[int]:
        """Return the hashes that came more than once."""
        import numpy as np

        values, counts = np.unique(np.frombuffer(self._hashes, np.int64), return_counts=True)
        return frozenset(values[counts > 1].tolist())


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
