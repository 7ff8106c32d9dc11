"""A dataset version as a folder with its photos: what the trainer reads is what the workspace showed."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from PIL import Image as Pillow

from annotator.annotations.models import Annotation
from annotator.images.models import Image, WorkStatus
from annotator.images.services import add_photo as take_photo
from annotator.images.services import remove_image
from annotator.photos import store
from annotator.photos.originals import load_stored_rgb
from annotator.projects.models import Label, Project
from annotator.training import snapshots
from annotator.training.models import DatasetVersion
from annotator.training.snapshots import DatasetFilters
from sam_core.training.data import read_records
from tests.annotator.training.conftest import files_below

pytestmark = pytest.mark.django_db
Take = Callable[..., Image]


def picture_of(kind: str, *, mode: str = "RGB", orientation: int = 1, **options: Any) -> io.BytesIO:
    """A file of 40 x 30 pixels as they lie in it, with blocks that survive a JPEG."""
    blocks = np.random.default_rng(len(kind) + orientation).integers(0, 255, (3, 4, 4), dtype=np.uint8)
    picture = Pillow.fromarray(blocks.repeat(10, 0).repeat(10, 1), "RGBA").convert(mode)
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    picture.save(file, kind, **({"exif": exif} if orientation != 1 else {}), **options)
    file.seek(0)
    return file


@pytest.fixture
def take(project: Project, add_mask: Callable[..., Annotation]) -> Take:
    """Take a photo as an upload does, and finish a mask on it."""

    def make(file: io.BytesIO, name: str, **mask: Any) -> Image:
        image = take_photo(project, file, name=name, user=None).image
        Image.objects.filter(pk=image.pk).update(work_status=WorkStatus.SUBMITTED)
        add_mask(image, **mask)
        return image

    return make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "folder"


def freeze(project: Project) -> DatasetVersion:
    return snapshots.freeze(project, filters=DatasetFilters(), user=None)


def test_the_trainer_reads_it(project: Project, take: Take, label: Label, folder: Path) -> None:
    provenance = {
        "prompts": [
            {"type": "point", "x": 3.5, "y": 2, "label": 1},
            {"type": "box", "x0": 0, "y0": 0, "x1": 9, "y1": 9},
            {"type": "point", "x": 8, "y": 7, "label": 0},
        ]
    }
    image = take(picture_of("JPEG"), "day1/a.jpg", label=label, provenance=provenance)
    told: list[tuple[int, int]] = []
    version = freeze(project)
    report = snapshots.write_folder(version, folder, on_progress=lambda done, total: told.append((done, total)))
    assert (report.images, report.masks, report.missing, report.changed, told) == (1, 1, 0, 0, [(1, 1)])
    assert files_below(folder) == [f"{image.pk}.jpg", f"{image.pk}.json"]
    (records,) = read_records((str(folder),)).values()
    assert [(row.image_path.name, len(row.rles)) for row in records] == [(f"{image.pk}.jpg", 1)]
    content = json.loads((folder / f"{image.pk}.json").read_text())
    assert content["image"] == {
        "image_id": image.pk, "width": 40, "height": 30, "file_name": f"{image.pk}.jpg", "name": "day1/a.jpg",
        "group": image.sha256, "held_out": False,
    }  # fmt: skip
    (mask,) = content["annotations"]
    assert (mask["label"], mask["bbox"], mask["area"]) == ("car", [1, 1, 4, 3], 12)
    assert mask["point_coords"] == [[3.5, 2]]
    assert mask["prompts"] == [
        {"points": [[3.5, 2]], "labels": [1], "box": None},
        {"points": [], "labels": [], "box": [0, 0, 9, 9]},
        {"points": [[8, 7]], "labels": [0], "box": None},
    ]


@pytest.mark.parametrize(
    ("kind", "name", "options", "ending", "off_by"),
    [
        ("JPEG", "a.jpg", {}, ".jpg", 0),
        ("PNG", "a.png", {}, ".png", 0),
        ("PNG", "grey.png", {"mode": "L"}, ".png", 0),
        ("PNG", "clear.png", {"mode": "RGBA"}, ".png", 0),
        ("PNG", "palette.png", {"mode": "P"}, ".png", 0),
        ("WEBP", "a.webp", {"lossless": True}, ".webp", 0),
        ("JPEG", "turned.jpg", {"orientation": 6}, ".jpg", 12),
        ("JPEG", "mirrored.jpg", {"orientation": 5}, ".jpg", 12),
        ("TIFF", "a.tif", {}, ".png", 0),
        ("TIFF", "turned.tif", {"orientation": 8}, ".png", 0),
        ("JPEG", "inks.jpg", {"mode": "CMYK"}, ".jpg", 12),
    ],
)
def test_photos_are_as_they_were_shown(
    kind: str, name: str, options: Any, ending: str, off_by: int, project: Project, take: Take, folder: Path
) -> None:
    image = take(picture_of(kind, **options), name)
    snapshots.write_folder(freeze(project), folder)
    with Pillow.open(folder / f"{image.pk}{ending}") as written:
        assert written.size == (image.width, image.height)
        assert written.getexif().get(0x0112, 1) == 1
        found = np.asarray(written.convert("RGB")).astype(int)
    shown = np.asarray(load_stored_rgb(image.picture)).astype(int)
    assert np.abs(found - shown).max() <= off_by


def test_photos_that_are_gone_or_have_another_size_are_left_out_and_counted(
    project: Project, take: Take, folder: Path
) -> None:
    gone, kept, changed = (take(picture_of(kind), f"a.{kind.lower()}") for kind in ("JPEG", "PNG", "WEBP"))
    Image.objects.filter(pk=changed.pk).update(width=41)
    version = freeze(project)
    remove_image(gone)
    report = snapshots.write_folder(version, folder)
    assert (report.images, report.missing, report.changed) == (1, 1, 1)
    assert files_below(folder) == [f"{kept.pk}.json", f"{kept.pk}.png"]


def test_only_folders_of_the_servers_own_share_the_stored_file(
    project: Project, take: Take, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    image = take(picture_of("PNG"), "a.png")
    stored = Path(default_storage.path(store.name_of(image.sha256, store.ORIGINAL)))
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for target, is_shared in ((folder, True), (elsewhere, False)):
        snapshots.write_folder(freeze(project), target)
        written = target / f"{image.pk}.png"
        assert written.read_bytes() == stored.read_bytes()
        assert written.samefile(stored) is is_shared


def test_a_folder_that_was_begun_is_gone_on_with(project: Project, take: Take, folder: Path) -> None:
    for number in range(3):
        take(picture_of("PNG", orientation=number + 1), f"{number}.png")

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    version = freeze(project)
    with pytest.raises(KeyboardInterrupt):
        snapshots.write_folder(version, folder, on_progress=stop)
    first = sorted(folder.glob("*.json"))
    assert len(first) == 2
    first[0].write_text("{}")  # whole already: not written again
    assert snapshots.write_folder(version, folder).images == 3
    assert len(list(folder.glob("*.json"))) == 3
    assert first[0].read_text() == "{}"


def test_the_command_writes_a_version_by_its_number(
    project: Project, take: Take, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone, kept = take(picture_of("JPEG"), "a.jpg"), take(picture_of("PNG"), "b.png")
    version = freeze(project)
    remove_image(gone)
    call_command("export_dataset", project.pk, version.number, "--output", folder)
    said = capsys.readouterr()
    assert said.out.startswith("1 masks on 1 images")
    assert "1 photos are gone and 0 have another size now" in said.err
    assert files_below(folder) == [f"{kept.pk}.json", f"{kept.pk}.png"]
    with pytest.raises(CommandError, match="has no dataset version 7"):
        call_command("export_dataset", project.pk, 7, "--output", folder)
