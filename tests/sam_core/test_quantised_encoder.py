"""Encoders in 8 bits: smaller, calibrated on photos, kept where masks agree, refused with figures where they do not."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from sam_core.backends.onnx_backend import OnnxEncoder
from sam_core.errors import InvalidImageError
from sam_core.modeling.sam import Sam
from sam_core.onnx import mask_agreement, quantised
from sam_core.onnx.encoder import export_encoder
from sam_core.onnx.mask_agreement import measure_agreement
from sam_core.onnx.quantised import MOST_PHOTOS, export_quantised_encoder, find_photos
from tests.sam_core.cli_steps import run
from tests.sam_core.tiny_models import build_sam


@pytest.fixture(scope="module")
def model() -> Sam:
    return build_sam()


def kinds_in_8_bits(file: Path) -> set[str]:
    """Return the kinds of nodes that a DequantizeLinear feeds."""
    nodes = onnx.load(str(file)).graph.node
    names = {name for node in nodes if node.op_type == "DequantizeLinear" for name in node.output}
    return {node.op_type for node in nodes if names & set(node.input)}


def test_the_most_layers_whose_masks_agree_are_kept(
    model: Sam, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The miniature's masks agree by .977 with all of its layers in 8 bits, by .989 with linear ones alone."""
    monkeypatch.setattr(quantised, "LEAST_IOU", 0.983)
    made = export_quantised_encoder(model, tmp_path / "out" / "small.onnx", find_photos(photos))
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["small.onnx"]
    assert made.layers == "linear layers"
    assert [text.partition(" with ")[2] for text in made.refused] == ["convolutions and linear layers in 8 bits"]
    assert {"MatMul", "Conv"} & kinds_in_8_bits(tmp_path / "out" / "small.onnx") == {"MatMul"}
    assert made.byte_size == (tmp_path / "out" / "small.onnx").stat().st_size < made.float32_byte_size
    assert 0.983 <= made.agreement.iou < 1
    assert made.agreement.worst_iou <= made.agreement.iou
    assert (made.agreement.photos, made.agreement.prompts > 18) == (2, True)
    assert min(made.agreement.seconds, made.agreement.float32_seconds) > 0
    image = np.asarray(Image.open(next(photos.rglob("*.png"))))
    assert OnnxEncoder(tmp_path / "out" / "small.onnx").encode(model.geometry.resize(image)).keys() == {
        one.name for one in model.embedding
    }


def test_masks_that_differ_are_refused_with_the_figures_and_leave_no_file(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "small.onnx"
    asked = ("export", "--model", "sam_tiny_test", "--graph", "encoder", "--out", out, "--quantise", photos)
    status, _, errors = run(capsys, *asked)
    assert status == 2
    figures = r"mean IoU 0\.\d{4} with convolutions and linear layers in 8 bits, 0\.\d{4} with linear layers in 8 bits"
    assert re.search(rf"{figures}; 0\.99 is needed over \d+ prompts on 2 photos", errors)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_agreement_is_that_of_the_masks_shown(model: Sam, photos: Path, tmp_path: Path) -> None:
    images = [np.asarray(Image.open(photo).convert("RGB")) for photo in sorted(photos.rglob("*.png"))[:2]]
    one, other = tmp_path / "one.onnx", tmp_path / "other.onnx"
    export_encoder(model, one)
    same = measure_agreement(model, one, one, images)
    assert (same.iou, same.worst_iou, same.photos) == (1.0, 1.0, 2)
    unlike = build_sam()
    unlike.get_parameter("image_encoder.neck.2.weight").data.mul_(-1)
    export_encoder(unlike, other)
    assert measure_agreement(model, one, other, images).iou < 0.9


def test_iou_of_two_masks() -> None:
    one, other = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    assert mask_agreement._iou(one, other) == 1.0
    one[:2], other[1:3] = True, True
    assert mask_agreement._iou(one, other) == pytest.approx(4 / 12)


def test_photos_are_searched_below_the_folder_and_spread_evenly(tmp_path: Path) -> None:
    for index in range(MOST_PHOTOS + 13):
        folder = tmp_path / f"set{index % 2}"
        folder.mkdir(exist_ok=True)
        (folder / f"{index:03}.jpg").touch()
        (folder / f"{index:03}.json").touch()
    found = find_photos(tmp_path)
    assert len(found) == len(set(found)) == MOST_PHOTOS
    assert {photo.parent.name for photo in found} == {"set0", "set1"}
    with pytest.raises(InvalidImageError, match="holds 0 photos; at least 6"):
        find_photos(tmp_path / "set0" / "nothing")


def test_only_the_encoder_is_quantised(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("export", "--model", "sam_tiny_test", "--graph", "published", "--out", tmp_path / "x.onnx")
    status, _, errors = run(capsys, *asked, "--quantise", photos)
    assert (status, "is for --graph encoder" in errors) == (2, True)


def test_the_command_says_what_it_made(
    model: Sam, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = mask_agreement.Agreement(0.995, 0.98, 54, 3, 0.1, 0.2)
    made = quantised.Quantised("linear layers", [], figures, 10, 30)
    asked_with: list[tuple[Path, int]] = []

    def note(_sam: object, out: Path, found: list[Path]) -> quantised.Quantised:
        asked_with.append((out, len(found)))
        return made

    monkeypatch.setattr(quantised, "export_quantised_encoder", note)
    asked = ("export", "--model", "sam_tiny_test", "--graph", "encoder", "--out", tmp_path / "x.onnx")
    status, report, _ = run(capsys, *asked, "--quantise", photos)
    assert (status, asked_with) == (0, [(tmp_path / "x.onnx", 6)])
    assert (report["iou"], report["layers"], report["seconds"]) == (0.995, "linear layers", 0.1)
    assert replace(made, byte_size=report["byte_size"]) == made
