"""Measuring many masks together answers what measuring each alone answers, whatever the strings are."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sam_core.errors import InvalidMaskError
from sam_core.masks import rle
from sam_core.masks.batch import MeasuredMask, measure_alone, measure_masks

sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))


@st.composite
def masks(draw: Any) -> Any:
    height, width = draw(sizes)
    kind = draw(st.sampled_from(["noise", "full", "empty", "one", "block"]))
    mask = np.zeros((height, width), bool)
    if kind == "noise":
        mask = np.random.default_rng(draw(st.integers(0, 2**32))).random((height, width)) > draw(st.floats(0, 1))
    elif kind == "full":
        mask[:] = True
    elif kind == "one":
        mask[draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))] = True
    elif kind == "block":
        mask[height // 3 :, width // 2 :] = True
    return mask


@given(st.lists(masks(), max_size=12))
def test_sound_masks_are_measured_as_the_pixels_say(drawn: Any) -> None:
    encoded = [rle.encode(mask) for mask in drawn]
    results = measure_masks([one["counts"] for one in encoded], [mask.shape for mask in drawn])
    for mask, one, result in zip(drawn, encoded, results, strict=True):
        rows, columns = np.nonzero(mask)
        box = (0, 0, 0, 0)
        if rows.size:
            box = (int(columns.min()), int(rows.min()), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)
        assert result == MeasuredMask(one["counts"], int(mask.sum()), box)


alphabet = st.text(alphabet=[chr(code) for code in range(44, 116)], max_size=20)
broken = st.one_of(alphabet, st.binary(max_size=12), st.lists(st.integers(-5, 60), max_size=8), st.none(), st.text())


@given(st.lists(st.tuples(st.one_of(broken, masks().map(lambda m: rle.encode(m)["counts"])), sizes), max_size=12))
def test_any_batch_answers_as_each_one_alone(rows: Any) -> None:
    results = measure_masks([text for text, _ in rows], [size for _, size in rows])
    for (text, size), result in zip(rows, results, strict=True):
        alone = measure_alone(text, size)
        if isinstance(alone, InvalidMaskError):
            assert isinstance(result, InvalidMaskError)
            assert str(result) == str(alone)
        else:
            assert result == alone


@pytest.mark.parametrize("size", [(0, 4), (-3, 4), (10**5, 10**5), (2.0, 4), (True, 4), (4, "4")])
def test_sizes_that_no_mask_has_are_refused(size: Any) -> None:
    (result,) = measure_masks(["04"], [size])
    assert isinstance(result, InvalidMaskError)


def test_numbers_written_too_long_come_back_canonical() -> None:
    short = rle.from_runs([5, 3, 8], size=(4, 4))["counts"]
    padded = chr(48 + (5 | 32)) + "0" + short[1:]  # 5 in two groups where one is enough
    (result,) = measure_masks([padded], [(4, 4)])
    assert isinstance(result, MeasuredMask)
    assert result.counts == short


def test_one_bad_mask_costs_no_other() -> None:
    good = rle.encode(np.eye(6, dtype=bool))["counts"]
    results = measure_masks([good, "~~~", good, "", good], [(6, 6)] * 5)
    assert [isinstance(result, MeasuredMask) for result in results] == [True, False, True, False, True]
