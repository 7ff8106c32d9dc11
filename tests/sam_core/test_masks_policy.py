"""The mask policy: one value, one function, the published behaviour by default."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sam_core.geometry import PhotoGeometry
from sam_core.masks.clicks import keep_clicks
from sam_core.masks.policy import PUBLISHED, MaskAnswer, MaskPolicy, apply_policy
from sam_core.masks.upsample import mask_at_original_size
from sam_core.masks.views import View, ViewAnswer
from sam_core.registry import MODELS

GEOMETRY = PhotoGeometry(64, (48, 64), (96, 128))


def test_a_policy_survives_its_manifest() -> None:
    policy = MODELS["sam_lite"].build_untrained().policy
    assert policy != PUBLISHED
    assert MaskPolicy.from_manifest(policy.to_manifest()) == policy
    assert MODELS["sam_tiny_test"].build_untrained().policy == PUBLISHED


@pytest.mark.parametrize("change", [{"unknown": True}, {"uses_flip": "yes"}, None])
def test_a_policy_of_another_version_is_refused(change: dict[str, object] | None) -> None:
    written = PUBLISHED.to_manifest() | (change or {})
    if change is None:
        written.pop("uses_flip")
    with pytest.raises(ValueError, match="mask policy"):
        MaskPolicy.from_manifest(written)


def test_the_published_policy_shows_logits_as_decoded_and_the_best_by_predicted_iou() -> None:
    logits = np.random.default_rng(0).normal(size=(4, 32, 32)).astype(np.float32)
    answer = ViewAnswer(View(GEOMETRY), np.zeros((2, 2)), logits, np.array([0.9, 0.1, 0.5, 0.2], np.float32))
    found = apply_policy(PUBLISHED, [answer], np.array([1, -1]))
    assert found.mask_logits is logits
    assert found.chosen == 2


@pytest.mark.parametrize(
    ("labels", "is_asked"), [([1, -1], False), ([0, -1], False), ([1, 1, -1], True), ([2, 3], True)]
)
def test_flipped_views_are_asked_where_they_pay(labels: list[int], is_asked: bool) -> None:
    policy = replace(PUBLISHED, uses_flip=True)
    assert policy.flips_for(np.array(labels)) is is_asked
    assert not PUBLISHED.flips_for(np.array(labels))


@pytest.mark.parametrize("original_size", [(96, 128), (30, 40), (3000, 4000)])
def test_every_clicked_pixel_is_on_its_side_at_the_photo_s_size(original_size: tuple[int, int]) -> None:
    """Whatever the photo's size: up-sampling reads no cell beyond those that are set."""
    geometry = replace(GEOMETRY, original_size=original_size)
    rng = np.random.default_rng(4)
    height, width = original_size
    for sign in (-1, 1):
        logits = np.full((1, 32, 32), -8 * sign, np.float32)
        for x, y in [(0, 0), (width - 1, height - 1), *rng.integers(0, (width, height), (20, 2)).tolist()]:
            coords = (np.array([[x, y]]) + 0.5) * (64 / width) - 0.5
            kept = keep_clicks(logits, coords, np.array([int(sign > 0)]), geometry)
            mask = mask_at_original_size(kept[0], geometry)
            assert mask[y, x] == (sign > 0)
            assert np.count_nonzero(kept != logits) <= 9


def test_one_more_click_changes_little_far_away() -> None:
    """Near the click the new logits count alone, far away the previous mask counts as much as they do."""
    view = View(PhotoGeometry(512, (384, 512), (768, 1024)))
    side = 256
    previous = np.full((4, side, side), -3, np.float32)
    previous[:, :, 128:] = 3
    new = np.full((4, side, side), 2, np.float32)
    labels, coords = np.array([1, -1, 1]), np.array([[400.0, 200], [0, 0], [250.0, 200]])
    before = MaskAnswer(view, previous, previous, np.zeros(4, np.float32), 2)
    answer = ViewAnswer(view, coords, new, np.zeros(4, np.float32))
    policy = replace(PUBLISHED, blends_far=True)
    blended = apply_policy(policy, [answer], labels, before=before)
    assert blended.logits is new
    assert (blended.mask_logits[0, 90:110, 120:130] == 2).all()
    assert (blended.mask_logits[0, :192, :90] == -0.5).all()
    assert (blended.mask_logits[1:] == 2).all()
    assert (apply_policy(policy, [answer], labels).mask_logits == 2).all()
    assert (apply_policy(PUBLISHED, [answer], labels, before=before).mask_logits == 2).all()
    crop = View(PhotoGeometry(512, (512, 512), (100, 100)), (10, 10))
    cut = MaskAnswer(crop, previous, previous, np.zeros(4, np.float32), 0)
    assert (apply_policy(policy, [answer], labels, before=cut).mask_logits == 2).all()
