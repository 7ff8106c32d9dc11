"""Label Studio: a project as the program exports it, and brush strokes of any shape."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotator.annotations.models import Annotation
from annotator.exchange.formats.labelstudio.brush import BrokenBrushError, pack_brush, unpack_brush
from annotator.mask_gateway import decode
from annotator.projects.models import Project
from tests.annotator.exchange.fixture_types import AddImage, TakeIn
from tests.annotator.exchange.pixel_steps import SIZE


def test_a_label_studio_file_of_the_program_itself(
    project: Project, add_image: AddImage, take_in: TakeIn, tmp_path: Path
) -> None:
    add_image(project, "leaf 1.jpg")
    add_image(project, "moss.jpg")
    brush = np.zeros(SIZE, bool)
    brush[2:9, 3:30] = True
    size = {"original_width": 31, "original_height": 17, "image_rotation": 0, "to_name": "image"}
    polygon = {
        "points": [[0, 0], [100 * 10 / 31, 0], [100 * 10 / 31, 100 * 5 / 17], [0, 100 * 5 / 17]],
        "polygonlabels": ["moss"],
    }
    stroke = {"format": "rle", "rle": pack_brush(brush), "brushlabels": ["leaf"]}
    box = {"x": 1, "y": 1, "width": 5, "height": 5, "rectanglelabels": ["leaf"]}
    results = [
        {**size, "id": "a", "type": "brushlabels", "from_name": "t", "value": stroke},
        {**size, "id": "b", "type": "polygonlabels", "from_name": "p", "value": polygon},
        {**size, "id": "c", "type": "rectanglelabels", "from_name": "r", "value": box},
        {"id": "d", "type": "choices", "from_name": "c", "to_name": "image", "value": {"choices": ["good"]}},
    ]
    tasks = [
        {
            "id": 7,
            "annotations": [{"id": 1, "result": results[:1], "was_cancelled": True}, {"id": 2, "result": results}],
            "predictions": [{"result": results[:2], "score": 0.5}],
            "data": {"text": "hello", "image": "/data/upload/3/0a1b2c3d-leaf%201.jpg"},
        },
        {
            "id": 8,
            "annotations": [],
            "predictions": [{"result": results[1:2]}],
            "data": {"image": "s3://bucket/x/moss.jpg"},
        },
    ]
    path = tmp_path / "project-1.json"
    path.write_text(json.dumps(tasks))
    report = take_in(project, path)
    assert (report["format"], report["masks"]["created"], report["masks"]["refused"]) == ("label_studio", 3, 2)
    rows = {(r.image.name, r.label and r.label.name): r for r in Annotation.objects.filter(image__project=project)}
    assert np.array_equal(decode(rows["leaf 1.jpg", "leaf"].counts, SIZE), brush)
    corner = np.zeros(SIZE, bool)
    corner[:5, :10] = True
    assert np.array_equal(decode(rows["leaf 1.jpg", "moss"].counts, SIZE), corner)
    assert rows["leaf 1.jpg", "moss"].state == "accepted"
    assert rows["moss.jpg", "moss"].state == "suggestion"


@pytest.mark.parametrize("shape", [(1, 1), (1, 70_000), (3, 5), (40, 23)])
def test_brush_strokes_of_any_shape_come_back(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(shape[1])
    for mask in (np.zeros(shape, bool), np.ones(shape, bool), random.random(shape) > 0.5):
        assert np.array_equal(unpack_brush(pack_brush(mask), shape), mask)


def test_literal_brush_values_are_read_by_their_alpha() -> None:
    """Two pixels: red without alpha, then alpha alone; written as eight literal bytes, as label-studio-sdk may."""
    values = [255, 0, 0, 0, 0, 0, 0, 128]
    bits = f"{8:032b}{7:05b}" + "0010" * 4 + "0" + "00" + "111" + "".join(f"{v:08b}" for v in values)
    bits += "0" * (-len(bits) % 8)
    assert unpack_brush(list(int(bits, 2).to_bytes(len(bits) // 8)), (1, 2)).tolist() == [[False, True]]


@pytest.mark.parametrize(
    "data", [[], [300], ["a"], [0] * 9, pack_brush(np.ones(SIZE, bool))[:-3], pack_brush(np.ones((9, 9), bool))]
)
def test_a_brush_stroke_that_is_none_is_refused(data: Any) -> None:
    with pytest.raises(BrokenBrushError):
        unpack_brush(data, SIZE)
