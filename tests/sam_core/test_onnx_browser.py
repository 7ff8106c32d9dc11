"""The browser's decoder: same function as torch, checked files, a golden case that tells engines apart."""

import hashlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from sam_core.embedding import Tensors, TensorSpec
from sam_core.errors import ExportError
from sam_core.export_format import EXPORT_FORMAT
from sam_core.masks import rle
from sam_core.modeling.sam import Sam
from sam_core.onnx import accelerator, browser
from sam_core.onnx.browser import export_browser_decoder
from sam_core.onnx.browser_checks import PlainGraphs, prompt_feeds
from sam_core.onnx.golden import find_golden_case, golden_embedding
from sam_core.onnx.plain_decoder import GRAPHS, WEIGHTS
from sam_core.onnx.verify import PromptCase, prompt_cases
from sam_core.onnx.weight_file import WeightFile
from tests.sam_core.browser_graphs import embedding_of, expect_torch, sam_off_its_start
from tests.sam_core.square_model import COARSE, FINE, MIDDLE, build_square
from tests.sam_core.tiny_models import build_sam

PLAIN_FILES = {f"{name}.onnx" for name in GRAPHS} | {WEIGHTS}
CASES = list(prompt_cases(64, 32))


@pytest.fixture(scope="module")
def sam() -> Sam:
    return sam_off_its_start()


