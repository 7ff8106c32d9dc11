"""What an import did or would do: counts, the first problems, and a table of every row not taken.

Must not know: formats, rows of the database.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

from annotator.exchange.importers.base import Problem

LISTED = 100
CSV_HEAD = ("place", "code", "reason")


@dataclass
class ImportReport:
    """Counts of one import or its preview; `images` and `masks` say what happens to each."""

    format: str = ""
    images: dict[str, int] = field(default_factory=lambda: {"matched": 0, "added": 0, "unknown": 0, "refused": 0})
    masks: dict[str, int] = field(
        default_factory=lambda: {"read": 0, "created": 0, "unchanged": 0, "skipped": 0, "refused": 0}
    )
    categories: list[dict[str, Any]] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)
    problems: list[dict[str, str]] = field(default_factory=list)

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
