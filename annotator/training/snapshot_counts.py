"""What a dataset version would hold if it were made now: by label, person and day, and how its photos divide."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDate

from annotator.annotations.models import Annotation
from annotator.projects.models import Project
from annotator.training.snapshot_filters import DatasetFilters, chosen_masks
from annotator.training.snapshot_split import Photo, Split

IMAGES_AT_ONCE = 2000
MAX_DAYS = 366


@dataclass(frozen=True)
class DatasetCounts:
    """What would be frozen. labels and people are {id, name, masks} (labels with a color), most masks first.

    days: {day, masks} by the day on which masks were made, the latest MAX_DAYS of them, the newest first.
    """

    images: int
    masks: int
    trained_images: int
    held_out_images: int
    held_out_masks: int
    labels: list[dict[str, Any]]
    people: list[dict[str, Any]]
    days: list[dict[str, Any]]


def count_masks(project: Project, filters: DatasetFilters) -> DatasetCounts:
    """Count what the filters choose now; nothing is decided or written."""
    rows = chosen_masks(project, filters)
    division = Split(project).forecast(_photos(rows))
    return DatasetCounts(
        images=division.trained.images + division.held_out.images,
        masks=division.trained.masks + division.held_out.masks,
        trained_images=division.trained.images,
        held_out_images=division.held_out.images,
        held_out_masks=division.held_out.masks,
        labels=_by(rows, id="label_id", name="label__name", color="label__color"),
        people=_by(rows, id="author_id", name="author__username"),
        days=_by_day(rows),
    )


def _photos(rows: QuerySet[Annotation]) -> Iterator[Photo]:
    """Yield the photos of masks by rising image id, a page of them at a time."""
    last = 0
    while True:
        page = rows.filter(image__gt=last).values_list("image_id", "image__sha256", "image__split")
        found = list(page.annotate(masks=Count("pk")).order_by("image_id")[:IMAGES_AT_ONCE])
        for pk, sha256, split, masks in found:
            last = pk
            yield Photo(sha256, split, masks)
        if len(found) < IMAGES_AT_ONCE:
            return


def _by(rows: QuerySet[Annotation], **columns: str) -> list[dict[str, Any]]:
    counted = rows.values_list(*columns.values()).annotate(masks=Count("pk")).order_by("-masks", columns["name"])
    return [dict(zip([*columns, "masks"], values, strict=True)) for values in counted]


def _by_day(rows: QuerySet[Annotation]) -> list[dict[str, Any]]:
    days = rows.annotate(day=TruncDate("created_at")).values_list("day").annotate(masks=Count("pk")).order_by("-day")
    return [{"day": day, "masks": masks} for day, masks in days[:MAX_DAYS]]
