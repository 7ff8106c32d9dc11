"""Latency as people's browsers measured it, by browser and engine."""

from collections import defaultdict
from datetime import timedelta
from typing import Any

from django.utils import timezone

from annotator.projects.models import Project
from annotator.statistics.models import LatencySample

LATEST = 5000
KEPT_FOR = timedelta(days=90)
AT_ONCE = 2000


def read_latency(project: Project) -> list[dict[str, Any]]:
    """Return p50 and p95 of the latest samples by kind, browser, engine and model version."""
    rows = LatencySample.objects.filter(project=project).order_by("-pk")
    names = ("kind", "browser", "engine", "model_version")
    groups: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for *group, value in rows.values_list(*names, "value_ms")[:LATEST]:
        groups[tuple(group)].append(value)
    return [
        {
            **dict(zip(names, group, strict=True)),
            "samples": len(values),
            "p50_ms": percentile(values, 0.50),
            "p95_ms": percentile(values, 0.95),
        }
        for group, values in sorted(groups.items())
    ]


def forget_old_samples() -> int:
    """Remove measurements older than KEPT_FOR, a bounded number at once; return how many went."""
    until, rows = timezone.now() - KEPT_FOR, LatencySample.objects.order_by("pk").values_list("pk", "created_at")
    if not any(moment < until for _, moment in rows[:1]):
        return 0
    return LatencySample.objects.filter(pk__in=[pk for pk, moment in rows[:AT_ONCE] if moment < until]).delete()[0]


def percentile(values: list[float], share: float) -> float:
    """Return the nearest-rank percentile: the smallest value that at least `share` of the values do not exceed."""
    ordered = sorted(values)
    rank = max(1, -(-int(share * 1000) * len(ordered) // 1000))
    return ordered[rank - 1]
