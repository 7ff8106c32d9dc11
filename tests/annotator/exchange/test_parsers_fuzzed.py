"""Whatever bytes come, the readers answer with rows, problems or BrokenFileError, and never with another error."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from annotator.exchange.base.reading import FileImage, FileMask, Problem
from annotator.exchange.files.json_stream import read_object
from annotator.exchange.files.source import BrokenFileError, Source
from annotator.exchange.formats.yolo.names import read_names
from annotator.exchange.registry import READ, load_reader
from annotator.mask_gateway import (
    counts_from_polygons,
    counts_of_numbers,
    decode,
    encode,
    polygons_from_counts,
)
from annotator.sam_gateway import MaskRefusedError

FUZZ = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), st.text(max_size=8),
    st.sampled_from([0, 1, -1, 17, 31, 2**31, "1", "", "a.jpg"]),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=4)),
    max_leaves=8,
)  # fmt: skip


def objects(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with some of these keys, each with a value that fits or one that does not."""
    return st.fixed_dictionaries({}, optional={name: st.one_of(fitting, values) for name, fitting in fields.items()})


rles = objects(
    size=st.just([17, 31]), counts=st.one_of(st.text(max_size=9), st.lists(st.integers(-2, 600), max_size=5))
)
ours = objects(sha256=st.text(), tags=st.lists(values), attributes=values, provenance=values, predicted_iou=st.floats())
coco_files = objects(
    images=st.lists(objects(id=st.integers(0, 3), file_name=st.text(), width=values, height=values, maskwright=ours)),
    categories=st.lists(objects(id=st.integers(0, 3), name=st.text(), maskwright=ours)),
    annotations=st.lists(
        objects(
            id=st.integers(0, 3), image_id=st.integers(0, 3), category_id=st.integers(0, 3), iscrowd=values,
            segmentation=st.one_of(rles, st.lists(st.lists(st.floats(-50, 50)))), maskwright=ours,
        )
    ),
)  # fmt: skip
sa1b_files = objects(
    image=objects(image_id=values, file_name=st.text(), width=values, height=values),
    annotations=st.lists(objects(segmentation=rles, crop_box=values, point_coords=values, predicted_iou=values)),
)


def read_all(source: Source, name: str) -> list[FileMask | Problem] | None:
    reader = load_reader(name)(source)
    try:
        for item in reader.outline():
            if isinstance(item, FileImage):
                reader.use_size(item.key, (17, 31))
        return [item for item in reader.masks() if isinstance(item, FileMask | Problem)]
    except BrokenFileError:
        return None


@FUZZ
@given(st.sampled_from(["coco", "sa1b"]), st.one_of(coco_files, sa1b_files, values))
def test_json_of_any_shape(tmp_path: Path, name: str, page: object) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(page))
    read_all(Source(path), name)


@FUZZ
@given(st.binary(max_size=400), st.sampled_from(sorted(READ)))
def test_bytes_of_any_kind(tmp_path: Path, data: bytes, name: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    try:
        source = Source(path)
    except BrokenFileError:
        return
    read_all(source, name)
    source.close()


@FUZZ
@given(st.dictionaries(st.text(max_size=20), scalars.filter(lambda v: v == v), max_size=5), st.integers(1, 7))
def test_json_read_in_small_pieces_is_what_json_reads(page: object, piece: int) -> None:
    class Slow(io.BytesIO):
        def read(self, count: int | None = -1, /) -> bytes:
            return super().read(min(piece, -1 if count is None else count))

    text = json.dumps(page).encode()
    assert dict(read_object(Slow(text), arrays=())) == page


@FUZZ
@given(st.binary(max_size=300), st.integers(0, 400))
def test_damaged_pictures(tmp_path: Path, noise: bytes, place: int) -> None:
    out = io.BytesIO()
    Pillow.fromarray(np.eye(17, 31, dtype=np.uint16)).save(out, "PNG")
    data = bytearray(out.getvalue())
    data[place : place + len(noise)] = noise
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("semantic/a.png", bytes(data))
        archive.writestr("instances/a.png", bytes(data))
    source = Source(tmp_path / "x.zip")
    read_all(source, "semantic_png")
    read_all(source, "instance_png")
    source.close()


@FUZZ
@given(st.text(), st.text())
def test_yaml_and_lines_of_any_kind(tmp_path: Path, yaml: str, lines: str) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("data.yaml", ("names:" + yaml).encode("utf-8", "replace"))
        archive.writestr("labels/train/a.txt", lines.encode("utf-8", "replace"))
    source = Source(tmp_path / "x.zip")
    read_all(source, "yolo")
    source.close()


@pytest.mark.parametrize(
    "text",
    ["names:\n  0: car\n  1: 'road, wet'\n", "names: [car, 'road, wet']", "names:\n- car\n- \"road, wet\"\n",
     "path: .\nnames: {0: car, 1: 'road, wet'}\n"],
)  # fmt: skip
def test_the_ways_in_which_names_are_written(text: str) -> None:
    assert read_names(text) == {0: "car", 1: "road, wet"}


@FUZZ
@given(
    st.lists(
        st.lists(st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-60, 60)), max_size=12),
        max_size=4,
    )
)
def test_outlines_of_any_kind(polygons: list[list[float]]) -> None:
    try:
        counts = counts_from_polygons(polygons, (17, 31))
    except MaskRefusedError:
        return
    assert decode(counts, (17, 31)).shape == (17, 31)


@FUZZ
@given(st.integers(1, 24), st.integers(1, 24), st.integers(0, 2**32), st.integers(1, 6))
def test_numbers_of_a_picture_become_the_masks_they_paint(height: int, width: int, seed: int, numbers: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, numbers, (height, width)).astype(np.uint16)
    found = dict(counts_of_numbers(pixels))
    assert found == {int(n): encode(pixels == n) for n in np.unique(pixels) if n}


@FUZZ
@given(st.integers(1, 24), st.integers(1, 24), st.integers(0, 2**32), st.floats(0, 1))
def test_polygons_without_tolerance_give_back_every_pixel(height: int, width: int, seed: int, share: float) -> None:
    counts = encode(np.random.default_rng(seed).random((height, width)) < share)
    polygons = polygons_from_counts(counts, (height, width))
    assert counts_from_polygons(polygons, (height, width)) == counts
