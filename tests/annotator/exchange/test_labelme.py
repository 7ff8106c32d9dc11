"""LabelMe: a file as the program writes it, and photos inside the JSON."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np

from annotator.annotations.models import Annotation
from annotator.mask_gateway import decode
from annotator.projects.models import Project
from tests.annotator.exchange.fixture_types import AddImage, TakeIn
from tests.annotator.exchange.pixel_steps import SIZE, pack, png_of


def shape(label: Any, points: Any, kind: str, **more: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "group_id": None, "shape_type": kind, "flags": {}, **more}


def test_a_labelme_file_of_the_program_itself(
    project: Project, add_image: AddImage, take_in: TakeIn, tmp_path: Path
) -> None:
    """As LabelMe 5 writes it: the photo inside, two parts in a group, a circle, a mask, a box and a line."""
    add_image(project, "leaf.jpg")
    crop = np.zeros((4, 6), bool)
    crop[1:3, 2:5] = True
    inside = base64.b64encode(png_of(crop)).decode()
    parts = [[[1, 1], [5, 1], [5, 5], [1, 5]], [[10, 1], [14, 1], [14, 5], [10, 5]]]
    page = {
        "version": "5.5.0",
        "flags": {"night": True, "day": False},
        "shapes": [
            *(shape("leaf", part, "polygon", group_id=1, description="") for part in parts),
            shape("ball", [[20.5, 8.5], [24.5, 8.5]], "circle"),
            shape("leaf", [[20, 3], [25, 6]], "mask", mask=inside, description="torn"),
            shape("box", [[0, 0], [5, 5]], "rectangle"),
            shape("way", [[0, 0], [5, 5]], "linestrip"),
        ],
        "imagePath": "..\\photos\\leaf.jpg",
        "imageData": "A" * 9_000_000,
        "imageHeight": 17,
        "imageWidth": 31,
    }  # fmt: skip
    report = take_in(project, pack(tmp_path, {"labels/leaf.json": json.dumps(page)}))
    assert (report["format"], report["masks"]["created"], report["masks"]["refused"]) == ("labelme", 3, 2)
    rows = {
        f"{row.label and row.label.name}{row.attributes}": row
        for row in Annotation.objects.filter(image__project=project)
    }
    both = np.zeros(SIZE, bool)
    both[1:5, 1:5] = both[1:5, 10:14] = True
    assert np.array_equal(decode(rows["leaf{}"].counts, SIZE), both)
    assert abs(rows["ball{}"].area - np.pi * 16) < 5
    mask = np.zeros(SIZE, bool)
    mask[3:7, 20:26] = crop
    assert np.array_equal(decode(rows["leaf{'description': 'torn'}"].counts, SIZE), mask)


def test_photos_inside_labelme_json_are_counted_by_name_where_nothing_else_gives_them(
    project: Project, take_in: TakeIn, tmp_path: Path
) -> None:
    photo = base64.b64encode(png_of(np.zeros(SIZE, bool))).decode()

    def page(name: str, data: str | None) -> str:
        corners = [[1, 1], [5, 1], [5, 5], [1, 5]]
        facts = {"version": "5", "flags": {}, "imagePath": name, "imageHeight": 17, "imageWidth": 31}
        return json.dumps({"imageData": data, "shapes": [shape("leaf", corners, "polygon")], **facts})

    inside = {f"labels/{name}.json": page(f"{name}.png", photo) for name in ("one", "two", "beside")}
    without = {"labels/none.json": page("none.png", None), "labels/empty.json": page("empty.png", "")}
    report = take_in(project, pack(tmp_path, {**inside, **without, "beside.png": base64.b64decode(photo)}))
    note = report["notes"]["photos_in_json"]
    assert (note["count"], note["names"]) == (2, ["one.png", "two.png"])
    assert (report["images"]["added"], report["images"]["unknown"]) == (1, 4)
