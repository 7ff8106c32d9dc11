"""The dashboard's figures, read from sums: a constant number of queries, whatever the number of images and masks."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Avg, Count, Q, QuerySet, Sum

from annotator.accounts.models import User
from annotator.annotations.models import Source, State
from annotator.engine.corrections import correction_figures
from annotator.engine.models import (
    FiguresMark,
    ImageFigures,
    Job,
    MaskFigures,
    ScoreFigures,
    Submission,
    Verdict,
    WorkEvent,
)
from annotator.images.models import Image, ImageStatus
from annotator.inference.models import ImageEmbedding, ModelVersion
from annotator.inference.selectors import model_version_of
from annotator.projects.models import Label, Project

# Segment Anything (arXiv 2304.02643), section 4: from 34 to 14 s a mask, from 20 to 44 masks an image in the
# assisted-manual stage, 72 with the semi-automatic one.
PAPER = {"seconds_per_mask": [34, 14], "masks_per_image": [20, 44, 72]}
RECENT_JOBS = 10


@dataclass(frozen=True)
class Filters:
    """What to count; None is everything. Weeks start on Monday (UTC)."""

    author_id: int | None = None
    label_id: int | None = None
    stage: str | None = None
    model_version_id: int | None = None
    since: date | None = None
    until: date | None = None


def read_dashboard(project: Project, filters: Filters | None = None) -> dict[str, Any]:
    """Return every figure of the dashboard; the sums must have been refreshed before."""
    filters = filters or Filters()
    masks = _masks(project, filters)
    mark = FiguresMark.objects.filter(project=project).first()
    return {
        "counted_until": mark.counted_until if mark else None,
        "paper": PAPER,
        "totals": _totals(project, masks),
        "by_week": _by_week(project, masks, filters),
        "by_person": _named(masks, "author_id", User, "username"),
        "by_label": _named(masks, "label_id", Label, "name"),
        "by_stage": _by_stage(project, masks),
        "by_model_version": _named(masks, "model_version_id", ModelVersion, "version"),
        "acceptance": _acceptance(project, filters),
        "queue": _queue(project),
        "embeddings": _embeddings(project),
        "jobs": _jobs(project),
        "corrections": correction_figures(project),
    }


def person_today(project: Project, user: User, *, day: date) -> dict[str, Any]:
    """Return a person's masks of one day (UTC) and the seconds they took each."""
    kinds = ("mask_create", "suggestion_accepted")
    rows = WorkEvent.objects.filter(project=project, user=user, created_at__date=day)
    made = rows.filter(kind__in=kinds).count()
    spent = sum(data.get("credited_ms", 0) for data in rows.values_list("data", flat=True))
    return {"masks": made, "active_seconds": spent / 1000, "seconds_per_mask": spent / 1000 / made if made else None}


def _masks(project: Project, filters: Filters) -> QuerySet[MaskFigures]:
    rows = MaskFigures.objects.filter(project=project, masks__gt=0).order_by()
    for name in ("author_id", "label_id", "stage", "model_version_id"):
        value = getattr(filters, name)
        if value is not None:
            rows = rows.filter(**{name: value})
    if filters.since:
        rows = rows.filter(week__gte=filters.since)
    return rows.filter(week__lte=filters.until) if filters.until else rows


def _sums() -> dict[str, Sum]:
    """Masks that people stand behind or the automatic stage made; suggestions count only in the last columns.

    Django wants names that no column has; `_with_ratios` takes the prefix off.
    """
    accepted = Q(state=State.ACCEPTED)
    timed = accepted & Q(timed_masks__gt=0)
    sums = {
        "masks": Sum("masks", filter=accepted, default=0),
        "automatic_masks": Sum("masks", filter=accepted & Q(source=Source.AUTOMATIC), default=0),
        "timed_masks": Sum("timed_masks", filter=timed, default=0),
        "active_ms": Sum("active_ms", filter=timed, default=0),
        "clicks": Sum("clicks", filter=accepted, default=0),
        "undos": Sum("undos", filter=accepted, default=0),
        "brushed_px": Sum("brushed_px", filter=accepted, default=0),
        "switched_candidates": Sum("switched_candidates", filter=accepted, default=0),
        "suggestions_accepted": Sum("masks", filter=accepted & Q(source=Source.SUGGESTION), default=0),
        "suggestions_rejected": Sum("masks", filter=Q(state=State.REJECTED), default=0),
        "suggestions_waiting": Sum("masks", filter=Q(state=State.SUGGESTION), default=0),
    }
    return {f"sum_{name}": value for name, value in sums.items()}


def _with_ratios(row: Any) -> dict[str, Any]:
    row = {name.removeprefix("sum_"): value for name, value in row.items()}
    timed, decided = row["timed_masks"], row["suggestions_accepted"] + row["suggestions_rejected"]
    return {
        **row,
        "seconds_per_mask": row["active_ms"] / timed / 1000 if timed else None,
        "clicks_per_mask": row["clicks"] / timed if timed else None,
        "acceptance_rate": row["suggestions_accepted"] / decided if decided else None,
    }


