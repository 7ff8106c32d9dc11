"""The click protocol, by hand and end to end on files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sam_core.evaluation import clicks as protocol
from sam_core.evaluation import run
from sam_core.masks import rle
from sam_core.masks.policy import MaskPolicy
from sam_core.registry import MODELS
from tests.sam_core.click_model import click_predictor


def _disc(size: tuple[int, int], center: tuple[int, int], radius: int) -> np.ndarray:
    mask = np.zeros(size, np.uint8)
    cv2.circle(mask, center, radius, 1, -1)
    return mask > 0


def test_first_click_is_the_point_furthest_from_the_border() -> None:
    wide = np.zeros((40, 60), bool)
    wide[10:21, 20:31] = True
    assert protocol.middle_of(wide)[:2] == (25, 15)
    touching = np.ones((5, 5), bool)  # the photo's edge is a border as well
    assert protocol.middle_of(touching)[:2] == (2, 2)


def test_next_click_takes_the_larger_error_and_its_sign() -> None:
    wanted, predicted = _disc((60, 80), (20, 30), 12), _disc((60, 80), (60, 30), 6)
    assert protocol.next_click(wanted, predicted) == (20, 30, 1)
    wanted, predicted = _disc((60, 80), (20, 30), 6), _disc((60, 80), (60, 30), 12)
    assert protocol.next_click(wanted, predicted) == (60, 30, 0)
    assert protocol.next_click(wanted, wanted)[2] == 1


def test_clicks_to_reach_counts_from_one_and_gives_all_where_never() -> None:
    curves = np.array([[0.9, 0.95, 0.2], [0.1, 0.86, 0.9], [0.1, 0.2, 0.3]])
    assert protocol.clicks_to_reach(curves, 0.85).tolist() == [1, 2, 3]


def test_calibration_by_hand() -> None:
    figures = protocol.calibration(np.array([0.9, 0.95, 0.5, 0.1]), np.array([0.8, 0.6, 0.5, 0.1]))
    assert figures["confident_share"] == 0.5
    assert figures["confident_that_are_plausible"] == 0.5
    assert figures["mean_absolute_error"] == pytest.approx((0.1 + 0.35) / 4, abs=1e-4)


def test_worse_clicks_are_counted() -> None:
    ious: dict[str, Any] = {f"{name}{more}": [0.9] for name in ("first", "best", "box") for more in ("", "_sharpened")}
    steps: dict[str, Any] = {"curves": [[0.9, 0.8, 0.78, 0.775, 0.9]], "outside": [0.1, 0.3], "spoilt": [0.1, 0]}
    report = protocol.Tally(**ious, **steps, predicted=[1], actual=[1]).report(5)
    expected = {"worse_share": 0.5, "drop_share": 0.25, "worst": -0.1, "outside": 0.2, "spoilt": 0.05}
    assert report["refining"] == expected


def test_the_error_that_a_click_is_about_is_the_connected_one() -> None:
    wanted, predicted = _disc((60, 80), (20, 30), 12), _disc((60, 80), (60, 30), 6)
    assert np.array_equal(protocol.error_region(wanted, predicted, 20, 30), wanted)
    assert np.array_equal(protocol.error_region(wanted, predicted, 60, 30), predicted)
    assert not protocol.error_region(wanted, predicted, 0, 0).any()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for set_name in ("a", "b"):
        (tmp_path / set_name).mkdir()
        cv2.imwrite(str(tmp_path / set_name / "1.png"), rng.integers(0, 255, (45, 64, 3), dtype=np.uint8))
        masks = [_disc((45, 64), (20, 20), 9), _disc((45, 64), (40, 25), 12)]
        rows = [{"segmentation": dict(rle.encode(m))} for m in masks]
        (tmp_path / set_name / "1.json").write_text(json.dumps({"annotations": rows}))
    return tmp_path


def test_command_prints_the_promised_figures(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["--model", "sam_tiny_test", "--data", str(folder), "--clicks", "3", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["images"], report["masks"], len(report["iou_after"])) == (2, 4, 3)
    assert report["iou_after"][0] == report["first_click_iou"] <= report["first_click_best_iou"]
    assert set(report["sets"]) == {"a", "b"}
    assert {"noc85", "noc90", "box_iou", "refining", "iou_calibration", "sharpened"} <= set(report)


def test_limits_spread_over_the_list(folder: Path) -> None:
    sam = MODELS["sam_tiny_test"].build_untrained().eval()
    tallies = run.evaluate_folder(sam, folder, clicks=1, max_masks=1)
    assert sum(len(t.first) for t in tallies.values()) == 2


def test_sharpened_figures_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    sam = click_predictor().model
    noise = np.random.default_rng(1).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    wanted = dict(rle.encode(_disc((300, 400), (80, 70), 15)))
    plain = run.evaluate_photo(sam, noise, [wanted], 2)
    assert (plain.first, plain.best, plain.box) == (plain.first_sharpened, plain.best_sharpened, plain.box_sharpened)
    monkeypatch.setattr(sam, "policy", MaskPolicy(uses_crops=True))
    sharp = run.evaluate_photo(sam, noise, [wanted], 2)
    assert sharp.first != sharp.first_sharpened
    assert sharp.curves[0][0] == sharp.first[0]
    assert (len(sharp.outside), len(sharp.spoilt)) == (1, 1)


def test_a_third_is_kept_apart_by_name_wherever_it_lies(folder: Path) -> None:
    names = [Path(f"{i}.jpg") for i in range(3000)]
    apart = [name for name in names if run.is_kept_apart(name)]
    assert 900 < len(apart) < 1100
    assert all(run.is_kept_apart(Path("other") / name.with_suffix(".webp")) for name in apart)
    there = run.is_kept_apart(Path("1"))  # what the folder holds so far
    added = next(name for name in names if run.is_kept_apart(name) != there)
    (folder / "a" / added).write_bytes((folder / "a" / "1.png").read_bytes())
    (folder / "a" / added.with_suffix(".json")).write_text((folder / "a" / "1.json").read_text())
    sam = MODELS["sam_tiny_test"].build_untrained().eval()
    masks = {
        split: sum(len(tally.first) for tally in run.evaluate_folder(sam, folder, clicks=1, split=split).values())
        for split in run.SPLITS
    }
    assert masks == {"all": 6, "tuning": 2 if there else 4, "apart": 4 if there else 2}


def test_masks_of_another_size_are_refused(folder: Path) -> None:
    sam = MODELS["sam_tiny_test"].build_untrained().eval()
    wrong = dict(rle.encode(_disc((30, 30), (10, 10), 5)))
    with pytest.raises(run.EvaluationError, match="size"):
        run.evaluate_photo(sam, np.zeros((45, 64, 3), np.uint8), [wrong], 1)


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    sam = MODELS["sam_tiny_test"].build_untrained()
    with pytest.raises(run.EvaluationError, match="no photo"):
        run.evaluate_folder(sam, tmp_path, clicks=1)
