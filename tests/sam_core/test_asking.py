"""Objects asked for as the workspace asks: at once, then in a mirror and from near by, then where was looked."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
import torch

from sam_core.asking import AskedPhoto, EncodedView
from sam_core.masks.choice import still_chosen
from sam_core.masks.closer import merged_views
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
    at_once = photo.answer_at_once(*click(340, 60))
    closer = photo.look_closer(at_once)
    part = closer.encoded.part
    assert part is not None
    x0, y0, x1, y1 = part
    assert x0 < 340 < x1 < x0 + 300
    assert y0 < 60 < y1
    mask, (x, y, w, h) = closer.mask(), cv2.boundingRect(closer.mask().astype(np.uint8))
    assert mask.shape == SIZE
    assert mask.any()
    assert x0 <= x < x + w <= x1
    assert y0 <= y < y + h <= y1
    assert not np.array_equal(mask, at_once.mask())


@torch.inference_mode()
def test_the_photo_is_seen_in_a_mirror_and_so_is_the_part(photo: AskedPhoto) -> None:
    closer = photo.look_closer(photo.answer_at_once(*click(340, 60)))
    plain, mirrored, *parts, near, near_in_mirror = (one.encoded for one in closer.seen)
    assert (plain, mirrored) == (photo.whole, photo.in_mirror)
    assert near.part == near_in_mirror.part is not None
    assert not any(one.is_mirrored for one in (plain, *parts, near))
    assert near_in_mirror.is_mirrored


@torch.inference_mode()
def test_a_mirror_turns_nothing_but_what_the_model_sees(sam: Sam) -> None:
    # 64 px of the model show 13 of the photo's 15 columns per cell: the last cell lies half on the photo
    noise = np.random.default_rng(1).integers(0, 256, (300, 247, 3), dtype=np.uint8)
    flipped = np.ascontiguousarray(noise[:, ::-1])
    seen = EncodedView(sam, noise, is_mirrored=True)
    box, labels = np.array([[30.0, 40.0], [150.0, 220.0]]), np.array([2, 3])
    there = np.array([[247 - 150.0, 40.0], [247 - 30.0, 220.0]])
    for points, other, kinds in (
        (box, there, labels),
        (*(click(x, 90)[0] for x in (60, 247 - 1 - 60)), click(0, 0)[1]),
    ):
        logits, scores = seen.decode(points, kinds, None)
        expected, expected_scores = EncodedView(sam, flipped).decode(other, kinds, None)
        columns = -(-seen.view.geometry.input_size[1] * logits.shape[-1] // sam.image_size)
        difference = np.abs(logits[..., :columns] - expected[..., :columns][..., ::-1])
        assert np.median(difference) < 0.2 * logits.std()  # the widened edge moves everything by half a model pixel
        assert np.allclose(scores, expected_scores, atol=0.1)


@torch.inference_mode()
def test_more_clicks_in_the_part_are_answered_by_all_views_each_from_its_own_grid(photo: AskedPhoto) -> None:
    points, labels = click(340, 60)
    first = photo.look_closer(photo.answer_at_once(points, labels))
    more = np.concatenate([points, [[341, 61]]]), np.append(labels, 1)
    then = photo.ask_on(*more, first)
    starts = [*(one.logits for one in first.seen[:-1]), first.merged[0]]
    own = [one.encoded.decode(*more, start[first.chosen]) for one, start in zip(first.seen, starts, strict=True)]
    assert [one.encoded for one in then.seen] == [one.encoded for one in first.seen]
    assert all(np.array_equal(one.logits, logits) for one, (logits, _) in zip(then.seen, own, strict=True))
    views = [one.encoded.view for one in then.seen]
    together, _ = merged_views(views, *zip(*own, strict=True), shown=0)
    assert np.array_equal(then.merged[0], together)
    assert then.chosen == 0


@torch.inference_mode()
def test_a_lone_click_is_thought_over_and_all_that_is_shown_comes_from_the_views(photo: AskedPhoto) -> None:
    points, labels = click(340, 60)
    thought = photo.look_closer(photo.answer_at_once(points, labels))
    assert thought.picked is not None
    assert thought.chosen == thought.kept
    answers = [photo.whole.decode(points, labels, None)[0]]
    for _ in range(2):
        answers += [photo.whole.decode(points, labels, answer[k])[0] for answer in answers for k in (1, 2, 3)]
    asked = {answer[k].tobytes() for answer in answers for k in (1, 2, 3)}
    assert {thought.seen[0].logits[k].tobytes() for k in (1, 2, 3)} <= asked
    views = [one.encoded.view for one in thought.seen]
    logits, scores = ([getattr(one, name) for one in thought.seen] for name in ("logits", "scores"))
    together, sure = merged_views(views, logits, scores, shown=None)
    assert np.allclose(thought.merged[0], together, atol=1e-5)
    assert np.allclose(thought.merged[1], sure, atol=1e-6)


@torch.inference_mode()
@pytest.mark.parametrize(
    ("points", "labels"),
    [
        ([[340, 60], [0, 0]], [0, -1]),
        ([[320, 40], [360, 80]], [2, 3]),
        ([[340, 60], [350, 60], [0, 0]], [1, 1, -1]),
    ],
)
def test_what_is_not_ambiguous_is_not_thought_over(
    photo: AskedPhoto, points: list[list[float]], labels: list[int]
) -> None:
    answer = photo.look_closer(photo.answer_at_once(np.array(points, np.float64), np.array(labels)))
    assert len(answer.seen) > 1
    assert answer.picked is None


@torch.inference_mode()
def test_a_click_beyond_the_part_leaves_it_and_what_it_saw(photo: AskedPhoto) -> None:
    points, labels = click(340, 60)
    first = photo.look_closer(photo.answer_at_once(points, labels))
    beyond = np.concatenate([points, [[1, 299]]]), np.append(labels, 0)
    then = photo.ask_on(*beyond, first)
    for seen, before in zip(then.seen[:2], first.seen[:2], strict=True):
        assert seen.encoded is before.encoded
        assert np.array_equal(seen.logits, seen.encoded.decode(*beyond, before.logits[first.chosen])[0])
    assert all(one.encoded is not first.encoded for one in then.seen)


@torch.inference_mode()
def test_a_part_of_a_large_photo_is_looked_at_again(sam: Sam) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (900, 1200, 3), dtype=np.uint8)
    large = AskedPhoto(sam, noise)
    seen = large.look_closer(large.answer_at_once(*click(1100, 800))).seen
    assert len(seen) > 4
    assert [one.encoded.is_mirrored for one in seen[2:]] == [False] * (len(seen) - 3) + [True]
    assert seen[-1].encoded.part == seen[-2].encoded.part
    parts = [one.encoded.part or (0, 0, 1200, 900) for one in seen[1:-1]]
    for (a0, b0, a1, b1), (x0, y0, x1, y1) in itertools.pairwise(parts):
        assert a0 <= x0 < x1 <= a1
        assert b0 <= y0 < y1 <= b1
        assert x1 - x0 < a1 - a0


@torch.inference_mode()
def test_a_model_that_does_not_look_closer_answers_once(photo: AskedPhoto, sam: Sam) -> None:
    sam.looks_closer = False
    at_once = photo.answer_at_once(*click(340, 60))
    assert photo.look_closer(at_once) is at_once
    assert photo.ask_on(*click(50, 50), at_once).encoded is photo.whole


def test_what_is_shown_stays_unless_another_is_clearly_better() -> None:
    scores = np.array([0.0, 1.0, 1.05, 1.25], np.float32)
    assert still_chosen(scores, chosen=2, kept=1) == 1
    assert still_chosen(scores, chosen=3, kept=1) == 3
    assert still_chosen(scores, chosen=1, kept=1) == 1
