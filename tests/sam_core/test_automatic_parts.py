"""The parts of automatic mask generation: pinned figures, grid, crops, edges, NMS and decoding, by hand and by rule."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sam_core.automatic import AutomaticConfig
from sam_core.automatic.candidates import Candidate, Candidates
from sam_core.automatic.decoding import GridDecoder
from sam_core.automatic.filters import clean_small_regions, drop_duplicates_between_crops, is_cut_by_crop
from sam_core.automatic.grid import build_point_grid, crops_of, points_of
from sam_core.automatic.measure import is_hopeless, measure
from sam_core.automatic.nms import box_nms, mask_nms
from sam_core.embedding import IMAGE_EMBEDDINGS
from sam_core.errors import SamCoreError
from sam_core.geometry import PhotoGeometry
from sam_core.masks import rle
from sam_core.masks.stability import stability_score
from sam_core.masks.upsample import mask_at_original_size, upsampled_bands
from tests.sam_core.straightforward_automatic import PUBLISHED
from tests.sam_core.tiny_models import untrained_sam


def test_the_figures_are_the_papers() -> None:
    assert asdict(AutomaticConfig()) == {
        "points_per_side": 32,
        "points_per_batch": 64,
        "predicted_iou_threshold": 0.88,
        "stability_score_threshold": 0.95,
        "stability_score_offset": 1.0,
        "box_nms_threshold": 0.7,
        "crop_layers": 0,
        "crop_nms_threshold": 0.7,
        "crop_overlap_ratio": 512 / 1500,
        "crop_points_downscale": 2,
        "crop_edge_tolerance_px": 20.0,
        "min_region_area_px": 100,
        "max_area_ratio": 0.95,
        "mask_nms_threshold": 0.7,
        "is_exact": False,
    }


def test_the_published_code_differs_where_it_leaves_out_the_paper() -> None:
    ours = asdict(AutomaticConfig())
    assert all(value != ours[name] for name, value in PUBLISHED.items())
    assert asdict(AutomaticConfig(**PUBLISHED)) == ours | PUBLISHED


@pytest.mark.parametrize(
    "changes",
    [
        {"points_per_side": 0},
        {"points_per_batch": 0},
        {"crop_points_downscale": 0},
        {"predicted_iou_threshold": -0.1},
        {"stability_score_threshold": 1.1},
        {"box_nms_threshold": float("nan")},
        {"max_area_ratio": 2},
        {"crop_overlap_ratio": -1},
        {"crop_layers": 9},
        {"crop_layers": -1},
        {"stability_score_offset": -1},
        {"min_region_area_px": -1},
        {"mask_nms_threshold": 1.5},
    ],
)
def test_figures_that_mean_nothing_are_refused(changes: Any) -> None:
    with pytest.raises(SamCoreError):
        AutomaticConfig(**changes)


def test_the_grid_is_the_centres_of_cells() -> None:
    assert build_point_grid(1).tolist() == [[0.5, 0.5]]
    assert build_point_grid(2).tolist() == [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]]
    assert build_point_grid(32).shape == (1024, 2)


def test_crops_of_a_photo_of_the_papers_size() -> None:
    config = AutomaticConfig(crop_layers=2)
    crops = crops_of((1500, 2250), config)
    assert [crop.layer for crop in crops] == [0] + [1] * 4 + [2] * 16
    assert crops[0].box_xyxy == (0, 0, 2250, 1500)
    assert [crop.box_xyxy for crop in crops[1:5]] == [
        (0, 0, 1381, 1006),
        (0, 494, 1381, 1500),
        (869, 0, 2250, 1006),
        (869, 494, 2250, 1500),
    ]
    assert crops[5].box_xyxy == (0, 0, 755, 567)
    assert [len(points_of(crop, config)) for crop in (crops[0], crops[1], crops[5])] == [1024, 256, 64]


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(0, 3))
def test_crops_cover_the_photo_and_stay_inside(height: int, width: int, layers: Any) -> None:
    config = AutomaticConfig(crop_layers=layers, points_per_side=4)
    crops = crops_of((height, width), config)
    for layer in range(layers + 1):
        boxes = np.array([crop.box_xyxy for crop in crops if crop.layer == layer]).reshape(-1, 4)
        assert (boxes[:, :2] >= 0).all()
        assert (boxes[:, 2:] <= (width, height)).all()
        assert (boxes[:, 2:] > boxes[:, :2]).all()
        for low, high, length in ((0, 2, width), (1, 3, height)):
            covered = np.zeros(length, bool)
            for box in boxes:
                covered[box[low] : box[high]] = True
            assert covered.all()
    points = points_of(crops[-1], config)
    assert (points > 0).all()
    assert (points < crops[-1].size[::-1]).all()


def test_a_mask_at_the_crops_edge_goes_unless_the_photo_ends_there() -> None:
    crop, photo = (100, 0, 500, 400), (800, 1000)
    assert is_cut_by_crop((120, 50, 300, 300), crop, photo, 20)  # 20 px from the left edge
    assert not is_cut_by_crop((121, 50, 300, 300), crop, photo, 20)
    assert not is_cut_by_crop((200, 0, 300, 300), crop, photo, 20)  # the photo's own upper edge
    assert is_cut_by_crop((200, 100, 300, 390), crop, photo, 20)
    assert not is_cut_by_crop((0, 0, 999, 799), (0, 0, 1000, 800), photo, 20)


def test_box_nms_by_hand() -> None:
    boxes = [[0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30], [0, 0, 10, 10], [5, 5, 5, 9], [5, 5, 5, 9]]
    kept = box_nms(np.array(boxes), np.array([0.5, 0.9, 0.1, 0.5, 0.3, 0.3]), threshold=0.7)
    assert kept.tolist() == [1, 4, 5, 2]  # a line has no area and so no overlap
    assert box_nms(np.array(boxes[:2]), np.array([0.5, 0.5]), threshold=0.95).tolist() == [0, 1]
    assert box_nms(np.array(boxes[:2]), np.array([0.5, 0.5]), threshold=0.5).tolist() == [0]
    assert box_nms(np.zeros((0, 4)), np.zeros(0), threshold=0.7).tolist() == []


@settings(deadline=None)
@given(st.integers(0, 999), st.floats(0, 1))
@example(60, 1 / 3)  # a float32 IoU of a third lies above the threshold, which is a double in the published code
def test_box_nms_keeps_no_overlap_and_drops_nothing_without_one(seed: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, 20, (30, 2))
    boxes = np.concatenate([corners, corners + rng.integers(1, 12, (30, 2))], axis=1)
    scores = rng.integers(0, 5, 30) / 5
    kept = box_nms(boxes, scores, threshold=threshold).tolist()

    def iou(a: Any, b: Any) -> Any:
        shared = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
        return float(np.float32(shared) / np.float32((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - shared))

    assert [scores[index] for index in kept] == sorted((scores[index] for index in kept), reverse=True)
    for index in range(30):
        rivals = [k for k in kept if k != index and (scores[k], -k) > (scores[index], -index)]
        is_beaten = any(iou(boxes[index], boxes[k]) > threshold for k in rivals)
        assert is_beaten != (index in kept)


def square(top: Any, left: Any, side: int, size: Any = (40, 40)) -> Any:
    mask = np.zeros(size, bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_mask_nms_sees_duplicates_that_boxes_hide() -> None:
    speck = square(5, 5, 10)
    speck[39, 39] = True  # one stray pixel makes another box of the same mask
    masks = [rle.encode(mask) for mask in (square(5, 5, 10), speck, square(20, 20, 10))]
    boxes = np.array([[5, 5, 14, 14], [5, 5, 39, 39], [20, 20, 29, 29]])
    scores = np.array([0.9, 0.95, 0.8])
    assert sorted(box_nms(boxes, scores, threshold=0.7)) == [0, 1, 2]
    assert mask_nms(masks, scores, threshold=0.7).tolist() == [1, 2]
    assert mask_nms([], np.zeros(0), threshold=0.7).tolist() == []


def candidate(mask: np.ndarray, crop: Any = (0, 0, 40, 40), iou: Any = 0.9) -> Any:
    encoded = rle.encode(mask)
    x, y, width, height = rle.bbox_xywh(encoded)
    return Candidate(encoded, (x, y, width, height), rle.area(encoded), iou, 1.0, (1.0, 2.0), crop)


def test_of_duplicates_the_one_from_the_smaller_crop_stays() -> None:
    rows = Candidates([candidate(square(5, 5, 10)), candidate(square(5, 5, 10), crop=(0, 0, 20, 20), iou=0.1)])
    (kept,) = drop_duplicates_between_crops(rows, AutomaticConfig()).rows
    assert kept.crop_box_xyxy == (0, 0, 20, 20)


def test_small_parts_and_holes_go_and_untouched_masks_win() -> None:
    dirty = square(5, 5, 20)
    dirty[10:12, 10:12] = False
    dirty[35, 35] = True
    rows = Candidates([candidate(dirty, iou=0.99), candidate(square(5, 5, 20)), candidate(square(30, 2, 3))])
    kept = clean_small_regions(rows, AutomaticConfig(min_region_area_px=5)).rows
    assert [row.predicted_iou for row in kept] == [0.9, 0.9]
    (alone,) = clean_small_regions(Candidates(rows.rows[:1]), AutomaticConfig(min_region_area_px=5)).rows
    assert alone.mask == rle.encode(square(5, 5, 20))
    assert (alone.area_px, alone.box_xywh) == (400, (5, 5, 20, 20))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 999), st.sampled_from([(90, 120), (500, 333), (64, 64)]))
def test_measuring_is_up_sampling_and_counting(seed: int, size: Any) -> None:
    geometry = PhotoGeometry(128, tuple(round(side * 128 / max(size)) for side in size), size)
    logits = np.random.default_rng(seed).normal(-1, 2, (32, 32)).astype(np.float32)
    measured = measure(logits, geometry, offset=1.0)
    mask = mask_at_original_size(logits, geometry)
    again = np.zeros(size, bool)
    height, width = measured.pixels.shape
    again[measured.top : measured.top + height, measured.left : measured.left + width] = measured.pixels
    assert np.array_equal(again, mask)
    assert measured.area_px == mask.sum()
    plane = np.concatenate([band.values for band in upsampled_bands(logits, geometry, above=-1e6)])
    assert measured.stability_score == stability_score(plane)
    if mask.any():
        assert measured.pixels[0].any()
        assert measured.pixels[:, -1].any()


def test_nothing_to_measure_is_an_empty_mask_and_hopeless() -> None:
    geometry = PhotoGeometry(64, (64, 48), (640, 480))
    nothing = np.full((32, 32), -9, np.float32)
    assert measure(nothing, geometry, offset=1.0).area_px == 0
    assert is_hopeless(nothing, geometry, threshold=0.5, offset=1.0)
    nothing[:, 30:] = 9  # on the padding, which is no part of the photo
    assert is_hopeless(nothing, geometry, threshold=0.5, offset=1.0)
    nothing[:16, :16] = 9
    assert not is_hopeless(nothing, geometry, threshold=0.95, offset=1.0)


@pytest.mark.parametrize("name", ["sam_tiny_test", "sam_lite"])
def test_fused_decoding_answers_as_the_decoder(name: str) -> None:
    torch.manual_seed(3)
    model = untrained_sam(name).eval()
    side, dim = model.embedding_size, model.prompt_encoder.embed_dim
    embedding, points = {IMAGE_EMBEDDINGS: torch.randn(1, dim, side, side)}, torch.rand(6, 2) * model.image_size
    coords, labels = torch.stack([points, torch.zeros_like(points)], 1), torch.tensor([[1, -1]]).expand(6, 2)
    with torch.inference_mode():
        logits, iou = model.decode(embedding, coords, labels)
        decoder = GridDecoder(model, embedding)
        pieces = decoder.decode(points)
        assert torch.cat([piece.predicted_iou for piece in pieces]) == pytest.approx(iou, abs=1e-5)
        first = 0
        for piece in pieces:
            wanted = [(click, token) for click in reversed(range(len(piece.predicted_iou))) for token in range(4)]
            masks = piece.low_res_logits([c for c, _ in wanted], [t for _, t in wanted])
            expected = torch.stack([logits[first + click, token] for click, token in wanted])
            assert masks.shape == expected.shape
            assert (masks - expected).abs().max() < 1e-5 * max(1.0, float(expected.abs().max()))
            first += len(piece.predicted_iou)
    assert first == 6
