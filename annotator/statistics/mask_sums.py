"""The dashboard's figures of masks by week, person, label, stage and model version, read from the sums.

Without a filter one query reads the sums of one dimension each; with one, each dimension is summed over the rows that
fit.
"""

from collections import defaultdict
from dataclasses import astuple, dataclass, replace
from datetime import date
from typing import Any

from django.db.models import QuerySet, Sum

from annotator.annotations.models import Source, State
from annotator.projects.models import Project
from annotator.statistics.figures import GRAINS
from annotator.statistics.mask_parts import SUMS
from annotator.statistics.models import Grain, MaskFigures
from annotator.weeks import monday_of

Row = dict[str, Any]
# Of masks that people stand behind or the automatic stage made.
OF_ACCEPTED = ("masks", "timed_masks", "active_ms", "clicks", "undos", "brushed_px", "switched_candidates")
COUNTED = (*OF_ACCEPTED, "automatic_masks", "suggestions_accepted", "suggestions_rejected", "suggestions_waiting")


@dataclass(frozen=True)
class Filters:
    """What to count; None is everything. Sums are kept by weeks, so both days stand for the whole weeks they lie in."""

    author_id: int | None = None
    label_id: int | None = None
    stage: str | None = None
    model_version_id: int | None = None
    since: date | None = None
    until: date | None = None

    @property
    def first_week(self) -> date | None:
        """Return the Monday of the week that `since` lies in (UTC)."""
        return None if self.since is None else monday_of(self.since)

    def holds_week(self, week: date) -> bool:
        """Say whether a week, named by its Monday, lies between the two, both included."""
        return (self.first_week is None or week >= self.first_week) and (self.until is None or week <= self.until)


def read_mask_sums(project: Project, filters: Filters, *, grains: tuple[Grain, ...] = GRAINS) -> dict[Grain, list[Row]]:
    """Return for each dimension its rows of COUNTED and ratios, in order of their value, the unknown last."""
    found = _of_one_dimension(project, grains) if filters == Filters() else _of_filtered(project, filters, grains)
    return {grain: _fold(grain, found[grain]) for grain in grains}


def sums_of_versions(projects: Any) -> dict[int, Row]:
    """Return COUNTED and ratios by model version, over projects (a query of their ids); read from the sums alone."""
    rows = MaskFigures.objects.filter(grain=Grain.MODEL_VERSION, project__in=projects, masks__gt=0)
    rows = rows.exclude(model_version_id=None).order_by()
    sums = {f"sum_{name}": Sum(name) for name in SUMS}
    found = [
        {name.removeprefix("sum_"): value for name, value in row.items()}
        for row in rows.values("model_version_id", "source", "state").annotate(**sums)
    ]
    return {row["model_version_id"]: row for row in _fold(Grain.MODEL_VERSION, found)}


def sum_up(rows: list[Row]) -> Row:
    """Return the totals of one dimension's rows, with their ratios."""
    return with_ratios({name: sum(row[name] for row in rows) for name in COUNTED})


def with_ratios(row: Row) -> Row:
    """Add what the counts are divided into; None where nothing was counted."""
    timed, decided = row["timed_masks"], row["suggestions_accepted"] + row["suggestions_rejected"]
    return {
        **row,
        "seconds_per_mask": row["active_ms"] / timed / 1000 if timed else None,
        "clicks_per_mask": row["clicks"] / timed if timed else None,
        "acceptance_rate": row["suggestions_accepted"] / decided if decided else None,
    }


def empty_row(**values: Any) -> Row:
    """Return a row in which nothing was counted."""
    return with_ratios({**values, **dict.fromkeys(COUNTED, 0)})


def _of_one_dimension(project: Project, grains: tuple[Grain, ...]) -> dict[Grain, list[Row]]:
    rows = MaskFigures.objects.filter(project=project, grain__in=grains, masks__gt=0).order_by()
    found: dict[Grain, list[Row]] = defaultdict(list)
    for row in rows.values("grain", *GRAINS, "source", "state", *SUMS):
        found[Grain(row["grain"])].append(row)
    return found


def _of_filtered(project: Project, filters: Filters, grains: tuple[Grain, ...]) -> dict[Grain, list[Row]]:
    rows = _matching(project, filters)
    # Django wants names that no column has.
    sums = {f"sum_{name}": Sum(name) for name in SUMS}
    return {
        grain: [
            {name.removeprefix("sum_"): value for name, value in row.items()}
            for row in rows.values(grain, "source", "state").annotate(**sums)
        ]
        for grain in grains
    }


def _matching(project: Project, filters: Filters) -> QuerySet[MaskFigures]:
    rows = MaskFigures.objects.filter(project=project, grain=Grain.FULL, masks__gt=0).order_by()
    names = ("author_id", "label_id", "stage", "model_version_id", "week__gte", "week__lte")
    values = astuple(replace(filters, since=filters.first_week))
    chosen = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    return rows.filter(**chosen)


def _fold(grain: Grain, rows: list[Row]) -> list[Row]:
    folded: dict[Any, Row] = {}
    for row in rows:
        _add(folded.setdefault(row[grain], dict.fromkeys(COUNTED, 0)), row)
    values = sorted(folded, key=lambda value: (value is None or value == "", value or 0))
    return [with_ratios({grain.value: value, **folded[value]}) for value in values]


def _add(total: Row, row: Row) -> None:
    if row["state"] == State.ACCEPTED:
        for name in OF_ACCEPTED:
            total[name] += row[name]
        total["automatic_masks"] += row["masks"] if row["source"] == Source.AUTOMATIC else 0
        total["suggestions_accepted"] += row["masks"] if row["source"] == Source.SUGGESTION else 0
    elif row["state"] == State.REJECTED:
        total["suggestions_rejected"] += row["masks"]
    else:
        total["suggestions_waiting"] += row["masks"]
