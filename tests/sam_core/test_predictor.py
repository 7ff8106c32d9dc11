"""The predictor and its prompts: right answers, the published choice, and plain words for bad input."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from sam_core.errors import InvalidImageError, InvalidPromptError
from sam_core.masks.choice import choose_candidates, click_scores
from sam_core.masks.edges import EdgeGuide, photo_cells
from sam_core.masks.obeyed import with_prompts_obeyed
from sam_core.masks.specks import without_specks
from sam_core.predictor import Predictor, Prompts, choose_encoder_dtype, load_predictor
from sam_core.registry import build_model
from sam_core.transforms import resize_longest_side


@pytest.fixture(scope="module")
def predictor():
    return load_predictor("sam_tiny_test", device="cpu")


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(4).integers(0, 256, (90, 61, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def embedding(predictor, image):
    return predictor.embed(image)


CLICK = Prompts(point_coords=np.array([[30.0, 40.0]]), point_labels=np.array([1]))
BOX = Prompts(boxes_xyxy=np.array([5.0, 10.0, 50.0, 80.0]))


def test_embedding_says_what_it_is_of(predictor, embedding):
    assert embedding.array.shape == (1, 32, 8, 8)
    assert embedding.array.dtype == np.float32
    assert embedding.model_version == predictor.model_version == "sam_tiny_test"
    assert (embedding.original_size, embedding.input_size, embedding.crop_box_xyxy) == ((90, 61), (64, 43), None)
    assert embedding.astype(np.float16).array.dtype == np.float16


def test_answers_have_all_four_candidates(predictor, embedding):
    prediction = predictor.predict(embedding, CLICK)
    assert prediction.low_res_logits.shape == (1, 4, 32, 32)
    assert prediction.predicted_iou.shape == prediction.stability_score.shape == (1, 4)
    assert prediction.low_res_logits.dtype == prediction.predicted_iou.dtype == np.float32


@pytest.mark.parametrize("size", [(90, 61), (61, 90), (64, 64), (33, 77), (200, 131)])
def test_masks_are_the_twice_upsampled_logits_above_zero(predictor, size):
    pixels = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    prediction = predictor.predict(predictor.embed(pixels), Prompts(boxes_xyxy=np.array([3, 4, 30, 30])))
    height, width = prediction.embedding.input_size
    for candidate in range(4):
        low_res = torch.from_numpy(prediction.low_res_logits[:1, candidate : candidate + 1])
        square = functional.interpolate(low_res, (64, 64), mode="bilinear", align_corners=False)
        full = functional.interpolate(square[..., :height, :width], size, mode="bilinear", align_corners=False)[0, 0]
        mask = prediction.mask(0, candidate)
        assert mask.shape == size
        is_clear = full.abs().numpy() > 1e-6  # on the threshold itself rounding decides
        assert np.array_equal(mask[is_clear], (full > 0).numpy()[is_clear])
        assert is_clear.mean() > 0.99


def test_the_chosen_mask_is_the_default(predictor, embedding):
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
def test_one_click_takes_the_best_of_three_and_other_prompts_the_first(predictor, embedding, prompts, is_ambiguous):
    prediction = predictor.predict(embedding, prompts)
    best = 1 + int(prediction.predicted_iou[0, 1:].argmax())
    assert int(prediction.chosen[0]) == (best if is_ambiguous else 0)
    assert int(predictor.predict(embedding, prompts, multimask_output=True).chosen[0]) == best
    assert int(predictor.predict(embedding, prompts, multimask_output=False).chosen[0]) == 0


def test_choice_by_worked_numbers():
    iou = np.array([[0.99, 0.1, 0.3, 0.2], [0.99, 0.5, 0.3, 0.2]], np.float32)
    assert choose_candidates(iou, np.array([1, 2])).tolist() == [2, 0]


def test_a_model_may_weigh_the_click(predictor, image):
    """Centrality and stability decide among equally promising masks; other prompts are chosen as ever."""
    weighing = Predictor(build_model("sam_tiny_test"), "sam_tiny_test")
    weighing.model.weighs_click = True
    torch.nn.init.zeros_(weighing.model.mask_decoder.iou_prediction_head.layers[-1].weight)  # no candidate stands out
    embedding = weighing.embed(image)
    places = np.random.default_rng(5).uniform(0, 60, (30, 1, 2))
    clicks = Prompts(point_coords=places, point_labels=np.ones((30, 1)))
    prediction = weighing.predict(embedding, clicks)
    coords, labels = clicks.to_tokens((90, 61), 64)
    scores = click_scores(prediction.predicted_iou, prediction.low_res_logits, coords, labels, prediction.geometry)
    assert (scores > prediction.predicted_iou + prediction.stability_score - 1e-6).all()
    assert prediction.chosen.tolist() == (1 + scores[:, 1:].argmax(axis=1)).tolist()
    published = 1 + prediction.predicted_iou[:, 1:].argmax(axis=1)
    assert (prediction.chosen != published).any()
    assert int(weighing.predict(embedding, BOX).chosen[0]) == 0
    background = Prompts(point_coords=places, point_labels=np.zeros((30, 1)))
    answer = weighing.predict(embedding, background)
    assert answer.chosen.tolist() == (1 + answer.predicted_iou[:, 1:].argmax(axis=1)).tolist()


def test_a_model_may_drop_specks(image):
    """Masks lose their crumbs; the logits, which are the next mask prompt, and the scores stay."""
    tidying = Predictor(build_model("sam_tiny_test"), "sam_tiny_test")
    plain = tidying.predict(tidying.embed(image), CLICK)
    assert plain.shown_logits is plain.low_res_logits
    tidying.model.drops_specks = True
    tidy = tidying.predict(tidying.embed(image), CLICK)
    coords, labels = CLICK.to_tokens((90, 61), 64)
    assert np.array_equal(tidy.low_res_logits, plain.low_res_logits)
    assert np.array_equal(tidy.stability_score, plain.stability_score)
    assert np.array_equal(tidy.shown_logits, without_specks(plain.low_res_logits, coords, labels, plain.geometry))
    changed = [c for c in range(4) if (tidy.shown_logits[0, c] != plain.low_res_logits[0, c]).any()]
    assert changed
    assert all((tidy.mask(candidate=c) != plain.mask(candidate=c)).any() for c in changed)


@pytest.mark.parametrize("crop", [None, (3, 5, 55, 85)])
def test_a_model_may_obey_boxes(image, crop):
    """The box counts in the pixels of the photo, or of the crop of it; the next mask prompt stays."""
    obeying = Predictor(build_model("sam_tiny_test"), "sam_tiny_test")
    embedding = obeying.embed(image, crop)
    free = obeying.predict(embedding, BOX)
    obeying.model.obeys_prompts = True
    held = obeying.predict(embedding, BOX)
    assert np.array_equal(held.low_res_logits, free.low_res_logits)
    coords, labels = BOX.to_tokens(embedding.encoded_size, 64, crop_box_xyxy=crop)
    expected = with_prompts_obeyed(free.low_res_logits, coords, labels, free.geometry)
    assert np.array_equal(held.shown_logits, expected)
    assert (held.shown_logits != free.shown_logits).any()


def test_a_model_may_obey_clicks(image):
    """Every click lies on its side of the mask; the logits, which are the next mask prompt, and the scores stay."""
    obeying = Predictor(build_model("sam_tiny_test"), "sam_tiny_test")
    embedding = obeying.embed(image)
    places = np.array([[[x, y], [60 - x, 90 - y]] for x in (5, 20, 33) for y in (8, 41, 70)], float)
    prompts = Prompts(point_coords=places, point_labels=np.tile([1, 0], (len(places), 1)))
    plain = obeying.predict(embedding, prompts)
    assert plain.shown_logits is plain.low_res_logits
    obeying.model.obeys_prompts = True
    obedient = obeying.predict(embedding, prompts)
    coords, labels = prompts.to_tokens((90, 61), 64)
    assert np.array_equal(obedient.low_res_logits, plain.low_res_logits)
    assert np.array_equal(obedient.predicted_iou, plain.predicted_iou)
    expected = with_prompts_obeyed(plain.low_res_logits, coords, labels, plain.geometry)
    assert np.array_equal(obedient.shown_logits, expected)
    deaf = 0
    for prompt, ((x, y), (away_x, away_y)) in enumerate(places.astype(int)):
        for candidate in range(4):
            before, after = plain.mask(prompt, candidate), obedient.mask(prompt, candidate)
            assert after[y, x]
            assert not after[away_y, away_x]
            deaf += not before[y, x] or before[away_y, away_x]
    assert deaf


@pytest.mark.parametrize("crop", [None, (3, 5, 50, 70)])
def test_a_model_may_snap_to_edges(image, crop):
    """Masks follow the photo, or the crop of it; the logits stay. Without the photo's colours nothing is snapped."""
    snapping = Predictor(build_model("sam_tiny_test"), "sam_tiny_test")
    embedding = snapping.embed(image, crop)
    plain = snapping.predict(embedding, CLICK)
    snapping.model.snaps_to_edges = True
    snapped = snapping.predict(embedding, CLICK)
    assert np.array_equal(snapped.low_res_logits, plain.low_res_logits)
    region = image if crop is None else image[crop[1] : crop[3], crop[0] : crop[2]]
    guide = EdgeGuide(photo_cells(resize_longest_side(region, 64), 2))
    assert np.array_equal(snapped.shown_logits, guide.snap(plain.low_res_logits, plain.geometry))
    assert (snapped.shown_logits != plain.low_res_logits).any()
    unseen = snapping.predict(replace(embedding, cells_rgb=None), CLICK)
    assert unseen.shown_logits is unseen.low_res_logits


