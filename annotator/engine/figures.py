"""Keep the sums behind the dashboard equal to the masks.

What one image adds is kept beside it (ImageFigures.parts), so a change costs one image: subtract what it added, add
what it adds now. Images whose masks changed are found by `updated_at` since the last count; no writer has to report.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from annotator.annotations.models import Annotation, Source, State
from annotator.engine.models import FiguresMark, ImageFigures, MaskFigures, ScoreFigures
from annotator.engine.weeks import week_of
from annotator.images.models import Image
from annotator.projects.models import Project

# A transaction may commit a little after the time it wrote; what changed so lately is counted again.
OVERLAP = timedelta(seconds=60)
AT_ONCE = 200
MARK_EVERY = timedelta(minutes=10)  # what nobody changed needs no new mark at each look
MANY = 3000  # counted while a page waits; 2,000 take about 50 ms
SUMS = ("masks", "timed_masks", "active_ms", "clicks", "undos", "brushed_px", "switched_candidates", "edits")
SCORES = ("accepted", "rejected", "waiting")
SCORE_BIN_PERCENT = 2
ANNOTATION_FIELDS = (
    "image_id", "created_at", "decided_at", "author_id", "label_id", "stage", "model_version_id", "source", "state",
    "active_ms", "predicted_iou", "provenance", "revision",
)  # fmt: skip


def refresh_images(image_ids: Iterable[int]) -> None:
    """Count the masks of these images again."""
    ids = sorted(set(image_ids))
    for start in range(0, len(ids), AT_ONCE):
        _refresh_some(ids[start : start + AT_ONCE])


def refresh_project(project: Project, *, limit: int | None = None) -> int:
    """Bring a project's sums up to date and return how many changed images are left over (0 without a limit)."""
    now = timezone.now()
    mark = FiguresMark.objects.filter(project=project).first()
    recent = _recent_changes(project, mark)
    ids = images_to_count(project) if recent is None else _stale_images(project, recent)
    chosen = ids if limit is None else ids[:limit]
    refresh_images(chosen)
    if len(chosen) == len(ids) and (ids or mark is None or mark.counted_until < now - MARK_EVERY):
        mark_counted(project, since=now)
    elif ImageFigures.objects.filter(project=project, image=None).exists():
        _subtract_gone(project)
    return len(ids) - len(chosen)


def has_many_changes(project: Project) -> bool:
    """Say whether so much changed since the last count that it is better counted in the background; cheap."""
    return _recent_changes(project, FiguresMark.objects.filter(project=project).first()) is None


def images_to_count(project: Project) -> list[int]:
    """Return the images whose masks may have changed since the last count, by id; all of them before the first.

    Asks for changed masks by time alone, which costs what changed and never what is there.
    """
    images = Image.objects.filter(project=project).order_by("pk")
    mark = FiguresMark.objects.filter(project=project).first()
    if mark is not None:
        changed = Annotation.objects.filter(updated_at__gt=mark.counted_until).order_by()
        images = images.filter(pk__in=changed.values("image_id"))
    return list(images.values_list("pk", flat=True))


def mark_counted(project: Project, *, since: datetime) -> None:
    """Note that every change before `since` is in the sums, once all images of `images_to_count` were refreshed."""
    if ImageFigures.objects.filter(project=project, image=None).exists():
        _subtract_gone(project)
    FiguresMark.objects.update_or_create(project=project, defaults={"counted_until": since - OVERLAP})


def _stale_images(project: Project, last_change: dict[int, datetime]) -> list[int]:
    """Return those of the images that changed since they were counted, those never counted first."""
    rows = ImageFigures.objects.filter(project=project, image__in=list(last_change)).order_by()
    counted = dict(rows.values_list("image_id", "refreshed_at"))
    stale = [pk for pk, last in last_change.items() if pk not in counted or counted[pk] <= last + OVERLAP]
    return sorted(stale, key=lambda pk: (pk in counted, pk))


def _recent_changes(project: Project, mark: FiguresMark | None) -> dict[int, datetime] | None:
    """Return the last change of each image since the last count, or None when masks beyond MANY changed since.

    Asks for all projects at once: by time alone the index finds few rows among millions, where the join with images
    makes SQLite read every mask of the project.
    """
    if mark is None:
        rows = Annotation.objects.filter(image__project=project).order_by()
    else:
        rows = Annotation.objects.filter(updated_at__gt=mark.counted_until).order_by("updated_at")
    recent = list(rows.values_list("image_id", "updated_at")[:MANY])
    if len(recent) == MANY:
        return None
    last_change: dict[int, datetime] = {}
    for pk, moment in recent:
        last_change[pk] = max(moment, last_change.get(pk, moment))
    own = set(Image.objects.filter(project=project, pk__in=set(last_change)).values_list("pk", flat=True))
    return {pk: moment for pk, moment in last_change.items() if pk in own}


@transaction.atomic
def _refresh_some(ids: list[int]) -> None:
    images = dict(Image.objects.filter(pk__in=ids).values_list("pk", "project_id"))
    for project_id in sorted(set(images.values())):
        Project.objects.select_for_update().only("pk").get(pk=project_id)  # one count a project at a time
        _refresh_in_project(project_id, [pk for pk in ids if images.get(pk) == project_id])


