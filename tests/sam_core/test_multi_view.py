"""Objects asked for as the workspace asks: every view that is ready takes part in one answer."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from sam_core.masks.policy import MaskPolicy
from sam_core.masks.views import merge_views, on_grid_of
from sam_core.modeling.sam import Sam
from sam_core.multi_view import EncodedView, MultiViewPredictor
from tests.sam_core.click_model import click_predictor

SIZE = (600, 800)
BOX = np.array([[700.0, 80.0], [740.0, 130.0]]), np.array([2, 3])


@pytest.fixture
def sam(monkeypatch: pytest.MonkeyPatch) -> Sam:
    """A model whose masks are blobs around the click, with every view that a policy may use."""
    model = click_predictor().model
    assert isinstance(model, Sam)
    monkeypatch.setattr(model, "policy", MaskPolicy(uses_flip=True, uses_crops=True))
    return model


@pytest.fixture
def photo(sam: Sam) -> MultiViewPredictor:
    noise = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    with torch.inference_mode():
        return MultiViewPredictor(sam, noise)


def click(x: float, y: float) -> tuple[np.ndarray, np.ndarray]:
    return np.array([[x, y], [0.0, 0.0]]), np.array([1, -1])


@torch.inference_mode()
def test_a_small_answer_is_that_of_the_photo_and_the_tile_it_fits_into(photo: MultiViewPredictor) -> None:
    answer = photo.answer(*BOX)
    assert answer.crop in photo.tiles
    assert [(view.crop, view.is_flipped) for view in answer.views] == [
        (None, False),
        (None, True),
        (answer.crop, False),
    ]
    x0, y0, x1, y1 = answer.crop
    mask, (x, y, w, h) = answer.mask(), cv2.boundingRect(answer.mask().astype(np.uint8))
    assert mask.shape == SIZE
    assert mask.any()
    assert x0 <= x < x + w <= x1
    assert y0 <= y < y + h <= y1
    assert np.array_equal(answer.merged.logits, merge_views(answer.by_view)[0])


@torch.inference_mode()
def test_an_answer_that_fits_into_no_tile_is_the_whole_photo_s(photo: MultiViewPredictor) -> None:
    box = np.array([[60.0, 40.0], [780.0, 560.0]]), np.array([2, 3])
    assert photo.answer(*box).crop is None


@torch.inference_mode()
def test_the_flipped_photo_takes_part_for_boxes_and_from_the_second_click_on(photo: MultiViewPredictor) -> None:
    points, labels = click(400, 300)
    first = photo.answer(points, labels)
    then = photo.answer(np.concatenate([points, [[410, 300]]]), np.append(labels, 1), first)
    boxed = photo.answer(*BOX)
    assert [any(view.is_flipped for view in answer.views) for answer in (first, then, boxed)] == [False, True, True]


@torch.inference_mode()
def test_a_flip_changes_nothing_but_what_the_model_sees(sam: Sam) -> None:
    # 64 px of the model show 13 of the photo's 15 columns per cell: the last cell lies half on the photo
    noise = np.random.default_rng(1).integers(0, 256, (300, 247, 3), dtype=np.uint8)
    flipped = np.ascontiguousarray(noise[:, ::-1])
    seen = EncodedView(sam, noise, is_flipped=True)
    box, labels = np.array([[30.0, 40.0], [150.0, 220.0]]), np.array([2, 3])
    there = np.array([[247 - 150.0, 40.0], [247 - 30.0, 220.0]])
    for points, other, kinds in (
        (box, there, labels),
        (*(click(x, 90)[0] for x in (60, 247 - 1 - 60)), click(0, 0)[1]),
    ):
        ours, expected = seen.decode(points, kinds, None), EncodedView(sam, flipped).decode(other, kinds, None)
        columns = -(-seen.view.geometry.input_size[1] * ours.logits.shape[-1] // sam.image_size)
        difference = np.abs(ours.logits[..., :columns] - expected.logits[..., :columns][..., ::-1])
        assert np.median(difference) < 0.2 * ours.logits.std()  # the widened edge moves everything by half a pixel
        assert np.allclose(ours.predicted_iou, expected.predicted_iou, atol=0.1)


@torch.inference_mode()
def test_one_more_click_goes_on_in_every_view_from_what_it_gave(photo: MultiViewPredictor) -> None:
    first = photo.answer(*BOX)
    more = np.concatenate([[[721.0, 101.0]], BOX[0]]), np.array([1, 2, 3])
    then = photo.answer(*more, first)
    assert then.views == first.views
    for view, before, after in zip(first.views, first.by_view, then.by_view, strict=True):
        assert np.array_equal(after.logits, view.decode(*more, before.logits[first.chosen]).logits)


@torch.inference_mode()
def test_a_view_that_joins_later_goes_on_from_the_whole_photo_s_mask(photo: MultiViewPredictor) -> None:
    large = np.array([[60.0, 40.0], [780.0, 560.0]]), np.array([2, 3])
    first = photo.answer(*large)
    crop = EncodedView(photo.sam, photo.photo_rgb, photo.tiles[0])
    expected = on_grid_of(first.by_view[0].logits, first.by_view[0].view, crop.view)
    assert np.array_equal(first.start_for(crop), expected[first.chosen])


@torch.inference_mode()
def test_sharpening_adds_a_crop_around_the_answer_that_later_clicks_keep(photo: MultiViewPredictor) -> None:
    points, labels = BOX
    at_once = photo.answer(points, labels)
    sharp = photo.sharpen(at_once)
    assert sharp.crop not in {None, at_once.crop}
    assert np.array_equal(sharp.by_view[0].logits, at_once.by_view[0].logits)
    assert [view.is_flipped for view in sharp.views] == [False, True, False, True]
    then = photo.answer(np.concatenate([[[721.0, 101.0]], points]), np.append(1, labels), sharp)
    assert then.crop == sharp.crop


@torch.inference_mode()
def test_a_published_model_answers_from_the_whole_photo_alone(photo: MultiViewPredictor, sam: Sam) -> None:
    sam.policy = replace(sam.policy, uses_flip=False, uses_crops=False)
    plain = MultiViewPredictor(sam, photo.photo_rgb)
    answer = plain.answer(*BOX)
    assert answer.views == (plain.whole,)
    assert plain.sharpen(answer) is answer


@torch.inference_mode()
def test_most_views_bounds_the_views_and_the_most_useful_come_first(photo: MultiViewPredictor, sam: Sam) -> None:
    points, labels = click(720, 105)
    two = np.concatenate([points, [[721, 106]]]), np.append(labels, 1)

    def views(most: int, prompt: tuple[np.ndarray, np.ndarray], *, on_crop: bool = False) -> list[tuple[bool, bool]]:
        asked = MultiViewPredictor(sam, photo.photo_rgb, most_views=most)
        asked.tiles = [*photo.tiles, (0, 0, 800, 600)] if on_crop else photo.tiles  # one that every answer fits into
        before = asked.answer(*BOX) if on_crop else None
        return [(view.crop is not None, view.is_flipped) for view in asked.answer(*prompt, before).views]

    whole, flip, crop = (False, False), (False, True), (True, False)
    large = np.array([[10.0, 10.0], [800.0, 600.0]]), np.array([2, 3])
    assert views(1, BOX) == [whole]
    assert views(2, BOX) == [whole, crop]
    assert views(2, large) == [whole, flip]
    assert views(2, two) == [whole, flip]
    assert views(2, two, on_crop=True) == [whole, crop]
    assert views(3, BOX) == [whole, flip, crop]


def test_a_policy_states_its_time_in_whole_milliseconds() -> None:
    written = MaskPolicy().to_manifest()
    assert written["budget_ms"] == 50
    assert MaskPolicy.from_manifest(written | {"budget_ms": 80}).budget_ms == 80
    for wrong in (True, 50.0, 0, "50"):
        with pytest.raises(ValueError, match="no mask policy"):
            MaskPolicy.from_manifest(written | {"budget_ms": wrong})
