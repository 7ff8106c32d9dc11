"""The report of a run: small however long it takes, true after a restart, without what is no number."""

import json
from pathlib import Path

from annotator.training.run_progress import MOST_POINTS, PARTS, ProgressFile, enter, fold, new_report, parts_done


def write(path: Path, *rows: object) -> None:
    with path.open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def test_phases_fill_the_whole_in_order() -> None:
    report = new_report()
    seen = [parts_done(report)]
    for phase in ("photos", "prepare", "before", "train", "average", "compare", "register"):
        for done in (0, 1, 2, 5):
            enter(report, phase, done, 2)
            seen.append(parts_done(report))
    assert seen == sorted(seen)
    assert seen[-1] == PARTS


def test_curves_stay_short_and_keep_their_ends() -> None:
    report = new_report()
    for step in range(20_000):
        fold(report, {"phase": "train", "seconds": step, "loss": 1 / (step + 1)})
    assert len(report["loss"]) <= MOST_POINTS
    assert report["loss"][0] == [0, 1.0]
    assert report["loss"][-1][0] == 19_999
    assert [point[0] for point in report["loss"]] == sorted(point[0] for point in report["loss"])
    assert len(json.dumps(report)) < 20_000


def test_what_makes_no_sense_is_left_out() -> None:
    report = new_report()
    before = json.dumps(report)
    odd = {"phase": "dance", "done": -1, "total": "x", "seconds": None, "loss": float("inf"), "step": 2**80}
    fold(report, odd)
    fold(report, {"seconds": 10**400, "loss": True, "held_out": [1]})
    assert json.dumps(report) == before


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    path, report = tmp_path / "progress.jsonl", new_report()
    reader = ProgressFile(path)
    assert not reader.read_into(report)
    path.write_text('{"phase": "train", "lo')
    assert not reader.read_into(report)
    with path.open("a") as file:
        file.write('ss": 0.5}\nno JSON\n{"loss": NaN}\n')
    assert reader.read_into(report)
    assert [point[1] for point in report["loss"]] == [0.5]


def test_a_file_that_is_written_anew_replaces_the_curves(tmp_path: Path) -> None:
    path, report = tmp_path / "progress.jsonl", new_report()
    reader = ProgressFile(path)
    write(path, *({"phase": "train", "seconds": n, "loss": n} for n in range(5)))
    reader.read_into(report)
    path.write_text("")
    write(path, {"phase": "train", "seconds": 1, "loss": 1})
    reader.read_into(report)
    assert report["loss"] == [[1.0, 1.0]]
    later = ProgressFile(path)
    later.read_into(report)
    assert report["loss"] == [[1.0, 1.0]], "a follower that comes later does not add them again"
