"""Keep the sums behind the dashboard equal to the masks.

What one image adds is kept beside it (ImageParts), so a change costs one image: subtract what it added, add
what it adds now. Images whose masks changed are found by `updated_at` since the last count; no writer has to report.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from annotator.annotations.models import Annotation, State
from annotator.images.models import Image
from annotator.projects.models import Project
from annotator.statistics.mask_parts import ANNOTATION_FIELDS, SCORES, SUMS, parts_of
from annotator.statistics.models import FiguresMark, Grain, ImageFigures, ImageParts, MaskFigures, ScoreFigures

# A transaction may commit a little after the time it wrote; what changed so lately is counted again.
OVERLAP = timedelta(seconds=60)
AT_ONCE = 200
MARK_EVERY = timedelta(minutes=10)  # what nobody changed needs no new mark at each look
MANY = 3000  # counted while a page waits; 2,000 take about 50 ms
# The dimensions in the order of a sum's key (mask_parts).
GRAINS = (Grain.WEEK, Grain.AUTHOR, Grain.LABEL, Grain.STAGE, Grain.MODEL_VERSION)


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
        Project.objects.select_for_update(no_key=True).only("pk").get(pk=project_id)  # one count a project at a time
        _refresh_in_project(project_id, [pk for pk in ids if images.get(pk) == project_id])


def _refresh_in_project(project_id: int, ids: list[int]) -> None:
    masks: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in Annotation.objects.filter(image__in=ids, deleted_at=None).order_by().values(*ANNOTATION_FIELDS):
        masks[row["image_id"]].append(row)
    rows = ImageParts.objects.filter(figures__image__in=ids)
    earlier: dict[int, Any] = dict(rows.values_list("figures__image_id", "parts"))
    parts = {pk: parts_of(masks[pk]) for pk in ids}
    change: dict[str, Counter[str]] = defaultdict(Counter)
    for pk in ids:
        _add_parts(change, earlier.get(pk, {}), sign=-1)
        _add_parts(change, parts[pk], sign=1)
    _write_images(project_id, masks, parts)
    _apply(project_id, change)


def _write_images(project_id: int, masks: dict[int, Any], parts: dict[int, Any]) -> None:
    figures = ImageFigures.objects.bulk_create(
        [_image_figures(project_id, pk, masks[pk]) for pk in parts],
        update_conflicts=True,
        unique_fields=["image"],
        update_fields=["mask_count", "suggestion_count", "mean_predicted_iou", "refreshed_at"],
    )
    ImageParts.objects.bulk_create(
        [ImageParts(figures=row, parts=parts[row.image_id]) for row in figures if row.image_id is not None],
        update_conflicts=True,
        unique_fields=["figures"],
        update_fields=["parts"],
    )


@transaction.atomic
def _subtract_gone(project: Project) -> None:
    Project.objects.select_for_update(no_key=True).only("pk").get(pk=project.pk)
    change: dict[str, Counter[str]] = defaultdict(Counter)
    rows = ImageFigures.objects.filter(project=project, image=None)
    for parts in rows.values_list("adding__parts", flat=True):
        _add_parts(change, parts or {}, sign=-1)
    rows.delete()
    _apply(project.pk, change)


def _image_figures(project_id: int, image_id: int, masks: list[dict[str, Any]]) -> ImageFigures:
    scores = [row["predicted_iou"] for row in masks if row["predicted_iou"] is not None and row["state"] != "rejected"]
    return ImageFigures(
        project_id=project_id,
        image_id=image_id,
        mask_count=sum(row["state"] == State.ACCEPTED for row in masks),
        suggestion_count=sum(row["state"] == State.SUGGESTION for row in masks),
        mean_predicted_iou=sum(scores) / len(scores) if scores else None,
        refreshed_at=timezone.now(),
    )


def _add_parts(change: dict[str, Counter[str]], parts: dict[str, dict[str, int]], *, sign: int) -> None:
    for key, values in parts.items():
        for name, value in values.items():
            change[key][name] += sign * value


def _apply(project_id: int, change: dict[str, Counter[str]]) -> None:
    change = {key: values for key, values in change.items() if any(values.values())}
    masks = {key: values for key, values in change.items() if key.startswith("m|")}
    scores = {key: values for key, values in change.items() if key.startswith("s|")}
    _write_sums(MaskFigures, project_id, {**masks, **_of_one_dimension(masks)}, SUMS)
    _write_sums(ScoreFigures, project_id, scores, SCORES)


def _of_one_dimension(change: dict[str, Counter[str]]) -> dict[str, Counter[str]]:
    """Return the same change summed over all dimensions but one, as "grain|value|source|state", for each of them."""
    summed: dict[str, Counter[str]] = defaultdict(Counter)
    for key, values in change.items():
        _, *dimensions, source, state = key.split("|")
        for grain, value in zip(GRAINS, dimensions, strict=True):
            summed[f"{grain}|{value}|{source}|{state}"].update(values)
    return {key: values for key, values in summed.items() if any(values.values())}


def _write_sums(model: Any, project_id: int, change: dict[str, Counter[str]], names: tuple[str, ...]) -> None:
    if not change:
        return
    present = {row.key: row for row in model.objects.filter(project_id=project_id, key__in=list(change))}
    rows = []
    for key, values in change.items():
        row = _new_score(project_id, key) if model is ScoreFigures else _new_sum(project_id, key)
        for name in names:
            setattr(row, name, (getattr(present[key], name) if key in present else 0) + values[name])
        rows.append(row)
    model.objects.bulk_create(
        rows, batch_size=500, update_conflicts=True, unique_fields=["project", "key"], update_fields=list(names)
    )


def _new_score(project_id: int, key: str) -> ScoreFigures:
    _, version, percent = key.split("|")
    version_id = int(version) if version else None
    return ScoreFigures(project_id=project_id, key=key, model_version_id=version_id, score_percent=int(percent))


def _new_sum(project_id: int, key: str) -> MaskFigures:
    first, *values, source, state = key.split("|")
    names = GRAINS if first == "m" else (first,)
    given: dict[str, Any] = {name: value or None for name, value in zip(names, values, strict=True)}
    if "week" in given:
        given["week"] = date.fromisoformat(given["week"])
    if "stage" in given:
        given["stage"] = given["stage"] or ""
    grain = Grain.FULL if first == "m" else Grain(first)
    return MaskFigures(project_id=project_id, key=key, grain=grain, source=source, state=state, **given)
