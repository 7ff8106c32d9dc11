"""What the jobs of this room are told to do: typed here, JSON in a job's row.

The names in `params` are also those of rows that older versions have queued. Must not know: how it is done.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

from annotator.exchange.options import ExportOptions


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """Write, or only check, what `options` choose; `name` is the start of every file's name."""

    options: ExportOptions
    name: str = ""

    def to_params(self) -> dict[str, Any]:
        """Return what a job's row keeps."""
        return {"options": self.options.model_dump(mode="json"), "name": self.name}

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> "ExportOrder":
        """Return what a job's row says."""
        return cls(ExportOptions.model_validate(params["options"]), params.get("name", ""))


@dataclass(frozen=True, slots=True)
class ImportOrder:
    """Preview or do the import of this row."""

    import_id: int

    def to_params(self) -> dict[str, Any]:
        """Return what a job's row keeps."""
        return asdict(self)

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> "ImportOrder":
        """Return what a job's row says."""
        return cls(int(params["import_id"]))


@dataclass(frozen=True, slots=True)
class BoxesOrder:
    """Make masks of the boxes of an import: `file` lists them in the default storage, a Box as JSON a line."""

    file: str
    import_id: int
    started_at: str

    def to_params(self) -> dict[str, Any]:
        """Return what a job's row keeps."""
        return asdict(self)

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> "BoxesOrder":
        """Return what a job's row says."""
        return cls(str(params["file"]), int(params["import_id"]), str(params["started_at"]))


@dataclass(frozen=True, slots=True)
class Box:
    """A row of a file that is a box without a mask: its place in the file, its photo's and its label's ids, its sides.

    box_xywh: pixels of the upright photo; it may lie off the photo.
    """

    place: int
    image: int
    label: int | None
    box_xywh: tuple[float, float, float, float]
    attributes: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the line of the list."""
        return asdict(self)

    @classmethod
    def from_json(cls, line: dict[str, Any]) -> "Box":
        """Return what a line of the list says."""
        x, y, width, height = line["box_xywh"]
        return cls(line["place"], line["image"], line["label"], (x, y, width, height), line["attributes"])
