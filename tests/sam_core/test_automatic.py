"""Automatic mask generation as a whole, on a trained miniature, against the same thing written down plainly."""

import json
import tracemalloc
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from sam_core.automatic import AutomaticConfig, AutomaticMaskGenerator
from sam_core.errors import InvalidImageError
from sam_core.masks import rle
from tests.sam_core.click_model import click_predictor
from tests.sam_core.straightforward_automatic import PUBLISHED, straightforward_masks

# the miniature is less sure of itself than a real model
LENIENT: dict[str, Any] = {"points_per_side": 8, "predicted_iou_threshold": 0.7, "stability_score_threshold": 0.6}


def photo(height: int, width: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def generate(image: Any, config: Any, on_progress: Any = None) -> Any:
    return AutomaticMaskGenerator(click_predictor(), config).generate(image, on_progress)


@pytest.mark.parametrize(
    ("size", "changes"),
    [
        ((300, 200), {}),
        ((201, 333), {"crop_layers": 1, "crop_points_downscale": 2}),
        ((150, 200), {"min_region_area_px": 100, "points_per_batch": 20}),
        ((190, 260), {"crop_layers": 1, "min_region_area_px": 60, "stability_score_threshold": 0.45}),
    ],
)
def test_the_masks_are_those_of_the_straightforward_loop(size: Any, changes: Any) -> None:
    config = AutomaticConfig(**{**PUBLISHED, **LENIENT, **changes})
    image = photo(*size)
    expected = straightforward_masks(click_predictor(), image, config)
    found = generate(image, config)
    assert len(found) >= 3
    assert len(found) == len(expected)
    for one, plain in zip(found, expected, strict=True):
        # sums in another order: a logit within rounding of zero may fall on the other side
        assert np.count_nonzero(rle.decode(one["segmentation"]) != plain.mask) <= 2
        assert one["predicted_iou"] == pytest.approx(plain.predicted_iou, abs=1e-5)
        assert one["stability_score"] == pytest.approx(plain.stability_score, abs=2e-3)  # a pixel or two


@pytest.mark.parametrize("size", [(300, 200), (97, 160)])
def test_deciding_at_low_resolution_changes_nothing_here(size: tuple[int, int]) -> None:
    image = photo(*size, seed=1)
    exact = AutomaticConfig(**LENIENT, is_exact=True)
    early = AutomaticConfig(**LENIENT, is_exact=False)
    assert generate(image, exact) == generate(image, early) != []


def test_annotations_have_the_form_of_sa1b() -> None:
    image = photo(201, 333)
    found = generate(image, AutomaticConfig(**LENIENT, crop_layers=1))
    assert json.loads(json.dumps(found)) == found
    assert [one["id"] for one in found] == list(range(1, len(found) + 1))
    for one in found:
        assert set(one) == {
            *("id", "segmentation", "bbox", "area", "predicted_iou", "stability_score", "crop_box", "point_coords")
        }
        assert one["segmentation"]["size"] == [201, 333]
        assert one["bbox"] == rle.bbox_xywh(one["segmentation"])
        assert one["area"] == rle.area(one["segmentation"])
        assert one["predicted_iou"] > 0.7
        assert 0.6 <= one["stability_score"] <= 1
        ((x, y),) = one["point_coords"]
        left, top, width, height = one["crop_box"]
        assert left < x < left + width
        assert top < y < top + height


def test_masks_near_an_inner_crop_edge_are_only_found_in_other_crops() -> None:
    image = photo(240, 240)
    found = generate(image, AutomaticConfig(**LENIENT, crop_layers=1))
    in_crops = [one for one in found if one["crop_box"][2:] != [240, 240]]
    assert in_crops
    for one in in_crops:
        (x, y, width, height), (left, top, crop_width, crop_height) = one["bbox"], one["crop_box"]
        assert left == 0 or x - left > 20
        assert top == 0 or y - top > 20
        assert left + crop_width == 240 or left + crop_width - (x + width - 1) > 20
        assert top + crop_height == 240 or top + crop_height - (y + height - 1) > 20


def test_duplicates_are_gone_and_large_masks_and_small_regions_too() -> None:
    image = photo(300, 200)
    masks = [one["segmentation"] for one in generate(image, AutomaticConfig(**LENIENT, mask_nms_threshold=0.5))]
    overlap = rle.iou_matrix(masks, masks)
    assert (overlap[~np.eye(len(masks), dtype=bool)] <= 0.5).all()
    everything = generate(image, AutomaticConfig(**LENIENT, mask_nms_threshold=None, max_area_ratio=1.0))
    limit = sorted(one["area"] for one in everything)[len(everything) // 2]
    small = generate(image, AutomaticConfig(**LENIENT, mask_nms_threshold=None, max_area_ratio=limit / 60_000))
    assert 0 < len(small) < len(everything)
    assert max(one["area"] for one in small) <= limit


def test_progress_counts_every_click_once() -> None:
    calls = []
    config = AutomaticConfig(**{**LENIENT, "points_per_batch": 10}, crop_layers=1)
    generate(photo(200, 150), config, on_progress=lambda done, total: calls.append((done, total)))
    assert {total for _, total in calls} == {64 + 4 * 16}
    assert calls[-1][0] == 128
    assert all(before < after for (before, _), (after, _) in pairwise(calls))


def test_an_exception_in_the_callback_ends_the_run() -> None:
    class StoppedError(Exception):
        pass

    def stop(done: Any, total: Any) -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        generate(photo(100, 100), AutomaticConfig(**LENIENT), on_progress=stop)


def test_nothing_good_enough_is_no_mask() -> None:
    assert generate(photo(80, 120), AutomaticConfig(points_per_side=4, predicted_iou_threshold=5)) == []


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 50, 3), (30, 1, 3)])
def test_tiny_photos_are_searched_as_well(shape: Any) -> None:
    found = generate(np.zeros(shape, np.uint8), AutomaticConfig(**LENIENT, crop_layers=2, crop_points_downscale=1))
    assert all(one["segmentation"]["size"] == list(shape[:2]) for one in found)


@pytest.mark.parametrize("bad", [np.zeros((5, 5)), np.zeros((5, 5, 4), np.uint8), np.zeros((5, 5, 3)), None])
def test_what_is_no_photo_is_refused(bad: Any) -> None:
    with pytest.raises(InvalidImageError):
        generate(bad, AutomaticConfig())


def test_memory_does_not_grow_with_the_candidates() -> None:
    image = photo(750, 1000)
    config = AutomaticConfig(**LENIENT)
    generate(image, config)  # fills caches
    tracemalloc.start()
    found = generate(image, config)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) > 3
    assert peak < 10 * image.shape[0] * image.shape[1]  # 64 clicks' float logits would take 256 times as much again
