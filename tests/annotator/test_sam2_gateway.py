"""A model with three embedding tensors through the product's door: encode, decode on the server, find every mask."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from annotator import sam_gateway
from annotator.sam_answers import DecodeRequest
from sam_core.backends.torch_backend import load_predictor
from sam_core.predictor import Prompts

NAME = "sam2_tiny_test"
SIZE = (60, 90)
TENSORS = {"image_embed": (1, 32, 8, 8), "high_res_feats_0": (1, 4, 32, 32), "high_res_feats_1": (1, 8, 16, 16)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / NAME
    sam_gateway.export_model(NAME, folder, version=NAME)
    return folder


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.random.default_rng(4).integers(0, 256, (*SIZE, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def embedding_file(folder: Path, photo: np.ndarray) -> bytes:
    return sam_gateway.encode_image(photo, folder)


def test_an_embedding_s_file_holds_three_tensors_in_half_precision(embedding_file: bytes) -> None:
    stored = np.load(io.BytesIO(embedding_file), allow_pickle=False)
    assert {name: stored[name].shape for name in stored} == TENSORS
    assert {stored[name].dtype for name in stored} == {np.dtype(np.float16)}


@pytest.mark.parametrize("crop", [None, (10, 4, 80, 50)])
def test_the_server_decodes_as_the_library_does(
    folder: Path, photo: np.ndarray, crop: tuple[int, int, int, int] | None
) -> None:
    request = DecodeRequest(
        embedding_file=sam_gateway.encode_image(photo, folder, crop_box_xyxy=crop),
        points_xy=[(30.0, 20.0)],
        point_labels=[1],
        box_xyxy=(12.0, 8.0, 70.0, 45.0),
        mask_input=None,
        original_size=SIZE,
        crop_box_xyxy=crop,
    )
    answer = sam_gateway.decode_prompt(str(folder), request)
    predictor = load_predictor(NAME, device="cpu")
    prompts = Prompts(
        point_coords=np.array([[30.0, 20.0]]),
        point_labels=np.array([1]),
        boxes_xyxy=np.array([12.0, 8.0, 70.0, 45.0]),
    )
    expected = predictor.predict(predictor.embed(photo, crop).astype(np.float16), prompts)
    logits = np.frombuffer(answer.logits, "<f4").reshape(4, 32, 32)
    assert np.abs(logits - expected.low_res_logits[0]).max() < 5e-3
    assert answer.chosen == expected.chosen[0]


def test_every_mask_of_a_photo_is_found_from_the_stored_embedding(
    folder: Path, photo: np.ndarray, embedding_file: bytes
) -> None:
    anything = {"predicted_iou_threshold": 0.0, "stability_score_threshold": 0.0, "min_region_area_px": 0}
    figures = {"points_per_side": 3, "box_nms_threshold": 1.0, "mask_nms_threshold": None, **anything}
    found = sam_gateway.find_masks(photo, folder, embedding_file=embedding_file, figures=figures)
    assert len(found) > 9
    for one in found:
        measured = sam_gateway.measure_mask(one.counts, size=SIZE)
        assert (measured.area, measured.bbox_xywh) == (one.area, one.bbox_xywh)
