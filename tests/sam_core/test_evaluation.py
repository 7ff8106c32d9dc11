"""The click protocol, by hand and end to end on files."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from sam_core import evaluation
from sam_core.asking import Answer, AskedPhoto, Seen
from sam_core.masks import rle
from sam_core.registry import MODELS
from tests.sam_core.click_model import click_predictor


def _disc(size: tuple[int, int], center: tuple[int, int], radius: int) -> np.ndarray:
    mask = np.zeros(size, np.uint8)
    cv2.circle(mask, center, radius, 1, -1)
    return mask > 0


def test_first_click_is_the_point_furthest_from_the_border() -> None:
    wide = np.zeros((40, 60), bool)
    wide[10:21, 20:31] = True
    assert evaluation.middle_of(wide)[:2] == (25, 15)
    touching = np.ones((5, 5), bool)  # the photo's edge is a border as well
    assert evaluation.middle_of(touching)[:2] == (2, 2)


def test_next_click_takes_the_larger_error_and_its_sign() -> None:
    wanted, predicted = _disc((60, 80), (20, 30), 12), _disc((60, 80), (60, 30), 6)
    assert evaluation.next_click(wanted, predicted) == (20, 30, 1)
    wanted, predicted = _disc((60, 80), (20, 30), 6), _disc((60, 80), (60, 30), 12)
    assert evaluation.next_click(wanted, predicted) == (60, 30, 0)
    assert evaluation.next_click(wanted, wanted)[2] == 1


def test_clicks_to_reach_counts_from_one_and_gives_all_where_never() -> None:
    curves = np.array([[0.9, 0.95, 0.2], [0.1, 0.86, 0.9], [0.1, 0.2, 0.3]])
    assert evaluation.clicks_to_reach(curves, 0.85).tolist() == [1, 2, 3]


def test_calibration_by_hand() -> None:
    figures = evaluation.calibration(np.array([0.9, 0.95, 0.5, 0.1]), np.array([0.8, 0.6, 0.5, 0.1]))
    assert figures["confident_share"] == 0.5
    assert figures["confident_that_are_plausible"] == 0.5
    assert figures["mean_absolute_error"] == pytest.approx((0.1 + 0.35) / 4, abs=1e-4)


def test_drops_are_counted() -> None:
    ious = {f"{name}{then}": [0.9] for name in ("first", "best", "box") for then in ("", "_at_once")}
    tally = evaluation.Tally(**ious, curves=[[0.9, 0.8, 0.79]], predicted=[1], actual=[1])
    assert tally.report(3)["drop_share"] == 0.5


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
    assert evaluation.main(["--model", "sam_tiny_test", "--data", str(folder), "--clicks", "3", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["images"], report["masks"], len(report["iou_after"])) == (2, 4, 3)
    assert report["iou_after"][0] == report["first_click_iou"] <= report["first_click_best_iou"]
    assert set(report["sets"]) == {"a", "b"}
    assert {"noc85", "noc90", "box_iou", "drop_share", "iou_calibration", "at_once"} <= set(report)


def test_limits_spread_over_the_list(folder: Path) -> None:
    sam = MODELS["sam_tiny_test"].build_untrained().eval()
    tallies = evaluation.evaluate_folder(sam, folder, clicks=1, max_masks=1)
    assert sum(len(t.first) for t in tallies.values()) == 2


def test_masks_are_those_that_are_shown(folder: Path) -> None:
    sam = MODELS["sam_tiny_test"].build_untrained().eval()
    _, photo, _ = next(evaluation.photos_below(folder))
    with torch.inference_mode():
        asked = AskedPhoto(sam, evaluation.read_rgb(photo))
    side = sam.mask_side
    logits = np.full((4, side, side), -1, np.float32)
    logits[..., : side // 2, : side // 2] = 1.0
    logits[..., 1, side - 2] = 1.0
    width = asked.size[1]  # the longer side
    crumb = width * (side - 1.5) / side, width * 1.5 / side

    def mask(planes: np.ndarray, x: float, y: float) -> np.ndarray:
        scores = np.array([0, 1, 0, 0], np.float32)
        return Answer(np.array([[x, y]]), np.array([1]), (Seen(asked.whole, planes, scores),)).mask()

    assert mask(logits, 1, 1)[:, width * 3 // 4 :].any()
    sam.drops_specks = True
    assert not mask(logits, 1, 1)[:, width * 3 // 4 :].any()
    assert mask(logits, *crumb)[:, width * 3 // 4 :].any()
    nothing = -np.ones_like(logits)
    assert not mask(nothing, *crumb).any()
    sam.obeys_prompts = True
    assert mask(nothing, *crumb)[int(crumb[1]), int(crumb[0])]


def test_figures_at_once_are_told_apart_from_those_after_a_closer_look(monkeypatch: pytest.MonkeyPatch) -> None:
    sam = click_predictor().model
    noise = np.random.default_rng(1).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    wanted = dict(rle.encode(_disc((300, 400), (80, 70), 15)))
    at_once = evaluation.evaluate_photo(sam, noise, [wanted], 2)
    monkeypatch.setattr(sam, "looks_closer", True)
    then = evaluation.evaluate_photo(sam, noise, [wanted], 2)
    assert (then.first_at_once, then.best_at_once, then.box_at_once) == (at_once.first, at_once.best, at_once.box)
    assert then.first != at_once.first
    assert then.curves[0][0] == then.first[0]
    assert (then.predicted, then.actual) == (at_once.predicted, at_once.actual)


def test_masks_of_another_size_are_refused(folder: Path) -> None:
    sam = MODELS["sam_tiny_test"].build_untrained().eval()
    wrong = dict(rle.encode(_disc((30, 30), (10, 10), 5)))
    with pytest.raises(evaluation.EvaluationError, match="size"):
        evaluation.evaluate_photo(sam, np.zeros((45, 64, 3), np.uint8), [wrong], 1)


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    sam = MODELS["sam_tiny_test"].build_untrained()
    with pytest.raises(evaluation.EvaluationError, match="no photo"):
        evaluation.evaluate_folder(sam, tmp_path, clicks=1)
