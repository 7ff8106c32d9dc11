"""The click protocol, by hand and end to end on files."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from sam_core import evaluation
from sam_core.masks import rle
from sam_core.registry import MODELS


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
    tally = evaluation.Tally(first=[0.9], best=[0.9], box=[0.9], curves=[[0.9, 0.8, 0.79]], predicted=[1], actual=[1])
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
    assert {"noc85", "noc90", "box_iou", "drop_share", "iou_calibration"} <= set(report)


def test_limits_spread_over_the_list(folder: Path) -> None:
    sam = MODELS["sam_tiny_test"].build_untrained().eval()
    tallies = evaluation.evaluate_folder(sam, folder, clicks=1, max_masks=1)
    assert sum(len(t.first) for t in tallies.values()) == 2


def test_batch_equals_one_by_one(folder: Path) -> None:
    sam = MODELS["sam_tiny_test"].build_untrained().eval()
    _, photo, rles = next(evaluation.photos_below(folder))
    wanted = [rle.decode(r) for r in rles]
    with torch.inference_mode():
        annotator = evaluation.Annotator(sam, evaluation.read_rgb(photo))
        together = annotator.click(wanted, 3).curves
        apart = [annotator.click([w], 3).curves[0] for w in wanted]
    assert np.allclose(together, apart, atol=0.02)


def test_masks_are_those_that_are_shown(folder: Path) -> None:
    sam = MODELS["sam_tiny_test"].build_untrained().eval()
    _, photo, _ = next(evaluation.photos_below(folder))
    annotator = evaluation.Annotator(sam, evaluation.read_rgb(photo))
    side = sam.mask_side
    logits = torch.full((1, 1, side, side), -1.0)
    logits[..., : side // 2, : side // 2] = 1.0
    logits[..., 1, side - 2] = 1.0
    width = annotator.original_size[1]  # the longer side
    crumb = np.array([[[width * (side - 1.5) / side, width * 1.5 / side]]])
    elsewhere, label = np.array([[[1.0, 1.0]]]), np.array([[1]])
    assert annotator.masks(logits, elsewhere, label)[..., width * 3 // 4 :].any()
    sam.drops_specks = True
    assert not annotator.masks(logits, elsewhere, label)[..., width * 3 // 4 :].any()
    assert annotator.masks(logits, crumb, label)[..., width * 3 // 4 :].any()
    nothing, (x, y) = -torch.ones_like(logits), crumb[0, 0].astype(int)
    assert not annotator.masks(nothing, crumb, label).any()
    sam.obeys_prompts = True
    assert annotator.masks(nothing, crumb, label)[0, 0, y, x]


def test_masks_of_another_size_are_refused(folder: Path) -> None:
    sam = MODELS["sam_tiny_test"].build_untrained().eval()
    wrong = dict(rle.encode(_disc((30, 30), (10, 10), 5)))
    with pytest.raises(evaluation.EvaluationError, match="size"):
        evaluation.evaluate_photo(sam, np.zeros((45, 64, 3), np.uint8), [wrong], 1)


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    sam = MODELS["sam_tiny_test"].build_untrained()
    with pytest.raises(evaluation.EvaluationError, match="no photo"):
        evaluation.evaluate_folder(sam, tmp_path, clicks=1)
