"""Find the words that a template says of its own accord, outside {% translate %} and {% blocktranslate %}."""

import re
from html.parser import HTMLParser

from django.template.base import Lexer, Token, TokenType

SPOKEN = {"aria-label", "title", "placeholder", "alt", "content", "aria-description", "aria-valuetext"}
SILENT = {"script", "style", "code", "svg"}
CLASS_BLOCK = "block page_class"  # what stands in it is a class
# Names and units that are the same in every language, and keywords of files.
NAMES = {"Maskwright", "CSV", "JSON", "RLE", "IoU", "UTC", "px", "ms", "zip", "tar", "val", "test", "API"}
_LITERAL_ARGUMENT = re.compile(r"\|(?:default|default_if_none|yesno|add|join):([\"'])(.*?)\1")
_WORD = re.compile(r"[^\W\d_]{2,}")


def find_bare_text(source: str) -> list[str]:
    """Return each piece of text or spoken attribute of a template that holds untranslated words."""
    found = [argument for argument in _arguments(source) if _has_words(argument)]
    reader = _Reader()
    reader.feed(_without_tags(source))
    reader.close()
    return found + reader.found


def _arguments(source: str) -> list[str]:
    tokens = [token.contents for token in Lexer(source).tokenize() if token.token_type == TokenType.VAR]
    return [text for contents in tokens for _quote, text in _LITERAL_ARGUMENT.findall(contents)]


def _without_tags(source: str) -> str:
    """Return the template with each tag, variable and translated block as one character that is no letter."""
    parts: list[str] = []
    is_translated = False
    for token in Lexer(source).tokenize():
        name = _name(token)
        if name in ("blocktranslate", "comment") or token.contents == CLASS_BLOCK:
            is_translated = True
        elif name in ("endblocktranslate", "endcomment", "endblock"):
            is_translated = False
        if token.token_type == TokenType.TEXT and not is_translated:
            parts.append(token.contents)
        elif token.token_type != TokenType.TEXT:
            parts.append("·")
    return "".join(parts)


def _name(token: Token) -> str:
    return token.contents.split()[0] if token.token_type == TokenType.BLOCK and token.contents.split() else ""


def _has_words(text: str) -> bool:
    return any(word not in NAMES for word in _WORD.findall(text))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in SILENT
        spoken = [value or "" for name, value in attrs if name in SPOKEN and not (tag == "meta" and name == "content")]
        self.found += [value for value in spoken if _has_words(value) and "/" not in value]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self._silent -= tag in SILENT

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in SILENT

    def handle_data(self, data: str) -> None:
        if not self._silent and _has_words(data):
            self.found.append(" ".join(data.split()))
