"""Every text is in both catalogues, with a translation that holds the same places; compiling needs no gettext tools."""

import gettext
import io
import re
from pathlib import Path
from typing import Any

import pytest
from babel.messages.pofile import read_po
from django.core.management import CommandError, call_command

from annotator.words import catalogues
from annotator.words.extraction import find_all, find_in_template
from annotator.words.plain_rooms import read_sentences

FILES = list(catalogues.source_files())
_PLACE = re.compile(r"%\(\w+\)s|%%")
_TAG = re.compile(r"</?\w+[^>]*>")
NAMES = {"Label Studio JSON (%(name)s)"}  # the same in every language
ENGLISH = re.compile(r"\b(?:[a-z]{3,} ){2,}[a-z]{3,}\b")


def messages_of(file: Path) -> list[tuple[str, list[str]]]:
    """Return (text or plural, translations) of a catalogue."""
    with file.open("rb") as source:
        rows = [message for message in read_po(source) if message.id]
    return [
        (
            row.id if isinstance(row.id, str) else row.id[1],
            [row.string] if isinstance(row.string, str) else list(row.string or ()),
        )
        for row in rows
    ]


def test_there_are_two_languages_of_two_domains() -> None:
    assert [f"{file.parts[-3]}/{file.stem}" for file in FILES] == [
        "ko/django", "zh_Hant/django", "ko/djangojs", "zh_Hant/djangojs"
    ]  # fmt: skip


def test_every_text_has_its_translations() -> None:
    call_command("collect_words", "--check", stdout=io.StringIO())


def test_a_text_without_translation_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from annotator.words.extraction import Found
    from annotator.words.management.commands import collect_words

    def more(domain: str) -> Any:
        yield from find_all(domain)
        yield Found("Nobody has translated this", "", "", "x.py")

    monkeypatch.setattr(collect_words, "find_all", more)
    out = io.StringIO()
    with pytest.raises(CommandError, match="4 texts"):
        call_command("collect_words", "--check", stdout=out)
    assert "zh_Hant djangojs: 'Nobody has translated this'" in out.getvalue()


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parts[-3]}-{file.stem}")
def test_translations_hold_the_same_places_and_tags(file: Path) -> None:
    for text, translations in messages_of(file):
        for translation in translations:
            # %(value)s is a place of which only grammar is known, such as an English plural's s
            wanted, got = set(_PLACE.findall(text)), set(_PLACE.findall(translation))
            assert got <= wanted, (text, translation)
            assert wanted - got <= {"%(value)s", "%%"}, (text, translation)
            assert sorted(_TAG.findall(text)) == sorted(_TAG.findall(translation)), (text, translation)
            assert text.count('"') or '"' not in translation, "it would end an attribute"
            assert translation.strip() == translation


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parts[-3]}-{file.stem}")
def test_translations_are_no_copies(file: Path) -> None:
    for text, translations in messages_of(file):
        bare = _TAG.sub("", _PLACE.sub("", text))
        if len(re.findall(r"[a-z]{3,}", bare)) >= 2 and text not in NAMES:
            assert text not in translations, text
        for translation in translations:
            said = re.sub(r"<code>.*?</code>", "", translation)
            assert not ENGLISH.search(said), (text, translation)


def test_catalogues_are_compiled_when_they_changed_and_only_then(tmp_path: Path) -> None:
    written = catalogues.compile_changed(tmp_path)
    assert len(written) == len(FILES)
    assert catalogues.compile_changed(tmp_path) == []
    (tmp_path / "ko" / "LC_MESSAGES" / "django.source").write_text("of an older version")
    assert [file.name for file in catalogues.compile_changed(tmp_path)] == ["django.mo"]
    korean = gettext.translation("django", tmp_path, ["ko"])
    assert korean.gettext("Sign in") == "로그인"
    assert korean.ngettext("%(n)s mask", "%(n)s masks", 3) == "마스크 %(n)s개"


def test_a_file_in_place_of_the_folder_costs_the_translation_not_the_start(tmp_path: Path) -> None:
    (tmp_path / "locale").write_text("no folder")
    assert catalogues.compile_changed(tmp_path / "locale") == []


def test_templates_are_read_as_django_reads_them() -> None:
    source = (
        '{% translate "100 % sure" %}{% translate \'A "word"\' context "shout" %}'
        "{% blocktranslate count n=x with a=y|upper %}{{ a }}: {{ n }} mask{% plural %}{{ a }}: {{ n }} masks"
        "{% endblocktranslate %}"
    )
    found = [(row.text, row.plural, row.context) for row in find_in_template(source, "x.html")]
    assert found == [
        ("100 %% sure", "", ""),
        ('A "word"', "", "shout"),
        ("%(a)s: %(n)s mask", "%(a)s: %(n)s masks", ""),
    ]


def test_rooms_without_django_are_read_from_their_source() -> None:
    source = '''
def check(size, page):
    """Say nothing of this docstring."""
    if size > 3:
        raise Refused("big", f"The page {page.number} has {size:,} of {len(page)} pixels.")
    return "The file is empty."
'''
    assert list(read_sentences(source)) == [
        "The page %(number)s has %(size)s of %(value)s pixels.",
        "The file is empty.",
    ]
