"""What the masks of one image add to the sums: pure counting, no rows are read or written here.

A key names a sum: "m|week|author|label|stage|model version|source|state" for masks, "s|model version|percent" for the
scores of suggestions.
"""

from collections import Counter, defaultdict
from typing import Any

from annotator.annotations.models import Source, State
from annotator.weeks import week_of

SUMS = ("masks", "timed_masks", "active_ms", "clicks", "undos", "brushed_px", "switched_candidates", "edits")
SCORES = ("accepted", "rejected", "waiting")
SCORE_BIN_PERCENT = 2
ANNOTATION_FIELDS = (
    "image_id", "created_at", "decided_at", "author_id", "label_id", "stage", "model_version_id", "source", "state",
    "active_ms", "predicted_iou", "provenance", "revision",
)  # fmt: skip


def parts_of(masks: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """Return what the masks of one image add: {key of a sum: {name: number}}."""
    parts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in masks:
        week = week_of(row["decided_at"] or row["created_at"])
        names = ("author_id", "label_id", "stage", "model_version_id", "source", "state")
        key = "|".join(["m", week.isoformat(), *("" if row[name] is None else str(row[name]) for name in names)])
        parts[key].update(_effort_of(row))
        score = _model_score(row)
        if row["source"] == Source.SUGGESTION and score is not None:
            percent = max(0, min(98, int(score * 100) // SCORE_BIN_PERCENT * SCORE_BIN_PERCENT))
            name = {State.ACCEPTED: "accepted", State.REJECTED: "rejected"}.get(row["state"], "waiting")
            parts[f"s|{row['model_version_id'] or ''}|{percent}"].update({name: 1})
    return {key: dict(value) for key, value in parts.items()}


def _model_score(row: dict[str, Any]) -> float | None:
    """Return what the model gave a mask; one that a hand has changed keeps it in its provenance alone."""
    provenance = row["provenance"] if isinstance(row["provenance"], dict) else {}
    score = provenance.get("predicted_iou") if row["predicted_iou"] is None else row["predicted_iou"]
    return float(score) if isinstance(score, (int, float)) and not isinstance(score, bool) else None


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
