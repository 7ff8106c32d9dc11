"""Ids that came in go out again, new ones are given once and for ever, and no two exports of a project share one."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotator.annotations.models import Annotation
from annotator.exchange.export.run import ExportRun
from annotator.images.models import Image
from annotator.projects.models import Label, Project
from tests.annotator.exchange.file_steps import coco, mask, picture, put, write_json, write_zip
from tests.annotator.exchange.fixture_types import AddMask, Export, TakeIn

pytestmark = pytest.mark.django_db
CATEGORIES = [
    {"id": 1, "name": "person", "supercategory": "human"},
    {"id": 3, "name": "car", "supercategory": "vehicle"},
    {"id": 90, "name": "toothbrush", "supercategory": "indoor"},
]


def read(run: ExportRun) -> dict[str, dict[int, Any]]:
    """Return the ids and names of an exported COCO JSON."""
    content = json.loads(run.files[0].read_text())
    return {
        "categories": {row["id"]: (row["name"], row["supercategory"]) for row in content["categories"]},
        "images": {row["id"]: row["file_name"] for row in content["images"]},
        "annotations": {row["id"]: (row["image_id"], row["category_id"]) for row in content["annotations"]},
    }


def block(add_mask: AddMask, image: Image, label: Label | None, *, x: int = 0) -> Annotation:
    pixels = np.zeros((40, 60), bool)
    pixels[:5, x : x + 5] = True
    return add_mask(image, pixels, label=label)


@pytest.fixture
def brought(other: Project, take_in: TakeIn, tmp_path: Path) -> Project:
    """A project of two photos and what a COCO file with ids of its own brought."""
    for seed, name in enumerate(["000000397133.png", "000000037777.png"]):
        put(other, name, seed)
    content = coco(
        [picture(397133, "000000397133.png"), picture(37777, "000000037777.png")],
        [mask(1768, 397133, category=90), mask(900100, 37777, category=3)],
        CATEGORIES,
    )
    take_in(other, write_json(tmp_path / "instances.json", content))
    return other


def test_ids_and_supercategories_go_through(brought: Project, export: Export) -> None:
    assert read(export(brought)) == {
        "categories": {1: ("person", "human"), 3: ("car", "vehicle"), 90: ("toothbrush", "indoor")},
        "images": {397133: "000000397133.png", 37777: "000000037777.png"},
        "annotations": {1768: (397133, 90), 900100: (37777, 3)},
    }


def test_new_things_get_the_next_free_number_and_keep_it_whatever_is_deleted(
    brought: Project, export: Export, add_mask: AddMask
) -> None:
    label = Label.objects.create(project=brought, name="new", color="#000000", position=9)
    image = put(brought, "new.png", 5)
    block(add_mask, image, label)
    first = read(export(brought))
    assert first["categories"][91] == ("new", "")
    assert first["images"][397134] == "new.png"
    assert first["annotations"][900101] == (397134, 91)
    label.delete()
    image.delete()
    later = Label.objects.create(project=brought, name="later", color="#000000", position=8)
    block(add_mask, put(brought, "later.png", 6), later)
    second = read(export(brought))
    assert 91 not in second["categories"]
    assert second["categories"][92] == ("later", "")
    assert second["images"][397135] == "later.png"
    assert second["annotations"][900102] == (397135, 92)
    assert second["annotations"][1768] == (397133, 90)


def test_the_order_of_labels_does_not_change_their_numbers(brought: Project, export: Export) -> None:
    before = read(export(brought))
    for place, label in enumerate(Label.objects.filter(project=brought).order_by("-position")):
        label.position = place
        label.save()
    assert read(export(brought)) == before


def test_splits_never_share_an_id(project: Project, export: Export, add_mask: AddMask) -> None:
    label = Label.objects.get(project=project)
    for seed, split in enumerate(["train", "val", "test", "train"]):
        image = put(project, f"{seed}.png", seed)
        Image.objects.filter(pk=image.pk).update(split=split)
        block(add_mask, image, label)
    parts = [read(export(project, filters={"splits": [split]})) for split in ("train", "val", "test")]
    for kind in ("images", "annotations"):
        numbers = [number for part in parts for number in part[kind]]
        assert len(numbers) == len(set(numbers)) == 4
    whole = read(export(project))
    assert whole["annotations"] == {**parts[0]["annotations"], **parts[1]["annotations"], **parts[2]["annotations"]}


def test_ids_that_are_taken_are_given_anew_with_a_word(
    brought: Project, export: Export, take_in: TakeIn, tmp_path: Path
) -> None:
    put(brought, "x.png", 7)
    content = coco(
        [picture(37777, "x.png")], [mask(1768, 37777, category=3), mask(5, 37777, 30, category=3)],
        [{"id": 3, "name": "bus"}],
    )  # fmt: skip
    report = take_in(brought, write_json(tmp_path / "more.json", content))
    counts = {code: note["count"] for code, note in report["notes"].items()}
    assert counts == {"label_numbers_changed": 1, "image_numbers_changed": 1, "mask_numbers_changed": 1}
    found = read(export(brought))
    assert found["categories"][91] == ("bus", "")
    assert found["images"][397134] == "x.png"
    assert found["annotations"][5] == found["annotations"][900101] == (397134, 91)
    assert found["annotations"][1768] == (397133, 90)


def test_a_deleted_mask_keeps_its_number_for_when_it_comes_back(
    project: Project, export: Export, add_mask: AddMask
) -> None:
    label, image = Label.objects.get(project=project), put(project, "a.png")
    one, two = block(add_mask, image, label), block(add_mask, image, label, x=20)
    export(project)
    Annotation.objects.filter(pk=one.pk).update(deleted_at="2026-01-01T00:00Z")
    block(add_mask, image, label, x=40)
    assert sorted(read(export(project))["annotations"]) == [2, 3]
    Annotation.objects.filter(pk=one.pk).update(deleted_at=None)
    assert sorted(read(export(project))["annotations"]) == [1, 2, 3]
    assert two.pk != one.pk


def test_annotation_ids_that_restart_per_photo_are_renumbered(
    project: Project, export: Export, take_in: TakeIn, tmp_path: Path
) -> None:
    for seed, name in enumerate("pq"):
        put(project, f"{name}.png", seed)
    masks = [mask(1, 1, 5), mask(2, 1, 20), mask(1, 2, 30), mask(2, 2, 45), mask(0, 2, 0, 20)]
    path = write_json(tmp_path / "i.json", coco([picture(1, "p.png"), picture(2, "q.png")], masks))
    report = take_in(project, path)
    assert (report["masks"]["created"], report["masks"]["refused"]) == (5, 0)
    assert report["notes"]["mask_numbers_changed"]["count"] == 3
    found = read(export(project))["annotations"]
    assert sorted(found) == [1, 2, 3, 4, 5]
    assert sorted(image for image, _ in found.values()) == [1, 1, 2, 2, 2]


def test_huge_and_odd_ids_get_numbers_of_their_own(
    project: Project, export: Export, take_in: TakeIn, tmp_path: Path
) -> None:
    put(project, "p.png")
    content = coco(
        [picture("uuid-1", "p.png")], [mask(2**60, "uuid-1", category="c"), mask("x", "uuid-1", 30, category="c")],
        [{"id": "c", "name": "cell"}],
    )  # fmt: skip
    assert take_in(project, write_json(tmp_path / "i.json", content))["masks"]["created"] == 2
    found = read(export(project))
    assert sorted(found["annotations"]) == [1, 2]
    assert list(found["images"]) == [1]


def yolo_names(run: ExportRun) -> tuple[dict[int, str], dict[str, str]]:
    import yaml

    with zipfile.ZipFile(run.files[0]) as archive:
        return yaml.safe_load(archive.read("data.yaml"))["names"], {
            name: archive.read(name).decode().split()[0] for name in archive.namelist() if name.endswith(".txt")
        }


def test_class_numbers_stay_when_labels_come_and_go(project: Project, export: Export, add_mask: AddMask) -> None:
    car = Label.objects.get(project=project)
    bus = Label.objects.create(project=project, name="Bus", color="#000000", position=1)
    block(add_mask, put(project, "a.png"), bus)
    assert yolo_names(export(project, format="yolo", val_ratio=0, test_ratio=0)) == (
        {0: "Car", 1: "Bus"}, {"labels/train/a.txt": "1"},
    )  # fmt: skip
    car.delete()
    Label.objects.create(project=project, name="Tram", color="#000000", position=0)
    names, lines = yolo_names(export(project, format="yolo", val_ratio=0, test_ratio=0))
    assert (names, lines) == ({0: "(unused 0)", 1: "Bus", 2: "Tram"}, {"labels/train/a.txt": "1"})


def test_class_numbers_that_came_in_go_out(other: Project, export: Export, take_in: TakeIn, tmp_path: Path) -> None:
    put(other, "p.png")
    line = "3 0.083333 0.125 0.25 0.125 0.25 0.375 0.083333 0.375\n"
    take_in(other, write_zip(tmp_path / "x.zip", {"data.yaml": "names: {3: leaf, 1: stem}", "labels/p.txt": line}))
    names, lines = yolo_names(export(other, format="yolo", val_ratio=0, test_ratio=0))
    assert (names, set(lines.values())) == ({0: "(unused 0)", 1: "stem", 2: "(unused 2)", 3: "leaf"}, {"3"})


def test_two_projects_number_for_themselves(brought: Project, export: Export, add_mask: AddMask) -> None:
    fresh = Project.objects.create(name="Fresh")
    label = Label.objects.create(project=fresh, name="a", color="#000000")
    block(add_mask, put(fresh, "a.png"), label)
    assert read(export(fresh)) == {"categories": {1: ("a", "")}, "images": {1: "a.png"}, "annotations": {1: (1, 1)}}
