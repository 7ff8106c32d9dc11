"""Files of the new formats that nobody vouches for: bombs, lies, damage. Little is held, all is named."""

import base64
import io
import json
import tracemalloc
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from annotator.annotations.models import Annotation
from annotator.exchange.files.json_parts import END, read_parts, top_level_keys
from annotator.exchange.files.json_stream import BrokenJsonError
from annotator.exchange.files.source import BrokenFileError
from annotator.exchange.files.xml_stream import BrokenXmlError, read_elements, tag
from annotator.exchange.formats.labelstudio.brush import pack_brush
from annotator.projects.models import Project
from tests.annotator.exchange.fixture_types import AddImage, Export, TakeIn, Twin

LOL = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "lol"}">' for n in range(9))
BOMBS = {
    "billion laughs": f"<!DOCTYPE a [{LOL}]><annotations><meta>&l8;</meta></annotations>",
    "file of the server": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotations>&x;</annotations>',
    "entity from elsewhere": '<!DOCTYPE a SYSTEM "http://example.com/a.dtd"><annotations><meta/></annotations>',
}
SIZE = (17, 31)


def png(size: tuple[int, int], color: int | tuple[int, ...] = 0, mode: str = "L") -> bytes:
    out = io.BytesIO()
    Pillow.new(mode, size, color).save(out, "PNG")
    return out.getvalue()


def pack(path: Path, files: Mapping[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for entry, data in files.items():
            archive.writestr(entry, data)
    return path


@pytest.mark.parametrize("name", ["cvat", "voc"])
@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_xml_with_a_document_type_is_refused(
    project: Project, take_in: TakeIn, tmp_path: Path, name: str, bomb: str
) -> None:
    path = tmp_path / "annotations.xml"
    path.write_text(bomb.replace("annotations>", "annotation>") if name == "voc" else bomb)
    tracemalloc.start()
    if name == "cvat":
        with pytest.raises(BrokenFileError, match="document type"):
            take_in(project, path, format=name)
    else:
        report = take_in(project, path, format=name)
        assert report["codes"] == {"broken_xml": 1}
        assert "document type" in report["problems"][0]["reason"]
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()
    with pytest.raises(BrokenFileError):
        take_in(project, path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<annotations><image", "Broken XML"),
        ("<annotations><image name='a'></annotations>", "mismatched"),
        ("<a>" * 200 + "</a>" * 200, "nested"),
        ("<annotations><image name='" + "a" * (17 * 2**20) + "'/></annotations>", "longer"),
        ("<annotations><image>" + "<b/>" * 1_500_000 + "</image></annotations>", "longer"),
        ("\0\0\0", "Broken XML"),
        ("", "Broken XML"),
    ],
    ids=["cut off", "mismatched", "deep", "long tag", "many children", "NULs", "empty"],
)
def test_broken_xml_says_why(text: str, message: str) -> None:
    with pytest.raises(BrokenXmlError, match=message):
        list(read_elements(io.BytesIO(text.encode()), ["image"]))


def test_elements_come_one_by_one_in_little_memory() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"<annotations>"
        for number in range(20_000):
            yield f'<image name="{number}"><mask rle="1"/></image>'.encode()
        yield b"</annotations>"

    file = io.BytesIO(b"".join(pieces()))
    tracemalloc.start()
    count = sum(1 for _ in read_elements(file, ["image"]))
    assert count == 20_000
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_what_is_not_asked_for_is_never_held() -> None:
    page = (
        b'{"imageData": "'
        + b'A\\"' * 20_000_000
        + b'", "deep": '
        + b"[" * 150
        + b"]" * 150
        + b', "shapes": [{"a": 1}]}'
    )
    tracemalloc.start()
    found = list(read_parts(io.BytesIO(page), enter=[(), ("shapes",)], take=[("shapes", "*")]))
    assert found == [(("shapes", "*"), {"a": 1}), (("shapes",), END), ((), END)]
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    "text", ['{"a": "b', '{"a": [1, 2', '{"a": {"b": 1]', '{"a" 1}', "{1: 2}", '{"a": 1} x', '{"a": "\\', "[" * 1000]
)
def test_json_that_breaks_off_inside_what_is_passed_over_is_broken(text: str) -> None:
    with pytest.raises(BrokenJsonError):
        list(read_parts(io.BytesIO(text.encode()), enter=[()], take=[]))


def test_keys_are_told_from_what_stands_in_values() -> None:
    page = b'{"a": {"shapes": 1}, "b": "\\"shapes\\"", "c": ["shapes"], "d": 1.5}'
    assert list(top_level_keys(io.BytesIO(page))) == ["a", "b", "c", "d"]
    assert list(top_level_keys(io.BytesIO(b"[1]"), of_first_item=True)) == []