def test_batched_equals_single(predictor, embedding):
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


def test_tokens_of_points_end_with_one_padding_point():
    coords, labels = CLICK.to_tokens((64, 64), 64)
    assert coords.tolist() == [[[30, 40], [0, 0]]]
    assert labels.tolist() == [[1, -1]]


def test_tokens_of_a_box_have_no_padding_and_come_last():
    coords, labels = BOX.to_tokens((64, 64), 64)
    assert coords.tolist() == [[[5, 10], [50, 80]]]
    assert labels.tolist() == [[2, 3]]
    both = replace(CLICK, boxes_xyxy=np.array([5.0, 10.0, 50.0, 80.0]))
    coords, labels = both.to_tokens((64, 64), 64)
    assert coords.tolist() == [[[30, 40], [5, 10], [50, 80]]]
    assert labels.tolist() == [[1, 2, 3]]


def test_a_crop_is_prompted_in_pixels_of_the_whole_image(predictor, image):
    box = (11, 20, 51, 70)
    of_crop = predictor.embed(image, box)
    assert (of_crop.original_size, of_crop.encoded_size, of_crop.input_size) == ((90, 61), (50, 40), (64, 51))
    cut = predictor.predict(predictor.embed(image[20:70, 11:51]), Prompts(boxes_xyxy=np.array([5, 6, 30, 33])))
    whole = predictor.predict(of_crop, Prompts(boxes_xyxy=np.array([16, 26, 41, 53])))
    np.testing.assert_allclose(whole.low_res_logits, cut.low_res_logits, atol=1e-6)
    mask = whole.mask()
    assert mask.shape == (90, 61)
    assert np.array_equal(mask[20:70, 11:51], cut.mask())
    assert mask.sum() == cut.mask().sum()


