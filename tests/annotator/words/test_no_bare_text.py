"""Whoever writes a text into a template, a view or a page script marks it for translation."""

import ast
import re
from pathlib import Path

import pytest

from annotator.words.extraction import template_files
from tests.annotator.words.bare_text import find_bare_text

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = sorted((ROOT / "static" / "js").glob("*.js"))
# A string of a script that people read has a space between words; a selector, a header or a class list is no sentence.
_STRING = re.compile(r"\"((?:[^\"\\\n]|\\.)*)\"|`((?:[^`\\]|\\.)*)`")
_SENTENCE = re.compile(r"^[^\W\d_][\w'’]*,? (?:\S+ )*\S*[\w.…!?)%]$|^[A-Z][a-z]+\.?$")
# What faults.js writes into the server's log, and a directive.
_LOGGED = {"use strict", "Script error.", "A promise was rejected."}
_CODE = re.compile(r"[\[\]=#<>{}]|^\.|data-|^(?:Authorization|Accept|Content-Type|Escape|Enter|Tab|Shift)$")


def test_the_search_sees_text_attributes_and_defaults() -> None:
    assert find_bare_text("<p>Hello</p>") == ["Hello"]
    assert find_bare_text('<input aria-label="Search {{ x }}">') == ["Search ·"]
    assert find_bare_text('{{ name|default:"nobody" }}') == ["nobody"]
    assert find_bare_text("<p>{{ n }} masks</p>") == ["· masks"]
    marked = '<p title="{% translate "Hello" %}">{% blocktranslate with n=x %}{{ n }} masks{% endblocktranslate %}</p>'
    assert find_bare_text(marked + "<b>Maskwright</b> <code>manage.py</code> 3 %") == []


@pytest.mark.parametrize("file", template_files(), ids=lambda file: file.name)
def test_no_template_holds_bare_text(file: Path) -> None:
    assert find_bare_text(file.read_text(encoding="utf-8")) == []


def bare_strings(source: str) -> list[str]:
    """Return the sentences of a script that are not handed to gettext or ngettext, or imported."""
    code = re.sub(r"/\*[\s\S]*?\*/|(?<!:)//.*$|^import .*$", "", source, flags=re.M)
    code = re.sub(r"n?gettext\(\s*(?:\"(?:[^\"\\]|\\.)*\"\s*,?\s*)+", "gettext(", code)
    texts = [double or back for double, back in _STRING.findall(code)]
    return [text for text in texts if _SENTENCE.match(text) and not _CODE.search(text) and text not in _LOGGED]


def test_the_search_sees_sentences_of_scripts() -> None:
    assert bare_strings('line.textContent = "Not sent.";') == ["Not sent."]
    assert bare_strings('show(gettext("Not sent."), ngettext("%(n)s mask", "%(n)s masks", n));') == []
    assert bare_strings('const row = document.querySelector("[data-row] b"); // it\'s a row') == []


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.name)
def test_no_page_script_holds_bare_text(file: Path) -> None:
    assert bare_strings(file.read_text(encoding="utf-8")) == []


def bare_messages(source: str) -> list[str]:
    """Return texts given to Django's messages or raised as an AppError that go past gettext."""
    told = ("success", "error", "info", "warning")
    found = []
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        is_message = (
            isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "messages" and name in told
        )
        if is_message or name in APP_ERRORS:
            plain = [a for a in call.args if isinstance(a, ast.JoinedStr) or _is_sentence(a)]
            found += [ast.unparse(argument) for argument in plain]
    return found


APP_ERRORS = {
    "InvalidError", "SignedOutError", "ForbiddenError", "MissingError", "ConflictError", "TooLargeError",
    "UnavailableError", "PhotoRefusedError", "OperationRejectedError", "BrokenFileError", "QuestionError",
}  # fmt: skip


def _is_sentence(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value


def test_the_search_sees_messages_and_refusals() -> None:
    assert bare_messages('messages.success(request, "It is saved.")') == ["'It is saved.'"]
    assert bare_messages('raise MissingError(f"No {what}.")') == ["f'No {what}.'"]
    assert bare_messages('raise ConflictError(_("Taken."), code="taken")') == []


@pytest.mark.parametrize(
    "file", sorted((ROOT / "annotator").rglob("*.py")), ids=lambda file: str(file.relative_to(ROOT))
)
def test_no_refusal_or_message_of_the_server_goes_past_gettext(file: Path) -> None:
    assert bare_messages(file.read_text(encoding="utf-8")) == []
