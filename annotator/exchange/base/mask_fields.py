"""What Maskwright knows of a mask and other formats have no place for: out as the `maskwright` object, and in again.

Both ways go by the table of mask fields (annotator/annotations/mask_fields.py). Must not know: formats, files.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from annotator.annotations.mask_fields import MASK_FIELDS, Choice, Flag, Kind, Object, Score, Whole
from annotator.exchange.base.reading import number_of, object_of, text_of, whole_of
from annotator.exchange.base.rows import SAID_NAMES, MaskRow

NO_LABEL = "(no label)"
ORIGIN = ("source", "author", "model_version")  # of an imported mask, what its file said goes out again
_ORIGIN_PLACES = tuple((SAID_NAMES.index(name), name) for name in ORIGIN)
_PROVENANCE, _ATTRIBUTES = SAID_NAMES.index("provenance"), SAID_NAMES.index("attributes")
MOST_ORIGIN_CHARACTERS = 150
_NEVER = object()  # is no value, so that a choice is always said
_DEFAULTS = {field.name: _NEVER if isinstance(field.kind, Choice) else field.default for field in MASK_FIELDS}
_UNSAID = tuple(_DEFAULTS.get(name, "") for name in SAID_NAMES)


def describe_mask(row: MaskRow, *, with_provenance: bool) -> dict[str, object]:
    """Return what COCO has no place for. A mask that came with an import keeps what its file said of it."""
    said = list(row.said)
    if "imported" in said[_PROVENANCE]:
        provenance = dict(said[_PROVENANCE])
        imported = provenance.pop("imported")
        said[_PROVENANCE] = provenance
        for place, name in _ORIGIN_PLACES:
            said[place] = imported.get(name, said[place])
    if not with_provenance:
        said[_PROVENANCE] = {}
    if "iscrowd" in said[_ATTRIBUTES]:
        said[_ATTRIBUTES] = {name: value for name, value in said[_ATTRIBUTES].items() if name != "iscrowd"}
    told = zip(SAID_NAMES, said, _UNSAID, strict=True)
    return {name: value for name, value, unsaid in told if value is not None and value != unsaid}


def _reader_of(kind: Kind, default: Any) -> Callable[[object], Any]:
    """Return what makes a column's value of what a file says; whatever does not fit is as if it were not there."""
    match kind:
        case Choice(values):
            known = frozenset(values.values)
            return lambda value: text if (text := text_of(value)) in known else ""
        case Score(low, high):
            return partial(number_of, low=low, high=high)
        case Whole(low, high):
            return lambda value: default if (number := whole_of(value, low=low, high=high)) is None else number
        case Flag():
            return lambda value: value is True
        case Object(max_bytes):
            return partial(object_of, limit=max_bytes)


_READERS = {field.name: _reader_of(field.kind, field.default) for field in MASK_FIELDS if field.name != "source"}
_ABSENT = {name: read(None) for name, read in _READERS.items()}


def read_fields(ours: object, *, is_crowd: bool = False) -> dict[str, Any]:
    """Return column values out of the `maskwright` object; whatever does not fit is as if it were not there."""
    said: dict[str, object] = ours if isinstance(ours, dict) else {}
    fields = {**_ABSENT, **{name: _READERS[name](value) for name, value in said.items() if name in _READERS}}
    if is_crowd:
        fields["attributes"] = {**fields["attributes"], "iscrowd": 1}
    # An empty author is told from none: the next export must not name whoever imported.
    names = ORIGIN if said else ()
    imported = {name: text_of(said.get(name), limit=MOST_ORIGIN_CHARACTERS) for name in names}
    fields["provenance"] = {**fields["provenance"], "imported": imported}
    return fields
