"""Names of archive entries that are not UTF-8: zips made on Korean, Japanese or Chinese Windows.

Such a zip does not say its charset, and zipfile reads the names as cp437. The charset is guessed from all names
together: UTF-8 without its flag first, then the one in which the most characters are common ones; `evidence`, names
that the archive's own text files mention, decides before that. Must not know: formats, rows.
"""

import zipfile
from collections.abc import Callable, Iterable, Sequence

from django.utils.translation import gettext as _

from annotator.photos.naming import last_part, stem_of

CHARSETS = {"cp949": "Korean", "cp932": "Japanese", "gb18030": "Chinese (GBK)", "big5": "Chinese (Big5)"}
Evidence = Callable[[Iterable[str]], int]
_COMMON_SHARE = 0.8
_UTF8_FLAG = 0x800
_SAMPLE = 2000


def raw_name(name: str) -> bytes | None:
    """Return the bytes of a name that zipfile read as cp437 or tarfile with surrogates; None for plain ASCII."""
    if name.isascii():
        return None
    if any("\udc80" <= character <= "\udcff" for character in name):
        return name.encode("utf-8", "surrogateescape")
    try:
        return name.encode("cp437")
    except UnicodeEncodeError:
        return None


def repair_names(entries: Sequence[zipfile.ZipInfo], evidence: Evidence | None = None) -> str:
    """Give entries without UTF-8 names the names that were meant, and return a hint for people; "" for none.

    An entry is still found by its `orig_filename`, which stays.
    """
    raw = {entry: name for entry in entries if not entry.flag_bits & _UTF8_FLAG and (name := raw_name(entry.filename))}
    charset = find_charset(list(raw.values()), evidence)
    for entry, name in raw.items() if charset else ():
        entry.filename = name.decode(str(charset))
    return hint_of(charset, count=len(raw))


def hint_of(charset: str | None, *, count: int) -> str:
    """Return what people are told of names that were not UTF-8."""
    if not count or charset == "utf-8":
        return ""
    if charset is None:
        words = _("%(n)s names in the archive are not UTF-8, and their charset is not known: pack it again as UTF-8.")
        return str(words % {"n": count})
    words = _("%(n)s names in the archive are not UTF-8; they are read as %(charset)s.")
    return str(words % {"n": count, "charset": CHARSETS[charset]})


def find_charset(names: Sequence[bytes], evidence: Evidence | None = None) -> str | None:
    """Return the charset of names that are not ASCII; None where none fits and the names stay as they are.

    evidence: how many of the given names the archive's own files mention.
    """
    sample = names[:_SAMPLE]
    if not sample:
        return None
    if _decoded(sample, "utf-8") is not None:
        return "utf-8"
    readings = {charset: words for charset in CHARSETS if (words := _decoded(sample, charset)) is not None}
    if evidence is not None and readings:
        found = {charset: evidence(stem_of(last_part(word)) for word in words) for charset, words in readings.items()}
        best = max(found, key=lambda charset: found[charset])
        if found[best]:
            return best
    shares = {charset: _common_share(sample, charset) for charset in readings}
    best_guess = max(shares, key=lambda charset: shares[charset], default=None)
    return best_guess if best_guess is not None and shares[best_guess] >= _COMMON_SHARE else None


def _decoded(names: Sequence[bytes], charset: str) -> list[str] | None:
    try:
        return [name.decode(charset) for name in names]
    except UnicodeDecodeError:
        return None


def _common_share(names: Sequence[bytes], charset: str) -> float:
    """Return which part of the characters that are not ASCII is common in texts of that charset."""
    characters = [c for name in names for c in name.decode(charset) if ord(c) > 0x7F]
    return sum(_is_common(c, charset) for c in characters) / max(len(characters), 1)


def _is_common(character: str, charset: str) -> bool:
    """Say whether a character is everyday: Hangul of KS X 1001, kana and level-1 kanji, level-1 hanzi."""
    if charset == "cp949":
        return "가" <= character <= "힣" and _lead(character, "euc_kr") >= 0xB0
    if charset == "cp932":
        return "ぁ" <= character <= "ヿ" or character in "々〆ー" or 0x88 <= _lead(character, "cp932") <= 0x97
    if charset == "gb18030":
        return 0xB0 <= _lead(character, "gb2312") <= 0xD7
    return 0xA4 <= _lead(character, "big5") <= 0xC6


def _lead(character: str, charset: str) -> int:
    try:
        return character.encode(charset)[0]
    except UnicodeEncodeError:
        return 0
