"""Photos of formats that pair a file with each photo by name: labels/train/a.txt belongs to images/train/a.png.

A photo's path inside the project is the one below images/, without the folder of its split; where that would make two
photos one, the whole path. Must not know: what the paired files hold, rows of the database.
"""

from collections import Counter
from collections.abc import Sequence

from annotator.exchange.base.reading import FileImage
from annotator.exchange.base.split_names import split_in
from annotator.exchange.files.source import PHOTO_ENDINGS, Entry, Source
from annotator.photos.naming import stem_of

PHOTO_FOLDER = "images"
_SPLIT_FOLDERS = frozenset({"train", "val", "valid", "test"})


class PairedPhotos:
    """Finds the photo of each entry whose folder is called `folder`."""

    def __init__(self, source: Source, entries: Sequence[Entry], folder: str, *, is_searched: bool) -> None:
        """is_searched: photos that lie elsewhere in the archive are looked for by their name."""
        self._folder, self._is_searched = folder, is_searched
        paired = {entry.name for entry in entries}
        self._photos: dict[str, list[Entry]] = {}
        for entry in source.named(*PHOTO_ENDINGS):
            if entry.name not in paired:
                for _, key in _pair_keys(entry.path, PHOTO_FOLDER):
                    self._photos.setdefault(key, []).append(entry)
        self._counts = Counter(self._short_stem(entry) for entry in entries)

    def image_of(self, entry: Entry, *, size: tuple[int, int] | None = None) -> FileImage:
        """Return the image of an entry; size is (width, height) where the format knows it."""
        photo, _ = self._pair(entry)
        stem = self._short_stem(entry)
        if self._counts[stem] > 1:
            stem = self._stem(entry)
        if self._counts[stem] > 1:
            stem = stem_of(entry.path)
        ending = photo.path[len(stem_of(photo.path)) :] if photo else ""
        width, height = size or (None, None)
        return FileImage(
            entry.name,
            stem + ending,
            width=width,
            height=height,
            split=split_in(entry.path),
            is_stem=photo is None,
            photo=photo.name if photo else "",
            is_searched=self._is_searched,
        )

    def _pair(self, entry: Entry) -> tuple[Entry | None, int | None]:
        """Return the photo, if there is one and no other, and which folder of the entry's path is its pair's."""
        keys = _pair_keys(entry.path, self._folder)
        for place, key in keys:
            photos = self._photos.get(key, [])
            if photos:
                return (photos[0] if len(photos) == 1 else None), place
        return None, keys[0][0]

    def _stem(self, entry: Entry) -> str:
        """Return the part of the path below the folder, without its ending; the last part alone without a folder."""
        _, place = self._pair(entry)
        return stem_of(entry.path) if place is None else "/".join(stem_of(entry.path).split("/")[place + 1 :])

    def _short_stem(self, entry: Entry) -> str:
        stem = self._stem(entry)
        first, slash, rest = stem.partition("/")
        return rest if slash and first.lower() in _SPLIT_FOLDERS else stem


def _pair_keys(path: str, folder: str) -> list[tuple[int | None, str]]:
    """Return, for each folder of that name, its place and the path without it; the deepest folder first."""
    parts = stem_of(path).split("/")
    places = [place for place, part in enumerate(parts[:-1]) if part == folder]
    starred = [(place, "/".join([*parts[:place], "*", *parts[place + 1 :]])) for place in reversed(places)]
    return [*starred] or [(None, "/".join(parts))]
