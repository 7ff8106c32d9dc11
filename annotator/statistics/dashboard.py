"""The dashboard's figures, read from sums: a constant number of queries, whatever the number of images and masks."""

from collections.abc import Callable
from datetime import date
from typing import Any

from django.db.models import Avg, Count

from annotator.accounts.models import User
from annotator.automatic.corrections import correction_figures
from annotator.inference.models import ModelVersion
from annotator.projects.models import Label, Project
from annotator.queue.models import Submission, WorkEvent
from annotator.statistics.latency import read_latency
from annotator.statistics.mask_sums import Filters, Row, empty_row, read_mask_sums, sum_up
from annotator.statistics.models import FiguresMark, Grain, ImageFigures
from annotator.statistics.work_state import read_acceptance, read_embeddings, read_jobs, read_queue

# Segment Anything (arXiv 2304.02643), section 4: from 34 to 14 s a mask, from 20 to 44 masks an image in the
# assisted-manual stage, 72 with the semi-automatic one.
PAPER = {"seconds_per_mask": [34, 14], "masks_per_image": [20, 44, 72]}


def read_dashboard(project: Project, filters: Filters | None = None) -> dict[str, Any]:
    """Return every figure of the dashboard; the sums must have been refreshed before."""
    filters = filters or Filters()
    sums = read_mask_sums(project, filters)
    stages = _by_stage(project, sums[Grain.STAGE])
    mark = FiguresMark.objects.filter(project=project).first()
    return {
        "counted_until": mark.counted_until if mark else None,
        "paper": PAPER,
        "totals": _totals(sums[Grain.STAGE], stages),
        "by_week": _by_week(project, sums[Grain.WEEK], filters),
        "by_person": _named(sums[Grain.AUTHOR], "author_id", User, "username"),
        "by_label": _named(sums[Grain.LABEL], "label_id", Label, "name"),
        "by_stage": stages[0],
        "by_model_version": _named(sums[Grain.MODEL_VERSION], "model_version_id", ModelVersion, "version"),
        "acceptance": read_acceptance(project, filters),
        "queue": read_queue(project),
        "embeddings": read_embeddings(project),
        "jobs": read_jobs(project),
        "corrections": correction_figures(project),
        "latency": read_latency(project),
    }


def read_table(project: Project, name: str, filters: Filters) -> list[Row]:
    """Return one table of the dashboard and read nothing else."""
    return TABLES[name](project, filters)


def person_today(project: Project, user: User, *, day: date) -> dict[str, Any]:
    """Return a person's masks of one day (UTC) and the seconds they took each."""
    kinds = ("mask_create", "suggestion_accepted")
    rows = WorkEvent.objects.filter(project=project, user=user, created_at__date=day)
    made = rows.filter(kind__in=kinds).count()
    spent = sum(data.get("credited_ms", 0) for data in rows.values_list("data", flat=True))
    return {"masks": made, "active_seconds": spent / 1000, "seconds_per_mask": spent / 1000 / made if made else None}


def _sums(project: Project, filters: Filters, grain: Grain) -> list[Row]:
    return read_mask_sums(project, filters, grains=(grain,))[grain]


def _by_week(project: Project, weeks: list[Row], filters: Filters) -> list[Row]:
    submissions = Submission.objects.filter(project=project, is_latest=True).order_by()
    if filters.author_id is not None:
        submissions = submissions.filter(user=filters.author_id)
    if filters.stage is not None:
        submissions = submissions.filter(stage=filters.stage)
    found = submissions.values_list("week").annotate(images=Count("pk"), average=Avg("masks"))
    images = {week: (count, average) for week, count, average in found if filters.holds_week(week)}
    masks = {row["week"]: row for row in weeks}
    result = []
    for week in sorted({*masks, *images}):
        count, average = images.get(week, (0, None))
        result.append({**masks.get(week, empty_row(week=week)), "images": count, "masks_per_image": average})
    return result


def _by_stage(project: Project, rows: list[Row]) -> tuple[list[Row], int, float | None]:
    """Return the stages with their images, and over all of them the images with masks and the masks an image."""
    figures = ImageFigures.objects.filter(project=project, mask_count__gt=0).order_by()
    found = figures.values_list("image__stage").annotate(images=Count("pk"), average=Avg("mask_count"))
    images = {stage: (count, average) for stage, count, average in found}
    for row in rows:
        row["images"], row["masks_per_image"] = images.get(row["stage"], (0, None))
    count = sum(n for n, _ in images.values())
    return rows, count, sum(n * average for n, average in images.values()) / count if count else None


def _totals(rows: list[Row], stages: tuple[list[Row], int, float | None]) -> Row:
    return {**sum_up(rows), "images_with_masks": stages[1], "masks_per_image": stages[2]}


def _named(rows: list[Row], column: str, model: Any, name: str) -> list[Row]:
    ids = [row[column] for row in rows if row[column] is not None]
    names = dict(model.objects.filter(pk__in=ids).values_list("pk", name)) if ids else {}
    return [{**row, "name": names.get(row[column])} for row in rows]


def _named_table(grain: Grain, model: Any, name: str) -> Callable[[Project, Filters], list[Row]]:
    return lambda project, filters: _named(_sums(project, filters, grain), grain.value, model, name)


def _stage_table(project: Project, filters: Filters) -> list[Row]:
    return _by_stage(project, _sums(project, filters, Grain.STAGE))[0]


def _totals_table(project: Project, filters: Filters) -> list[Row]:
    rows = _sums(project, filters, Grain.STAGE)
    return [_totals(rows, _by_stage(project, rows))]


TABLES: dict[str, Callable[[Project, Filters], list[Row]]] = {
    "by_week": lambda project, filters: _by_week(project, _sums(project, filters, Grain.WEEK), filters),
    "by_person": _named_table(Grain.AUTHOR, User, "username"),
    "by_label": _named_table(Grain.LABEL, Label, "name"),
    "by_stage": _stage_table,
    "by_model_version": _named_table(Grain.MODEL_VERSION, ModelVersion, "version"),
    "acceptance": read_acceptance,
    "latency": lambda project, _: read_latency(project),
    "queue": lambda project, _: [read_queue(project)],
    "totals": _totals_table,
    "corrections": lambda project, _: [correction_figures(project)],
    "embeddings": lambda project, _: [read_embeddings(project)],
}

_AROUND_SUMS = {
    "by_week": ("week", ["images", "masks_per_image"]),
    "by_person": ("author_id", ["name"]),
    "by_label": ("label_id", ["name"]),
    "by_stage": ("stage", ["images", "masks_per_image"]),
    "by_model_version": ("model_version_id", ["name"]),
}
_LISTS = {
    "acceptance": ["score_percent", "accepted", "rejected", "waiting", "rate"],
    "latency": ["kind", "browser", "engine", "model_version", "samples", "p50_ms", "p95_ms"],
}


def columns_of(name: str, rows: list[Row]) -> list[str]:
    """Return the columns of a table, whether it has rows or not."""
    if name in _AROUND_SUMS:
        first, last = _AROUND_SUMS[name]
        return [first, *empty_row(), *last]
    return _LISTS.get(name) or list(rows[0])
