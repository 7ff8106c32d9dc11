"""The golden vectors are what the library computes today, byte for byte, and small enough to keep in the repository."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sam_core.errors import InvalidMaskError
from sam_core.geometry import read_geometry
from sam_core.masks import rle
from sam_core.masks.upsample import mask_at_original_size
from tests.contract import make_golden

UPSAMPLE = json.loads((make_golden.GOLDEN / "upsample" / "cases.json").read_text())["cases"]
KINDS = ("upsample", "rle", "sketch", "choice", "clicks", "blending", "views")
RLE = json.loads((make_golden.GOLDEN / "rle" / "cases.json").read_text())


def test_regenerating_changes_no_byte(tmp_path: Path) -> None:
    make_golden.main(tmp_path)
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert made
    for name in KINDS:
        kept = {p.relative_to(make_golden.GOLDEN) for p in (make_golden.GOLDEN / name).rglob("*") if p.is_file()}
        assert kept == {path for path in made if path.parts[0] == name}
    assert [str(p) for p, data in made.items() if (make_golden.GOLDEN / p).read_bytes() != data] == []


def test_the_folder_stays_small() -> None:
    size = sum(path.stat().st_size for name in KINDS for path in (make_golden.GOLDEN / name).rglob("*"))
    assert size < 3 * 2**20


@pytest.mark.parametrize("case", UPSAMPLE, ids=lambda case: case["name"])
def test_kept_logits_give_the_kept_mask(case: Any) -> None:
    logits = np.load(make_golden.GOLDEN / "upsample" / case["logits"])
    geometry = read_geometry(case["geometry"], case["image_size"]).of(tuple(case["original_size"]))
    mask = mask_at_original_size(logits, geometry)
    assert geometry.input_size == tuple(case["input_size"])
    assert rle.encode(mask)["counts"] == case["counts"]
    assert mask.sum() == case["area"]


@pytest.mark.parametrize("case", RLE["masks"], ids=lambda case: case["name"])
def test_kept_rows_give_the_kept_counts(case: Any) -> None:
    mask = np.array([[pixel == "#" for pixel in row] for row in case["rows"]])
    encoded = rle.encode(mask)
    assert encoded == {"size": case["size"], "counts": case["counts"]}
    assert rle.to_runs(encoded).tolist() == case["runs"]
    assert (rle.area(encoded), rle.bbox_xywh(encoded)) == (case["area"], case["bbox_xywh"])


@pytest.mark.parametrize("case", RLE["invalid"], ids=lambda case: case["name"])
def test_kept_bad_counts_are_refused(case: Any) -> None:
    with pytest.raises(InvalidMaskError):
        rle.decode(case)
