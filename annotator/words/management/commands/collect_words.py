"""Bring the catalogues up to date with the texts that are marked in code, templates and scripts."""

import io
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from django.core.management.base import BaseCommand, CommandError

from annotator.words.catalogues import source_files
from annotator.words.extraction import find_all

VOLATILE = (
    b'"POT-Creation-Date', b'"PO-Revision-Date', b'"Last-Translator', b'"Language-Team', b'"Report-Msgid-Bugs-To',
    b'"Generated-By',
)  # fmt: skip


class Command(BaseCommand):
    """collect_words [--check]: add new texts, drop those that are gone, name what has no translation."""

    help = "Collect the texts into the catalogues (docs/translating.md)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--check", action="store_true", help="write nothing; fail when a text has no translation")

    def handle(self, *args: Any, **options: Any) -> None:
        """Update or check every catalogue."""
        missing = 0
        for file in source_files():
            catalogue = update_catalogue(file)
            for message in catalogue:
                if message.id and not is_translated(message.string):
                    missing += 1
                    self.stdout.write(f"{file.parent.parent.name} {file.stem}: {message.id!r}")
            if not options["check"]:
                file.write_bytes(as_text(catalogue))
        if missing and options["check"]:
            raise CommandError(f"{missing} texts have no translation: run manage.py collect_words and translate them.")
        self.stdout.write(f"{missing} texts wait for a translation.")


def update_catalogue(file: Path) -> Catalog:
    """Return a catalogue with the texts that are marked today and the translations that it has."""
    with file.open("rb") as source:
        catalogue = read_po(source, abort_invalid=True)
    today = Catalog()
    for found in find_all(file.stem):
        message = (found.text, found.plural) if found.plural else found.text
        today.add(message, locations=[(found.place, 0)], context=found.context or None)
    catalogue.update(today, no_fuzzy_matching=True)
    return catalogue


def as_text(catalogue: Catalog) -> bytes:
    """Return a catalogue as a .po file, without the header lines that would differ after each run."""
    out = io.BytesIO()
    write_po(out, catalogue, width=0, sort_output=True, no_location=True, ignore_obsolete=True)
    return b"".join(line for line in out.getvalue().splitlines(keepends=True) if not line.startswith(VOLATILE))


def is_translated(string: Any) -> bool:
    """Say whether a message has its translation, each plural form included."""
    return bool(string) and all([string] if isinstance(string, str) else string)
