"""Names as people gave them: kept for the eye, never used as a path."""

import unicodedata

MAX_NAME_LENGTH = 200


def display_name(raw: str) -> str:
    """Return the last part of a name without control characters; Korean, emoji and the like stay as they are.

    >>> display_name("../../etc/passwd")
    'passwd'
    """
    last = raw.replace("\\", "/").rstrip("/").rsplit("/", maxsplit=1)[-1]
    kept = "".join(c for c in unicodedata.normalize("NFC", last) if unicodedata.category(c) not in {"Cc", "Cs", "Co"})
    kept = "".join(c for c in kept if c not in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069").strip()
    if kept in {"", ".", ".."}:
        return "photo"
    if len(kept) <= MAX_NAME_LENGTH:
        return kept
    stem, dot, ending = kept.rpartition(".")
    if dot and len(ending) <= 10:
        return stem[: MAX_NAME_LENGTH - len(ending) - 1] + "." + ending
    return kept[:MAX_NAME_LENGTH]
