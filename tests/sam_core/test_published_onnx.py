"""The published ONNX interface and the encoder graph, run with onnxruntime and compared with torch."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch.nn import functional

from sam_core.backends.torch_backend import TorchPredictor
from sam_core.errors import ExportError
from sam_core.geometry import LongestSide
from sam_core.modeling.lite import build_sam_lite
from sam_core.modeling.promptable import to_tensor
from sam_core.modeling.published import build_published
from sam_core.modeling.tiny_vit import TinyViT, TinyViTConfig
from sam_core.onnx import trace, verify
from sam_core.onnx.encoder import export_encoder, verify_encoder
from sam_core.onnx.published import export_published_decoder, verify_published_decoder
from sam_core.onnx.verify import POINT_COUNTS, largest_difference, prompt_cases
from sam_core.predictor import Prompts
from sam_core.registry import MODELS, build_model


@pytest.fixture(scope="module")
def sam() -> Any:
    return build_model("sam_tiny_test")


@pytest.fixture(scope="module")
def decoder(sam: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    file = tmp_path_factory.mktemp("published") / "decoder.onnx"
    assert export_published_decoder(sam, file) < 1e-4
    return file


@pytest.fixture(scope="module")
def single(sam: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    file = tmp_path_factory.mktemp("single") / "decoder.onnx"
    export_published_decoder(sam, file, is_single_mask=True)
    return file


@pytest.fixture(scope="module")
def encoder(sam: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    file = tmp_path_factory.mktemp("encoder") / "encoder.onnx"
    assert export_encoder(sam, file) < 1e-4
    return file


def feeds(
    coords: list[Any], labels: list[Any], *, size: tuple[int, int], mask: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    return {
        "image_embeddings": np.random.default_rng(5).normal(size=(1, 32, 8, 8)).astype(np.float32),
        "point_coords": np.array([coords], np.float32),
        "point_labels": np.array([labels], np.float32),
        "mask_input": np.zeros((1, 1, 32, 32), np.float32) if mask is None else mask,
        "has_mask_input": np.array([mask is not None], np.float32),
        "orig_im_size": np.array(size, np.float32),
    }


def answer(file: Any, **inputs: Any) -> list[np.ndarray]:
    answers: list[np.ndarray] = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"]).run(
        None, inputs
    )
    return answers


def test_interface_is_the_published_one(decoder: Any) -> None:
    graph = onnx.load(str(decoder)).graph

    def shape(value: Any) -> list[Any]:
        return [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]

    assert {value.name: shape(value) for value in graph.input} == {
        "image_embeddings": [1, 32, 8, 8],
        "point_coords": [1, "num_points", 2],
        "point_labels": [1, "num_points"],
        "mask_input": [1, 1, 32, 32],
        "has_mask_input": [1],
        "orig_im_size": [2],
    }
    assert [value.name for value in graph.output] == ["masks", "iou_predictions", "low_res_masks"]
    assert {value.type.tensor_type.elem_type for value in [*graph.input, *graph.output]} == {onnx.TensorProto.FLOAT}


@pytest.mark.parametrize("size", [(64, 48), (33, 77), (150, 101), (64, 64), (1, 9)])
def test_masks_have_the_original_size_and_torch_s_values(sam: Any, decoder: Any, size: Any) -> None:
    inputs = feeds([[10, 20], [0, 0]], [1, -1], size=size)
    masks, iou, low_res = answer(decoder, **inputs)
    assert (masks.shape, iou.shape, low_res.shape) == ((1, 4, *size), (1, 4), (1, 4, 32, 32))
    with torch.inference_mode():
        logits, expected_iou = sam.decode(
            {"image_embeddings": torch.from_numpy(inputs["image_embeddings"])},
            torch.tensor([[[10.0, 20.0], [0.0, 0.0]]]),
            torch.tensor([[1, -1]]),
        )
        scale = 64 / max(size)
        rows, columns = (int(side * scale + 0.5) for side in size)
        square = functional.interpolate(logits, (64, 64), mode="bilinear", align_corners=False)
        full = functional.interpolate(square[..., :rows, :columns], size, mode="bilinear", align_corners=False)
    np.testing.assert_allclose(low_res, logits.numpy(), atol=1e-4)
    np.testing.assert_allclose(iou, expected_iou.numpy(), atol=1e-4)
    np.testing.assert_allclose(masks, full.numpy(), atol=1e-4)


def test_graph_answers_as_the_predictor_does(sam: Any, decoder: Any) -> None:
    predictor = TorchPredictor(sam, "tiny")
    image = np.random.default_rng(1).integers(0, 256, (50, 80, 3), dtype=np.uint8)
    embedding = predictor.embed(image)
    prompts = Prompts(
        point_coords=np.array([[20.0, 30.0]]), point_labels=np.array([0]), boxes_xyxy=np.array([5.0, 6.0, 70.0, 45.0])
    )
    prediction = predictor.predict(embedding, prompts)
    coords, labels = prompts.to_tokens(LongestSide(64).of((50, 80)))
    inputs = feeds(coords[0].tolist(), labels[0].tolist(), size=(50, 80))
    masks, iou, _ = answer(decoder, **{**inputs, "image_embeddings": embedding.array})
    np.testing.assert_allclose(iou, prediction.predicted_iou, atol=1e-4)
    for candidate in range(4):
        is_clear = np.abs(masks[0, candidate]) > 1e-4
        assert np.array_equal((masks[0, candidate] > 0)[is_clear], prediction.mask(0, candidate)[is_clear])


def test_a_mask_prompt_counts_only_with_its_flag(decoder: Any) -> None:
    mask = np.random.default_rng(2).normal(0, 8, (1, 1, 32, 32)).astype(np.float32)
    with_mask = feeds([[10, 20], [0, 0]], [1, -1], size=(64, 64), mask=mask)
    without = answer(decoder, **feeds([[10, 20], [0, 0]], [1, -1], size=(64, 64)))
    ignored = answer(decoder, **{**with_mask, "has_mask_input": np.zeros(1, np.float32)})
    used = answer(decoder, **with_mask)
    np.testing.assert_allclose(ignored[2], without[2], atol=1e-5)
    assert np.abs(used[2] - without[2]).max() > 1e-3


@pytest.mark.parametrize(
    ("coords", "labels", "is_ambiguous"),
    [
        ([[10, 20], [0, 0]], [1, -1], True),
        ([[10, 20], [30, 40]], [2, 3], True),
        ([[10, 20], [30, 40], [0, 0]], [1, 0, -1], False),
        ([[15, 25], [10, 20], [30, 40]], [1, 2, 3], False),
    ],
)
def test_the_single_mask_is_chosen_as_published(
    decoder: Any, single: Any, coords: Any, labels: Any, is_ambiguous: bool
) -> None:
    _, all_iou, all_low_res = answer(decoder, **feeds(coords, labels, size=(64, 48)))
    masks, iou, low_res = answer(single, **feeds(coords, labels, size=(64, 48)))
    index = 1 + int(all_iou[0, 1:].argmax()) if is_ambiguous else 0
    assert (masks.shape, iou.shape, low_res.shape) == ((1, 1, 64, 48), (1, 1), (1, 1, 32, 32))
    np.testing.assert_allclose(low_res[0, 0], all_low_res[0, index], atol=1e-5)
    np.testing.assert_allclose(iou[0, 0], all_iou[0, index], atol=1e-5)


@pytest.mark.parametrize("size", [(64, 64), (40, 64), (64, 17)])
def test_encoder_graph_takes_resized_pixels_of_any_shape(sam: Any, encoder: Any, size: Any) -> None:
    image = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    (features,) = answer(encoder, pixels=to_tensor(LongestSide(64).resize(image)).numpy())
    expected = TorchPredictor(sam, "tiny").embed(image).array
    np.testing.assert_allclose(features, expected, atol=1e-4)


@pytest.mark.parametrize("build", ["lite", "tiny_vit"])
def test_encoders_of_the_small_models_export(tmp_path: Path, build: Any) -> None:
    if build == "lite":
        model = build_sam_lite(64)
        # some of its blocks begin as the identity, which would export rightly whatever they computed
        for parameter in model.get_submodule("image_encoder.neck").parameters():
            torch.nn.init.normal_(parameter, std=0.1)
    else:
        model = build_published(
            TinyViT(
                TinyViTConfig(image_size=64, embed_dims=(8, 16, 20, 40), depths=(1, 1, 2, 1), num_heads=(1, 2, 4, 5))
            )
        )
    assert export_encoder(model, tmp_path / "encoder.onnx") < 1e-4


def test_exporting_leaves_the_model_as_it_was(sam: Any, tmp_path: Path) -> None:
    export_encoder(sam, tmp_path / "encoder.onnx")
    assert not any(module.training for module in sam.modules())


def test_verification_covers_all_kinds_of_prompts() -> None:
    cases = list(prompt_cases(64, 32))
    kinds = {
        (int((case.labels[0] >= 0).sum() - 2 * has_box), has_box, case.mask_input is not None)
        for case in cases
        for has_box in [bool((case.labels == 2).any())]
    }
    boxless = {(count, False, mask) for count in POINT_COUNTS for mask in (False, True)}
    assert kinds == boxless | {(count, True, mask) for count in (0, *POINT_COUNTS) for mask in (False, True)}
    assert POINT_COUNTS == (1, 2, 5, 16)


def test_other_weights_are_noticed(decoder: Any, encoder: Any) -> None:
    other = MODELS["sam_tiny_test"].build_untrained().eval()
    with torch.no_grad():
        other.get_parameter("mask_decoder.mask_tokens.weight").add_(0.5)
        other.get_parameter("image_encoder.blocks.1.attn.rel_pos_h").neg_()
    with pytest.raises(ExportError, match="differs from torch by"):
        verify_published_decoder(other, decoder)
    with pytest.raises(ExportError, match="differs from torch by"):
        verify_encoder(other, encoder)


def test_a_graph_that_differs_is_not_written(sam: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "MAX_DIFFERENCE", 1e-12)
    with pytest.raises(ExportError, match="differs from torch"):
        export_published_decoder(sam, tmp_path / "decoder.onnx")
    assert list(tmp_path.iterdir()) == []


def test_the_limit_is_a_thousandth() -> None:
    assert verify.MAX_DIFFERENCE == 1e-3
    zero = np.zeros((2, 2), np.float32)
    assert largest_difference("x", [zero + 9e-4], [zero]) == pytest.approx(9e-4)
    for wrong in (zero + 1.1e-3, zero + np.nan, np.zeros((2, 3), np.float32)):
        with pytest.raises(ExportError, match="x: output 0"):
            largest_difference("x", [wrong], [zero])


def test_a_model_too_large_for_one_file_is_refused(sam: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "MAX_FILE_BYTES", 1000)
    with pytest.raises(ExportError, match="one ONNX file holds 1,000 at most"):
        export_encoder(sam, tmp_path / "encoder.onnx")


def test_what_is_no_graph_is_refused(sam: Any, tmp_path: Path) -> None:
    file = tmp_path / "decoder.onnx"
    file.write_bytes(b"not a graph")
    with pytest.raises(ExportError, match=r"cannot load decoder\.onnx"):
        verify_published_decoder(sam, file)
