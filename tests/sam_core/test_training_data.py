"""Training samples: masks follow the pixels through everything that is done to a photo, and draws can be repeated."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from sam_core.geometry import LongestSide, Square
from sam_core.masks import rle
from sam_core.training.config import DataConfig
from sam_core.training.data import (
    CropDataset,
    crop_sample,
    draw_window,
    paste_object,
    paste_twin,
    read_records,
    turn,
    with_neighbour,
)
from sam_core.training.photo_memory import DataError, PhotoMemory


def test_samples_depend_on_seed_and_index_alone(photos: Path) -> None:
    sets = read_records((str(photos),))
    one, two = (CropDataset(sets, DataConfig(), geometry=LongestSide(64), seed=7) for _ in range(2))
    _ = two[3]
    assert np.array_equal(one[5].pixels, two[5].pixels)
    assert np.array_equal(one[5].masks, two[5].masks)
    assert not np.array_equal(one[5].pixels, one[6].pixels)


@pytest.mark.parametrize("max_stretch", [1.0, 2.0])
def test_masks_follow_the_pixels_through_crop_flip_and_scale(photos: Path, max_stretch: float) -> None:
    config = DataConfig(
        max_stretch=max_stretch, color_jitter=0.0, gray_probability=0.0, paste_probability=0.0, union_probability=0.0
    )
    sets = read_records((str(photos / "discs"),))
    dataset = CropDataset(sets, config, geometry=LongestSide(128), seed=2)
    for i in range(20):
        sample = dataset[i]
        red = (sample.pixels[2] > 180) & (sample.pixels[0] < 120)  # written as BGR (200, 30, x): blue is high
        for mask in sample.masks:
            inside = cv2.resize(mask, (128, 128), interpolation=cv2.INTER_NEAREST) > 0
            assert red[inside].mean() > 0.85


@pytest.mark.parametrize("max_stretch", [1.0, 1.5])
def test_crops_are_stretched_both_ways_by_no_more_than_asked(max_stretch: float) -> None:
    photo, mask = np.zeros((60, 80, 3), np.uint8), np.zeros((60, 80), np.uint8)
    mask[20:40, 30:60] = 1
    config = DataConfig(scale_range=(0.6, 0.6), max_stretch=max_stretch)  # small enough to stay whole when stretched
    rng = np.random.default_rng(5)
    samples = [crop_sample(photo, [mask], config, geometry=LongestSide(256), rng=rng) for _ in range(40)]
    ratios = [(s.valid_hw[0] / s.valid_hw[1]) / (60 / 80) for s in samples if s is not None]
    assert len(ratios) == 40
    assert 1 / max_stretch - 0.02 < min(ratios) < 1 / max_stretch + 0.1
    assert max_stretch - 0.1 < max(ratios) < max_stretch + 0.02


def test_near_crops_are_those_that_zoom_views_show() -> None:
    mask = np.zeros((300, 400), np.uint8)
    mask[100:130, 200:250] = 1  # 50 px long, its middle at (225, 115)
    config = DataConfig(near_probability=1.0, near_range=(1.5, 3.0))
    rng = np.random.default_rng(5)
    sides = []
    for _ in range(40):
        (y0, x0, y1, x1), scale = draw_window((300, 400), [mask], config, geometry=LongestSide(256), rng=rng)
        sides.append(x1 - x0)
        assert y1 - y0 == x1 - x0
        assert scale == pytest.approx((256 / sides[-1],) * 2)
        assert abs((x0 + x1) / 2 - 225) <= 1
        assert abs((y0 + y1) / 2 - 115) <= 1
    assert 75 <= min(sides) < 80
    assert 140 < max(sides) <= 150
    speck, wall = np.zeros((2, 300, 400), np.uint8)
    speck[299, 399] = wall[:, :] = 1
    assert draw_window((300, 400), [speck], config, geometry=LongestSide(256), rng=rng)[0] == (236, 336, 300, 400)
    assert draw_window((300, 400), [wall], config, geometry=LongestSide(256), rng=rng) == (
        (0, 0, 300, 400),
        (256 / 400,) * 2,
    )


def test_samples_of_a_square_model_fill_it() -> None:
    photo, mask = np.full((200, 300, 3), 9, np.uint8), np.ones((200, 300), np.uint8)
    config = DataConfig(scale_range=(1.0, 1.0), max_stretch=1.0, color_jitter=0.0, max_mask_area_ratio=1.0)
    square = crop_sample(photo, [mask], config, geometry=Square(64), rng=np.random.default_rng(3))
    padded = crop_sample(photo, [mask], config, geometry=LongestSide(64), rng=np.random.default_rng(3))
    assert square is not None
    assert padded is not None
    assert (square.valid_hw, padded.valid_hw) == ((64, 64), (43, 64))
    assert square.masks[0].all()


def test_near_crops_come_as_often_as_asked_and_other_samples_stay_what_they_were(photos: Path) -> None:
    sets = read_records((str(photos / "discs"),))
    plain, never, always = (
        CropDataset(sets, DataConfig(**near), geometry=LongestSide(64), seed=7)
        for near in ({}, {"near_probability": 0.0, "near_range": (1.0, 1.0)}, {"near_probability": 1.0})
    )
    assert np.array_equal(plain[5].pixels, never[5].pixels)
    assert not np.array_equal(plain[5].pixels, always[5].pixels)


def test_masks_turn_with_the_pixels() -> None:
    photo, mask = np.zeros((90, 120, 3), np.uint8), np.zeros((90, 120), np.uint8)
    mask[20:40, 60:100] = 1
    photo[mask > 0] = 255
    turned, (target,) = turn(photo, [mask], 15.0)
    bright = turned[:, :, 0] > 190  # the border of the padding lies at 127 and below
    assert (bright & (target > 0)).sum() > 0.9 * (bright | (target > 0)).sum()
    assert abs(int(target.sum()) - 800) < 40
    assert not np.array_equal(target, mask)
    assert turned[0, 0].tolist() == [127, 127, 127]
    same, (still,) = turn(photo, [mask], 0.0)
    assert np.array_equal(same, photo)
    assert np.array_equal(still, mask)


def test_photos_turn_as_often_as_asked_and_others_stay(photos: Path) -> None:
    sets = read_records((str(photos / "discs"),))
    still = CropDataset(sets, DataConfig(), geometry=LongestSide(64), seed=7)
    never = CropDataset(sets, DataConfig(rotation_probability=0.0, max_rotation=90.0), geometry=LongestSide(64), seed=7)
    always = CropDataset(sets, DataConfig(rotation_probability=1.0), geometry=LongestSide(64), seed=7)
    assert np.array_equal(still[5].pixels, never[5].pixels)
    assert not np.array_equal(still[5].pixels, always[5].pixels)


def test_a_pasted_object_covers_what_is_behind_it() -> None:
    rng = np.random.default_rng(1)
    photo, source = np.zeros((50, 60, 3), np.uint8), np.full((40, 40, 3), 255, np.uint8)
    behind = np.ones((50, 60), np.uint8)
    mask = np.zeros((40, 40), np.uint8)
    mask[5:35, 5:35] = 1
    pasted_photo, targets = paste_object(photo, [behind], source, mask, rng)
    assert targets[0].any()
    assert not (targets[0] & targets[1]).any()
    assert pasted_photo[targets[0] > 0].mean() > 200
    assert not photo.any()


def test_a_twin_lies_beside_its_original_looks_like_it_and_is_the_first_target() -> None:
    photo, mask = np.zeros((120, 160, 3), np.uint8), np.zeros((120, 160), np.uint8)
    mask[40:70, 60:100] = 1
    mask[40:50, 60:80] = 0  # one corner is missing, so that a mirrored copy differs
    photo[mask > 0] = (250, 120, 10)
    sizes, touching, mirrored = set(), 0, set()
    for seed in range(40):
        pasted, targets = paste_twin(photo, [mask], np.random.default_rng(seed))
        twin, original = targets
        ys, xs = np.nonzero(twin)
        assert not (twin & original).any()
        assert pasted[twin > 0].mean(axis=0) == pytest.approx((250, 120, 10), abs=15)
        assert np.array_equal(original, mask * (1 - twin))
        assert 28 - 1 <= np.ptp(xs) + 1 <= 48 + 1
        assert abs(xs.mean() - 80) <= 46
        assert abs(ys.mean() - 55) <= 36
        sizes.add(int(np.ptp(xs)))
        touching += bool((original != mask).any())
        mirrored.add(bool(twin[ys.min() + 1, xs.min() : xs.min() + 8].any()))
    assert len(sizes) > 5
    assert touching > 5
    assert mirrored == {True, False}
    assert photo[~(mask > 0)].max() == 0


def test_objects_too_small_or_too_large_for_a_twin_stay_alone() -> None:
    photo = np.zeros((50, 60, 3), np.uint8)
    speck, everything = np.zeros((50, 60), np.uint8), np.ones((50, 60), np.uint8)
    speck[3:6, 3:6] = 1
    assert len(paste_twin(photo, [speck], np.random.default_rng(0))[1]) == 1
    counts = {len(paste_twin(photo, [everything], np.random.default_rng(seed))[1]) for seed in range(20)}
    assert counts == {1, 2}  # what has shrunk fits


def test_twins_come_as_often_as_asked_and_never_of_regions(photos: Path) -> None:
    def drawn(name: str, share: float) -> np.ndarray:
        config = DataConfig(paste_probability=1.0, twin_probability=share)
        return CropDataset(read_records((str(photos / name),)), config, geometry=LongestSide(64), seed=7)[5].pixels

    assert not np.array_equal(drawn("discs", 0.0), drawn("discs", 1.0))
    assert np.array_equal(drawn("regions", 0.0), drawn("regions", 1.0))


def test_a_group_is_the_union_with_a_touching_neighbour(photos: Path) -> None:
    record = read_records((str(photos / "regions"),))["regions"][0]
    union = with_neighbour(record, 0, np.random.default_rng(0))
    assert rle.area(union) > rle.area(record.rles[0])


def test_masks_too_large_are_no_targets() -> None:
    photo = np.zeros((40, 40, 3), np.uint8)
    everything = np.ones((40, 40), np.uint8)
    rng = np.random.default_rng(0)
    assert (
        crop_sample(photo, [everything], DataConfig(scale_range=(1.0, 1.0)), geometry=LongestSide(64), rng=rng) is None
    )


def test_photos_are_kept_at_the_size_of_the_largest_sample_and_in_bounded_memory(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    for path in paths:
        cv2.imwrite(str(path), np.full((600, 1200, 3), 90, np.uint8))
    seen = PhotoMemory(LongestSide(512), DataConfig(scale_range=(0.8, 1.5)))
    assert seen.read(paths[0]).shape == (384, 768, 3)
    assert PhotoMemory(LongestSide(1024), DataConfig(scale_range=(0.8, 1.5))).read(paths[0]).shape == (600, 1200, 3)
    few = PhotoMemory(LongestSide(512), DataConfig(scale_range=(0.8, 1.5)), most_bytes=2 * 384 * 768 * 3)
    for path in (*paths[:2], paths[0], *paths[2:]):
        few.read(path)
    assert list(few.photos) == paths[2:]
    assert few.bytes == 2 * 384 * 768 * 3
    few.read(paths[2])
    few.read(paths[0])
    assert list(few.photos) == [paths[2], paths[0]]  # the one that was not used for longest went


def test_a_photo_that_has_gone_is_drawn_no_more(photos: Path) -> None:
    sets = read_records((str(photos / "discs"),))
    gone, *left = sets["discs"]
    gone.image_path.unlink()
    dataset = CropDataset(sets, DataConfig(paste_probability=0.0), geometry=LongestSide(64), seed=7)
    for number in range(12):
        assert dataset[number].masks.any()
    assert set(dataset.photos.photos) == {record.image_path for record in left}
    for record in left:
        record.image_path.unlink()
    with pytest.raises(DataError, match="cannot be read as a photo"):
        CropDataset(sets, DataConfig(), geometry=LongestSide(64), seed=7)[0]
