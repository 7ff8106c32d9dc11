"""The readers of the new formats, fed with nearly sound files: nothing but BrokenFileError may come out of them."""

import base64
import contextlib
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
from annotator.exchange.files.json_parts import read_parts
from annotator.exchange.files.json_stream import BrokenJsonError
from annotator.exchange.files.source import BrokenFileError, Source
from annotator.exchange.formats.labelstudio.brush import BrokenBrushError, pack_brush, unpack_brush
from annotator.exchange.registry import READ, load_reader

FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SIZE = (17, 31)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5))
values = st.recursive(scalars, lambda c: st.one_of(st.lists(c, max_size=3), st.dictionaries(st.text(max_size=3), c)))


def picture(mode: str = "L") -> bytes:
    out = io.BytesIO()
    pixels = np.eye(*SIZE, dtype=np.uint8)
    Pillow.fromarray(pixels if mode == "L" else np.dstack([pixels, pixels * 0, pixels * 0])).save(out, "PNG")
    return out.getvalue()


SHAPE = {"label": "a", "points": [[1, 1], [9, 1], [9, 9]], "shape_type": "polygon", "group_id": 1, "description": "{}"}
MASK = {**SHAPE, "shape_type": "mask", "mask": base64.b64encode(picture()).decode()}
FACTS = {"original_width": 31, "original_height": 17, "image_rotation": 0}
BRUSH = {**FACTS, "type": "brushlabels", "value": {"rle": pack_brush(np.eye(*SIZE, dtype=bool)), "brushlabels": ["a"]}}
RING = {**FACTS, "type": "polygonlabels", "value": {"points": [[1, 1], [9, 1], [9, 9]], "polygonlabels": ["a"]}}
SEGMENTS = {"image_id": 1, "file_name": "a.png", "segments_info": [{"id": 1, "category_id": 1, "iscrowd": 0}]}
CVAT = (
    '<annotations><meta><labels><label><name>a</name></label></labels></meta><image id="0" name="a.jpg" width="31" '
    'height="17"><mask label="a" rle="1, 2, 1" left="1" top="2" width="2" height="2"><attribute name="b">1</attribute>'
    '</mask><polygon label="a" points="1,1;9,1;9,9" group_id="1"/><ellipse label="a" cx="5" cy="5" rx="2" ry="2"/>'
    "</image></annotations>"
)
VOC = (
    "<annotation><filename>a.jpg</filename><size><width>31</width><height>17</height></size><object><name>a</name>"
    "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox></object></annotation>"
)
LABELME = {"shapes": [SHAPE, MASK], "imagePath": "a.jpg", "imageHeight": 17, "imageWidth": 31}
PANOPTIC = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [SEGMENTS], "categories": []}
FILES = {
    "labelme": ("a.json", json.dumps(LABELME)),
    "label_studio": ("a.json", json.dumps([{"data": {"image": "a.jpg"}, "annotations": [{"result": [BRUSH, RING]}]}])),
    "panoptic": ("a.json", json.dumps(PANOPTIC)),
    "cvat": ("a.xml", CVAT),
    "voc": ("Annotations/a.xml", VOC),
}
EXTRAS = {
    "SegmentationObject/a.png": picture(),
    "SegmentationClass/a.png": picture("RGB"),
    "panoptic/a.png": picture("RGB"),
}


def read_all(path: Path, name: str) -> list[FileMask | Problem] | None:
    try:
        source = Source(path)
    except BrokenFileError:
        return None
    reader = load_reader(name)(source)
    try:
        for item in reader.outline():
            if isinstance(item, FileImage):
                reader.use_size(item.key, SIZE)
        return [item for item in reader.masks() if isinstance(item, FileMask | Problem)]
    except BrokenFileError:
        return None
    finally:
        source.close()


def pack(path: Path, name: str, data: str | bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(FILES[name][0], data)
        for entry, picture_bytes in EXTRAS.items():
            archive.writestr(entry, picture_bytes)
    return path


@pytest.mark.parametrize("name", FILES)
def test_the_sound_files_hold_masks(tmp_path: Path, name: str) -> None:
    found = read_all(pack(tmp_path / "x.zip", name, FILES[name][1]), name)
    assert any(isinstance(item, FileMask) for item in found or [])


@FUZZ
@given(st.sampled_from(sorted(FILES)), st.integers(0, 1500), st.integers(0, 60), st.text(max_size=20))
def test_files_with_a_piece_cut_out_and_another_put_in(
    tmp_path: Path, name: str, start: int, length: int, piece: Any
) -> None:
    text = FILES[name][1]
    damaged = text[:start] + piece + text[start + length :]
    read_all(pack(tmp_path / "x.zip", name, damaged.encode("utf-8", "replace")), name)


@FUZZ
@given(st.data(), st.sampled_from(["labelme", "label_studio", "panoptic"]))
def test_json_with_any_value_in_any_place(tmp_path: Path, data: st.DataObject, name: str) -> None:
    page = json.loads(FILES[name][1])
    here = page
    while isinstance(here, dict | list) and here:
        key = data.draw(st.sampled_from(sorted(here) if isinstance(here, dict) else list(range(len(here)))))
        if data.draw(st.booleans()) or not isinstance(here[key], dict | list):
            here[key] = data.draw(values)
            break
        here = here[key]
    read_all(pack(tmp_path / "x.zip", name, json.dumps(page)), name)


@FUZZ
@given(st.lists(st.integers(0, 255), max_size=60))
def test_brush_strokes_of_any_bytes(data: list[int]) -> None:
    head = list(int(f"{17 * 31 * 4:032b}", 2).to_bytes(4))
    with contextlib.suppress(BrokenBrushError):
        assert unpack_brush(head + data, SIZE).shape == SIZE


@FUZZ
@given(values, st.integers(1, 7))
def test_parts_read_in_small_pieces_are_what_json_reads(page: object, piece: Any) -> None:
    class Slow(io.BytesIO):
        def read(self, count: int | None = -1, /) -> bytes:
            return super().read(min(piece, -1 if count is None else count))

    text = json.dumps({"before": page, "wanted": page, "after": page})
    if "NaN" in text or "Infinity" in text:
        return
    try:
        found = [value for path, value in read_parts(Slow(text.encode()), enter=[()], take=[("wanted",)]) if path]
    except BrokenJsonError as error:
        raise AssertionError(text) from error
    assert found == [page]


def test_every_new_reader_is_fuzzed_here() -> None:
    assert {"coco", "sa1b", "yolo", "semantic_png", "instance_png", *FILES} == set(READ)
