"""One predictor on two runtimes: torch and onnxruntime give the same answers, and the second needs no torch."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sam_core import model_folder
from sam_core.backends.onnx_backend import OnnxEncoder
from sam_core.backends.torch_backend import TorchPredictor
from sam_core.errors import CheckpointError, InvalidPromptError
from sam_core.masks.policy import PUBLISHED
from sam_core.predictor import Prompts
from tests.sam_core.export_digests import export_tiny

SIZE = (48, 64)
PROMPTS = {
    "a click": Prompts(point_coords=np.array([[30.0, 20.0]]), point_labels=np.array([1])),
    "a box": Prompts(boxes_xyxy=np.array([4.0, 6.0, 50.0, 40.0])),
    "a batch of clicks": Prompts(
        point_coords=np.array([[[9.0, 8.0], [0, 0]], [[40.0, 30.0], [5.0, 5.0]], [[60.0, 9.0], [0, 0]]]),
        point_labels=np.array([[1, -1], [1, 0], [1, -1]]),
    ),
    "a mask and a click": Prompts(
        point_coords=np.array([[30.0, 20.0]]),
        point_labels=np.array([0]),
        mask_input=np.random.default_rng(1).normal(0, 4, (32, 32)).astype(np.float32),
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return export_tiny(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def predictors(folder: Path) -> Any:
    return [model_folder.open_predictor(folder, runtime=runtime) for runtime in ("torch", "onnxruntime")]


@pytest.fixture(scope="module")
def image() -> Any:
    return np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)


@pytest.mark.parametrize("crop", [None, (8, 4, 60, 44)])
@pytest.mark.parametrize("is_flipped", [False, True])
def test_both_runtimes_encode_alike(predictors: Any, image: Any, crop: Any, is_flipped: bool) -> None:
    torch_one, onnx_one = (one.embed(image, crop, is_flipped=is_flipped) for one in predictors)
    assert np.abs(torch_one.array - onnx_one.array).max() < 1e-4
    assert torch_one.geometry == onnx_one.geometry


@pytest.mark.parametrize("name", PROMPTS)
@pytest.mark.parametrize("is_flipped", [False, True])
def test_both_runtimes_decode_alike(predictors: Any, image: Any, name: str, is_flipped: bool) -> None:
    embedding = predictors[0].embed(image, is_flipped=is_flipped).astype(np.float16)
    expected, got = (one.predict(embedding, PROMPTS[name]) for one in predictors)
    assert np.abs(got.low_res_logits - expected.low_res_logits).max() < 1e-3
    assert np.abs(got.predicted_iou - expected.predicted_iou).max() < 1e-4
    assert got.chosen.tolist() == expected.chosen.tolist()


def test_a_known_embedding_is_what_embed_returns(predictors: Any, image: Any) -> None:
    made = predictors[1].embed(image, (8, 4, 60, 44), is_flipped=True)
    known = predictors[1].known_embedding(made.tensors, SIZE, crop_box_xyxy=(8, 4, 60, 44), is_flipped=True)
    assert (known.geometry.input_size, known.original_size, known.crop_box_xyxy) == ((49, 64), SIZE, (8, 4, 60, 44))
    assert (known.is_flipped, known.model_version) == (True, "tiny")


def test_an_embedding_of_another_shape_is_refused(predictors: Any) -> None:
    known = predictors[1].known_embedding({"image_embeddings": np.zeros((1, 32, 4, 4), np.float32)}, SIZE)
    with pytest.raises(InvalidPromptError, match="shape"):
        predictors[1].predict(known, PROMPTS["a click"])


def test_the_runtime_is_torch_where_there_is_no_encoder_graph(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    model_folder.device_kind.cache_clear()
    for file in folder.iterdir():
        if file.name != model_folder.ENCODER:
            (tmp_path / file.name).write_bytes(file.read_bytes())
    assert isinstance(model_folder.open_predictor(folder).encoder, OnnxEncoder)
    assert isinstance(model_folder.open_predictor(tmp_path), TorchPredictor)


def test_a_folder_of_an_older_format_still_works(folder: Path, tmp_path: Path, predictors: Any, image: Any) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    card = json.loads((tmp_path / model_folder.MODEL_CARD).read_text(encoding="utf-8"))
    card["format"] = 2
    ((_, channels, grid, _),) = (one["shape"] for one in card["manifest"].pop("embedding"))
    card["manifest"] |= {"embed_dim": channels, "grid": grid}
    card["manifest"].pop("geometry")
    card["manifest"]["policy"] = {"weighs_click": True}
    (tmp_path / model_folder.MODEL_CARD).write_text(json.dumps(card), encoding="utf-8")
    older = model_folder.open_predictor(tmp_path, runtime="onnxruntime")
    assert (older.facts.embedding, older.facts.policy) == (predictors[1].facts.embedding, PUBLISHED)
    np.testing.assert_array_equal(older.embed(image).array, predictors[1].embed(image).array)


@pytest.mark.parametrize("runtime", [None, "torch", "onnxruntime"])
def test_a_folder_without_a_model_is_said_plainly(tmp_path: Path, runtime: Any) -> None:
    with pytest.raises(CheckpointError, match="holds no model"):
        model_folder.open_predictor(tmp_path, runtime=runtime)


def test_decoding_with_onnxruntime_never_loads_torch(folder: Path) -> None:
    script = f"""
import sys
from pathlib import Path
import numpy as np
from sam_core.model_folder import open_predictor
from sam_core.predictor import Prompts
predictor = open_predictor(Path({str(folder)!r}), runtime="onnxruntime", threads=1)
embedding = predictor.embed(np.zeros((48, 64, 3), np.uint8), is_flipped=True)
answer = predictor.predict(embedding, Prompts(boxes_xyxy=np.array([4.0, 6.0, 50.0, 40.0])))
assert answer.low_res_logits.shape == (1, 4, 32, 32)
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)
