"""Values as tools write them: read where they can mean one thing, named where not; nothing is lost without a word."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from annotator.annotations.models import Annotation
from annotator.exchange.files.source import BrokenFileError
from annotator.images.models import Image
from annotator.projects.models import Label, Project
from tests.annotator.exchange.file_steps import (
    coco,
    found,
    labelled,
    mask,
    picture,
    png,
    put,
    square,
    write_json,
    write_zip,
)
from tests.annotator.exchange.fixture_types import Export, TakeIn

pytestmark = pytest.mark.django_db
LEAF = "0 0.083333 0.125 0.25 0.125 0.25 0.375 0.083333 0.375\n"
STEM = "1 0.5 0.125 0.666667 0.125 0.666667 0.375 0.5 0.375\n"


@pytest.fixture
def photo(other: Project) -> Image:
    """The one photo, p.png, of an empty project."""
    return put(other, "p.png")


@pytest.fixture
def take(photo: Image, take_in: TakeIn, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Import a COCO JSON about p.png."""

    def do(annotations: list[Any], categories: list[Any] | None = None, **options: Any) -> dict[str, Any]:
        content = coco([picture(1, "p.png")], annotations, categories)
        return take_in(photo.project, write_json(tmp_path / "i.json", content), **options)

    return do


def test_numbers_with_a_point_are_whole_numbers(photo: Image, take_in: TakeIn, tmp_path: Path) -> None:
    content = {
        "images": [{"id": 208.0, "file_name": "p.png", "width": 60.0, "height": 40.0}],
        "categories": [{"id": 0, "name": "plate"}, {"id": 1, "name": "car"}],
        "annotations": [
            {"id": 112, "image_id": 208.0, "category_id": 1.0, "iscrowd": 0.0, "segmentation": [square(5, 5)]},
            {"id": 113, "image_id": "208", "category_id": "0", "segmentation": [square(25, 5)]},
        ],
    }
    take_in(photo.project, write_json(tmp_path / "instances.json", content))
    assert labelled(photo.project) == {"car": (5, 5), "plate": (25, 5)}


@pytest.mark.parametrize("value", [True, [1], {"a": 1}, 1.5, float("nan"), "", "01"])
def test_an_id_that_cannot_be_read_costs_its_row_and_is_named(
    photo: Image, take: Callable[..., dict[str, Any]], value: Any
) -> None:
    report = take([mask(1, value), mask(2, 1, category=value), mask(3, 1, 30)])
    assert (report["masks"]["created"], report["masks"]["refused"]) == (1, 2)
    assert found(photo.project) == {"p.png": [(30, 5, 10, 10)]}


@pytest.mark.parametrize("value", [float("nan"), "wide", True, -3, 60.5])
def test_a_size_that_cannot_be_read_is_named_and_not_taken_for_none(
    photo: Image, take_in: TakeIn, tmp_path: Path, value: Any
) -> None:
    content = coco([{"id": 1, "file_name": "p.png", "width": value, "height": 40}], [mask(1, 1)])
    report = take_in(photo.project, write_json(tmp_path / "i.json", content))
    assert report["codes"] == {"bad_image": 1, "no_such_image": 1}
    assert "width" in report["problems"][0]["reason"]


def test_nan_in_one_row_costs_that_row(photo: Image, take: Callable[..., dict[str, Any]]) -> None:
    bad = mask(2, 1, segmentation=[[5, 5, float("nan"), 5, 15, 15]])
    report = take([mask(1, 1), bad, mask(3, 1, 30, area=float("nan"))])
    assert (report["masks"]["created"], report["codes"]) == (2, {"bad_polygon": 1})


@pytest.mark.parametrize("value", [1, 1.0, True, "1"])
def test_a_crowd_is_a_crowd_however_it_is_written(take: Callable[..., dict[str, Any]], value: Any) -> None:
    take([mask(1, 1, iscrowd=value)])
    assert Annotation.objects.get().attributes == {"iscrowd": 1}


def test_a_part_with_too_few_points_costs_that_part_alone(photo: Image, take: Callable[..., dict[str, Any]]) -> None:
    rows = [
        mask(1, 1, segmentation=[[5, 5, 15, 5, 15, 15, 5, 15, 7]]),
        mask(2, 1, segmentation=[square(30, 5), [1, 1, 2, 2]]),
        mask(3, 1, segmentation=[square(45, 20)]),
        mask(4, 1, segmentation=square(0, 25)),  # a list too few
        mask(5, 1, segmentation=[[[15, 25], [25, 25], [25, 35], [15, 35]]]),  # a list too many
    ]
    report = take(rows)
    assert (report["masks"]["created"], report["codes"]) == (4, {"bad_polygon": 1})
    assert report["problems"][0]["place"] == "annotation 1 (id 1)"
    assert report["notes"]["parts_left_out"]["count"] == 1
    assert sorted(found(photo.project)["p.png"]) == [
        (0, 25, 10, 10), (15, 25, 10, 10), (30, 5, 10, 10), (45, 20, 10, 10),
    ]  # fmt: skip


