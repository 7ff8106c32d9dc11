"""COCO panoptic: what its documentation says, and numbers that came in."""

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from annotator.projects.models import Label, Project
from tests.annotator.exchange.fixture_types import AddImage, AddMask, Export, TakeIn
from tests.annotator.exchange.pixel_steps import SIZE, contents


def test_panoptic_files_are_as_the_documentation_says(
    project: Project, add_image: AddImage, add_mask: AddMask, export: Export
) -> None:
    image, label = add_image(project), Label.objects.get(project=project)
    for number in range(300):  # more than one byte of ids
        block = np.zeros(SIZE, bool)
        block[number // 31, number % 31] = True
        add_mask(image, block, label=label, z_order=number)
    files = contents(export(project, format="panoptic"))
    page = json.loads(files["annotations/panoptic.json"])
    (row,) = page["annotations"]
    with Pillow.open(io.BytesIO(files[f"annotations/panoptic/{row['file_name']}"])) as picture:
        assert picture.mode == "RGB"
        pixels = np.asarray(picture).astype(int)
    ids = pixels[..., 0] + 256 * pixels[..., 1] + 65_536 * pixels[..., 2]
    assert len(row["segments_info"]) == 300
    for segment in row["segments_info"]:
        assert (ids == segment["id"]).sum() == segment["area"] == 1
        assert segment["category_id"] == page["categories"][0]["id"]
    assert page["categories"][0]["isthing"] == 1


def test_numbers_that_came_in_go_out_in_panoptic_and_leave_no_gap_in_voc(
    project: Project, add_image: AddImage, export: Export, take_in: TakeIn, tmp_path: Path
) -> None:
    add_image(project, "a.jpg")
    rle = {"size": list(SIZE), "counts": [100, 20, 407]}
    masks = [{"id": 1, "image_id": 40, "category_id": 90, "segmentation": rle}]
    masks.append({"id": 2, "image_id": 40, "segmentation": {**rle, "counts": [0, 20, 507]}})
    page = {
        "images": [{"id": 40, "file_name": "a.jpg"}],
        "categories": [{"id": 90, "name": "leaf"}],
        "annotations": masks,
    }
    path = tmp_path / "in.json"
    path.write_text(json.dumps(page))
    assert take_in(project, path)["masks"]["created"] == 2
    files = contents(export(project, format="panoptic"))
    found = json.loads(files["annotations/panoptic.json"])
    assert found["images"][0]["id"] == found["annotations"][0]["image_id"] == 40
    numbers = {row["name"]: row["id"] for row in found["categories"]}
    assert numbers["leaf"] == 90
    assert len(set(numbers.values())) == len(numbers) == 3
    said = {row["category_id"] for row in found["annotations"][0]["segments_info"]}
    assert said == {90, numbers["(no label)"]}
    lines = contents(export(project, format="voc"))["labelmap.txt"].decode().splitlines()[1:]
    assert [line.split(":")[0] for line in lines] == ["background", "Car", "leaf"]
