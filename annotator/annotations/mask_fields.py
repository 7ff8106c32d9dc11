"""The table of mask fields: what a mask says beside its label and its pixels.

History, wire, files and imports are made from it: snapshots (snapshot_of), answers (MaskFields, values_of), operations
(MaskChanges), their limits (fields.py), the `maskwright` object of files and the columns of an import
(annotator.exchange). A new field is a column of Annotation with its migration, a line in MASK_FIELDS and its types
here; a test holds them together. Must not know: requests, files.
"""

from dataclasses import dataclass
from operator import attrgetter
from typing import Annotated, Any, cast

from django.db.models import TextChoices
from pydantic import Field
from typing_extensions import TypedDict

from annotator.annotations.models import Annotation, Source, State
from annotator.json_types import JsonObject, one_of
from annotator.projects.models import Stage

MAX_ATTRIBUTES_BYTES = 32 * 1024
MAX_PROVENANCE_BYTES = 256 * 1024
DAY_MS = 86_400_000
ScoreValue = Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the values of an enumeration; files always say it."""

    values: type[TextChoices]


@dataclass(frozen=True, slots=True)
class Score:
    """A finite number from `low` to `high`, or null where nobody measured it."""

    low: float = -100
    high: float = 100


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from `low` to `high`."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Flag:
    """Yes or no."""


@dataclass(frozen=True, slots=True)
class Object:
    """A JSON object whose text has at most `max_bytes` bytes."""

    max_bytes: int


Kind = Choice | Score | Whole | Flag | Object


@dataclass(frozen=True, slots=True)
class MaskField:
    """One field; `name` is its column, and its name on the wire and in files.

    default: what a new mask has, and what files leave unsaid; of a JSON object, a new one each time. is_settable: an
    operation may set it.
    """

    name: str
    kind: Kind
    default: Any
    is_settable: bool = True

    @property
    def is_nullable(self) -> bool:
        """Say whether null is a value of the field, so that an operation can set it."""
        return isinstance(self.kind, Score)


MASK_FIELDS = (
    MaskField("source", Choice(Source), Source.MANUAL),
    MaskField("state", Choice(State), State.ACCEPTED),
    MaskField("stage", Choice(Stage), None, is_settable=False),
    MaskField("predicted_iou", Score(), None),
    MaskField("stability_score", Score(), None),
    MaskField("z_order", Whole(-(2**31), 2**31 - 1), 0),
    MaskField("is_locked", Flag(), False),
    MaskField("active_ms", Whole(0, DAY_MS), 0),
    MaskField("attributes", Object(MAX_ATTRIBUTES_BYTES), {}),
    MaskField("provenance", Object(MAX_PROVENANCE_BYTES), {}),
)
FIELD_NAMES = tuple(field.name for field in MASK_FIELDS)
OBJECT_SIZES = {field.name: field.kind.max_bytes for field in MASK_FIELDS if isinstance(field.kind, Object)}
GEOMETRY = ("counts", "bbox_x", "bbox_y", "bbox_w", "bbox_h", "area")  # measured together, from the counts
SNAPSHOT_FIELDS = ("label_id", *GEOMETRY, *FIELD_NAMES)
_said_by, _kept_by = attrgetter(*FIELD_NAMES), attrgetter(*SNAPSHOT_FIELDS)


class MaskFields(TypedDict):
    """The fields as rows keep them and answers say them."""

    source: Annotated[str, one_of(Source)]
    state: Annotated[str, one_of(State)]
    stage: str
    predicted_iou: float | None
    stability_score: float | None
    z_order: int
    is_locked: bool
    active_ms: int
    attributes: JsonObject
    provenance: JsonObject


class MaskChanges(TypedDict, total=False):
    """The fields that an operation sets, within their bounds; null is as if it were not there, but for scores."""

    source: Source | None
    state: State | None
    predicted_iou: ScoreValue | None
    stability_score: ScoreValue | None
    z_order: Annotated[int, Field(ge=-(2**31), le=2**31 - 1)] | None
    is_locked: bool | None
    active_ms: Annotated[int, Field(ge=0, le=DAY_MS)] | None
    attributes: JsonObject | None
    provenance: JsonObject | None


def values_of(row: Annotation) -> MaskFields:
    """Return a mask's fields by name."""
    return cast("MaskFields", dict(zip(FIELD_NAMES, _said_by(row), strict=True)))


def snapshot_of(row: Annotation) -> dict[str, Any]:
    """Return what the history keeps of a mask: its label, its pixels and its fields."""
    return dict(zip(SNAPSHOT_FIELDS, _kept_by(row), strict=True))
