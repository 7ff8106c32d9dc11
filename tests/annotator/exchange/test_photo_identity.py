"""Which photo a mask lands on: by path, by tail, by content, by form; two photos in, two photos out."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotator.annotations.models import Annotation
from annotator.exchange.import_.name_ranks import FOLDED, FOLDED_PART, LAST_PART, PART, TAIL, WHOLE, WantedName
from annotator.images.models import Image
from annotator.projects.models import Project
from tests.annotator.exchange.file_steps import coco, found, mask, picture, png, put, write_json, write_zip
from tests.annotator.exchange.fixture_types import AddMask, Export, TakeIn
from tests.annotator.test_zip_names import zip_in

pytestmark = pytest.mark.django_db


def test_one_name_in_two_folders_is_two_photos(project: Project, take_in: TakeIn, tmp_path: Path) -> None:
    """Two days, two cameras, one numbering: the masks of each day lie on its own photo."""
    content = coco(
        [picture(1, "day1/001.png"), picture(2, "day2/001.png")], [mask(1, 1, 0, 0), mask(2, 2, 40, 20)]
    )  # fmt: skip
    entries = {"annotations/instances.json": content, "images/day1/001.png": png(1), "images/day2/001.png": png(2)}
    report = take_in(project, write_zip(tmp_path / "x.zip", entries))
    assert report["images"] == {"matched": 0, "added": 2, "unknown": 0, "refused": 0}
    assert found(project) == {"day1/001.png": [(0, 0, 10, 10)], "day2/001.png": [(40, 20, 10, 10)]}


def test_the_same_file_again_changes_nothing(project: Project, take_in: TakeIn, tmp_path: Path) -> None:
    entries = {
        "x.json": coco([picture(1, "day1/001.png"), picture(2, "day2/001.png")], [mask(1, 1), mask(2, 2, 30)]),
        "day1/001.png": png(1),
        "day2/001.png": png(1),  # the same picture twice: two images all the same
    }
    path = write_zip(tmp_path / "x.zip", entries)
    first = take_in(project, path)
    assert first["notes"]["photos_same_content"]["count"] == 1
    once = found(project)
    assert once == {"day1/001.png": [(5, 5, 10, 10)], "day2/001.png": [(30, 5, 10, 10)]}
    report = take_in(project, path)
    assert (report["images"]["matched"], report["masks"]["unchanged"]) == (2, 2)
    assert found(project) == once


def test_full_path_before_tail_before_content(project: Project, take_in: TakeIn, tmp_path: Path) -> None:
    put(project, "a/x.png", 1)
    put(project, "b/x.png", 2)
    put(project, "y.png", 3)
    kept = put(project, "z.png", 4)
    images = [picture(1, "b/x.png"), picture(2, "data/set/y.png")]
    images.append(picture(3, "renamed.png", maskwright={"sha256": kept.sha256}))
    take_in(project, write_json(tmp_path / "x.json", coco(images, [mask(1, 1), mask(2, 2, 20), mask(3, 3, 40)])))
    assert {name: [box[0] for box in boxes] for name, boxes in found(project).items()} == {
        "a/x.png": [], "b/x.png": [5], "y.png": [20], "z.png": [40],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (["day1/001.png", "day2/001.png"], "001.png"),  # could be either
        (["day1/001.png"], "day2/001.png"),  # another folder is another photo
        (["a.png", "A.png"], "Ａ.png"),  # by form alone it is both
        (["leaf.png", "leaf.jpg"], "leaf"),
    ],
)
def test_what_could_be_another_photo_is_refused_by_name(
    project: Project, take_in: TakeIn, tmp_path: Path, there: list[str], said: str
) -> None:
    for seed, name in enumerate(there):
        put(project, name, seed)
    report = take_in(project, write_json(tmp_path / "x.json", coco([picture(1, said)], [mask(1, 1)])))
    assert (report["images"]["unknown"], report["masks"]["refused"]) == (1, 1)
    assert not Annotation.objects.exists()
    reason = report["problems"][0]["reason"]
    assert all(name in reason for name in [said, *there])


def test_last_names_alone_are_taken_when_asked_for(project: Project, take_in: TakeIn, tmp_path: Path) -> None:
    put(project, "day1/001.png")
    path = write_json(tmp_path / "x.json", coco([picture(1, "elsewhere/001.png")], [mask(1, 1)]))
    assert take_in(project, path, loose_names=True)["images"]["matched"] == 1


def test_two_images_of_a_file_never_become_one_photo_without_a_word(
    project: Project, take_in: TakeIn, tmp_path: Path
) -> None:
    put(project, "001.png")
    content = coco([picture(1, "day1/001.png"), picture(2, "day2/001.png")], [mask(1, 1), mask(2, 2, 30)])
    report = take_in(project, write_json(tmp_path / "x.json", content))
    assert report["images"] == {"matched": 0, "added": 0, "unknown": 0, "refused": 2}
    assert found(project) == {"001.png": []}
    assert "day1/001.png and day2/001.png" in report["problems"][0]["reason"]


def test_of_two_claims_the_exact_one_stands(project: Project, take_in: TakeIn, tmp_path: Path) -> None:
    put(project, "day1/001.png")
    content = coco([picture(1, "001.png"), picture(2, "day1/001.png")], [mask(1, 1), mask(2, 2, 30)])
    report = take_in(project, write_json(tmp_path / "x.json", content))
    assert (report["images"]["matched"], report["images"]["refused"]) == (1, 1)
    assert found(project) == {"day1/001.png": [(30, 5, 10, 10)]}


def test_a_photo_listed_twice_is_no_photo_twice(project: Project, take_in: TakeIn, tmp_path: Path) -> None:
    entries = {"x.json": coco([picture(1, "p.png"), picture(2, "p.png")], [mask(1, 1), mask(2, 2)]), "p.png": png()}
    report = take_in(project, write_zip(tmp_path / "x.zip", entries))
    assert report["images"]["refused"] == 2
    assert not Image.objects.exists()


def test_masks_never_land_on_a_photo_of_another_content(project: Project, take_in: TakeIn, tmp_path: Path) -> None:
    put(project, "p.png", 1)
    entries = {"x.json": coco([picture(1, "p.png")], [mask(1, 1)]), "p.png": png(2)}
    report = take_in(project, write_zip(tmp_path / "x.zip", entries))
    assert report["notes"]["photos_renamed"]["count"] == 1
    assert found(project) == {"p.png": [], "p (2).png": [(5, 5, 10, 10)]}
    said = coco([picture(1, "p.png", maskwright={"sha256": "0" * 64})], [mask(1, 1)])
    report = take_in(project, write_json(tmp_path / "y.json", said))
    assert "another content" in report["problems"][0]["reason"]


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ("p.png", "p.PNG"),
        ("Day1/IMG_1.JPG", "day1/img_1.jpg"),
        ("p.png", "C:\\Users\\me\\p.png"),
        ("day1/p.png", "day1\\p.png"),
        ("a b.png", "a%20b.png"),
        ("100% a.png", "100%25%20a.png"),
        ("caf\u00e9.png", "cafe\u0301.png"),
        ("\uac00.png", "\u1100\u1161.png"),
        ("p.png", "http://images.example.org/val2017/p.png?size=1"),
        ("p.png", "photos/p"),
        ("p.png", "./p.png"),
    ],
)
def test_names_meet_in_every_form(project: Project, take_in: TakeIn, tmp_path: Path, there: str, said: str) -> None:
    put(project, there)
    report = take_in(project, write_json(tmp_path / "x.json", coco([picture(1, said)], [mask(1, 1)])))
    assert report["images"]["matched"] == 1
    assert found(project) == {unicodedata.normalize("NFC", there): [(5, 5, 10, 10)]}


def test_the_exact_form_goes_before_the_folded_one(project: Project, take_in: TakeIn, tmp_path: Path) -> None:
    put(project, "a.png", 1)
    put(project, "A.png", 2)
    content = coco([picture(1, "A.png"), picture(2, "a.png")], [mask(1, 1), mask(2, 2, 30)])
    take_in(project, write_json(tmp_path / "x.json", content))
    assert found(project) == {"A.png": [(5, 5, 10, 10)], "a.png": [(30, 5, 10, 10)]}


def test_a_photo_without_a_file_name_is_known_by_its_address(project: Project, take_in: TakeIn, tmp_path: Path) -> None:
    put(project, "000000397133.png")
    image = {"id": 397133, "coco_url": "http://images.example.org/val2017/000000397133.png", "width": 60, "height": 40}
    report = take_in(project, write_json(tmp_path / "x.json", coco([image], [mask(1, 397133)])))
    assert report["images"]["matched"] == 1
    assert found(project) == {"000000397133.png": [(5, 5, 10, 10)]}


@pytest.mark.parametrize(
    ("charset", "name"), [("cp949", "사건사고데이터_01"), ("cp932", "道路_01"), ("gb18030", "苹果"), ("big5", "圖片")]
)
def test_names_of_a_zip_are_read_by_the_charset_that_its_json_speaks(
    project: Project, take_in: TakeIn, tmp_path: Path, charset: str, name: str
) -> None:
    import json

    content = json.dumps(coco([picture(1, f"{name}.png")], [mask(1, 1)])).encode()
    data = zip_in(charset, ("annotations/instances.json", content), (f"images/{name}.png", png()))
    (tmp_path / "x.zip").write_bytes(data)
    report = take_in(project, tmp_path / "x.zip")
    assert found(project) == {f"{name}.png": [(5, 5, 10, 10)]}
    assert report["notes"]["names_not_utf8"]["count"] == 1


def test_label_files_of_two_splits_keep_their_photos(project: Project, take_in: TakeIn, tmp_path: Path) -> None:
    line = "0 0.083333 0.125 0.25 0.125 0.25 0.375 0.083333 0.375\n"
    entries = {
        "data.yaml": "names: [cell]\n",
        "images/train/001.png": png(1), "labels/train/001.txt": line,
        "images/val/001.png": png(2), "labels/val/001.txt": line,
        "images/train/deep/002.PNG": png(3), "labels/train/deep/002.txt": line,
    }  # fmt: skip
    take_in(project, write_zip(tmp_path / "x.zip", entries))
    assert found(project) == {
        "train/001.png": [(5, 5, 10, 10)], "val/001.png": [(5, 5, 10, 10)], "deep/002.PNG": [(5, 5, 10, 10)],
    }  # fmt: skip
    assert dict(Image.objects.values_list("name", "split")) == {
        "train/001.png": "train", "val/001.png": "val", "deep/002.PNG": "train",
    }  # fmt: skip


def test_folders_come_back_from_every_format_with_photos(
    project: Project, other: Project, export: Export, take_in: TakeIn, add_mask: AddMask
) -> None:
    import numpy as np

    from annotator.projects.models import Label

    label = Label.objects.get(project=project)
    for seed, name in enumerate(["day1/001.png", "day2/001.png", "day2/001.jpg", "images/labels/x.png"]):
        pixels = np.zeros((40, 60), bool)
        pixels[5:15, 10 * seed : 10 * seed + 10] = True
        add_mask(put(project, name, seed), pixels, label=label)
    for name in ("coco", "sa1b", "yolo", "semantic_png", "instance_png"):
        empty = Project.objects.create(name=name)
        report = take_in(empty, export(project, format=name, images="copy").files[0])
        assert report["images"]["added"] == 4, name
        boxes = [boxes for _, boxes in sorted(found(empty).items(), key=lambda item: item[1])]
        assert boxes == [[(0, 5, 10, 10)], [(10, 5, 10, 10)], [(20, 5, 10, 10)], [(30, 5, 10, 10)]], name
        again = take_in(project, export(project, format=name, images="copy").files[0])
        assert (again["images"]["matched"], again["masks"]["refused"]) == (4, 0), name
    assert len(found(project)) == 4


@pytest.mark.parametrize(
    ("said", "path", "level"),
    [
        ("day1/a.png", "day1/a.png", WHOLE),
        ("a.png", "day1/a.png", TAIL),
        ("x/day1/a.png", "day1/a.png", TAIL),
        ("x/day1/a.png", "y/day1/a.png", PART),
        ("DAY1/a.png", "day1/a.png", FOLDED),
        ("x/DAY1/a.png", "y/day1/a.png", FOLDED_PART),
        ("day2/a.png", "day1/a.png", LAST_PART),
    ],
)
def test_how_well_a_name_fits(said: str, path: str, level: int) -> None:
    rank = WantedName(said).rank(path)
    assert rank is not None
    assert rank.level == level


PARTS = st.sampled_from(["a", "A", "b", "day1", "day2", "é", "e\u0301", "ａ"])
PATHS = st.lists(PARTS, min_size=1, max_size=3).map(lambda parts: "/".join(parts) + ".png")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(paths=st.lists(PATHS, min_size=2, max_size=5, unique_by=lambda path: unicodedata.normalize("NFC", path)))
def test_photos_in_are_photos_out_whatever_their_names(take_in: TakeIn, tmp_path: Path, paths: list[str]) -> None:
    project = Project.objects.create(name="p")
    images = [picture(number, path) for number, path in enumerate(paths)]
    masks = [mask(number + 1, number, 5 * number, 0) for number in range(len(paths))]
    entries = {"x.json": coco(images, masks), **{path: png(seed) for seed, path in enumerate(paths)}}
    path = write_zip(tmp_path / "x.zip", entries)
    report = take_in(project, path)
    assert report["images"]["added"] == len(paths)
    boxes = found(project)
    assert len(boxes) == len(paths)
    for number, name in enumerate(paths):
        assert boxes[unicodedata.normalize("NFC", name)] == [(5 * number, 0, 10, 10)]
    again = take_in(project, path)
    assert again["images"]["matched"] == again["masks"]["unchanged"] == len(paths)


def test_a_photo_of_another_name_is_known_by_its_content_with_a_word(
    project: Project, take_in: TakeIn, tmp_path: Path
) -> None:
    put(project, "a.png", 1)
    path = write_zip(tmp_path / "x.zip", {"x.json": coco([picture(1, "b.png")], [mask(1, 1)]), "b.png": png(1)})
    report = take_in(project, path)
    assert report["notes"]["photos_by_content"]["names"] == ["b.png is a.png here"]
    assert found(project) == {"a.png": [(5, 5, 10, 10)]}


def test_the_same_content_twice_in_a_file_is_two_images(project: Project, take_in: TakeIn, tmp_path: Path) -> None:
    put(project, "a.png", 1)
    content = coco([picture(1, "a.png"), picture(2, "b.png")], [mask(1, 1), mask(2, 2, 30)])
    take_in(project, write_zip(tmp_path / "x.zip", {"x.json": content, "a.png": png(1), "b.png": png(1)}))
    assert found(project) == {"a.png": [(5, 5, 10, 10)], "b.png": [(30, 5, 10, 10)]}


def test_folders_of_photos_are_never_taken_for_those_of_the_format(
    project: Project, export: Export, add_mask: AddMask
) -> None:
    import zipfile

    import numpy as np

    from annotator.projects.models import Label

    pixels = np.ones((40, 60), bool)
    add_mask(put(project, "images/day1/labels/a.png"), pixels, label=Label.objects.get(project=project))
    run = export(project, format="yolo", images="copy", val_ratio=0, test_ratio=0)
    names = [name for name in zipfile.ZipFile(run.files[0]).namelist() if name.endswith(("a.png", "a.txt"))]
    photo, label = sorted(names)
    # ultralytics: the last /images/ of a photo's path becomes /labels/
    assert "/labels/".join(f"/{photo}".rsplit("/images/", 1)).replace(".png", ".txt") == f"/{label}"
