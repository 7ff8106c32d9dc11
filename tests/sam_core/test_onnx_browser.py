"""The browser's decoder: same function as torch, checked files, a golden case that tells engines apart."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from sam_core.errors import ExportError
from sam_core.masks import rle
from sam_core.modeling.sam import Sam
from sam_core.onnx.browser import GRAPHS, ROWS_GRAPHS, UPSCALING, WEIGHTS, export_browser_decoder
from sam_core.onnx.browser_checks import BrowserDecoder, MaskAgreement, mask_iou, refuse_strays, torch_decode
from sam_core.onnx.decode_graph import build_decode_graph
from sam_core.onnx.decoder_weights import read_decoder_weights
from sam_core.onnx.golden import find_golden_case, golden_embedding
from sam_core.onnx.graph_builder import WeightFile
from sam_core.onnx.image_terms import build_prepare_graph, safe_gain, term_names, term_shapes
from sam_core.onnx.upscaling import Upscaling
from sam_core.onnx.verify import PromptCase, prompt_cases
from sam_core.registry import build_model


@pytest.fixture(scope="module")
def sam() -> Sam:
    """A tiny Sam whose every weight matters: norms and biases are off their neutral start."""
    model = build_model("sam_tiny_test")
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.2 * torch.randn_like(parameter))
    return model


@pytest.fixture(scope="module")
def exported(sam: Sam, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    folder = tmp_path_factory.mktemp("browser")
    return folder, export_browser_decoder(sam, folder, model_version="tiny-1")


@pytest.fixture(scope="module")
def exact(sam: Sam, tmp_path_factory: pytest.TempPathFactory) -> BrowserDecoder:
    """The graphs with the exact GELU."""
    folder = tmp_path_factory.mktemp("exact")
    weights, file = read_decoder_weights(sam), WeightFile(WEIGHTS)
    models = {
        "prepare": build_prepare_graph(weights, file),
        "first": build_decode_graph(weights, file, with_mask=False, activation="erf"),
        "refine": build_decode_graph(weights, file, with_mask=True, activation="erf"),
    }
    for name, model in models.items():
        (folder / f"{name}.onnx").write_bytes(model.SerializeToString())
    (folder / WEIGHTS).write_bytes(file.to_bytes())
    return BrowserDecoder(folder, sketches=False)


def embedding_of(sam: Sam, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    shape = (1, sam.mask_decoder.transformer_dim, sam.embedding_size, sam.embedding_size)
    return random.normal(size=shape).astype(np.float16)


CASES = list(prompt_cases(64, 32))


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_exact_graphs_compute_what_torch_computes(sam: Sam, exact: BrowserDecoder, case: PromptCase) -> None:
    embedding = embedding_of(sam, 5)
    logits, iou = exact.decode(exact.prepare(embedding), case)
    expected_logits, expected_iou = torch_decode(sam, embedding, case)
    np.testing.assert_allclose(logits, expected_logits, atol=2e-5)
    np.testing.assert_allclose(iou, expected_iou, atol=2e-5)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_rows_graphs_and_the_upscaling_compute_what_torch_computes(
    sam: Sam, exported: tuple[Path, dict], case: PromptCase
) -> None:
    upscaling = Upscaling.of(read_decoder_weights(sam))
    decoder = BrowserDecoder(exported[0], sketches=False, upscaling=upscaling)
    embedding = embedding_of(sam, 8)
    logits, iou = decoder.decode(decoder.prepare(embedding), case)
    expected_logits, expected_iou = torch_decode(sam, embedding, case)
    np.testing.assert_allclose(logits, expected_logits, atol=2e-5)
    np.testing.assert_allclose(iou, expected_iou, atol=2e-5)


def test_the_upscalings_weights_lie_in_columns_of_four(sam: Sam, exported: tuple[Path, dict]) -> None:
    upscaling = Upscaling.of(read_decoder_weights(sam))
    floats = np.frombuffer((exported[0] / UPSCALING).read_bytes(), np.float32)
    inputs, outputs = upscaling.weight2.shape
    vectors = 2 * inputs + outputs
    np.testing.assert_array_equal(floats[inputs : 2 * inputs], upscaling.bias1.astype(np.float32))
    columns = floats[vectors:].reshape(outputs // 4, inputs, 4)
    np.testing.assert_array_equal(columns[2, 3], upscaling.weight2[3, 8:12].astype(np.float32))
    assert exported[1]["upscaling"] == {"file": UPSCALING, "eps": upscaling.eps}


def test_a_model_that_the_kernel_does_not_fit_ships_whole_graphs_alone(
    sam: Sam, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Upscaling, "fits", property(lambda self: False))
    manifest = export_browser_decoder(sam, tmp_path, num_prompts=8)
    assert set(manifest["graphs"]) == set(GRAPHS)
    assert "upscaling" not in manifest
    assert {file.name for file in tmp_path.iterdir()} == {f"{name}.onnx" for name in GRAPHS} | {
        WEIGHTS,
        "manifest.json",
    }


def test_a_mask_prompt_needs_no_points(sam: Sam, exact: BrowserDecoder) -> None:
    case = next(case for case in CASES if case.mask_input is not None)
    alone = PromptCase("mask alone", case.coords[:, :0], case.labels[:, :0], case.mask_input)
    embedding = embedding_of(sam, 6)
    logits, _ = exact.decode(exact.prepare(embedding), alone)
    np.testing.assert_allclose(logits, torch_decode(sam, embedding, alone)[0], atol=2e-5)


def test_terms_are_those_that_the_decode_graphs_ask_for(sam: Sam, exact: BrowserDecoder) -> None:
    terms = exact.prepare(embedding_of(sam, 7))
    shapes = term_shapes(read_decoder_weights(sam))
    assert {name: list(value.shape) for name, value in terms.items()} == shapes
    assert tuple(terms) == term_names()


def test_manifest_describes_the_files(exported: tuple[Path, dict], sam: Sam) -> None:
    folder, manifest = exported
    assert json.loads((folder / "manifest.json").read_text()) == manifest
    assert manifest["format"] == 1
    assert manifest["model_version"] == "tiny-1"
    assert (manifest["image_size"], manifest["mask_side"]) == (sam.image_size, sam.mask_side)
    graphs = {f"{name}.onnx" for name in (*GRAPHS, *ROWS_GRAPHS)}
    assert {entry["name"] for entry in manifest["files"]} == graphs | {WEIGHTS, UPSCALING}
    for entry in manifest["files"]:
        data = (folder / entry["name"]).read_bytes()
        assert (entry["bytes"], entry["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert manifest["checks"]["mean_mask_iou"] >= 0.995
    assert manifest["checks"]["exact_largest_difference"] <= 1e-3


def test_shipped_graphs_reproduce_the_golden_case(exported: tuple[Path, dict]) -> None:
    folder, manifest = exported
    golden, decoder = manifest["golden"], BrowserDecoder(folder, sketches=False)
    embedding = golden_embedding(golden["seed"], manifest["embed_dim"], manifest["grid"])
    coords = np.array([[golden["point"], [0, 0]]], np.float32)
    logits, iou = decoder.decode(
        decoder.prepare(embedding), PromptCase("golden", coords, np.array([[1, -1]], np.float32), None)
    )
    expected = rle.decode(rle.parse(golden["mask"]))
    assert mask_iou(logits[0, golden["candidate"]] > 0, expected.astype(bool)) >= 0.99
    assert iou[0, golden["candidate"]] == pytest.approx(golden["predicted_iou"], abs=0.02)


def test_golden_embedding_is_the_one_that_the_browser_makes() -> None:
    bits = golden_embedding(1, 2, 16).view(np.uint16)
    # the first cells, from the recurrence by hand: state = 1 * 1664525 + 1013904223 = 1015568748
    assert bits[0, 0, 0, 0] == (1015568748 >> 31) << 15 | (0x3400 + ((1015568748 >> 8) & 0x7FF))
    assert bits[0, 0, 1, 1] == bits[0, 0, 0, 0]
    digest = hashlib.sha256(bits.tobytes()).hexdigest()
    assert digest == json.loads(GOLDEN_EMBEDDING.read_text())["sha256"]


GOLDEN_EMBEDDING = Path(__file__).parents[2] / "fixtures" / "golden" / "decoder" / "embedding.json"


def test_graphs_avoid_what_is_slow_in_the_browser(exported: tuple[Path, dict], sam: Sam) -> None:
    folder, _ = exported
    for name in ("first", "refine", *ROWS_GRAPHS):
        graph = onnx.load(folder / f"{name}.onnx", load_external_data=False).graph
        kinds = {node.op_type for node in graph.node}
        assert not kinds & {"Cast", "ConvTranspose", "Erf", "Resize"}


def test_a_folder_with_damaged_weights_does_not_load(exported: tuple[Path, dict], tmp_path: Path) -> None:
    folder, _ = exported
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:64])
    with pytest.raises(ExportError):
        BrowserDecoder(tmp_path, sketches=False)


def test_masks_unlike_those_of_torch_are_refused() -> None:
    refuse_strays(MaskAgreement(0.9951, 0.9, 0.01))
    for mean in (0.9949, float("nan")):
        with pytest.raises(ExportError, match="IoU"):
            refuse_strays(MaskAgreement(mean, 0.9, 0.01))


def test_graphs_that_stray_are_not_written(sam: Sam, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder whose torch weights change between building and checking is refused, and nothing appears."""
    from sam_core.onnx import browser

    real = browser.check_exact

    def check_after_change(model: Sam, decoder: BrowserDecoder, embedding: np.ndarray) -> float:
        changed = build_model("sam_tiny_test")
        with torch.no_grad():
            changed.mask_decoder.iou_token.weight.add_(1.0)
        return real(changed, decoder, embedding)

    monkeypatch.setattr(browser, "check_exact", check_after_change)
    with pytest.raises(ExportError, match="differs from torch"):
        export_browser_decoder(sam, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_another_depth_is_refused(tmp_path: Path) -> None:
    model = build_model("sam_tiny_test")
    del model.mask_decoder.transformer.layers[1]
    with pytest.raises(ExportError, match="2 layers"):
        export_browser_decoder(model, tmp_path)


def test_a_model_without_masks_has_no_golden_case() -> None:
    def decode(embedding: np.ndarray, coords: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.full((4, 8, 8), -1.0, np.float32), np.zeros(4, np.float32)

    with pytest.raises(ExportError, match="no made-up embedding"):
        find_golden_case(decode, channels=1, grid=2, image_size=8)


def test_a_gain_of_zero_is_survived(sam: Sam) -> None:
    weights = read_decoder_weights(sam)
    weights.up1_norm.gain[:2] = 0.0
    assert np.all(np.abs(safe_gain(weights.up1_norm)) > 0)


def test_equal_constants_are_stored_once() -> None:
    file = WeightFile("w.bin")
    offsets = [file.place(bytes(100)), file.place(bytes(range(100))), file.place(bytes(100))]
    assert offsets == [0, 128, 0]
    assert len(file.to_bytes()) == 256


def test_runtime_warns_of_nothing(exported: tuple[Path, dict], capfd: pytest.CaptureFixture[str]) -> None:
    folder, _ = exported
    for name in (*GRAPHS, *ROWS_GRAPHS):
        onnxruntime.InferenceSession(str(folder / f"{name}.onnx"))
    assert "Removing initializer" not in capfd.readouterr().err
