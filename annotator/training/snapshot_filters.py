"""Which masks go into a dataset version: accepted ones of submitted or reviewed images, narrowed by filters."""

from datetime import UTC, datetime
from typing import Annotated

from django.db.models import QuerySet
from ninja import Schema
from pydantic import AfterValidator, ConfigDict, Field

from annotator.annotations.models import Annotation, State
from annotator.annotations.selectors import masks_of
from annotator.images.models import WorkStatus
from annotator.projects.models import Project

FINISHED = (WorkStatus.SUBMITTED, WorkStatus.REVIEWED)
Ids = Annotated[list[Annotated[int, Field(ge=0, lt=2**63)]], Field(max_length=10_000)]


def _in_utc(moment: datetime) -> datetime:
    """Return the moment in UTC, which is meant where no zone is named; ValueError where it has none there."""
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the moment lies outside of the calendar") from error


Moment = Annotated[datetime, AfterValidator(_in_utc)]  # a day alone is its first moment


class DatasetFilters(Schema):
    """Which of the masks; an empty list means all. `labels` may hold 0 for masks without a label.

    people: ids of the masks' authors. The dates are those at which masks were made.
    """

    model_config = ConfigDict(extra="forbid")

    labels: Ids = Field(default_factory=list)
    people: Ids = Field(default_factory=list)
    created_from: Moment | None = None
    created_before: Moment | None = None
    is_reviewed: bool = False


def chosen_masks(project: Project, filters: DatasetFilters) -> QuerySet[Annotation]:
    """Return the masks that a version made now would hold, in no order."""
    statuses = (WorkStatus.REVIEWED,) if filters.is_reviewed else FINISHED
    chosen = masks_of(
        labels=filters.labels,
        authors=filters.people,
        created_from=filters.created_from,
        created_before=filters.created_before,
    )
    rows = Annotation.objects.filter(
        chosen, image__project=project, image__work_status__in=statuses, state=State.ACCEPTED, deleted_at=None
    )
    return rows.order_by()
