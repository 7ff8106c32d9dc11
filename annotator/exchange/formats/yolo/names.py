"""Names of YOLO's classes: `names` of a YAML file, classes.txt, obj.names, or the notes.json that Label Studio adds.

Must not know: label files, rows of the database.
"""

import json
from collections.abc import Iterator
from typing import Any

import yaml
from django.utils.translation import gettext as _

from annotator.exchange.base.reading import MAX_LABEL_LENGTH, name_of, whole_of
from annotator.exchange.files.source import BrokenFileError, Entry, Source
from annotator.photos.naming import last_part
from annotator.photos.zip_names import find_charset

HIGHEST_CLASS = 99_999
_MAX_BYTES = 2**20
# Every scalar stays the text that it is: `no` is a class, not False. It builds texts, lists and mappings alone.
_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def find_names(source: Source) -> tuple[dict[int, str], str]:
    """Return the names by class number and the entry they come from; raise BrokenFileError for a broken file.

    ({}, "") where no file names the classes.
    """
    broken: BrokenFileError | None = None
    for entry, read in _candidates(source):
        try:
            found = read(_text(source, entry))
        except BrokenFileError as error:
            broken = broken or BrokenFileError(_("%(name)s: %(reason)s") % {"name": entry.name, "reason": error})
            continue
        names = {number: name for number, raw in found.items() if (name := name_of(raw, limit=MAX_LABEL_LENGTH))}
        if names:
            return names, entry.name
    if broken is not None:
        raise broken
    return {}, ""


def read_names(text: str) -> dict[int, Any]:
    """Return `names` of a data.yaml, a list or a mapping, on one line or on many."""
    try:
        data = yaml.load(text, Loader=_LOADER)  # noqa: S506 (the base loader makes no objects)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise BrokenFileError(_("It is no YAML that can be read: %(reason)s") % {"reason": reason}) from error
    names = data.get("names") if isinstance(data, dict) else None
    if isinstance(names, list):
        return dict(enumerate(names))
    return _numbered(names.items()) if isinstance(names, dict) else {}


def _candidates(source: Source) -> Iterator[tuple[Entry, Any]]:
    def depth(entry: Entry) -> tuple[bool, int]:
        return last_part(entry.path).lower() not in {"data.yaml", "dataset.yaml"}, entry.path.count("/")

    yield from ((entry, read_names) for entry in sorted(source.named(".yaml", ".yml"), key=depth))
    yield from ((entry, _read_lines) for entry in source.named(".names"))
    yield from ((entry, _read_lines) for entry in source.named(".txt") if is_class_list(entry))
    yield from ((entry, _read_notes) for entry in source.named("notes.json"))


def is_class_list(entry: Entry) -> bool:
    """Say whether a text file lists the classes, by its name."""
    return last_part(entry.path).lower() in {"classes.txt", "labels.txt", "names.txt"}


def _read_lines(text: str) -> dict[int, Any]:
    return dict(enumerate(line.strip() for line in text.rstrip().splitlines()))


def _read_notes(text: str) -> dict[int, Any]:
    try:
        rows = json.loads(text).get("categories")
    except (ValueError, AttributeError, RecursionError):
        return {}
    pairs = (
        [(row.get("id"), row.get("name")) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    )
    return _numbered(pairs)


def _numbered(pairs: Any) -> dict[int, Any]:
    numbers = ((whole_of(key, high=HIGHEST_CLASS), name) for key, name in pairs)
    return {number: name for number, name in numbers if number is not None}


def _text(source: Source, entry: Entry) -> str:
    data = source.read_small(entry, _MAX_BYTES)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode(find_charset([data]) or "utf-8", "replace")
