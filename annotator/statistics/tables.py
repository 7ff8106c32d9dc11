"""The dashboard's tables as CSV that no spreadsheet runs: cells that look like formulas get an apostrophe."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

TABLES = (
    "by_week", "by_person", "by_label", "by_stage", "by_model_version", "acceptance", "latency", "queue", "totals",
    "corrections", "embeddings",
)  # fmt: skip
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def to_csv(rows: Iterable[Mapping[str, Any]], *, columns: Sequence[str]) -> str:
    """Return rows as CSV with a header, which an empty table has, too."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([safe_cell(row[name]) for name in columns])
    return out.getvalue()


def safe_cell(value: Any) -> Any:
    """Return a value as a cell; text that a spreadsheet would take for a formula is quoted."""
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return round(value, 4) if isinstance(value, float) else value