def labelme(shapes: Sequence[object], **more: Any) -> str:
    facts: dict[str, Any] = {
        "version": "5",
        "flags": {},
        "imagePath": "a.jpg",
        "imageData": None,
        "imageHeight": 17,
        "imageWidth": 31,
    }
    return json.dumps({**facts, **more, "shapes": shapes})


def laid(points: Any, data: Any) -> dict[str, Any]:
    text = base64.b64encode(data).decode() if isinstance(data, bytes) else data
    return {"label": "x", "points": points, "shape_type": "mask", "mask": text}


def outline(points: Any) -> dict[str, Any]:
    return {"label": "x", "points": points, "shape_type": "polygon"}


BAD_SHAPES = [
    7,
    {"label": "x"},
    outline([[1, 2, 3]]),
    outline([[1, 1], [2, 2]]),
    outline([["1", None]]),
    outline([[1e300, 1], [2, 2], [3, 3]]),
    laid([[0, 0], [1, 1]], "%%%"),
    laid([[0, 0], [1, 1]], b"GIF89a"),
    laid([[0, 0], [1, 1]], png((9000, 9000), 255)),
    laid([[30, 16], [31, 17]], png((5, 5), 255)),
    laid([[-3, -3], [1, 1]], png((5, 5), 255)),
    laid([[0, 0], [1, 1]], None),
    {"label": "x", "points": [], "shape_type": {}},
]


def test_bad_shapes_of_labelme_cost_themselves_alone(
    project: Project, add_image: AddImage, take_in: TakeIn, tmp_path: Path
) -> None:
    add_image(project, "a.jpg")
    good = {"label": ["odd"], "points": [[1, 1], [9, 1], [9, 9]], "shape_type": "polygon", "group_id": "one"}
    path = tmp_path / "a.json"
    path.write_text(labelme([*BAD_SHAPES, good]))
    report = take_in(project, path)
    assert (report["format"], report["masks"]["created"], report["masks"]["refused"]) == ("labelme", 1, len(BAD_SHAPES))


def test_a_broken_labelme_file_of_many_stops_no_other(
    project: Project, add_image: AddImage, take_in: TakeIn, tmp_path: Path
) -> None:
    add_image(project, "a.jpg")
    good = labelme([{"label": "x", "points": [[1, 1], [9, 1], [9, 9]], "shape_type": "polygon"}])
    files = {"a.json": good, "b.json": good[:-9], "c.json": labelme([], imagePath=None), "d.json": "[]", "e.json": "{}"}
    report = take_in(project, pack(tmp_path / "in.zip", files))
    assert report["masks"]["created"] == 1
    assert report["codes"] == {"broken_json": 1, "bad_image": 3}


BAD_MASKS: list[dict[str, Any]] = [
    {"rle": "1, 2", "left": 0, "top": 0, "width": 2, "height": 2},
    {"rle": "4, -4, 4", "left": 0, "top": 0, "width": 2, "height": 2},
    {"rle": "1.5, 2.5", "left": 0, "top": 0, "width": 2, "height": 2},
    {"rle": "nan", "left": 0, "top": 0, "width": 2, "height": 2},
    {"rle": "0, 4", "left": 30, "top": 0, "width": 2, "height": 2},
    {"rle": "0, 4", "left": -1, "top": 0, "width": 2, "height": 2},
    {"rle": "0, 1e18", "left": 0, "top": 0, "width": 1_000_000_000, "height": 1_000_000_000},
    {"rle": "x", "left": 0, "top": 0, "width": 2, "height": 2},
    {"rle": "0, 4", "left": 0, "top": 0, "width": 2},
    {"rle": "", "left": 0, "top": 0, "width": 0, "height": 0},
]


def test_bad_shapes_of_cvat_cost_themselves_alone(
    project: Project, add_image: AddImage, take_in: TakeIn, tmp_path: Path
) -> None:
    add_image(project, "a.jpg")
    masks = "".join(tag("mask", label="x", **row) for row in BAD_MASKS)
    polygons = "".join(tag("polygon", label="x", points=points) for points in ("1,1;2", "a,b", "1,1;9,1;9,9"))
    shapes = f"{masks}{polygons}<ellipse label='x' cx='1'/><mask/><points/>"
    image = f"<image id='0' name='a.jpg' width='31' height='17'>{shapes}</image><image/>"
    path = tmp_path / "a.xml"
    path.write_text(f"<annotations>{image}</annotations>")
    report = take_in(project, path, format="cvat")
    assert (report["masks"]["created"], report["masks"]["refused"]) == (1, len(BAD_MASKS) + 5)
    assert report["codes"]["bad_image"] == 1


