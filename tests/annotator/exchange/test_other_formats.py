"""SA-1B, YOLO and index pictures: out, in and out again; read by tools that know nothing of us."""

import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image as Pillow
from pycocotools import mask as coco_masks

from annotator.annotations.models import Annotation
from annotator.exchange.base.painted_writing import decode_numbers
from annotator.images.models import Image
from annotator.mask_gateway import decode
from annotator.photos import store
from annotator.projects.models import Label, Project
from tests.annotator.exchange.fixture_types import AddImage, AddMask, Export, MakePhoto, TakeIn, Twin
from tests.annotator.exchange.pixel_steps import contents

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
SA1B_FIELDS = {
    "id", "segmentation", "bbox", "area", "predicted_iou", "stability_score", "crop_box", "point_coords",
}  # fmt: skip


def stored_pixels(project: Project) -> list[bytes]:
    rows = Annotation.objects.filter(image__project=project).select_related("image")
    return sorted(decode(r.counts, (r.image.height, r.image.width)).tobytes() for r in rows)


def test_sa1b_has_the_documented_fields_and_the_stored_pixels(filled: Project, export: Export) -> None:
    run = export(filled, format="sa1b")
    found = []
    for data in contents(run).values():
        page = json.loads(data)
        assert set(page) == {"image", "annotations"}
        assert set(page["image"]) == {"image_id", "width", "height", "file_name"}
        for row in page["annotations"]:
            assert set(row) == SA1B_FIELDS
            pixels = coco_masks.decode(row["segmentation"]).astype(bool)
            assert row["area"] == pixels.sum()
            assert row["bbox"] == coco_masks.toBbox(row["segmentation"]).tolist()
            x, y = row["point_coords"][0]
            assert pixels[int(y), int(x)] or row["point_coords"] == [[3.5, 0]]
            found.append(pixels.tobytes())
    assert sorted(found) == stored_pixels(filled)
    assert run.certificate()["masks"]["mismatches"] == 0


@pytest.mark.parametrize("name", ["sa1b", "yolo", "semantic_png"])
def test_out_in_and_out_again_gives_the_same_files(
    filled: Project, export: Export, take_in: TakeIn, twin: Twin, name: str
) -> None:
    first = export(filled, format=name)
    copy = twin(filled)
    report = take_in(copy, first.files[0])
    assert report["format"] == name
    assert report["masks"]["refused"] == 0
    assert report["masks"]["created"] > 0
    assert contents(export(copy, format=name)) == contents(first)


def test_what_is_left_in_instance_pictures_stays(filled: Project, export: Export, take_in: TakeIn, twin: Twin) -> None:
    once, again = twin(filled), twin(filled)
    first = export(filled, format="instance_png")
    take_in(once, first.files[0])
    second = export(once, format="instance_png")
    take_in(again, second.files[0])
    assert contents(export(again, format="instance_png")) == contents(second)
    before, after = (decode_numbers(contents(run)["instances/00000.png"]) for run in (first, second))
    assert np.array_equal(before > 0, after > 0)


def test_sa1b_scores_of_hand_made_masks_follow_the_rule(
    project: Project, add_image: AddImage, add_mask: AddMask, export: Export
) -> None:
    image = add_image(project)
    block = np.zeros((17, 31), bool)
    block[4:9, 5:20] = True
    add_mask(image, block)
    add_mask(image, block[::-1], provenance={"predicted_iou": 0.5, "crop_box": [2, 1, 22, 16]}, stability_score=0.25)
    hand, assisted = json.loads(contents(export(project, format="sa1b"))["00000.json"])["annotations"]
    assert (hand["predicted_iou"], hand["stability_score"], hand["crop_box"]) == (1.0, 1.0, [0, 0, 31, 17])
    assert (assisted["predicted_iou"], assisted["stability_score"]) == (0.5, 0.25)
    assert assisted["crop_box"] == [2, 1, 20, 15]


def test_sa1b_shards_hold_so_many_images_each(filled: Project, export: Export) -> None:
    run = export(filled, format="sa1b", shard_images=3)
    names = []
    for path in run.files:
        with tarfile.open(path) as tar:
            names.append(len(tar.getnames()))
    assert names == [3, 1]


def test_sa1b_resized_masks_go_with_the_resized_photo(
    project: Project, make_photo: MakePhoto, add_mask: AddMask, export: Export
) -> None:
    image = make_photo(project, (200, 120))
    ring = np.zeros((120, 200), bool)
    ring[20:100, 30:150] = True
    ring[50:70, 60:90] = False
    add_mask(image, ring)
    run = export(project, format="sa1b", shortest_side_px=64, images="copy")
    files = contents(run)
    page = json.loads(files[f"{image.name[:-4]}.json"])
    with Pillow.open(io.BytesIO(files[image.name])) as picture:
        assert picture.size == (page["image"]["width"], page["image"]["height"]) == (107, 64)
    mask = coco_masks.decode(page["annotations"][0]["segmentation"])
    assert mask.shape == (64, 107)
    assert abs(mask.sum() / mask.size - ring.sum() / ring.size) < 0.02
    assert run.certificate()["masks"]["identical"] == 1