def test_outlines_outside_the_photo_are_cut_near_and_far(photo: Image, take: Callable[..., dict[str, Any]]) -> None:
    def outline(x0: float, y0: float, x1: float, y1: float) -> list[list[float]]:
        return [[x0, y0, x1, y0, x1, y1, x0, y1]]

    boxes = [(-4, 5, 6, 15), (50, 30, 75.5, 60), (-200, 10, 300, 20), (-1e6, -1e6, 1e6, 1e6)]
    rows = [mask(number, 1, segmentation=outline(*box)) for number, box in enumerate(boxes, 1)]
    rows.append(mask(9, 1, segmentation=[[100, 100, 110, 100, 110, 110]]))
    report = take(rows)
    assert sorted(found(photo.project)["p.png"]) == [
        (0, 0, 60, 40), (0, 5, 6, 10), (0, 10, 60, 10), (50, 30, 10, 10),
    ]  # fmt: skip
    assert report["codes"] == {"off_the_photo": 1}
    assert report["notes"]["outlines_cut"]["count"] == 2


def test_a_slanted_outline_keeps_its_slope_when_it_is_cut(photo: Image, take: Callable[..., dict[str, Any]]) -> None:
    # The diagonal y = x * 40 / 60, drawn from far away.
    take([mask(1, 1, segmentation=[[-6000, -4000, 6000, 4000, -6000, 4000]])])
    row = Annotation.objects.get()
    assert abs(row.area - 60 * 40 / 2) < 60
    assert (row.bbox_x, row.bbox_h) == (0, 40)


def test_attributes_are_kept_and_go_out_again(
    photo: Image, take: Callable[..., dict[str, Any]], export: Export
) -> None:
    take([mask(1, 1, attributes={"occluded": True, "paint": "red", "n": 3})])
    assert Annotation.objects.get().attributes == {"occluded": True, "paint": "red", "n": 3}
    (row,) = json.loads(export(photo.project).files[0].read_text())["annotations"]
    assert row["attributes"] == {"occluded": True, "paint": "red", "n": 3}


def test_what_has_no_place_is_named_with_counts(photo: Image, take_in: TakeIn, tmp_path: Path) -> None:
    content = coco(
        [picture(1, "p.png", license=4, date_captured="2013-11-14")],
        [mask(1, 1, score=0.5, track=1), mask(2, 1, 30, score=0.7, keypoints=[])],
        [{"id": 1, "name": "cell", "synset": "cell.n.01"}],
    )
    report = take_in(photo.project, write_json(tmp_path / "i.json", {**content, "videos": [1]}))
    assert report["dropped"] == {
        "annotations.score": 2, "annotations.track": 1, "images.license": 1, "images.date_captured": 1,
        "categories.synset": 1, "videos": 1,
    }  # fmt: skip


def test_names_that_are_nearly_alike_stay_four_labels(
    photo: Image, take: Callable[..., dict[str, Any]], take_in: TakeIn, tmp_path: Path
) -> None:
    long = "x" * 120
    names = ["Polish", "polish", f"{long} left", f"{long} right", "ｐolish", f"{'y' * 300}1", f"{'y' * 300}2"]
    categories = [{"id": number, "name": name} for number, name in enumerate(names, 1)]
    rows = [mask(n, 1, n * 5, category=n) for n in range(1, len(names) + 1)]
    report = take(rows, categories)
    assert Label.objects.filter(project=photo.project).count() == len(names)
    assert report["notes"]["labels_alike"]["names"][0] == "polish / Polish"
    again = take(rows, categories)
    assert (again["masks"]["unchanged"], Label.objects.filter(project=photo.project).count()) == (7, 7)


def test_whoever_imports_may_merge_labels_that_are_alike(photo: Image, take: Callable[..., dict[str, Any]]) -> None:
    label = Label.objects.create(project=photo.project, name="Polish", color="#000000")
    take([mask(1, 1)], [{"id": 1, "name": "polish"}], label_map={"polish": label.pk})
    assert Annotation.objects.get().label == label


def test_one_name_in_two_unicode_forms_is_one_label(photo: Image, take: Callable[..., dict[str, Any]]) -> None:
    label = Label.objects.create(project=photo.project, name="caf\u00e9", color="#000000")
    take([mask(1, 1)], [{"id": 1, "name": "cafe\u0301"}])
    assert Annotation.objects.get().label == label