def _totals(project: Project, masks: QuerySet[MaskFigures]) -> dict[str, Any]:
    row = _with_ratios(masks.aggregate(**_sums()))
    images = ImageFigures.objects.filter(project=project, mask_count__gt=0)
    return {**row, **images.aggregate(images_with_masks=Count("pk"), masks_per_image=Avg("mask_count"))}


def _by_week(project: Project, masks: QuerySet[MaskFigures], filters: Filters) -> list[dict[str, Any]]:
    submissions = Submission.objects.filter(image__project=project, is_latest=True).order_by()
    if filters.author_id is not None:
        submissions = submissions.filter(user=filters.author_id)
    if filters.stage is not None:
        submissions = submissions.filter(stage=filters.stage)
    rows = submissions.values("week").annotate(images=Count("pk"), average=Avg("image__figures__mask_count"))
    images = {row["week"]: row for row in rows}
    weeks = {row["week"]: _with_ratios(row) for row in masks.values("week").annotate(**_sums())}
    result = []
    for week in sorted({*weeks, *(week for week in images if _is_within(week, filters))}):
        row = weeks.get(week) or _with_ratios({"week": week, **dict.fromkeys(_sums(), 0)})
        done = images.get(week)
        result.append(
            {**row, "images": done["images"] if done else 0, "masks_per_image": done["average"] if done else None}
        )
    return result


def _is_within(week: date, filters: Filters) -> bool:
    return (filters.since is None or week >= filters.since) and (filters.until is None or week <= filters.until)


def _by_stage(project: Project, masks: QuerySet[MaskFigures]) -> list[dict[str, Any]]:
    images = ImageFigures.objects.filter(project=project, mask_count__gt=0).order_by().values("image__stage")
    averages = {row["image__stage"]: row for row in images.annotate(images=Count("pk"), average=Avg("mask_count"))}
    rows = [_with_ratios(row) for row in masks.values("stage").annotate(**_sums()).order_by("stage")]
    for row in rows:
        found: dict[str, Any] = dict(averages.get(row["stage"], {}))
        row["images"], row["masks_per_image"] = found.get("images", 0), found.get("average")
    return rows


def _named(masks: QuerySet[MaskFigures], column: str, model: Any, name: str) -> list[dict[str, Any]]:
    rows = [_with_ratios(row) for row in masks.values(column).annotate(**_sums()).order_by(column)]
    ids = [row[column] for row in rows if row[column] is not None]
    names = dict(model.objects.filter(pk__in=ids).values_list("pk", name))
    for row in rows:
        row["name"] = names.get(row[column])
    return rows


def _acceptance(project: Project, filters: Filters) -> list[dict[str, Any]]:
    rows = ScoreFigures.objects.filter(project=project)
    if filters.model_version_id is not None:
        rows = rows.filter(model_version_id=filters.model_version_id)
    sums = {f"sum_{name}": Sum(name) for name in ("accepted", "rejected", "waiting")}
    found: Any = rows.values("score_percent").annotate(**sums).order_by("score_percent")
    result: list[Any] = [{name.removeprefix("sum_"): value for name, value in row.items()} for row in found]
    for row in result:
        decided = row["accepted"] + row["rejected"]
        row["rate"] = row["accepted"] / decided if decided else None
    return [row for row in result if row["accepted"] or row["rejected"] or row["waiting"]]


def _queue(project: Project) -> dict[str, int]:
    rows = Image.objects.filter(project=project).order_by()
    counts = {row["work_status"]: row["n"] for row in rows.values("work_status").annotate(n=Count("pk"))}
    latest = Submission.objects.filter(image__project=project, is_latest=True)
    verdicts = latest.order_by().values("verdict").annotate(n=Count("pk"))
    by_verdict = {row["verdict"]: row["n"] for row in verdicts}
    skips = WorkEvent.objects.filter(project=project, kind="skipped").count()
    return {
        "images": sum(counts.values()),
        **{name: counts.get(name, 0) for name in ("new", "in_progress", "submitted", "reviewed")},
        "waiting_for_review": by_verdict.get(Verdict.WAITING, 0),
        "returned": by_verdict.get(Verdict.RETURNED, 0),
        "skipped": skips,
        "failed": rows.filter(status=ImageStatus.FAILED).count(),
    }


def _embeddings(project: Project) -> dict[str, Any]:
    version = model_version_of(project)
    hashes = Image.objects.filter(project=project).exclude(status=ImageStatus.FAILED).order_by().values("sha256")
    rows = ImageEmbedding.objects.filter(model_version=version, crop_box="full", sha256__in=hashes).order_by()
    counts = {row["status"]: row["n"] for row in rows.values("status").annotate(n=Count("pk"))}
    total = hashes.count()
    return {
        "model_version": version.version if version else None,
        "total": total,
        **{name: counts.get(name, 0) for name in ("ready", "pending", "running", "failed")},
        "missing": total - sum(counts.values()),
    }


def _jobs(project: Project) -> list[dict[str, Any]]:
    names = ("id", "kind", "status", "done", "total", "error", "created_at", "finished_at")
    return list(Job.objects.filter(project=project).values(*names)[:RECENT_JOBS])
