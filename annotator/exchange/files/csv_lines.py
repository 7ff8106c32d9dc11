"""Lines of tables that people open in spreadsheets. Must not know: what the tables are about."""

import csv
import io
from typing import Any

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def csv_line(*cells: Any) -> bytes:
    """Return a line of a table; a cell that a spreadsheet would take for a formula is shown as text."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([_harmless(str(cell)) for cell in cells])
    return out.getvalue().encode("utf-8", "replace")


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell
