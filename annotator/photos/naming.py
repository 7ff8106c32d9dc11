"""Names and paths as people gave them: kept for the eye and for matching, never used as a path on disk.

A photo is known by its path inside the project, with "/" between folders. What is dropped of a name (controls, "..")
never makes two names one without a mark: a name that is cut keeps eight digits of its hash.
Must not know: rows, requests.
"""

import hashlib
import re
import unicodedata
from collections.abc import Collection
from urllib.parse import unquote, urlsplit

MAX_NAME_LENGTH = 200
MAX_PATH_LENGTH = 500  # in four bytes a character it still fits an index of PostgreSQL
_DROPPED_KINDS = frozenset({"Cc", "Cs", "Co"})
_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_DRIVE = re.compile(r"^[A-Za-z]:(?=/)")
_LONGEST_ENDING = 10
_ROOM = 20  # for the number that a taken path gets


def display_name(raw: str) -> str:
    """Return the last part of a name without control characters; Korean, emoji and the like stay as they are.

    >>> display_name("../../etc/passwd")
    'passwd'
    """
    last = raw.replace("\\", "/").rstrip("/").rsplit("/", maxsplit=1)[-1]
    return _clean_part(last) or "photo"


def photo_path(raw: str) -> str:
    """Return a path inside the project: parts joined by "/", without "..", drive letters and control characters.

    >>> photo_path("C:\\\\photos\\\\..\\\\day1\\\\001.png")
    'photos/day1/001.png'
    """
    parts = [_clean_part(part) for part in _DRIVE.sub("", raw.replace("\\", "/")).split("/")]
    path = "/".join(part for part in parts if part) or "photo"
    if len(path) <= MAX_PATH_LENGTH - _ROOM:
        return path
    # The last folders say most; the hash of the whole keeps two such paths apart.
    tail = path[-(MAX_PATH_LENGTH - _ROOM - 9) :].partition("/")[2]
    return f"{_digest(path)}/{tail}"


def path_in_file(raw: str) -> str:
    """Return the path that a data set's file names: of a web address its path, without query and host.

    >>> path_in_file("http://images.example.org/val2017/a%20b.png?size=2")
    'val2017/a b.png'
    """
    if "://" in raw[:12]:
        try:
            return photo_path(unquote(urlsplit(raw).path))
        except ValueError:
            return photo_path(raw.rsplit("/", maxsplit=1)[-1])
    return photo_path(raw)


def unquoted_path(path: str) -> str:
    """Return the path with %20 and the like read as characters; the same path where there are none.

    >>> unquoted_path("a%20b.png")
    'a b.png'
    """
    return photo_path(unquote(path)) if "%" in path else path


def stem_of(name: str) -> str:
    """Return a file name or path without its ending; a name that only starts with a dot has none.

    >>> stem_of("day.1/photo.v2.png"), stem_of("day.1/photo")
    ('day.1/photo.v2', 'day.1/photo')
    """
    folder, slash, last = name.rpartition("/")
    stem, dot, _ = last.rpartition(".")
    return folder + slash + stem if dot and stem else name


def last_part(path: str) -> str:
    """Return what stands after the last "/"."""
    return path.rpartition("/")[2]


def fold(text: str) -> str:
    """Return what is left of a text when letter case, width and Unicode form do not count.

    >>> fold("ＡBC") == fold("abc")
    True
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).casefold())


def name_key(path: str) -> str:
    """Return the key by which photos of like names are found: the last part, folded, without its ending."""
    return fold(stem_of(last_part(path)))[:MAX_NAME_LENGTH]


def numbered_path(path: str, taken: Collection[str]) -> str:
    """Return the path, or the first of "a (2).png", "a (3).png" that is not taken.

    >>> numbered_path("day1/a.png", {"day1/a.png", "day1/a (2).png"})
    'day1/a (3).png'
    """
    if path not in taken:
        return path
    stem = stem_of(path)
    ending, number = path[len(stem) :], 2
    while (candidate := f"{stem} ({number}){ending}") in taken:
        number += 1
    return candidate


def cut(text: str, limit: int) -> str:
    """Return a text of at most `limit` characters; one that is cut ends in eight digits of its hash.

    >>> cut("x" * 30 + "left", 20) == cut("x" * 30 + "right", 20)
    False
    """
    return text if len(text) <= limit else f"{text[: limit - 9].rstrip()}~{_digest(text)}"


def _clean_part(part: str) -> str:
    """Return one part of a path as it may be shown, or "" for what names nothing."""
    if part.isascii() and part.isprintable() and len(part) <= MAX_NAME_LENGTH:
        kept = part.strip()
    else:
        normal = unicodedata.normalize("NFC", part)
        kept = "".join(c for c in normal if unicodedata.category(c) not in _DROPPED_KINDS and c not in _DIRECTIONS)
        kept = kept.strip()
    if kept in {"", ".", ".."}:
        return ""
    if len(kept) <= MAX_NAME_LENGTH:
        return kept
    stem = stem_of(kept)
    ending = kept[len(stem) :] if len(kept) - len(stem) <= _LONGEST_ENDING else ""
    return cut(kept[: len(kept) - len(ending)], MAX_NAME_LENGTH - len(ending)) + ending


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