@pytest.fixture(scope="module")
def exported(sam: Sam, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("browser")
    return folder, export_browser_decoder(sam, folder, model_version="tiny-1")


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_plain_graphs_compute_what_torch_computes(
    sam: Sam, exported: tuple[Path, dict[str, Any]], case: PromptCase
) -> None:
    expect_torch(sam, PlainGraphs(exported[0]), embedding_of(sam, 5), case)


def test_a_model_with_three_embedding_tensors_has_plain_graphs(tmp_path: Path) -> None:
    model = build_square()
    manifest = export_browser_decoder(model, tmp_path)
    assert [one["name"] for one in manifest["embedding"]] == [COARSE, MIDDLE, FINE]
    assert manifest["geometry"] == "square"
    assert manifest["accelerator"] is None
    graphs = PlainGraphs(tmp_path)
    for case in CASES[::5]:
        expect_torch(model, graphs, embedding_of(model, 3), case)


def test_a_decoder_of_another_depth_ships_plain_graphs_alone(tmp_path: Path) -> None:
    model = build_sam()
    del model.mask_decoder.transformer.layers[1]
    manifest = export_browser_decoder(model, tmp_path)
    assert manifest["accelerator"] is None
    assert {file.name for file in tmp_path.iterdir()} == PLAIN_FILES | {"manifest.json"}


def test_clicks_and_boxes_are_drawn_outside_of_the_graphs(tmp_path: Path) -> None:
    model = build_sam()
    model.prompt_encoder.sketches = True
    export_browser_decoder(model, tmp_path)
    graphs, embedding = PlainGraphs(tmp_path), embedding_of(model, 9)
    for case in CASES:
        expect_torch(model, graphs, embedding, case)


def test_a_mask_prompt_needs_no_points(sam: Sam, exported: tuple[Path, dict[str, Any]]) -> None:
    case = next(case for case in CASES if case.mask_input is not None)
    alone = PromptCase("mask alone", case.coords[:, :0], case.labels[:, :0], case.mask_input)
    expect_torch(sam, PlainGraphs(exported[0]), embedding_of(sam, 6), alone)


def test_manifest_describes_the_files(exported: tuple[Path, dict[str, Any]], sam: Sam) -> None:
    folder, manifest = exported
    assert json.loads((folder / "manifest.json").read_text()) == manifest
    assert manifest["format"] == EXPORT_FORMAT
    assert manifest["embedding"] == [one.to_manifest() for one in sam.embedding]
    assert manifest["prompts"] == ["points", "box", "mask"]
    assert manifest["model_version"] == "tiny-1"
    assert (manifest["image_size"], manifest["mask_side"]) == (sam.image_size, sam.mask_side)
    assert manifest["graphs"] == {name: {"file": f"{name}.onnx", "weights": WEIGHTS} for name in GRAPHS}
    listed = {entry["name"] for entry in manifest["files"]}
    assert listed == {file.name for file in folder.iterdir()} - {"manifest.json"}
    for entry in manifest["files"]:
        data = (folder / entry["name"]).read_bytes()
        assert (entry["bytes"], entry["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert manifest["largest_difference"] <= 1e-3


def test_graphs_reproduce_the_golden_case(exported: tuple[Path, dict[str, Any]], sam: Sam) -> None:
    folder, manifest = exported
    golden, graphs = manifest["golden"], PlainGraphs(folder)
    coords = np.array([[golden["point"], [0, 0]]], np.float32)
    case = PromptCase("golden", coords, np.array([[1, -1]], np.float32), None)
    logits, iou = graphs.decode(
        graphs.prepare(golden_embedding(golden["seed"], sam.embedding)), prompt_feeds(sam, case)
    )
    expected = rle.decode(rle.parse(golden["mask"])).astype(bool)
    np.testing.assert_array_equal(logits[0, golden["candidate"]] > 0, expected)
    assert iou[0, golden["candidate"]] == pytest.approx(golden["predicted_iou"], abs=1e-4)


def test_golden_embedding_is_the_one_that_the_browser_makes() -> None:
    made = golden_embedding(1, (TensorSpec("one", (1, 2, 16, 16)),))["one"]
    bits = made.view(np.uint16)
    # the first cells, from the recurrence by hand: state = 1 * 1664525 + 1013904223 = 1015568748
    assert bits[0, 0, 0, 0] == (1015568748 >> 31) << 15 | (0x3400 + ((1015568748 >> 8) & 0x7FF))
    assert bits[0, 0, 1, 1] == bits[0, 0, 0, 0]
    digest = hashlib.sha256(bits.tobytes()).hexdigest()
    assert digest == json.loads(GOLDEN_EMBEDDING.read_text())["sha256"]


GOLDEN_EMBEDDING = Path(__file__).parents[2] / "fixtures" / "golden" / "decoder" / "embedding.json"


def test_the_golden_numbers_go_on_in_the_next_tensor() -> None:
    both = golden_embedding(1, (TensorSpec("both", (1, 3, 8, 8)),))["both"]
    parts = golden_embedding(1, (TensorSpec("first", (1, 1, 8, 8)), TensorSpec("second", (1, 2, 8, 8))))
    np.testing.assert_array_equal(np.concatenate([parts["first"], parts["second"]], axis=1), both)


def test_a_folder_with_damaged_weights_does_not_load(exported: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, _ = exported
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:64])
    with pytest.raises(ExportError):
        PlainGraphs(tmp_path)


@pytest.mark.parametrize("module", [browser, accelerator], ids=["plain", "accelerator"])
def test_graphs_that_stray_are_not_written(
    sam: Sam, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: ModuleType
) -> None:
    """A decoder whose torch weights change between building and checking is refused, and nothing appears."""
    changed, real = build_sam(), module.check_graphs
    with torch.no_grad():
        changed.get_parameter("mask_decoder.iou_token.weight").add_(1.0)
    monkeypatch.setattr(module, "check_graphs", lambda _, *rest: real(changed, *rest))
    with pytest.raises(ExportError, match="differs from torch"):
        export_browser_decoder(sam, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_model_without_masks_has_no_golden_case() -> None:
    def decode(embedding: Tensors, coords: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.full((4, 8, 8), -1.0, np.float32), np.zeros(4, np.float32)

    with pytest.raises(ExportError, match="no made-up embedding"):
        find_golden_case(decode, (TensorSpec("one", (1, 1, 2, 2)),), image_size=8)


def test_equal_constants_are_stored_once() -> None:
    file = WeightFile("w.bin")
    offsets = [file.place(bytes(100)), file.place(bytes(range(100))), file.place(bytes(100))]
    assert offsets == [0, 128, 0]
    assert len(file.to_bytes()) == 256


def test_runtime_warns_of_nothing(exported: tuple[Path, dict[str, Any]], capfd: pytest.CaptureFixture[str]) -> None:
    folder, _ = exported
    for file in folder.glob("*.onnx"):
        onnxruntime.InferenceSession(str(file))
    assert "Removing initializer" not in capfd.readouterr().err
