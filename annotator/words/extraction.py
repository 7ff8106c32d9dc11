"""Find every text that is marked for translation, in Python, templates and the pages' scripts, without gettext's tools.

Python and JavaScript are read by Babel, templates by Django's own lexer for {% translate %} and {% blocktranslate %},
and rooms without Django by plain_rooms.py.
"""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from babel.messages.extract import extract
from django.conf import settings
from django.template.base import Lexer, Token, TokenType

from annotator.words.plain_rooms import find_sentences

PYTHON_MARKS: dict[str, tuple[int, ...] | tuple[int | tuple[int, str], ...] | None] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
}
_TRANSLATE = re.compile(
    r"""(?:translate|trans)\s+(?P<quote>["'])(?P<text>.*?)(?P=quote)(?:.*?\bcontext\s+(["'])(?P<context>.*?)\3)?""",
    re.S,
)
_CONTEXT = re.compile(r"""\bcontext\s+(["'])(?P<context>.*?)\1""")


class Found(NamedTuple):
    """One text: its singular and plural (empty where there is none), its context, and where it stands."""

    text: str
    plural: str
    context: str
    place: str


def find_all(domain: str) -> Iterator[Found]:
    """Yield the texts of a domain: `django` is Python and templates, `djangojs` the scripts of the pages."""
    root = Path(settings.BASE_DIR)
    if domain == "djangojs":
        for file in sorted((root / "static" / "js").glob("*.js")):
            yield from _find_in_code(file, root, "javascript")
        return
    for file in sorted((root / "annotator").rglob("*.py")):
        if "migrations" not in file.parts:
            yield from _find_in_code(file, root, "python")
    for text, place in find_sentences(root):
        yield Found(text, "", "", place)
    for file in template_files():
        yield from find_in_template(file.read_text(encoding="utf-8"), file.relative_to(root).as_posix())


def template_files() -> list[Path]:
    """Return the templates of every room: pages, and mails."""
    return sorted(
        file
        for folder in (Path(settings.BASE_DIR) / "annotator").rglob("templates")
        for file in folder.rglob("*")
        if file.suffix in (".html", ".txt")
    )


def _find_in_code(file: Path, root: Path, language: str) -> Iterator[Found]:
    place = file.relative_to(root).as_posix()
    for _line, message, _notes, context in extract(language, io.BytesIO(file.read_bytes()), keywords=PYTHON_MARKS):
        one, many = message if isinstance(message, tuple) else (message, "")
        if one:
            yield Found(one, many, context or "", place)


def find_in_template(source: str, place: str) -> Iterator[Found]:
    """Yield the marked texts of one template."""
    tokens = iter(Lexer(source).tokenize())
    for token in tokens:
        if token.token_type != TokenType.BLOCK:
            continue
        name = token.split_contents()[0]
        if name in ("blocktranslate", "blocktrans"):
            yield _read_block(token, tokens, place)
        elif name in ("translate", "trans") and (mark := _TRANSLATE.match(token.contents)):
            yield Found(mark["text"].replace("%", "%%"), "", mark["context"] or "", place)


def _read_block(opening: Token, tokens: Iterator[Token], place: str) -> Found:
    """Read up to the closing tag, as BlockTranslateNode does: variables become %(name)s, per cent signs are doubled."""
    parts = ["", ""]
    at = 0
    for token in tokens:
        if token.token_type == TokenType.TEXT:
            parts[at] += token.contents.replace("%", "%%")
        elif token.token_type == TokenType.VAR:
            parts[at] += f"%({token.contents.split('|')[0]})s"
        elif token.contents.strip() == "plural":
            at = 1
        else:
            break
    if "trimmed" in opening.split_contents():
        parts = [" ".join(line.strip() for line in part.strip().splitlines()) for part in parts]
    context = _CONTEXT.search(opening.contents)
    return Found(parts[0], parts[1], context["context"] if context else "", place)
