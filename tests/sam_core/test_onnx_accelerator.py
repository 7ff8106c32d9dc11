"""The browser's accelerator: same function as torch, files in the order that its kernel reads, one door."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from sam_core.modeling.sam import Sam
from sam_core.modeling.sam2 import MINIATURE_SIDE, Sam2, build_miniature
from sam_core.onnx.accelerator import (
    GRAPHS,
    UPSCALING,
    WEIGHTS,
    AcceleratedGraphs,
    export_accelerator,
    steady_single_mask,
)
from sam_core.onnx.accelerator.decoder_weights import read_decoder_weights
from sam_core.onnx.accelerator.image_terms import safe_gain, term_names, term_shapes
from sam_core.onnx.accelerator.upscaling import Upscaling
from sam_core.onnx.browser_checks import made_up_embedding, prompt_feeds
from sam_core.onnx.verify import PromptCase, prompt_cases
from tests.sam_core.browser_graphs import embedding_of, expect_torch, sam_off_its_start

CASES = list(prompt_cases(64, 32))


@pytest.fixture(scope="module")
def sam() -> Sam:
    return sam_off_its_start()


@pytest.fixture(scope="module")
def exported(sam: Sam, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("accelerator")
    part = export_accelerator(sam, folder, made_up_embedding(sam))
    assert part is not None
    return folder, part


@pytest.fixture(scope="module")
def graphs(sam: Sam, exported: tuple[Path, dict[str, Any]]) -> AcceleratedGraphs:
    return AcceleratedGraphs(exported[0], read_decoder_weights(sam))


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_it_computes_what_torch_computes(sam: Sam, graphs: AcceleratedGraphs, case: PromptCase) -> None:
    expect_torch(sam, graphs, embedding_of(sam, 8), case)


@pytest.fixture(scope="module")
def sam2() -> Sam2:
    return build_miniature(9).eval()


@pytest.fixture(scope="module")
def sam2_graphs(sam2: Sam2, tmp_path_factory: pytest.TempPathFactory) -> AcceleratedGraphs:
    folder = tmp_path_factory.mktemp("accelerator")
    part = export_accelerator(sam2, folder, made_up_embedding(sam2))
    assert part is not None
    assert part["stable_single"] == {"delta": 0.05, "threshold": 0.98}
    return AcceleratedGraphs(folder, read_decoder_weights(sam2))


SAM2_CASES = list(prompt_cases(MINIATURE_SIDE, 32))


@pytest.mark.parametrize("case", SAM2_CASES, ids=[case.name for case in SAM2_CASES])
def test_it_computes_what_torch_computes_of_sam_2_1(
    sam2: Sam2, sam2_graphs: AcceleratedGraphs, case: PromptCase
) -> None:
    expect_torch(sam2, sam2_graphs, embedding_of(sam2, 8), case)


def test_finer_features_lie_in_the_order_in_which_tokens_become_cells(
    sam2: Sam2, sam2_graphs: AcceleratedGraphs
) -> None:
    embedding = embedding_of(sam2, 3)
    finest = sam2_graphs.prepare(embedding)["finest"]
    given = embedding["high_res_feats_0"][0].astype(np.float32)  # 4 x 32 x 32
    token, pixel, part = 8 + 3, 1, 2  # second row of tokens, fourth of it; upper right pixel, its lower left part
    np.testing.assert_array_equal(finest[token * 16 + pixel * 4 + part], given[:, 4 + 1, 12 + 2])


def test_a_single_mask_that_is_not_stable_gives_way() -> None:
    logits, iou = np.ones((1, 4, 8, 8), np.float32), np.array([[0.1, 0.2, 0.3, 0.9]], np.float32)
    logits[:, 3] = 5.0
    masks, scores = steady_single_mask(logits, iou)
    assert (masks[0, 0, 0, 0], scores[0, 0]) == (1.0, np.float32(0.1))
    logits[0, 0, :4] = 0.01  # a cut at .05 leaves half of what one at -.05 leaves
    masks, scores = steady_single_mask(logits, iou)
    assert (masks[0, 0, 0, 0], scores[0, 0]) == (5.0, np.float32(0.9))


def test_a_mask_prompt_needs_no_points(sam: Sam, graphs: AcceleratedGraphs) -> None:
    case = next(case for case in CASES if case.mask_input is not None)
    alone = PromptCase("mask alone", case.coords[:, :0], case.labels[:, :0], case.mask_input)
    expect_torch(sam, graphs, embedding_of(sam, 6), alone)


def test_terms_have_the_shapes_that_the_decode_graphs_declare(sam: Sam, graphs: AcceleratedGraphs) -> None:
    terms = graphs.prepare(embedding_of(sam, 7))
    shapes = term_shapes(read_decoder_weights(sam))
    assert {name: list(value.shape) for name, value in terms.items()} == shapes
    assert tuple(terms) == term_names()


def test_its_part_of_the_manifest_names_its_files(exported: tuple[Path, dict[str, Any]]) -> None:
    folder, part = exported
    named = {one["file"] for one in part["graphs"].values()} | {part["upscaling"]["file"], WEIGHTS}
    assert {file.name for file in folder.iterdir()} == named
    assert set(part["graphs"]) == set(GRAPHS)
    assert part["largest_difference"] <= 1e-3


def test_the_upscalings_weights_lie_in_columns_of_four(sam: Sam, exported: tuple[Path, dict[str, Any]]) -> None:
    upscaling = Upscaling.of(read_decoder_weights(sam))
    floats = np.frombuffer((exported[0] / UPSCALING).read_bytes(), np.float32)
    inputs, outputs = upscaling.weight2.shape
    vectors = 2 * inputs + outputs
    np.testing.assert_array_equal(floats[inputs : 2 * inputs], upscaling.bias1.astype(np.float32))
    columns = floats[vectors:].reshape(outputs // 4, inputs, 4)
    np.testing.assert_array_equal(columns[2, 3], upscaling.weight2[3, 8:12].astype(np.float32))
    sizes = {"channels": upscaling.channels, "grid": upscaling.grid}
    assert exported[1]["upscaling"] == {"file": UPSCALING, "eps": upscaling.eps, **sizes}


def test_a_model_whose_channels_do_not_fit_the_kernel_has_none(
    sam: Sam, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Upscaling, "fits", property(lambda self: False))
    assert export_accelerator(sam, tmp_path, made_up_embedding(sam)) is None
    assert list(tmp_path.iterdir()) == []


def test_graphs_avoid_what_is_slow_in_the_browser(exported: tuple[Path, dict[str, Any]]) -> None:
    for name in ("first", "refine"):
        graph = onnx.load(exported[0] / f"accelerated_{name}.onnx", load_external_data=False).graph
        kinds = {node.op_type for node in graph.node}
        assert not kinds & {"Cast", "ConvTranspose", "Erf", "Resize"}


def test_a_gain_of_zero_is_survived(sam: Sam) -> None:
    weights = read_decoder_weights(sam)
    weights.up1_norm.gain[:2] = 0.0
    assert np.all(np.abs(safe_gain(weights.up1_norm)) > 0)


def test_prompts_are_fed_as_the_graphs_ask(sam: Sam) -> None:
    feeds = prompt_feeds(sam, CASES[0])
    assert set(feeds) == {"point_coords", "point_labels"}
    assert feeds["point_labels"].dtype == np.int32