BAD_RESULTS = [
    7,
    {"type": "brushlabels"},
    {"type": "brushlabels", "value": {"rle": "abc"}},
    {"type": "brushlabels", "value": {"rle": [1, 2, 3]}},
    {"type": "brushlabels", "value": {"rle": pack_brush(np.ones((50, 50), bool))}},
    {"type": "brushlabels", "value": {"rle": [255] * 5000}},
    {"type": "brushlabels", "value": {"rle": pack_brush(np.zeros(SIZE, bool))}},
    {"type": "polygonlabels", "value": {"points": [[1, 2], [3]]}},
    {"type": "polygonlabels", "value": {"points": "x"}},
    {"type": "polygonlabels", "value": {"points": [[1, 2], [3, 4]]}},
    {"type": "polygonlabels", "value": {"points": [[1e5, 2], [3, 4], [5, 6]]}},
    {"type": "ellipselabels", "value": {"x": 1}},
    {"type": "polygonlabels", "image_rotation": 90, "value": {"points": [[1, 2], [30, 4], [5, 60]]}},
    {"type": ["x"], "value": {}},
]


def test_bad_results_of_label_studio_cost_themselves_alone(
    project: Project, add_image: AddImage, take_in: TakeIn, tmp_path: Path
) -> None:
    add_image(project, "a.jpg")
    good = {"type": "polygonlabels", "value": {"points": [[1, 2], [90, 4], [5, 60]], "polygonlabels": "odd"}}
    tasks = [
        {"data": {"image": "a.jpg"}, "annotations": [{"result": [*BAD_RESULTS, good]}, {"result": None}, 5]},
        {"data": 7, "annotations": [{"result": [good]}]},
        5,
    ]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(tasks))
    report = take_in(project, path)
    assert (report["format"], report["masks"]["created"]) == ("label_studio", 1)
    assert report["masks"]["refused"] == len(BAD_RESULTS) + 1
    assert report["codes"]["bad_image"] == 1


def test_pictures_that_lie_about_their_size_are_not_unpacked(
    project: Project, add_image: AddImage, take_in: TakeIn, tmp_path: Path
) -> None:
    add_image(project, "a.jpg")
    bomb = png((20_000, 20_000), 1)
    xml = "<annotation><filename>a.jpg</filename><segmented>1</segmented><object><name>x</name></object></annotation>"
    voc: dict[str, str | bytes] = {
        "Annotations/a.xml": xml,
        "SegmentationObject/a.png": bomb,
        "SegmentationClass/a.png": bomb,
    }
    segments = [{"id": 1, "category_id": 1}, {"id": 1}, 5, {"id": "x"}]
    page = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 31, "height": 17}],
        "annotations": [{"image_id": 1, "file_name": "a.png", "segments_info": segments}, {"segments_info": []}, 5],
        "categories": [{"id": 1, "name": "x", "color": [300, "a"]}, 7],
    }
    panoptic: dict[str, str | bytes] = {"panoptic.json": json.dumps(page), "p/a.png": bomb}
    for name, files in (("voc", voc), ("panoptic", panoptic)):
        tracemalloc.start()
        report = take_in(project, pack(tmp_path / f"{name}.zip", files), format=name)
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
        tracemalloc.stop()
        assert report["masks"]["created"] == 0
        assert any("20000 x 20000" in problem["reason"] for problem in report["problems"])
    assert not Annotation.objects.exists()


def test_a_panoptic_picture_that_is_missing_or_lacks_a_segment_is_named(
    project: Project, add_image: AddImage, take_in: TakeIn, tmp_path: Path
) -> None:
    segment = {"id": 1, "category_id": 1}
    add_image(project, "a.jpg")
    page = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 31, "height": 17}],
        "annotations": [
            {"image_id": 1, "file_name": "a.png", "segments_info": [segment, {**segment, "id": 9}]},
            {"image_id": 1, "file_name": "gone.png", "segments_info": [segment]},
        ],
        "categories": [{"id": 1, "name": "x", "color": [1, 2, 3]}],
    }  # fmt: skip
    red = png((31, 17), (1, 0, 0), "RGB")
    files: dict[str, str | bytes] = {"annotations/panoptic_val.json": json.dumps(page), "panoptic_val/a.png": red}
    report = take_in(project, pack(tmp_path / "in.zip", files))
    assert (report["format"], report["masks"]["created"]) == ("panoptic", 1)
    assert report["codes"] == {"empty_mask": 1, "bad_image": 1}


def test_a_coco_file_is_still_coco(filled: Project, export: Export, take_in: TakeIn, twin: Twin) -> None:
    for options in ({}, {"images": "copy"}):
        run = export(filled, **options)
        assert take_in(twin(filled), run.files[0])["format"] == "coco"