def test_half_precision_embeddings_answer_nearly_the_same(predictor, embedding):
    exact = predictor.predict(embedding, CLICK)
    half = predictor.predict(embedding.astype(np.float16), CLICK)
    np.testing.assert_allclose(half.low_res_logits, exact.low_res_logits, atol=0.02)


def test_predictor_keeps_no_state(predictor, image, embedding):
    first = predictor.predict(embedding, CLICK).low_res_logits
    predictor.embed(image[::-1].copy())
    assert np.array_equal(predictor.predict(embedding, CLICK).low_res_logits, first)


def test_reduced_precision_can_be_asked_for(predictor, image, embedding):
    reduced = Predictor(predictor.model, "sam_tiny_test", encoder_dtype=torch.bfloat16).embed(image)
    assert reduced.array.dtype == np.float32
    assert 0 < float(np.abs(reduced.array - embedding.array).max()) < 0.5


def test_precision_is_chosen_by_device():
    assert choose_encoder_dtype(torch.device("cuda")) == torch.float16
    assert choose_encoder_dtype(torch.device("cpu")) == torch.float32


BAD_PROMPTS = {
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
def test_prompts_that_mean_nothing_are_refused(name):
    arguments, reason = BAD_PROMPTS[name]
    with pytest.raises(InvalidPromptError, match=reason):
        Prompts(**arguments)


@pytest.mark.parametrize("point", [(61.5, 40), (-1, 40), (30, 90.5), (30, -2)])
def test_points_outside_the_image_are_refused(predictor, embedding, point):
    prompts = Prompts(point_coords=np.array([point]), point_labels=np.array([1]))
    with pytest.raises(InvalidPromptError, match="outside the image of 61x90"):
        predictor.predict(embedding, prompts)


@pytest.mark.parametrize("point", [(0, 0), (-0.5, -0.5), (61, 90)])
def test_points_on_the_image_s_edge_are_taken(predictor, embedding, point):
    prompts = Prompts(point_coords=np.array([point]), point_labels=np.array([1]))
    assert predictor.predict(embedding, prompts).mask().shape == (90, 61)


def test_a_padding_point_may_lie_anywhere(predictor, embedding):
    padded = Prompts(point_coords=np.array([[30.0, 40], [-99, 999]]), point_labels=np.array([1, -1]))
    tokens, labels = padded.to_tokens((90, 61), 64)
    assert tokens[0, 1].tolist() == [0, 0]
    assert labels.tolist() == [[1, -1, -1]]
    assert len(predictor.predict(embedding, padded)) == 1


def test_a_box_beside_the_image_is_refused_and_one_that_reaches_over_is_not(predictor, embedding):
    with pytest.raises(InvalidPromptError, match=r"box .* outside the image"):
        predictor.predict(embedding, Prompts(boxes_xyxy=np.array([70, 10, 90, 20])))
    assert len(predictor.predict(embedding, Prompts(boxes_xyxy=np.array([-5, -5, 70, 99])))) == 1


def test_a_mask_prompt_of_another_model_is_refused(predictor, embedding):
    with pytest.raises(InvalidPromptError, match="256x256; this model takes 32x32"):
        predictor.predict(embedding, Prompts(mask_input=np.zeros((256, 256))))


def test_an_embedding_of_another_model_is_refused(predictor, embedding):
    with pytest.raises(InvalidPromptError, match="made by sam_vit_b, this is sam_tiny_test"):
        predictor.predict(replace(embedding, model_version="sam_vit_b"), CLICK)
    with pytest.raises(InvalidPromptError, match="shape"):
        predictor.predict(replace(embedding, array=np.zeros((1, 256, 64, 64), np.float32)), CLICK)


def test_an_image_of_one_pixel_is_answered(predictor):
    prediction = predictor.predict(
        predictor.embed(np.full((1, 1, 3), 9, np.uint8)),
        Prompts(point_coords=np.array([[0.0, 0.0]]), point_labels=np.array([1])),
    )
    assert prediction.mask().shape == (1, 1)


def test_an_image_too_thin_is_refused(predictor):
    with pytest.raises(InvalidImageError, match="5000x1 pixels is too thin"):
        predictor.embed(np.zeros((1, 5000, 3), np.uint8))


def test_model_follows_its_input_not_its_seed():
    before = torch.get_rng_state()
    first, second = build_model("sam_tiny_test"), build_model("sam_tiny_test")
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not first.training
