"""How far a run is: the lines of progress.jsonl folded into one small report with two curves.

However long a run takes, the report stays small: a curve that grows too long keeps every second point.
Must not know: rows, jobs.
"""

import json
import os
from pathlib import Path
from typing import Any

PARTS = 1000  # of the whole run
# What is done, in order, with its parts of the whole; the middle ones are the training process's own phases.
FREEZE, PHOTOS, REGISTER = "freeze", "photos", "register"
PHASE_PARTS = {
    FREEZE: 10,
    PHOTOS: 40,
    "prepare": 50,
    "before": 100,
    "train": 600,
    "average": 60,
    "compare": 100,
    REGISTER: 40,
}
CLICKS = ("iou1", "iou3", "iou5")
MOST_POINTS = 240
LINE_BYTES = 64 * 1024
READ_BYTES = 4 << 20
LARGEST = 1e12

Report = dict[str, Any]


def new_report() -> Report:
    """Return the report of a run that has not begun: {phase, done, total, seconds, loss, held_out, ...}.

    loss: [[seconds, loss], ...]; held_out: [[seconds, IoU after 1, 3 and 5 clicks], ...]. left_out: images whose photo
    was gone or of another size when the run began.
    """
    return {
        "phase": FREEZE,
        "done": 0,
        "total": 0,
        "seconds": 0.0,
        "step": 0,
        "loss": [],
        "held_out": [],
        "left_out": 0,
    }


def enter(report: Report, phase: str, done: int = 0, total: int = 0) -> None:
    """Note that a phase is under way, and how much of it is done."""
    report.update(phase=phase, done=done, total=total)


def parts_done(report: Report) -> int:
    """Return how much of the whole run is done, of PARTS."""
    parts = 0
    for phase, own in PHASE_PARTS.items():
        if phase == report["phase"]:
            share = report["done"] / report["total"] if report["total"] else 0.0
            return parts + round(own * min(max(share, 0.0), 1.0))
        parts += own
    return parts


class ProgressFile:
    """Reads what was appended to progress.jsonl since the last look, whole lines alone.

    A training process that goes on writes the file anew, without the steps that it takes again; so does this.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0

    def read_into(self, report: Report) -> bool:
        """Fold the new lines into the report; return whether there were any. What cannot be read is left out."""
        lines = self._new_lines(report)
        for line in lines:
            entry = read_json(line)
            if isinstance(entry, dict):
                fold(report, entry)
        return bool(lines)

    def _new_lines(self, report: Report) -> list[bytes]:
        try:
            with self._path.open("rb") as file:
                if file.seek(0, os.SEEK_END) < self._position or not self._position:
                    self._position, report["loss"], report["held_out"] = 0, [], []
                file.seek(self._position)
                data = file.read(READ_BYTES)
        except FileNotFoundError:
            return []
        whole = data.rfind(b"\n") + 1
        if not whole and len(data) > LINE_BYTES:
            whole = len(data)  # no line of ours
        self._position += whole
        return [line for line in data[:whole].splitlines() if line and len(line) <= LINE_BYTES]


def fold(report: Report, entry: dict[str, Any]) -> None:
    """Take one line of the training process into the report."""
    if entry.get("phase") in PHASE_PARTS:
        report["phase"] = entry["phase"]
    for name in ("done", "total", "step"):
        report[name] = _whole(entry.get(name), report[name])
    report["seconds"] = _number(entry.get("seconds"), report["seconds"])
    loss = _number(entry.get("loss"), None)
    if loss is not None:
        _add_point(report["loss"], [report["seconds"], loss])
    seen = entry.get("held_out")
    if isinstance(seen, dict):
        _add_point(report["held_out"], [report["seconds"], *(_number(seen.get(name), None) for name in CLICKS)])


def read_json(text: bytes) -> Any:
    """Return the value of a JSON text without infinities and NaN, which no database stores; None where it is none."""
    try:
        return json.loads(text, parse_constant=lambda _name: None)
    except (ValueError, RecursionError):
        return None


def _add_point(curve: list[list[float | None]], point: list[float | None]) -> None:
    """Add a point. The first and the latest always stay."""
    curve.append(point)
    if len(curve) > MOST_POINTS:
        del curve[1:-1:2]


def _number(value: object, otherwise: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -LARGEST < value < LARGEST:
        return otherwise
    return round(float(value), 5)


def _whole(value: object, otherwise: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        return otherwise
    return value
