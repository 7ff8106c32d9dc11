"""A model that is not SAM goes every way a model goes: its own tensors and geometry, no other file knows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from sam_core import cli
from sam_core.automatic import AutomaticConfig, AutomaticMaskGenerator
from sam_core.backends.onnx_backend import OnnxDecoder, OnnxEncoder
from sam_core.backends.torch_backend import TorchPredictor
from sam_core.embedding import pack, unpack
from sam_core.errors import InvalidPromptError
from sam_core.geometry import PhotoGeometry, Square
from sam_core.multi_view import MultiViewPredictor
from sam_core.onnx.encoder import export_encoder
from sam_core.onnx.published import export_published_decoder
from sam_core.predictor import Predictor, Prompts
from sam_core.registry import MODELS
from tests.sam_core import square_model
from tests.sam_core.square_model import COARSE, FINE, MIDDLE, SIDE, SquareModel, build_square

SIZE = (90, 150)
PROMPTS = {
    "a click": Prompts(point_coords=np.array([[120.0, 30.0]]), point_labels=np.array([1])),
    "a box": Prompts(boxes_xyxy=np.array([4.0, 6.0, 140.0, 40.0])),
    "a mask and clicks": Prompts(
        point_coords=np.array([[30.0, 20.0], [140.0, 80.0]]),
        point_labels=np.array([0, 1]),
        mask_input=np.random.default_rng(1).normal(0, 4, (32, 32)).astype(np.float32),
    ),
}


@pytest.fixture(scope="module")
def model() -> SquareModel:
    return build_square()


@pytest.fixture(scope="module")
def predictor(model: SquareModel) -> TorchPredictor:
    return TorchPredictor(model, "square-1")


@pytest.fixture(scope="module")
def exported(model: SquareModel, tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    folder = tmp_path_factory.mktemp("square")
    export_encoder(model, folder / "encoder.onnx")
    export_published_decoder(model, folder / "decoder.onnx")
    encoder, decoder = OnnxEncoder(folder / "encoder.onnx"), OnnxDecoder(folder / "decoder.onnx")
    return Predictor(model, "square-1", encoder=encoder, decoder=decoder)


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (*SIZE, 3), dtype=np.uint8)


def test_an_embedding_has_the_model_s_tensors(model: SquareModel, predictor: TorchPredictor, image: np.ndarray) -> None:
    embedding = predictor.embed(image)
    assert embedding.geometry == PhotoGeometry(SIDE, (SIDE, SIDE), SIZE, via_input=False)
    assert {name: array.shape for name, array in embedding.tensors.items()} == {
        COARSE: (1, 32, 8, 8),
        MIDDLE: (1, 8, 16, 16),
        FINE: (1, 4, 32, 32),
    }
    stored = unpack(pack(embedding.tensors, model.embedding), model.embedding)
    assert {array.dtype for array in stored.values()} == {np.dtype(np.float16)}
    with pytest.raises(InvalidPromptError, match="shape"):
        predictor.predict(predictor.known_embedding({COARSE: stored[COARSE]}, SIZE), PROMPTS["a click"])


@pytest.mark.parametrize("crop", [None, (8, 4, 120, 84)])
@pytest.mark.parametrize("is_flipped", [False, True])
@pytest.mark.parametrize("name", PROMPTS)
def test_both_runtimes_answer_alike(
    predictor: TorchPredictor,
    exported: Predictor,
    image: np.ndarray,
    crop: tuple[int, int, int, int] | None,
    is_flipped: bool,
    name: str,
) -> None:
    one, other = (each.embed(image, crop, is_flipped=is_flipped) for each in (predictor, exported))
    assert max(float(np.abs(one.tensors[key] - other.tensors[key]).max()) for key in one.tensors) < 1e-4
    expected, got = predictor.predict(one, PROMPTS[name]), exported.predict(other, PROMPTS[name])
    assert np.abs(got.low_res_logits - expected.low_res_logits).max() < 1e-3
    assert got.chosen.tolist() == expected.chosen.tolist()
    assert got.mask().shape == SIZE


def test_clicks_and_masks_take_each_axis_s_own_scale(
    model: SquareModel, predictor: TorchPredictor, image: np.ndarray
) -> None:
    """Against the way written out: scale each axis to the square, decode, scale the logits back at once."""
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    square = interpolate(pixels, (SIDE, SIDE), mode="bilinear", align_corners=False, antialias=True)
    coords = torch.tensor([[[120.0 * SIDE / SIZE[1], 30.0 * SIDE / SIZE[0]], [0, 0]]])
    with torch.inference_mode():
        logits, _ = model.decode(model.encode(square), coords, torch.tensor([[1, -1]]))
        full = interpolate(logits, SIZE, mode="bilinear", align_corners=False)[0].numpy()
    answer = predictor.predict(predictor.embed(image), PROMPTS["a click"])
    np.testing.assert_allclose(answer.low_res_logits, logits.numpy(), atol=1e-3)
    for candidate in range(4):
        is_clear = np.abs(full[candidate]) > 1e-2
        assert np.array_equal(answer.mask(0, candidate)[is_clear], (full[candidate] > 0)[is_clear])


def test_a_batch_is_its_prompts_one_by_one(predictor: TorchPredictor, image: np.ndarray) -> None:
    embedding = predictor.embed(image)
    boxes = np.array([[5, 6, 40, 70], [10, 3, 60, 50], [2, 30, 158, 88]], float)
    together = predictor.predict(embedding, Prompts(boxes_xyxy=boxes))
    for row, box in enumerate(boxes):
        alone = predictor.predict(embedding, Prompts(boxes_xyxy=box))
        np.testing.assert_allclose(together.low_res_logits[row], alone.low_res_logits[0], atol=1e-4)


def test_every_mask_of_a_photo_is_found_with_any_decoder(predictor: TorchPredictor, image: np.ndarray) -> None:
    anything: dict[str, Any] = {
        "predicted_iou_threshold": 0.0,
        "stability_score_threshold": 0.0,
        "min_region_area_px": 0,
    }
    config = AutomaticConfig(points_per_side=3, box_nms_threshold=1.0, mask_nms_threshold=None, **anything)
    found = AutomaticMaskGenerator(predictor, config).generate(image)
    assert len(found) > 9
    embedding = predictor.embed(image)
    for one in found:
        click = Prompts(point_coords=np.array(one["point_coords"]), point_labels=np.array([1]))
        answer = predictor.predict(embedding, click)
        assert one["area"] in [int(answer.mask(0, candidate).sum()) for candidate in (1, 2, 3)]


def test_views_of_a_photo_answer_as_the_predictor_does(
    model: SquareModel, predictor: TorchPredictor, image: np.ndarray
) -> None:
    with torch.inference_mode():
        shown = MultiViewPredictor(model, image).answer(np.array([[120.0, 30.0], [0, 0]]), np.array([1, -1]))
    expected = predictor.predict(predictor.embed(image), PROMPTS["a click"])
    assert np.array_equal(shown.mask(), expected.mask())


def test_its_row_in_the_registry_is_all_that_the_command_line_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, image: np.ndarray
) -> None:
    from PIL import Image

    monkeypatch.setitem(MODELS, "square_test", square_model.SPEC)
    Image.fromarray(image).save(tmp_path / "photo.png")
    out = tmp_path / "embedding.npz"
    status = cli.main(
        ["embed", "--model", "square_test", "--image", str(tmp_path / "photo.png"), "--out", str(out), "--json"]
    )
    assert status == 0
    report = json.loads(capsys.readouterr().out)["images"][0]
    assert report["shape"] == {COARSE: [1, 32, 8, 8], MIDDLE: [1, 8, 16, 16], FINE: [1, 4, 32, 32]}
    assert report["input_size"] == [SIDE, SIDE]
    assert set(np.load(out)) == {COARSE, MIDDLE, FINE}


def test_its_geometry_is_one_of_sam_core_s(model: SquareModel) -> None:
    assert model.geometry == Square(SIDE)
    assert model.image_size == SIDE
