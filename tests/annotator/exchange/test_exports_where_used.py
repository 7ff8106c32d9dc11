"""Exports open where people use them: file names, folders, YAML, and rows that no file can hold."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from PIL import Image as Pillow
from pycocotools.coco import COCO

from annotator.annotations.models import Annotation
from annotator.exchange.export.file_names import FileNames
from annotator.exchange.export.run import ExportRun
from annotator.exchange.export.selection import Selection
from annotator.exchange.files.packages import entries_of
from annotator.exchange.options import SPLITS, ExportOptions
from annotator.exchange.registry import WRITTEN
from annotator.images.services import add_photo
from annotator.projects.models import Label, Project
from tests.annotator.exchange.fixture_types import AddImage, AddMask, Export, MakePhoto, TakeIn, Twin
from tests.annotator.exchange.pixel_steps import contents

SQUARE = np.zeros((17, 31), bool)
SQUARE[3:9, 3:12] = True


@pytest.fixture
def leaves(project: Project, add_mask: AddMask) -> Project:
    """leaf.png and leaf.jpg, two photos of one stem, each with a mask."""
    for number, name in enumerate(("leaf.png", "leaf.jpg")):
        file = io.BytesIO()
        Pillow.new("RGB", (31, 17), (number, 0, 0)).save(file, "PNG" if name.endswith("png") else "JPEG")
        file.seek(0)
        add_mask(add_photo(project, file, name=name, user=None).image, SQUARE, label=Label.objects.get(project=project))
    return project


@pytest.mark.parametrize("images", ["none", "links", "copy"])
def test_coco_keeps_the_owners_file_names_where_nothing_meets(leaves: Project, export: Export, images: str) -> None:
    run = export(leaves, images=images)
    text = next(data for name, data in contents(run).items() if name.endswith(".json"))
    assert {row["file_name"] for row in json.loads(text)["images"]} == {"leaf.png", "leaf.jpg"}
    if images == "copy":
        assert {"images/leaf.png", "images/leaf.jpg"} <= contents(run).keys()


def test_names_that_differ_by_case_are_told_apart_only_where_photos_are_written(
    project: Project, add_image: AddImage, export: Export
) -> None:
    first, second = add_image(project, "Leaf.PNG"), add_image(project, "leaf.png")
    without = json.loads(export(project).files[0].read_text())
    assert [row["file_name"] for row in without["images"]] == ["Leaf.PNG", "leaf.png"]
    (text,) = contents(export(project, images="copy")).values()  # the photos themselves are rows only
    names = [row["file_name"] for row in json.loads(text)["images"]]
    assert names == [f"Leaf-{first.sha256[:8]}.PNG", f"leaf-{second.sha256[:8]}.png"]


@pytest.mark.parametrize("name", [name for name in WRITTEN if name != "coco"])
def test_files_beside_photos_of_one_stem_do_not_meet(leaves: Project, export: Export, name: str) -> None:
    run = export(leaves, format=name, images="copy")
    names = [entry for entry, _ in entries_of(run.files)]
    assert len(names) == len(set(names))
    assert run.certificate()["masks"]["written"] == 2


def test_photos_of_one_name_and_content_still_get_names_of_their_own() -> None:
    photos = [("a.png", "0" * 64), ("A.png", "0" * 64), ("a.jpg", "1" * 64), ("d.1/b", "2" * 64), ("d.2/b", "3" * 64)]
    names = FileNames(photos)
    stems = [names.stem(name, sha256=sha256, pk=pk) for pk, (name, sha256) in enumerate(photos)]
    assert stems == ["a-00000000-0", "A-00000000-1", "a-11111111", "d.1/b", "d.2/b"]
    whole = [names.whole(name, sha256=sha256, pk=pk, on_disk=True) for pk, (name, sha256) in enumerate(photos)]
    assert whole == ["a-00000000-0.png", "A-00000000-1.png", "a.jpg", "d.1/b", "d.2/b"]


def check_as_ultralytics_does(yaml_file: Path) -> dict[str, Any]:
    """Follow docs.ultralytics.com/datasets: without `path` the splits lie beside data.yaml; all of them must exist."""
    yaml = pytest.importorskip("yaml")
    data: dict[str, Any] = yaml.safe_load(yaml_file.read_text(encoding="utf-8"))
    root = Path(data["path"]) if "path" in data else yaml_file.parent
    for split in ("train", "val", "test"):
        assert (root / data[split]).resolve().is_dir(), split
    assert sorted(data["names"]) == list(range(len(data["names"])))
    return data


@pytest.mark.parametrize("images", ["none", "copy"])
@pytest.mark.parametrize("container", ["zip", "tar"])
def test_yolo_opens_from_any_working_folder_with_every_split(
    leaves: Project, export: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: str, container: str
) -> None:
    for position, name in enumerate(("no", 'it"s: x', "日本 / ☃", "3.10", "a\u0085b\\n"), 1):
        Label.objects.create(project=leaves, name=name, color="#111111", position=position)
    run = export(leaves, format="yolo", images=images, container=container, val_ratio=0, test_ratio=0)
    import shutil

    shutil.unpack_archive(run.files[0], tmp_path / "out", container, filter="data" if container == "tar" else None)
    monkeypatch.chdir("/")
    data = check_as_ultralytics_does(tmp_path / "out" / "data.yaml")
    assert list(data["names"].values()) == ["Car", "no", 'it"s: x', "日本 / ☃", "3.10", "a\u0085b\\n"]
    labels = sorted(path.stem for path in (tmp_path / "out/labels/train").iterdir())
    if images == "copy":
        assert labels == sorted(path.stem for path in (tmp_path / "out/images/train").iterdir())


def test_empty_folders_survive_a_kill(leaves: Project, tmp_path: Path) -> None:
    options = ExportOptions(format="yolo", images="copy")
    run = ExportRun(Selection(leaves, options), tmp_path / "run", name="out")
    todo = run.steps()
    next(todo)()
    todo.close()
    again = ExportRun(Selection(leaves, options), tmp_path / "run", name="out")
    again.run()
    with zipfile.ZipFile(again.files[0]) as archive:
        assert archive.testzip() is None
        folders = {info.filename for info in archive.infolist() if info.is_dir()}
    assert folders == {f"{kind}/{split}/" for kind in ("images", "labels") for split in SPLITS}


@pytest.mark.parametrize("container", ["zip", "tar"])
def test_coco_by_split_is_a_json_and_a_folder_for_each(
    project: Project, make_photo: MakePhoto, add_mask: AddMask, export: Export, tmp_path: Path, container: str
) -> None:
    for place, split in enumerate(("val", "train", "val", "train", "train")):
        image = make_photo(project, (60, 40), split=split)
        for number in range(place):
            add_mask(image, np.roll(np.eye(40, 60, dtype=bool), number, axis=1), z_order=number)
    run = export(project, layout="splits", images="copy", container=container)
    masks = run.certificate()["masks"]
    assert (masks["written"], masks["identical"], masks["mismatches"]) == (10, 10, 0)
    files = contents(run)
    assert [name for name in files if name.endswith(".json")] == [
        "annotations/instances_train.json", "annotations/instances_val.json",
    ]  # fmt: skip
    ids: dict[str, list[int]] = {"images": [], "annotations": []}
    for split, count in (("train", 3), ("val", 2)):
        path = tmp_path / f"{split}.json"
        path.write_bytes(files[f"annotations/instances_{split}.json"])
        coco = COCO(str(path))
        assert len(coco.imgs) == count
        for kind in ids:
            ids[kind] += [row["id"] for row in coco.dataset[kind]]
        for row in coco.anns.values():
            assert coco.annToMask(row).sum() == row["area"]
        assert {f"images/{split}/{row['file_name']}" for row in coco.dataset["images"]} <= files.keys()
    assert all(len(set(of)) == len(of) for of in ids.values())


def test_coco_by_split_without_photos_or_images_is_still_a_package(project: Project, export: Export) -> None:
    assert list(contents(export(project, layout="splits"))) == ["annotations/instances_train.json"]


def test_coco_by_split_goes_on_after_a_kill(filled: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annotator.exchange.export.run.IMAGES_PER_STEP", 1)
    options = ExportOptions(layout="splits", val_ratio=0.5, test_ratio=0.2)
    whole = ExportRun(Selection(filled, options), tmp_path / "whole", name="out")
    whole.run()
    for stop in range(1, 5):
        folder = tmp_path / f"stopped-{stop}"
        todo = ExportRun(Selection(filled, options), folder, name="out").steps()
        for _ in range(stop):
            next(todo)()
        todo.close()
        again = ExportRun(Selection(filled, options), folder, name="out")
        again.run()
        assert contents(again) == contents(whole)


# PostgreSQL refuses such texts before they are a row; SQLite of earlier versions may hold them.
only_sqlite = pytest.mark.skipif("postgresql" in settings.DATABASES["default"]["ENGINE"], reason="no row can hold it")
UNFIT = {"lone surrogate": "\ud800", "NUL": "a\0b"}


@only_sqlite
@pytest.mark.parametrize("name", [name for name in WRITTEN if name != "cutouts"])  # the photo here is a row only
@pytest.mark.parametrize("text", UNFIT.values(), ids=UNFIT)
def test_a_text_that_no_file_holds_stops_no_export(
    project: Project,
    add_image: AddImage,
    add_mask: AddMask,
    export: Export,
    take_in: TakeIn,
    twin: Twin,
    name: str,
    text: str,
) -> None:
    label = Label.objects.get(project=project)
    Label.objects.filter(pk=label.pk).update(attributes=[{"name": text, "kind": "text"}])
    image = add_image(project, tags=[text])
    add_mask(image, SQUARE, label=label, attributes={"note": text, text: 1}, provenance={"prompts": [text]})
    add_mask(image, SQUARE[::-1], label=label, attributes={"note": "fine"})
    run = export(project, format=name)
    certificate = run.certificate()
    assert certificate["masks"]["written"] == 2
    assert certificate["masks"]["mismatches"] == 0
    if name == "coco":
        assert certificate["notes"]["texts_mended"]["count"] >= 1
        copy = twin(project)
        assert take_in(copy, run.files[0])["masks"]["created"] == 2
        notes = {row.attributes["note"] for row in Annotation.objects.filter(image__project=copy)}
        assert notes == {"fine", text.replace("\0", "\ufffd").replace("\ud800", "\ufffd")}


@pytest.mark.parametrize("name", ["coco", "sa1b"])
def test_a_score_that_is_no_number_stops_no_export(
    project: Project, add_image: AddImage, add_mask: AddMask, export: Export, name: str
) -> None:
    mask = add_mask(add_image(project), SQUARE)
    Annotation.objects.filter(pk=mask.pk).update(predicted_iou=float("inf"))
    run = export(project, format=name)
    assert run.certificate()["masks"]["written"] == 1
    for data in contents(run).values():
        json.loads(data, parse_constant=pytest.fail)
