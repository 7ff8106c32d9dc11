"""Finished English sentences from the database, said again in the person's language.

What a worker notes (why a photo or a job failed, what an import left behind) is written in English, for whoever reads
it later. Here such a sentence is matched with the catalogue's texts, "%(name)s" standing for anything, and translated
with the values that it holds. A sentence that is in no catalogue stays as it is.
"""

import re
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings
from django.utils.translation import get_language, gettext

from annotator.words.catalogues import read_texts

_PLACE = re.compile(r"%\((\w+)\)s")
_SENTENCE_END = re.compile(r"(?<=[.!?]) (?=[A-Z“])")
_LEAST_LETTERS = 9  # with fewer, a text such as "%(n)s failed" would match too much
_DEEPEST = 3


class _Pattern(NamedTuple):
    text: str
    regex: re.Pattern[str]


def say(text: str) -> str:
    """Return a stored sentence, or several, in the active language."""
    language = get_language() or settings.LANGUAGE_CODE
    if not text or language == settings.LANGUAGE_CODE:
        return text
    return _say(text, language, _DEEPEST)


@lru_cache(maxsize=4096)
def _say(text: str, language: str, depth: int) -> str:
    """Translate the whole, or each sentence of it; values are translated as well: one may be a reason."""
    if (said := gettext(text)) != text:
        return said
    for pattern in _patterns():
        if (found := pattern.regex.fullmatch(text)) and depth:
            values = {name: _say(value, language, depth - 1) for name, value in found.groupdict().items()}
            return gettext(pattern.text) % values
    parts = _SENTENCE_END.split(text)
    return text if len(parts) == 1 else " ".join(_say(part, language, depth) for part in parts)


@lru_cache(maxsize=1)
def _patterns() -> list[_Pattern]:
    """Return the catalogue's texts with places: those that begin with words of their own, then with most letters.

    A text that begins with a place would take in the words before a reason: "Its image is not taken: a.png is ...".
    """
    texts = [text for text in read_texts("django") if _letters(text) >= _LEAST_LETTERS and _PLACE.search(text)]
    return [_Pattern(text, _compile(text)) for text in sorted(texts, key=_order)]


def _order(text: str) -> tuple[bool, int]:
    return _PLACE.match(text) is not None, -_letters(text)


def _letters(text: str) -> int:
    return sum(letter.isalpha() for letter in _PLACE.sub("", text))


def _compile(text: str) -> re.Pattern[str]:
    seen: set[str] = set()
    parts: list[Any] = []
    for index, part in enumerate(_PLACE.split(text)):
        if index % 2 == 0:
            parts.append(re.escape(part.replace("%%", "%")))
        else:
            parts.append(f"(?P={part})" if part in seen else f"(?P<{part}>.+?)")
            seen.add(part)
    return re.compile("".join(parts), re.S)
