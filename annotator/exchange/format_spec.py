"""What a format says of itself: its names, its options and what it can hold. Pages, API and commands read only this.

A spec imports neither its writer nor its reader, so that a web process which lists the formats loads no more than that.
It brings its own words in each language, so that a new format touches no catalogue.
"""

from dataclasses import dataclass
from typing import Literal

from django.utils.translation import get_language, gettext_noop
from django.utils.translation import gettext as _

HOLDABLE = (
    gettext_noop("labels"),
    gettext_noop("scores"),
    gettext_noop("attributes"),
    gettext_noop("authors"),
    gettext_noop("stacking order"),
    gettext_noop("masks without a label"),
    gettext_noop("overlaps"),
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence in each language of the pages; as text, in the language that is spoken at present."""

    en: str
    ko: str
    zh_hant: str

    def __str__(self) -> str:
        return {"ko": self.ko, "zh-hant": self.zh_hant}.get(get_language() or "", self.en)


@dataclass(frozen=True, slots=True)
class FormatSpec:
    """One format. `writer` and `reader` are dotted paths; "" where it is not written or not read.

    title: a name, or a text that the catalogues translate. words: what its files are. rank: the place on pages and in
    detection, lowest first. container: "file" is one JSON, packed only when photos come along. options: the fields of
    ExportOptions that belong to the format. holds: some of HOLDABLE.
    """

    name: str
    title: str
    words: Sentence
    rank: int
    container: Literal["file", "zip", "tar"]
    holds: frozenset[str]
    options: frozenset[str] = frozenset()
    writer: str = ""
    reader: str = ""

    def __post_init__(self) -> None:
        """Refuse a word that nobody knows."""
        if unknown := self.holds.difference(HOLDABLE):
            raise ValueError(f"{self.name} holds what is not in HOLDABLE: {sorted(unknown)}")

    def loss_words(self) -> str:
        """Say what the format has no place for; "" where it holds everything."""
        missing = [word for word in HOLDABLE if word not in self.holds]
        if not missing:
            return ""
        return _("%(format)s has no place for: %(what)s.") % {"format": self.title, "what": ", ".join(missing)}
