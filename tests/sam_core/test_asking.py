"""Objects asked for as the workspace asks: at once, then from near by, then where was looked."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from sam_core.asking import AskedPhoto
from sam_core.masks.choice import still_chosen
from sam_core.masks.closer import merged_logits
from sam_core.modeling.sam import Sam
from tests.sam_core.click_model import click_predictor

SIZE = (300, 400)


@pytest.fixture
def sam(monkeypatch: pytest.MonkeyPatch) -> Sam:
    """A model whose masks are blobs around the click, which looks closer."""
    model = click_predictor().model
    monkeypatch.setattr(model, "looks_closer", True)
    return model


@pytest.fixture
def photo(sam: Sam) -> AskedPhoto:
    noise = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    with torch.inference_mode():
        return AskedPhoto(sam, noise)


def click(x: float, y: float) -> tuple[np.ndarray, np.ndarray]:
    return np.array([[x, y], [0.0, 0.0]]), np.array([1, -1])


@torch.inference_mode()
def test_a_small_answer_is_looked_at_where_it_is(photo: AskedPhoto) -> None:
    at_once = photo.answer_at_once(*click(120, 90))
    closer = photo.look_closer(at_once)
    part = closer.encoded.part
    assert part is not None
    x0, y0, x1, y1 = part
    assert x0 < 120 < x1 < x0 + 300
    assert y0 < 90 < y1
    mask, (x, y, w, h) = closer.mask(), cv2.boundingRect(closer.mask().astype(np.uint8))
    assert mask.shape == SIZE
    assert mask.any()
    assert x0 <= x < x + w <= x1
    assert y0 <= y < y + h <= y1
    assert not np.array_equal(mask, at_once.mask())


@torch.inference_mode()
def test_more_clicks_in_the_part_are_answered_by_both_views_each_from_its_own_grid(photo: AskedPhoto) -> None:
    points, labels = click(120, 90)
    at_once = photo.answer_at_once(points, labels)
    first = photo.look_closer(at_once)
    more = np.concatenate([points, [[121, 91]]]), np.append(labels, 1)
    then = photo.ask_on(*more, first)
    assert then.encoded is first.encoded
    near, _ = first.encoded.decode(*more, first.logits[first.chosen])
    far, _ = photo.whole.decode(*more, at_once.logits[at_once.chosen])
    assert np.array_equal(then.logits, merged_logits(far, near, photo.whole.view, first.encoded.view))
    assert then.chosen == 0


@torch.inference_mode()
def test_a_click_beyond_the_part_leaves_it(photo: AskedPhoto) -> None:
    points, labels = click(120, 90)
    at_once = photo.answer_at_once(points, labels)
    beyond = np.concatenate([points, [[399, 299]]]), np.append(labels, 0)
    then = photo.ask_on(*beyond, photo.look_closer(at_once))
    expected = photo.look_closer(photo.answer_at_once(*beyond, at_once))
    assert then.encoded.part == expected.encoded.part
    assert np.array_equal(then.logits, expected.logits)


@torch.inference_mode()
def test_a_part_of_a_large_photo_is_looked_at_again(sam: Sam) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (900, 1200, 3), dtype=np.uint8)
    large = AskedPhoto(sam, noise)
    at_once = large.answer_at_once(*click(200, 200))
    seen = large.look_closer(at_once)
    assert seen.afar is not None
    assert seen.afar.afar is at_once
    (x0, y0, x1, y1), (a0, b0, a1, b1) = seen.encoded.part or (0,) * 4, seen.afar.encoded.part or (0,) * 4
    assert a0 <= x0 < x1 <= a1
    assert b0 <= y0 < y1 <= b1
    assert x1 - x0 < a1 - a0
    # once the view has been left, clicks are answered from the whole photo, which has no mask to go on from
    beyond = np.array([[200, 200], [1199, 899]]), np.array([1, 0])
    expected = large.look_closer(large.answer_at_once(*beyond))
    assert np.array_equal(large.ask_on(*beyond, seen).logits, expected.logits)


@torch.inference_mode()
def test_a_model_that_does_not_look_closer_answers_once(photo: AskedPhoto, sam: Sam) -> None:
    sam.looks_closer = False
    at_once = photo.answer_at_once(*click(120, 90))
    assert photo.look_closer(at_once) is at_once
    assert photo.ask_on(*click(50, 50), at_once).encoded is photo.whole


def test_what_is_shown_stays_unless_another_is_clearly_better() -> None:
    scores = np.array([0.0, 1.0, 1.05, 1.25], np.float32)
    assert still_chosen(scores, chosen=2, kept=1) == 1
    assert still_chosen(scores, chosen=3, kept=1) == 3
    assert still_chosen(scores, chosen=1, kept=1) == 1
