"""RLE against plain arrays and against pycocotools, and corrupt counts that must never reach the C decoder."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco

from sam_core.errors import InvalidMaskError, SamCoreError
from sam_core.masks import rle
from sam_core.masks.counts import MAX_MASK_PIXELS

shapes = st.tuples(st.integers(1, 24), st.integers(1, 24))
masks = shapes.flatmap(lambda shape: hnp.arrays(bool, shape))
mask_pairs = shapes.flatmap(lambda shape: st.tuples(hnp.arrays(bool, shape), hnp.arrays(bool, shape)))

RING = np.zeros((9, 7), bool)
RING[1:8, 1:6] = True
RING[3:6, 2:4] = False


@given(masks)
@example(np.ones((1, 1), bool))
@example(np.zeros((1, 9), bool))
@example(np.ones((9, 1), bool))
@example(RING)
def test_decode_gives_back_what_was_encoded(mask: np.ndarray) -> None:
    encoded = rle.encode(mask)
    assert np.array_equal(rle.decode(encoded), mask)
    assert encoded["counts"] == coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    assert encoded["size"] == list(mask.shape)


@given(masks)
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools under numpy 2
def test_pycocotools_decodes_the_same_pixels(mask: np.ndarray) -> None:
    encoded = rle.encode(mask)
    theirs = coco.decode({"size": encoded["size"], "counts": encoded["counts"].encode()})
    assert np.array_equal(theirs.astype(bool), rle.decode(encoded))


@given(masks, st.tuples(*[st.integers(0, 26)] * 4))
def test_a_window_decodes_to_its_part_of_the_mask(mask: np.ndarray, ends: Any) -> None:
    rows, columns = slice(*sorted(ends[:2])), slice(*sorted(ends[2:]))
    assert np.array_equal(rle.decode_within(rle.encode(mask), rows=rows, columns=columns), mask[rows, columns])


@given(masks, st.tuples(*[st.integers(0, 9)] * 4))
def test_a_window_encodes_to_the_mask_around_it(mask: np.ndarray, margins: Any) -> None:
    whole = np.pad(mask, (margins[:2], margins[2:]))
    assert rle.encode_within(mask, corner=(margins[0], margins[2]), size=whole.shape) == rle.encode(whole)
    assert rle.empty(mask.shape) == rle.encode(np.zeros_like(mask))


@pytest.mark.parametrize(("corner", "size"), [((-1, 0), (9, 9)), ((0, 3), (5, 5)), ((4, 0), (5, 5)), ((0, 0), (0, 9))])
def test_a_window_outside_the_mask_is_refused(corner: Any, size: Any) -> None:
    with pytest.raises(InvalidMaskError):
        rle.encode_within(np.ones((2, 3), bool), corner=corner, size=size)


@given(masks)
def test_area_and_box_without_decoding_are_those_of_the_pixels(mask: np.ndarray) -> None:
    encoded = rle.encode(mask)
    assert rle.area(encoded) == mask.sum()
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    expected = [0, 0, 0, 0]
    if rows.size:
        expected = [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1]
    assert rle.bbox_xywh(encoded) == expected


def test_box_of_a_run_that_wraps_into_the_next_column_spans_the_height() -> None:
    mask = np.zeros((5, 4), bool)
    mask[4, 1] = mask[0, 2] = True
    assert rle.bbox_xywh(rle.encode(mask)) == [1, 0, 2, 5]


@given(mask_pairs)
def test_a_union_is_that_of_the_pixels(pair: Any) -> None:
    left, right = pair
    assert rle.union([rle.encode(left), rle.encode(right)]) == rle.encode(left | right)


@given(mask_pairs)
def test_iou_matrix_is_that_of_the_pixels(pair: Any) -> None:
    left, right = pair
    encoded = [rle.encode(left), rle.encode(right)]
    either = (left | right).sum()
    expected = (left & right).sum() / either if either else 0.0
    matrix = rle.iou_matrix(encoded, encoded)
    assert matrix[0, 1] == pytest.approx(expected)
    assert matrix[1, 0] == pytest.approx(expected)
    assert matrix[0, 0] == (1.0 if left.any() else 0.0)


def test_iou_with_a_crowd_divides_by_the_left_area() -> None:
    crowd, part = np.zeros((4, 8), bool), np.zeros((4, 8), bool)
    crowd[:, 2:] = True
    part[:, :4] = True
    matrix = rle.iou_matrix([rle.encode(part)], [rle.encode(crowd)], is_crowd=[True])
    assert matrix[0, 0] == pytest.approx(8 / 16)


@pytest.mark.parametrize(("left", "right"), [(0, 3), (3, 0), (0, 0)])
def test_iou_of_no_masks_keeps_its_shape(left: Any, right: Any) -> None:
    one = rle.encode(RING)
    assert rle.iou_matrix([one] * left, [one] * right).shape == (left, right)


@given(masks)
def test_uncompressed_counts_and_bytes_are_read_as_well(mask: np.ndarray) -> None:
    encoded = rle.encode(mask)
    runs = rle.to_runs(encoded)
    assert rle.parse({"size": encoded["size"], "counts": runs.tolist()}) == encoded
    assert rle.parse({"size": encoded["size"], "counts": encoded["counts"].encode()}) == encoded
    assert rle.from_runs(runs, size=mask.shape) == encoded


@given(masks, st.data())
def test_empty_runs_are_sound_but_rewritten_to_the_canonical_form(mask: np.ndarray, data: Any) -> None:
    runs = rle.to_runs(rle.encode(mask)).tolist()
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(runs) - 1))
        cut = data.draw(st.integers(0, runs[place]))
        runs[place : place + 1] = [cut, 0, runs[place] - cut]
    if len(runs) > mask.size + 1:
        with pytest.raises(InvalidMaskError):
            rle.from_runs(runs, size=mask.shape)
    else:
        assert rle.from_runs(runs, size=mask.shape) == rle.encode(mask)


def test_overlong_groups_decode_to_the_canonical_text() -> None:
    # 'd0' spells 4 + 16 in two groups with an empty high one: 20 needs two anyway, 4 spelled as 'T0' needs one
    assert rle.parse({"size": [2, 2], "counts": "T0"}) == {"size": [2, 2], "counts": "4"}


@pytest.mark.parametrize(
    ("size", "counts"),
    [
        ([4, 4], ""),
        ([4, 4], "4"),  # adds up to 4, not 16
        ([4, 4], "PPPPPPPPPPPPPPPP0"),  # a number without end
        ([4, 4], "1P"),  # ends in the middle of a number
        ([4, 4], "!!"),
        ([4, 4], "\x00"),
        ([4, 4], "äö"),
        ([4, 4], "1O"),  # a negative run
        ([4, 4], "0" * 400),  # more runs than pixels
        ([4, 4], "oooooo7"),  # a run of 2^34
        ([4, 4], [4, -4, 16]),
        ([4, 4], [16.0]),
        ([4, 4], [2**63 - 1, 2**63 - 1, 18]),
        ([4, 4], [2**70]),
        ([4, 4], [[16]]),
        ([4, 4], [True]),
        ([4, 4], ["16"]),
        ([4, 4], []),
        ([4, 4], None),
        ([4, 4], {"16": 1}),
        ([0, 4], "0"),
        ([-4, -4], "`0"),
        ([4], "4"),
        ([4.0, 4.0], "`0"),
        ([True, 4], "4"),
        ("44", "`0"),
        (None, "`0"),
        ([40_000, 40_000], "0"),  # a claim of 1.6 * 10^9 pixels
        ([2**40, 2**40], "0"),
    ],
)
def test_corrupt_counts_are_refused_before_decoding(size: Any, counts: Any) -> None:
    for function in (rle.decode, rle.area, rle.bbox_xywh, rle.parse, rle.to_runs):
        with pytest.raises(InvalidMaskError):
            function({"size": size, "counts": counts})


@pytest.mark.parametrize("broken", [{}, {"size": [1, 1]}, {"counts": "1"}, [1], "1", None])
def test_what_is_no_rle_object_is_refused(broken: Any) -> None:
    with pytest.raises(InvalidMaskError):
        rle.parse(broken)


@given(st.text(alphabet=[chr(code) for code in range(44, 116)], max_size=40), shapes)
def test_any_text_either_is_a_mask_or_is_refused(counts: Any, shape: Any) -> None:
    try:
        decoded = rle.decode({"size": list(shape), "counts": counts})
    except SamCoreError:
        return
    assert decoded.shape == shape
    assert rle.encode(decoded) == rle.parse({"size": list(shape), "counts": counts})


@given(masks, st.data())
def test_a_changed_character_is_refused_or_stays_within_the_mask(mask: np.ndarray, data: Any) -> None:
    counts = rle.encode(mask)["counts"]
    place = data.draw(st.integers(0, len(counts) - 1))
    broken = counts[:place] + data.draw(st.sampled_from([chr(code) for code in range(48, 112)])) + counts[place + 1 :]
    try:
        runs = rle.to_runs({"size": list(mask.shape), "counts": broken})
    except InvalidMaskError:
        return
    assert runs.sum() == mask.size


@pytest.mark.parametrize(
    "bad", [np.zeros((2, 2)), np.zeros((1, 2, 2), bool), np.zeros((0, 4), bool), np.zeros(4, bool)]
)
def test_only_masks_are_encoded(bad: Any) -> None:
    with pytest.raises(InvalidMaskError):
        rle.encode(bad)


def test_integers_above_one_are_foreground() -> None:
    assert rle.encode(np.array([[0, 255], [2, 1]], np.uint8)) == rle.encode(np.array([[0, 1], [1, 1]], bool))


def test_masks_of_different_sizes_are_not_compared() -> None:
    small, large = rle.encode(np.ones((2, 2), bool)), rle.encode(np.ones((2, 3), bool))
    for call in (lambda: rle.iou_matrix([small], [large]), lambda: rle.union([small, large])):
        with pytest.raises(InvalidMaskError, match="different sizes"):
            call()
    with pytest.raises(InvalidMaskError, match="at least one"):
        rle.union([])
    with pytest.raises(InvalidMaskError, match="flags"):
        rle.iou_matrix([small], [small], is_crowd=[])


def test_the_largest_mask_is_measured_without_decoding() -> None:
    side = int(MAX_MASK_PIXELS**0.5)
    whole = rle.from_runs([0, side * side], size=(side, side))
    assert rle.area(whole) == MAX_MASK_PIXELS
    assert rle.bbox_xywh(whole) == [0, 0, side, side]


def test_importing_masks_never_imports_torch() -> None:
    code = (
        "import pkgutil, importlib, sys, sam_core.masks as room\n"
        "names = [m.name for m in pkgutil.iter_modules(room.__path__)]\n"
        "assert 'rle' in names\n"
        "for name in names: importlib.import_module('sam_core.masks.' + name)\n"
        "heavy = [m for m in ('torch', 'django', 'onnxruntime', 'scipy') if m in sys.modules]\n"
        "sys.exit(repr(heavy) if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