def test_a_photo_lying_on_its_side_is_written_upright(
    project: Project, make_photo: MakePhoto, add_mask: AddMask, export: Export
) -> None:
    image = make_photo(project, (60, 40), orientation=6)
    assert (image.width, image.height) == (40, 60)
    add_mask(image, np.eye(60, 40, dtype=bool))
    run = export(project, images="copy")
    with Pillow.open(io.BytesIO(contents(run)[f"images/{image.name}"])) as picture:
        assert picture.size == (40, 60)
        assert picture.getexif().get(0x0112, 1) == 1
    assert run.certificate()["notes"]["photos_turned_upright"]["names"] == [image.name]


def test_photos_travel_with_the_masks_into_an_empty_project(
    project: Project, make_photo: MakePhoto, add_mask: AddMask, export: Export, take_in: TakeIn, other: Project
) -> None:
    image = make_photo(project, (60, 40), tags=["night"], split="val")
    add_mask(image, np.eye(40, 60, dtype=bool), label=Label.objects.get(project=project))
    report = take_in(other, export(project, images="copy").files[0])
    assert report["images"]["added"] == 1
    copy = Image.objects.get(project=other)
    assert (copy.sha256, copy.tags, copy.split) == (image.sha256, ["night"], "val")
    assert store.has(copy.sha256, store.ORIGINAL)
    assert Annotation.objects.get(image=copy, label__name="Car")


@pytest.mark.parametrize("name", ["sa1b", "yolo", "semantic_png", "instance_png"])
def test_links_to_the_photos_lie_in_a_table(
    filled: Project, export: Export, take_in: TakeIn, twin: Twin, name: str
) -> None:
    run = export(filled, format=name, images="links", base_url="http://server")
    lines = contents(run)["image_links.csv"].decode().splitlines()
    assert lines[0] == "file,url,sha256"
    images = {image.sha256: image for image in Image.objects.filter(project=filled)}
    for line in lines[1:]:
        file, url, sha256 = line.split(",")
        assert file.endswith(images[sha256].name)
        assert url == f"http://server/api/v1/images/{images[sha256].pk}/original?v={sha256[:12]}"
    assert len(lines) == 1 + len(images)
    assert run.certificate()["masks"]["mismatches"] == 0
    assert take_in(twin(filled), run.files[0])["masks"]["refused"] == 0


def test_yolo_lines_give_back_every_pixel_and_say_who_has_no_class(filled: Project, export: Export) -> None:
    certificate = export(filled, format="yolo").certificate()
    without = Annotation.objects.filter(image__project=filled, label=None).count()
    assert certificate["masks"]["left_out"] == without > 0
    assert certificate["masks"]["identical"] == certificate["masks"]["written"]


def test_pictures_hold_the_highest_mask_and_count_what_is_hidden(
    project: Project, add_image: AddImage, add_mask: AddMask, export: Export
) -> None:
    image = add_image(project)
    low, high = np.zeros((17, 31), bool), np.zeros((17, 31), bool)
    low[2:10, 2:10] = True
    high[5:12, 5:12] = True
    label = Label.objects.get(project=project)
    add_mask(image, low, z_order=0, label=label)
    add_mask(image, high, z_order=1)
    run = export(project, format="instance_png")
    with Pillow.open(io.BytesIO(contents(run)["instances/00000.png"])) as picture:
        assert picture.mode == "I;16"
        numbers = np.asarray(picture)
    assert np.array_equal(numbers == 2, high)
    assert np.array_equal(numbers == 1, low & ~high)
    loss = run.certificate()["loss"]
    assert (loss["masks_changed"], loss["pixels_changed"]) == (1, int((low & high).sum()))
    legend = json.loads(contents(run)["legends/00000.json"])
    assert [row["label"] for row in legend["instances"]] == ["Car", None]


def test_semantic_pictures_have_a_palette_for_the_eye(filled: Project, export: Export) -> None:
    files = contents(export(filled, format="semantic_png"))
    with Pillow.open(io.BytesIO(files["colored/00000.png"])) as picture:
        assert picture.mode == "P"
        assert (picture.getpalette() or [])[3:6] == [0xE6, 0x9F, 0x00]
    assert json.loads(files["legend.json"])["labels"][0] == {"number": 1, "name": "Car", "color": "#E69F00"}