def split_zip(tmp_path: Path, names: tuple[str, str] = ("a_png.rf.11.png", "b_png.rf.22.png")) -> Path:
    def part(name: str, x: float) -> dict[str, Any]:
        things = [{"id": 0, "name": "things", "supercategory": "none"}]
        cell = [{"id": 1, "name": "cell", "supercategory": "things"}]
        return coco([picture(0, name)], [mask(0, 0, x)], things + cell)

    entries = {
        "train/_annotations.coco.json": part(names[0], 5),
        f"train/{names[0]}": png(1),
        "valid/_annotations.coco.json": part(names[1], 30),
        f"valid/{names[1]}": png(2),
        "README.dataset.txt": "x",
    }
    return write_zip(tmp_path / "dataset.zip", entries)


def test_a_json_for_each_split_is_read_and_folders_become_splits(
    other: Project, take_in: TakeIn, tmp_path: Path
) -> None:
    report = take_in(other, split_zip(tmp_path))
    assert found(other) == {"a_png.rf.11.png": [(5, 5, 10, 10)], "b_png.rf.22.png": [(30, 5, 10, 10)]}
    assert sorted(other.images.values_list("split", flat=True)) == ["train", "val"]
    assert [(part["name"], part["masks"], part["split"], part["is_chosen"]) for part in report["files"]] == [
        ("train/_annotations.coco.json", 1, "train", True), ("valid/_annotations.coco.json", 1, "val", True),
    ]  # fmt: skip


def test_photos_of_one_name_in_two_splits_stay_two(other: Project, take_in: TakeIn, tmp_path: Path) -> None:
    path = split_zip(tmp_path, ("a.png", "a.png"))
    take_in(other, path)
    assert found(other) == {"a.png": [(5, 5, 10, 10)], "valid/a.png": [(30, 5, 10, 10)]}
    again = take_in(other, path)
    assert (again["images"]["matched"], again["masks"]["unchanged"]) == (2, 2)


def test_one_may_choose_among_the_jsons(other: Project, take_in: TakeIn, tmp_path: Path) -> None:
    report = take_in(other, split_zip(tmp_path), files=["valid/_annotations.coco.json"])
    assert found(other) == {"b_png.rf.22.png": [(30, 5, 10, 10)]}
    assert [part["is_chosen"] for part in report["files"]] == [False, True]
    with pytest.raises(BrokenFileError, match=r"other\.json"):
        take_in(other, split_zip(tmp_path), files=["other.json"])


def test_instances_beside_captions_and_keypoints_of_the_same_photos(
    photo: Image, take_in: TakeIn, tmp_path: Path
) -> None:
    images = [picture(1, "p.png")]
    things = [{"id": 1, "name": "person"}, {"id": 2, "name": "car"}]
    caption = {"id": 1, "image_id": 1, "caption": "x"}
    entries = {
        "annotations/captions_val2017.json": {"images": images, "annotations": [caption]},
        "annotations/instances_val2017.json": coco(images, [mask(1, 1), mask(2, 1, 30, category=2)], things),
        "annotations/person_keypoints_val2017.json": coco(images, [mask(1, 1, keypoints=[1, 2, 2])], things[:1]),
    }  # fmt: skip
    report = take_in(photo.project, write_zip(tmp_path / "x.zip", entries))
    assert {part["name"]: (part["holds"], part["is_chosen"]) for part in report["files"]} == {
        "annotations/captions_val2017.json": (["captions"], False),
        "annotations/instances_val2017.json": (["masks"], True),
        "annotations/person_keypoints_val2017.json": (["keypoints", "masks"], False),
    }
    assert labelled(photo.project) == {"person": (5, 5), "car": (30, 5)}


def test_classes_of_a_text_file_beside_a_json_that_is_no_coco(other: Project, take_in: TakeIn, tmp_path: Path) -> None:
    entries = {
        "classes.txt": "leaf\nstem\n",
        "notes.json": {"categories": [{"id": 0, "name": "leaf"}, {"id": 1, "name": "stem"}], "info": {"year": 2025}},
        "images/p.png": png(),
        "labels/p.txt": LEAF + STEM,
    }
    report = take_in(other, write_zip(tmp_path / "x.zip", entries))
    assert (report["format"], labelled(other)) == ("yolo", {"leaf": (5, 5), "stem": (30, 5)})
    assert "1 YOLO label files" in report["reason"]


