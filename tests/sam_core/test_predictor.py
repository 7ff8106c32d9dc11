"""The predictor and its prompts: right answers, the published choice, and plain words for bad input."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from sam_core.backends.torch_backend import TorchPredictor, choose_encoder_dtype, load_predictor
from sam_core.errors import InvalidImageError, InvalidPromptError, InvalidRequestError
from sam_core.geometry import LongestSide, PhotoGeometry
from sam_core.masks.choice import choose_candidates, click_scores
from sam_core.masks.policy import MaskPolicy
from sam_core.predictor import Prompts
from sam_core.registry import build_model


@pytest.fixture(scope="module")
def predictor() -> Any:
    return load_predictor("sam_tiny_test", device="cpu")


@pytest.fixture(scope="module")
def image() -> Any:
    return np.random.default_rng(4).integers(0, 256, (90, 61, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def embedding(predictor: Any, image: Any) -> Any:
    return predictor.embed(image)


CLICK = Prompts(point_coords=np.array([[30.0, 40.0]]), point_labels=np.array([1]))
BOX = Prompts(boxes_xyxy=np.array([5.0, 10.0, 50.0, 80.0]))


def test_embedding_says_what_it_is_of(predictor: Any, embedding: Any) -> None:
    assert embedding.array.shape == (1, 32, 8, 8)
    assert embedding.array.dtype == np.float32
    assert embedding.model_version == predictor.model_version == "sam_tiny_test"
    assert (embedding.original_size, embedding.geometry.input_size, embedding.crop_box_xyxy) == (
        (90, 61),
        (64, 43),
        None,
    )
    assert embedding.astype(np.float16).array.dtype == np.float16


def test_answers_have_all_four_candidates(predictor: Any, embedding: Any) -> None:
    prediction = predictor.predict(embedding, CLICK)
    assert prediction.low_res_logits.shape == (1, 4, 32, 32)
    assert prediction.predicted_iou.shape == prediction.stability_score.shape == (1, 4)
    assert prediction.low_res_logits.dtype == prediction.predicted_iou.dtype == np.float32


@pytest.mark.parametrize("size", [(90, 61), (61, 90), (64, 64), (33, 77), (200, 131)])
def test_masks_are_the_twice_upsampled_logits_above_zero(predictor: Any, size: Any) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    prediction = predictor.predict(predictor.embed(pixels), Prompts(boxes_xyxy=np.array([3, 4, 30, 30])))
    height, width = prediction.embedding.geometry.input_size
    for candidate in range(4):
        low_res = torch.from_numpy(prediction.low_res_logits[:1, candidate : candidate + 1])
        square = functional.interpolate(low_res, (64, 64), mode="bilinear", align_corners=False)
        full = functional.interpolate(square[..., :height, :width], size, mode="bilinear", align_corners=False)[0, 0]
        mask = prediction.mask(0, candidate)
        assert mask.shape == size
        is_clear = full.abs().numpy() > 1e-6  # on the threshold itself rounding decides
        assert np.array_equal(mask[is_clear], (full > 0).numpy()[is_clear])
        assert is_clear.mean() > 0.99


def test_the_chosen_mask_is_the_default(predictor: Any, embedding: Any) -> None:
    prediction = predictor.predict(embedding, BOX)
    assert np.array_equal(prediction.mask(), prediction.mask(0, int(prediction.chosen[0])))


@pytest.mark.parametrize(
    ("prompts", "is_ambiguous"),
    [
        (CLICK, True),
        (BOX, False),
        (Prompts(point_coords=np.array([[30.0, 40.0], [9, 9]]), point_labels=np.array([1, -1])), True),
        (Prompts(point_coords=np.array([[30.0, 40.0], [9, 9]]), point_labels=np.array([1, 0])), False),
        (replace(CLICK, boxes_xyxy=np.array([5.0, 10.0, 50.0, 80.0])), False),
    ],
)
def test_one_click_takes_the_best_of_three_and_other_prompts_the_first(
    predictor: Any, embedding: Any, prompts: Any, is_ambiguous: bool
) -> None:
    prediction = predictor.predict(embedding, prompts)
    best = 1 + int(prediction.predicted_iou[0, 1:].argmax())
    assert int(prediction.chosen[0]) == (best if is_ambiguous else 0)
    assert int(predictor.predict(embedding, prompts, multimask_output=True).chosen[0]) == best
    assert int(predictor.predict(embedding, prompts, multimask_output=False).chosen[0]) == 0


def test_choice_by_worked_numbers() -> None:
    iou = np.array([[0.99, 0.1, 0.3, 0.2], [0.99, 0.5, 0.3, 0.2]], np.float32)
    assert choose_candidates(iou, np.array([1, 2])).tolist() == [2, 0]


def test_a_model_may_weigh_the_click(predictor: Any, image: Any) -> None:
    """Centrality and stability decide among equally promising masks; other prompts are chosen as ever."""
    weighing = TorchPredictor(build_model("sam_tiny_test"), "sam_tiny_test")
    weighing.model.policy = MaskPolicy(weighs_click=True)
    layers = weighing.model.get_submodule("mask_decoder.iou_prediction_head.layers")
    *_, weight, _bias = layers.parameters()
    torch.nn.init.zeros_(weight)  # no candidate stands out
    embedding = weighing.embed(image)
    places = np.random.default_rng(5).uniform(0, 60, (30, 1, 2))
    clicks = Prompts(point_coords=places, point_labels=np.ones((30, 1), np.int64))
    prediction = weighing.predict(embedding, clicks)
    coords, labels = clicks.to_tokens(LongestSide(64).of((90, 61)))
    scores = click_scores(
        prediction.predicted_iou, prediction.low_res_logits, coords, labels, prediction.embedding.geometry
    )
    assert (scores > prediction.predicted_iou + prediction.stability_score - 1e-6).all()
    assert prediction.chosen.tolist() == (1 + scores[:, 1:].argmax(axis=1)).tolist()
    published = 1 + prediction.predicted_iou[:, 1:].argmax(axis=1)
    assert (prediction.chosen != published).any()
    assert int(weighing.predict(embedding, BOX).chosen[0]) == 0
    background = Prompts(point_coords=places, point_labels=np.zeros((30, 1), np.int64))
    answer = weighing.predict(embedding, background)
    assert answer.chosen.tolist() == (1 + answer.predicted_iou[:, 1:].argmax(axis=1)).tolist()


def test_a_model_may_keep_clicks(image: Any) -> None:
    """Every click lies on its side of the mask; the logits, which are the next mask prompt, and the scores stay."""
    keeping = TorchPredictor(build_model("sam_tiny_test"), "sam_tiny_test")
    embedding = keeping.embed(image)
    places = np.array([[[x, y], [60 - x, 90 - y]] for x in (5, 20, 33) for y in (8, 41, 70)], float)
    prompts = Prompts(point_coords=places, point_labels=np.tile([1, 0], (len(places), 1)))
    plain = keeping.predict(embedding, prompts)
    assert np.array_equal(plain.mask_logits, plain.low_res_logits)
    keeping.model.policy = MaskPolicy(keeps_clicks=True)
    kept = keeping.predict(embedding, prompts)
    assert np.array_equal(kept.low_res_logits, plain.low_res_logits)
    assert np.array_equal(kept.predicted_iou, plain.predicted_iou)
    deaf = 0
    for prompt, ((x, y), (away_x, away_y)) in enumerate(places.astype(int)):
        for candidate in range(4):
            before, after = plain.mask(prompt, candidate), kept.mask(prompt, candidate)
            assert after[y, x]
            assert not after[away_y, away_x]
            deaf += not before[y, x] or before[away_y, away_x]
    assert deaf


def test_batched_equals_single(predictor: Any, embedding: Any) -> None:
    coords = np.random.default_rng(2).uniform(0, 60, (40, 3, 2))
    labels = np.tile([1, 0, -1], (40, 1))
    masks = np.random.default_rng(3).normal(size=(40, 1, 32, 32)).astype(np.float32)
    together = predictor.predict(embedding, Prompts(point_coords=coords, point_labels=labels, mask_input=masks))
    assert len(together) == 40
    for row in (0, 31, 32, 39):  # on both sides of the border between two passes through the decoder
        one = Prompts(point_coords=coords[row], point_labels=labels[row], mask_input=masks[row, 0])
        alone = predictor.predict(embedding, one)
        np.testing.assert_allclose(together.low_res_logits[row], alone.low_res_logits[0], atol=1e-5)
        np.testing.assert_allclose(together.predicted_iou[row], alone.predicted_iou[0], atol=1e-5)


RAGGED = [1, 2, 5]


@pytest.mark.parametrize("has_boxes", [True, False])
@pytest.mark.parametrize("first", [False, True], ids=["padding behind", "padding in front"])
def test_a_ragged_batch_equals_its_prompts_one_by_one(
    predictor: Any, embedding: Any, has_boxes: bool, first: Any
) -> None:
    random = np.random.default_rng(8)
    points = [random.uniform(5, 55, (count, 2)) for count in RAGGED]
    kinds = [np.r_[1, random.integers(0, 2, count - 1)] for count in RAGGED]
    boxes = np.array([[5, 6, 40, 70], [10, 3, 60, 50], [2, 30, 58, 88]], float)
    coords, labels = np.full((3, 5, 2), -99.0), np.full((3, 5), -1)
    for row, count in enumerate(RAGGED):
        place = slice(5 - count, 5) if first else slice(count)
        coords[row, place], labels[row, place] = points[row], kinds[row]
    given = {"boxes_xyxy": boxes} if has_boxes else {}
    together = predictor.predict(embedding, Prompts(point_coords=coords, point_labels=labels, **given))
    for row in range(3):
        own = {"boxes_xyxy": boxes[row]} if has_boxes else {}
        alone = predictor.predict(embedding, Prompts(point_coords=points[row], point_labels=kinds[row], **own))
        np.testing.assert_allclose(together.low_res_logits[row], alone.low_res_logits[0], atol=1e-5)
        assert together.chosen[row] == alone.chosen[0]
        assert np.array_equal(together.mask(row), alone.mask(0))


def test_prompts_of_unequal_lengths_are_refused_readably() -> None:
    uneven: Any = {"point_coords": [[[1, 2]], [[1, 2], [3, 4]]], "point_labels": [[1], [1, 1]]}
    with pytest.raises(InvalidPromptError, match="point_coords must be an array of numbers"):
        Prompts(**uneven)
    with pytest.raises(InvalidPromptError, match="same length"):
        Prompts(
            point_coords=np.zeros((2, 1, 2)),
            point_labels=np.ones((2, 1), np.int64),
            boxes_xyxy=np.array([[0, 0, 5, 5.0]]),
        )


def test_a_model_in_training_mode_answers_as_in_eval_mode(image: Any) -> None:
    rested, trained = build_model("sam_lite"), build_model("sam_lite").train()
    for module in trained.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.5
    expected = TorchPredictor(rested, "m")
    predictor = TorchPredictor(trained, "m")
    trained.train()
    embedding = predictor.embed(image)
    np.testing.assert_array_equal(embedding.array, expected.embed(image).array)
    trained.train()
    answer, wanted = predictor.predict(embedding, CLICK), expected.predict(embedding, CLICK)
    np.testing.assert_array_equal(answer.low_res_logits, wanted.low_res_logits)


@pytest.mark.parametrize("device", ["cuda", "cuda:7", "tpu9", "meta", "", "cpu:x"])
def test_a_device_that_is_not_there_is_named(device: Any) -> None:
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(InvalidRequestError, match="cpu"):
        load_predictor("sam_tiny_test", device=device)


def test_tokens_of_points_end_with_one_padding_point() -> None:
    coords, labels = CLICK.to_tokens(LongestSide(64).of((64, 64)))
    assert coords.tolist() == [[[30, 40], [0, 0]]]
    assert labels.tolist() == [[1, -1]]


def test_tokens_of_a_box_have_no_padding_and_come_last() -> None:
    coords, labels = BOX.to_tokens(LongestSide(64).of((64, 64)))
    assert coords.tolist() == [[[5, 10], [50, 80]]]
    assert labels.tolist() == [[2, 3]]
    both = replace(CLICK, boxes_xyxy=np.array([5.0, 10.0, 50.0, 80.0]))
    coords, labels = both.to_tokens(LongestSide(64).of((64, 64)))
    assert coords.tolist() == [[[30, 40], [5, 10], [50, 80]]]
    assert labels.tolist() == [[1, 2, 3]]


def test_a_crop_is_prompted_in_pixels_of_the_whole_image(predictor: Any, image: Any) -> None:
    box = (11, 20, 51, 70)
    of_crop = predictor.embed(image, box)
    assert (of_crop.original_size, of_crop.geometry) == ((90, 61), PhotoGeometry(64, (64, 51), (50, 40)))
    cut = predictor.predict(predictor.embed(image[20:70, 11:51]), Prompts(boxes_xyxy=np.array([5, 6, 30, 33])))
    whole = predictor.predict(of_crop, Prompts(boxes_xyxy=np.array([16, 26, 41, 53])))
    np.testing.assert_allclose(whole.low_res_logits, cut.low_res_logits, atol=1e-6)
    mask = whole.mask()
    assert mask.shape == (90, 61)
    assert np.array_equal(mask[20:70, 11:51], cut.mask())
    assert mask.sum() == cut.mask().sum()


def test_half_precision_embeddings_answer_nearly_the_same(predictor: Any, embedding: Any) -> None:
    exact = predictor.predict(embedding, CLICK)
    half = predictor.predict(embedding.astype(np.float16), CLICK)
    np.testing.assert_allclose(half.low_res_logits, exact.low_res_logits, atol=0.02)


def test_predictor_keeps_no_state(predictor: Any, image: Any, embedding: Any) -> None:
    first = predictor.predict(embedding, CLICK).low_res_logits
    predictor.embed(image[::-1].copy())
    assert np.array_equal(predictor.predict(embedding, CLICK).low_res_logits, first)


def test_reduced_precision_can_be_asked_for(predictor: Any, image: Any, embedding: Any) -> None:
    reduced = TorchPredictor(predictor.model, "sam_tiny_test", encoder_dtype=torch.bfloat16).embed(image)
    assert reduced.array.dtype == np.float32
    assert 0 < float(np.abs(reduced.array - embedding.array).max()) < 0.5


def test_precision_is_chosen_by_device() -> None:
    assert choose_encoder_dtype(torch.device("cuda")) == torch.float16
    assert choose_encoder_dtype(torch.device("cpu")) == torch.float32


BAD_PROMPTS: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "no prompt was given"),
    "no points": ({"point_coords": np.zeros((1, 0, 2)), "point_labels": np.zeros((1, 0))}, "is empty"),
    "an empty batch": ({"boxes_xyxy": np.zeros((0, 4))}, "no prompt was given"),
    "only padding": ({"point_coords": [[1, 1]], "point_labels": [-1]}, "is empty"),
    "points alone": ({"point_coords": [[1, 1]]}, "belong together"),
    "labels alone": ({"point_labels": [1]}, "belong together"),
    "NaN": ({"point_coords": [[1, float("nan")]], "point_labels": [1]}, "not finite"),
    "infinity in a box": ({"boxes_xyxy": [0, 0, float("inf"), 4]}, "not finite"),
    "NaN in a mask": ({"mask_input": np.full((32, 32), np.nan)}, "not finite"),
    "label 7": ({"point_coords": [[1, 1]], "point_labels": [7]}, "7 is no point label"),
    "label 1.5": ({"point_coords": [[1, 1]], "point_labels": [1.5]}, "1.5 is no point label"),
    "words": ({"point_coords": [["a", "b"]], "point_labels": [1]}, "array of numbers"),
    "three coordinates": ({"point_coords": [[1, 1, 1]], "point_labels": [1]}, "shape"),
    "more labels than points": ({"point_coords": [[1, 1]], "point_labels": [1, 1]}, "does not match"),
    "a box without area": ({"boxes_xyxy": [5, 5, 5, 9]}, "no area"),
    "a box inside out": ({"boxes_xyxy": [9, 5, 5, 9]}, "no area"),
    "a box of three": ({"boxes_xyxy": [9, 5, 5]}, "shape"),
    "a mask that is not square": ({"mask_input": np.zeros((4, 5))}, "shape"),
    "parts of different length": (
        {"point_coords": np.ones((2, 1, 2)), "point_labels": np.ones((2, 1)), "boxes_xyxy": np.array([[0, 0, 1, 1]])},
        "same length",
    ),
}


@pytest.mark.parametrize("name", BAD_PROMPTS)
def test_prompts_that_mean_nothing_are_refused(name: str) -> None:
    arguments, reason = BAD_PROMPTS[name]
    with pytest.raises(InvalidPromptError, match=reason):
        Prompts(**arguments)


@pytest.mark.parametrize("point", [(61.5, 40), (-1, 40), (30, 90.5), (30, -2)])
def test_points_outside_the_image_are_refused(predictor: Any, embedding: Any, point: Any) -> None:
    prompts = Prompts(point_coords=np.array([point]), point_labels=np.array([1]))
    with pytest.raises(InvalidPromptError, match="outside the image of 61x90"):
        predictor.predict(embedding, prompts)


@pytest.mark.parametrize("point", [(0, 0), (-0.5, -0.5), (61, 90)])
def test_points_on_the_image_s_edge_are_taken(predictor: Any, embedding: Any, point: Any) -> None:
    prompts = Prompts(point_coords=np.array([point]), point_labels=np.array([1]))
    assert predictor.predict(embedding, prompts).mask().shape == (90, 61)


def test_a_padding_point_may_lie_anywhere(predictor: Any, embedding: Any) -> None:
    padded = Prompts(point_coords=np.array([[30.0, 40], [-99, 999]]), point_labels=np.array([1, -1]))
    tokens, labels = padded.to_tokens(LongestSide(64).of((90, 61)))
    assert tokens[0, 1].tolist() == [0, 0]
    assert labels.tolist() == [[1, -1, -1]]
    assert len(predictor.predict(embedding, padded)) == 1


def test_a_box_beside_the_image_is_refused_and_one_that_reaches_over_is_not(predictor: Any, embedding: Any) -> None:
    with pytest.raises(InvalidPromptError, match=r"box .* outside the image"):
        predictor.predict(embedding, Prompts(boxes_xyxy=np.array([70, 10, 90, 20])))
    assert len(predictor.predict(embedding, Prompts(boxes_xyxy=np.array([-5, -5, 70, 99])))) == 1


def test_a_mask_prompt_of_another_model_is_refused(predictor: Any, embedding: Any) -> None:
    with pytest.raises(InvalidPromptError, match="256x256; this model takes 32x32"):
        predictor.predict(embedding, Prompts(mask_input=np.zeros((256, 256), np.float32)))


def test_an_embedding_of_another_model_is_refused(predictor: Any, embedding: Any) -> None:
    with pytest.raises(InvalidPromptError, match="made by sam_vit_b, this is sam_tiny_test"):
        predictor.predict(replace(embedding, model_version="sam_vit_b"), CLICK)
    with pytest.raises(InvalidPromptError, match="shape"):
        predictor.predict(replace(embedding, tensors={"image_embeddings": np.zeros((1, 256, 64, 64))}), CLICK)


def test_an_image_of_one_pixel_is_answered(predictor: Any) -> None:
    prediction = predictor.predict(
        predictor.embed(np.full((1, 1, 3), 9, np.uint8)),
        Prompts(point_coords=np.array([[0.0, 0.0]]), point_labels=np.array([1])),
    )
    assert prediction.mask().shape == (1, 1)


def test_an_image_too_thin_is_refused(predictor: Any) -> None:
    with pytest.raises(InvalidImageError, match="5000x1 pixels is too thin"):
        predictor.embed(np.zeros((1, 5000, 3), np.uint8))


def test_model_follows_its_input_not_its_seed() -> None:
    before = torch.get_rng_state()
    first, second = build_model("sam_tiny_test"), build_model("sam_tiny_test")
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not first.training