def _refresh_in_project(project_id: int, ids: list[int]) -> None:
    masks: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in Annotation.objects.filter(image__in=ids, deleted_at=None).order_by().values(*ANNOTATION_FIELDS):
        masks[row["image_id"]].append(row)
    earlier = {row.image_id: row for row in ImageFigures.objects.filter(image__in=ids)}
    change: dict[str, Counter[str]] = defaultdict(Counter)
    fresh = []
    for pk in ids:
        parts = _parts_of(masks[pk])
        _add_parts(change, earlier[pk].parts if pk in earlier else {}, sign=-1)
        _add_parts(change, parts, sign=1)
        fresh.append(_image_figures(project_id, pk, masks[pk], parts))
    ImageFigures.objects.bulk_create(
        fresh,
        update_conflicts=True,
        unique_fields=["image"],
        update_fields=["mask_count", "suggestion_count", "mean_predicted_iou", "parts", "refreshed_at"],
    )
    _apply(project_id, change)


@transaction.atomic
def _subtract_gone(project: Project) -> None:
    Project.objects.select_for_update().only("pk").get(pk=project.pk)
    change: dict[str, Counter[str]] = defaultdict(Counter)
    rows = ImageFigures.objects.filter(project=project, image=None)
    for row in rows:
        _add_parts(change, row.parts, sign=-1)
    rows.delete()
    _apply(project.pk, change)


def _parts_of(masks: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """Return what the masks of one image add: {key of a sum: {name: number}}."""
    parts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in masks:
        week = week_of(row["decided_at"] or row["created_at"])
        names = ("author_id", "label_id", "stage", "model_version_id", "source", "state")
        key = "|".join(["m", week.isoformat(), *("" if row[name] is None else str(row[name]) for name in names)])
        parts[key].update(_effort_of(row))
        if row["source"] == Source.SUGGESTION and row["predicted_iou"] is not None:
            percent = max(0, min(98, int(row["predicted_iou"] * 100) // SCORE_BIN_PERCENT * SCORE_BIN_PERCENT))
            name = {State.ACCEPTED: "accepted", State.REJECTED: "rejected"}.get(row["state"], "waiting")
            parts[f"s|{row['model_version_id'] or ''}|{percent}"].update({name: 1})
    return {key: dict(value) for key, value in parts.items()}


def _effort_of(row: dict[str, Any]) -> dict[str, int]:
    provenance = row["provenance"] if isinstance(row["provenance"], dict) else {}
    prompts = provenance.get("prompts")
    own_prompts = len(prompts) if isinstance(prompts, list) and row["source"] == Source.MANUAL else 0
    edits = provenance.get("edits")
    return {
        "masks": 1,
        "timed_masks": 1 if row["active_ms"] else 0,
        "active_ms": row["active_ms"],
        "clicks": _whole(provenance.get("clicks"), own_prompts),
        "undos": _whole(provenance.get("undos"), 0),
        "brushed_px": _whole(provenance.get("brush_pixels"), 0),
        "switched_candidates": 1 if provenance.get("candidate_switches") else 0,
        "edits": len(edits) if isinstance(edits, list) else 0,
    }


def _whole(value: Any, otherwise: int) -> int:
    """Read a number that a client wrote; anything else counts as `otherwise`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 10**12:
        return otherwise
    return int(value)


def _image_figures(
    project_id: int, image_id: int, masks: list[dict[str, Any]], parts: dict[str, dict[str, int]]
) -> ImageFigures:
    scores = [row["predicted_iou"] for row in masks if row["predicted_iou"] is not None and row["state"] != "rejected"]
    return ImageFigures(
        project_id=project_id,
        image_id=image_id,
        mask_count=sum(row["state"] == State.ACCEPTED for row in masks),
        suggestion_count=sum(row["state"] == State.SUGGESTION for row in masks),
        mean_predicted_iou=sum(scores) / len(scores) if scores else None,
        parts=parts,
        refreshed_at=timezone.now(),
    )


def _add_parts(change: dict[str, Counter[str]], parts: dict[str, dict[str, int]], *, sign: int) -> None:
    for key, values in parts.items():
        for name, value in values.items():
            change[key][name] += sign * value


def _apply(project_id: int, change: dict[str, Counter[str]]) -> None:
    change = {key: values for key, values in change.items() if any(values.values())}
    sums: list[tuple[str, Any, tuple[str, ...]]] = [("m", MaskFigures, SUMS), ("s", ScoreFigures, SCORES)]
    for kind, model, names in sums:
        keys = [key for key in change if key.startswith(f"{kind}|")]
        present = {row.key: row for row in model.objects.filter(project_id=project_id, key__in=keys)} if keys else {}
        rows = [_summed(model, project_id, key, present.get(key), change[key], names) for key in keys]
        model.objects.bulk_create(
            rows, batch_size=500, update_conflicts=True, unique_fields=["project", "key"], update_fields=list(names)
        )


def _summed(model: Any, project_id: int, key: str, present: Any, change: Counter[str], names: tuple[str, ...]) -> Any:
    row = _new_sum(model, project_id, key)
    for name in names:
        setattr(row, name, (getattr(present, name) if present else 0) + change[name])
    return row


def _new_sum(model: Any, project_id: int, key: str) -> Any:
    parts = [part or None for part in key.split("|")]
    if model is ScoreFigures:
        return ScoreFigures(project_id=project_id, key=key, model_version_id=parts[1], score_percent=int(parts[2] or 0))
    return MaskFigures(
        project_id=project_id,
        key=key,
        week=date.fromisoformat(parts[1] or ""),
        author_id=parts[2],
        label_id=parts[3],
        stage=parts[4] or "",
        model_version_id=parts[5],
        source=parts[6] or "",
        state=parts[7] or "",
    )