@pytest.mark.parametrize(
    "text",
    [
        "names: ['leaf',\n  'stem']\n",
        "names: ['leaf', 'stem']  # class names\nnc: 2\n",
        "names:\n- leaf\n- stem\nnc: 2\n",
        "nc: 2\nnames:\n  0: leaf # green\n  1: 'stem'\n",
        "names: {0: leaf, 1: stem}\n",
        "\ufeffnames: &all [leaf, stem]\nagain: *all\n",
        'names: ["le\\u0061f", "stem"]\n',
    ],
)
def test_names_in_every_way_that_yaml_has(other: Project, take_in: TakeIn, tmp_path: Path, text: str) -> None:
    entries = {"data.yaml": text, "images/train/p.png": png(), "labels/train/p.txt": LEAF + STEM}
    take_in(other, write_zip(tmp_path / "x.zip", entries))
    assert labelled(other) == {"leaf": (5, 5), "stem": (30, 5)}
    assert Label.objects.filter(project=other).count() == 2


def test_names_that_yaml_takes_for_other_things_stay_names(other: Project, take_in: TakeIn, tmp_path: Path) -> None:
    entries = {"data.yaml": "names: [no, 1.50, null, 2024-01-01]\n", "images/p.png": png(), "labels/p.txt": LEAF}
    take_in(other, write_zip(tmp_path / "x.zip", entries))
    assert set(Label.objects.filter(project=other).values_list("name", flat=True)) == {
        "no",
        "1.50",
        "null",
        "2024-01-01",
    }


@pytest.mark.parametrize("text", ["names: [leaf\n", "names: &a [*a, *b]\n", "[" * 5000])
def test_a_broken_yaml_is_refused_by_name(other: Project, take_in: TakeIn, tmp_path: Path, text: str) -> None:
    entries = {"data.yaml": text, "images/p.png": png(), "labels/p.txt": LEAF}
    with pytest.raises(BrokenFileError, match=r"data\.yaml"):
        take_in(other, write_zip(tmp_path / "x.zip", entries))


def test_a_yaml_makes_no_objects(other: Project, take_in: TakeIn, tmp_path: Path) -> None:
    text = "names: !!python/object/apply:os.mkdir [made-by-yaml]\n"
    take_in(other, write_zip(tmp_path / "x.zip", {"data.yaml": text, "images/p.png": png(), "labels/p.txt": LEAF}))
    assert [label.name for label in Label.objects.filter(project=other)] == ["made-by-yaml"]
    assert not Path("made-by-yaml").exists()


def test_labels_without_any_names_are_called_by_their_number(other: Project, take_in: TakeIn, tmp_path: Path) -> None:
    take_in(other, write_zip(tmp_path / "x.zip", {"images/p.png": png(), "labels/p.txt": LEAF + STEM}))
    assert labelled(other) == {"class 0": (5, 5), "class 1": (30, 5)}


def test_the_format_is_told_by_what_comes_late_in_a_file(photo: Image, take_in: TakeIn, tmp_path: Path) -> None:
    head = {"info": {"description": "x" * 20_000}, "licenses": [{"name": "y" * 9000}]}
    content = {**head, **coco([picture(1, "p.png")], [mask(1, 1)])}
    entries = {"a.json": {"anything": ["else"] * 3000}, "z/instances.json": content, "list.yaml": "a: 1"}
    report = take_in(photo.project, write_zip(tmp_path / "x.zip", entries))
    assert (report["format"], report["masks"]["created"]) == ("coco", 1)
    assert "z/instances.json" in report["reason"]


@pytest.mark.parametrize(
    "content",
    [{"images": [], "annotations": []}, {"categories": [{"id": 1, "name": "x"}]}, {"info": {}}, {}, {"images": {}}],
)
def test_nothing_succeeds_with_nothing_in_it(photo: Image, take_in: TakeIn, tmp_path: Path, content: Any) -> None:
    for options in ({}, {"format": "coco"}):
        with pytest.raises(BrokenFileError):
            take_in(photo.project, write_json(tmp_path / "i.json", content), **options)


def test_rows_that_are_boxes_are_counted_and_named(photo: Image, take: Callable[..., dict[str, Any]]) -> None:
    report = take([mask(1, 1), mask(2, 1, segmentation=[], bbox=[30, 5, 10, 10])])
    assert (report["masks"]["created"], report["boxes"], report["codes"]) == (1, 1, {"only_a_box": 1})


def test_lines_of_a_detector_are_boxes(photo: Image, take_in: TakeIn, tmp_path: Path) -> None:
    entries = {"data.yaml": "names: [a]", "labels/p.txt": "0 0.5 0.5 0.25 0.5\n0 0.1 0.1 0.1 0.1 0.93\n"}
    report = take_in(photo.project, write_zip(tmp_path / "x.zip", entries))
    assert (report["boxes"], report["masks"]["created"]) == (2, 0)
