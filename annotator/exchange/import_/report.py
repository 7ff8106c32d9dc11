"""What an import did or would do: counts, the first problems, and a table of every row not taken.

Must not know: formats, rows of the database.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

from django.utils.translation import gettext_noop

from annotator.exchange.base.reading import Problem

LISTED = 100
NAMED = 10
NOTE_WORDS = {
    "names_not_utf8": gettext_noop("Names in the archive are not UTF-8"),
    "labels_alike": gettext_noop(
        "Labels whose names differ by letter case or width stay two; choose one for both to merge them"
    ),
    "categories_of_one_name": gettext_noop("Categories of one name become one label"),
    "label_numbers_changed": gettext_noop(
        "Labels that keep another number than the file's, as it is taken or they have one"
    ),
    "image_numbers_changed": gettext_noop(
        "Photos that keep another number than the file's, as it is taken or they have one"
    ),
    "mask_numbers_changed": gettext_noop("Masks that get a new number, as the file's is taken, twice in it or none"),
    "photos_renamed": gettext_noop("Photos kept under another path, as another photo has theirs"),
    "photos_by_content": gettext_noop("Photos known by their content, which the project has under another path"),
    "photos_same_content": gettext_noop("Photos with the same content as another are kept as images of their own"),
    "photos_in_json": gettext_noop("Photos inside the JSON (imageData) are not read; send them as files beside it"),
    "parts_left_out": gettext_noop("Parts of masks that are no polygon are left out; the rest of the mask is taken"),
    "outlines_cut": gettext_noop("Outlines that reach far outside the photo are cut at its border"),
}
CSV_HEAD = ("place", "code", "reason")


@dataclass
class ImportReport:
    """Counts of one import or its preview; `images` and `masks` say what happens to each.

    `reason` says why the file is taken for `format`; `files` lists the parts to choose from; `notes` counts what was
    taken otherwise than it was said, with the first names of each; `dropped` counts fields that have no place here.
    """

    format: str = ""
    reason: str = ""
    files: list[dict[str, Any]] = field(default_factory=list)
    images: dict[str, int] = field(default_factory=lambda: {"matched": 0, "added": 0, "unknown": 0, "refused": 0})
    masks: dict[str, int] = field(
        default_factory=lambda: {"read": 0, "created": 0, "unchanged": 0, "skipped": 0, "refused": 0}
    )
    boxes: int = 0  # rows that are a box without a mask
    categories: list[dict[str, Any]] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)
    problems: list[dict[str, str]] = field(default_factory=list)
    notes: dict[str, dict[str, Any]] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Say whether the file held nothing at all: no image, no mask, and nothing that was refused by name."""
        return not any(self.images.values()) and not self.masks["read"] and not self.codes

    @property
    def took_nothing(self) -> bool:
        """Say whether there was something to take, and every mask and photo of it was refused."""
        taken = self.masks["created"] + self.masks["unchanged"] + self.masks["skipped"] + self.images["added"]
        return not taken and bool(self.masks["refused"] or self.images["refused"] or self.boxes)

    @property
    def first_reason(self) -> str:
        """Return why the first row was not taken."""
        return self.problems[0]["reason"] if self.problems else ""

    def note(self, code: str, name: str = "") -> None:
        """Count something that was taken otherwise than the file says, and name it if it is one of the first."""
        entry = self.notes.setdefault(code, {"words": NOTE_WORDS[code], "count": 0, "names": []})
        entry["count"] += 1
        if name and name not in entry["names"] and len(entry["names"]) < NAMED:
            entry["names"].append(name[:300])

    def add_problem(self, problem: Problem) -> None:
        """Count a problem and list it, if it is one of the first."""
        self.codes[problem.code] = self.codes.get(problem.code, 0) + 1
        if len(self.problems) < LISTED:
            self.problems.append({"place": problem.place, "code": problem.code, "reason": problem.reason})

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "ImportReport":
        """Return a report as to_json wrote it."""
        return cls(**data)
