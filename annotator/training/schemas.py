"""What the endpoints of dataset versions take and give."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Literal

from ninja import Schema
from pydantic import Field, StringConstraints

from annotator.json_types import JsonObject
from annotator.training.models import MAX_NAME_LENGTH, DatasetVersion
from annotator.training.snapshots import Comparison, DatasetCounts, DatasetFilters

Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_NAME_LENGTH)]


class DatasetIn(Schema):
    """A new version; without a name it is called by its day."""

    name: Name = ""
    filters: DatasetFilters = Field(default_factory=DatasetFilters)


class LabelShare(Schema):
    """The masks of a label; id and name are null for masks without one."""

    id: int | None
    name: str | None
    color: str | None
    masks: int
    held_out: int


class PersonShare(Schema):
    """The masks of a person; id and name are null where the account is gone."""

    id: int | None
    name: str | None
    masks: int
    held_out: int


class DatasetOut(Schema):
    """A dataset version. sha256 is that of the file behind download_url; the counts are those of its content."""

    id: int
    project_id: int
    number: int
    name: str
    sha256: str
    byte_size: int
    images: int
    masks: int
    trained_images: int
    held_out_images: int
    held_out_masks: int
    labels: list[LabelShare]
    people: list[PersonShare]
    filters: JsonObject
    created_at: datetime
    download_url: str

    @classmethod
    def of(cls, row: DatasetVersion) -> "DatasetOut":
        """Return what is said of a version."""
        return cls(
            id=row.pk,
            project_id=row.project_id,
            number=row.number,
            name=row.name,
            sha256=row.digest,
            byte_size=row.byte_size,
            images=row.images,
            masks=row.masks,
            trained_images=row.trained_images,
            held_out_images=row.held_out_images,
            held_out_masks=row.held_out_masks,
            labels=[LabelShare(**share) for share in row.labels],
            people=[PersonShare(**share) for share in row.people],
            filters=row.filters,
            created_at=row.created_at,
            download_url=f"/api/v1/datasets/{row.pk}/download",
        )


class LabelCount(Schema):
    """Masks of a label."""

    id: int | None
    name: str | None
    color: str | None
    masks: int


class PersonCount(Schema):
    """Masks of a person."""

    id: int | None
    name: str | None
    masks: int


class DayCount(Schema):
    """Masks that were made on a day."""

    day: date
    masks: int


class CountsOut(Schema):
    """What a version made now would hold; days are the latest 366, newest first."""

    images: int
    masks: int
    trained_images: int
    held_out_images: int
    held_out_masks: int
    labels: list[LabelCount]
    people: list[PersonCount]
    days: list[DayCount]

    @classmethod
    def of(cls, counts: DatasetCounts) -> "CountsOut":
        """Return what is said of counts."""
        return cls.model_validate(asdict(counts))


class LabelDifference(Schema):
    """What is different of a label's masks."""

    label: str | None
    added: int
    changed: int
    gone: int


class MaskDifference(Schema):
    """One mask that is not the same in both."""

    what: Literal["added", "changed", "gone"]
    mask_id: str
    label: str | None
    image_id: int
    image: str


class ComparisonOut(Schema):
    """What became of an earlier version's masks in a later one; `examples` are the first 100 that differ."""

    added: int
    changed: int
    gone: int
    same: int
    images_added: int
    images_gone: int
    moved_images: int
    labels: list[LabelDifference]
    examples: list[MaskDifference]

    @classmethod
    def of(cls, comparison: Comparison) -> "ComparisonOut":
        """Return what is said of a comparison."""
        return cls.model_validate(asdict(comparison))
