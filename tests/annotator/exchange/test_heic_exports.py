"""A HEIC that must be turned or resized goes out as the JPEG that is shown, under a name that says so."""

import io
import json

import numpy as np
import pytest
from PIL import Image as Pillow

from annotator.images.models import Image
from annotator.images.services import add_photo
from annotator.photos import store
from annotator.projects.models import Label, Project
from tests.annotator.exchange.fixture_types import AddMask, Export, MakePhoto, TakeIn
from tests.annotator.exchange.pixel_steps import contents
from tests.sam_core.picture_files import HEIC_TURNED_BY_EXIF, RIGHT_CORNERS, corners, turned_by_container

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

BACK_BY_NAME = ["coco", "yolo", "labelme", "voc", "cvat", "label_studio", "panoptic"]


@pytest.fixture
def phone(project: Project, add_mask: AddMask) -> Project:
    """A project with a HEIC of 60 x 40 px whose EXIF entry alone says that it is turned, and a mask on it."""
    image = add_photo(project, io.BytesIO(HEIC_TURNED_BY_EXIF), name="day1/IMG_0001.HEIC", user=None).image
    assert (image.format, image.width, image.height, image.exif_orientation) == ("HEIF", 60, 40, 6)
    add_mask(image, np.eye(40, 60, dtype=bool), label=Label.objects.get(project=project))
    return project


def photo_in(files: dict[str, bytes]) -> tuple[str, bytes]:
    ((name, data),) = ((name, data) for name, data in files.items() if name.endswith((".jpg", ".HEIC")))
    return name, data


@pytest.mark.parametrize("name", [*BACK_BY_NAME, "sa1b", "semantic_png", "instance_png", "cutouts"])
def test_it_is_a_jpeg_as_it_is_shown(phone: Project, export: Export, name: str) -> None:
    run = export(phone, format=name, images="copy")
    path, data = photo_in(contents(run))
    assert path.endswith("IMG_0001.jpg")
    with Pillow.open(io.BytesIO(data)) as picture:
        assert (picture.format, picture.size, picture.getexif().get(0x0112, 1)) == ("JPEG", (60, 40), 1)
        assert np.abs(np.subtract(corners(np.asarray(picture)), RIGHT_CORNERS)).max() < 14
    notes = run.certificate()["notes"]
    assert "photos_unreadable" not in notes
    assert notes["photos_made_jpeg"]["count"] == 1


def test_coco_names_the_file_that_lies_in_the_archive_and_comes_back_to_its_photo(
    phone: Project, export: Export, take_in: TakeIn
) -> None:
    run = export(phone, images="copy")
    files = contents(run)
    (row,) = json.loads(files["annotations/instances.json"])["images"]
    assert f"images/{row['file_name']}" in files
    report = take_in(phone, run.files[0])
    assert (report["images"]["matched"], report["masks"]["unchanged"]) == (1, 1)
    assert Image.objects.filter(project=phone).count() == 1


@pytest.mark.parametrize("name", BACK_BY_NAME)
def test_every_format_comes_back_to_its_photo_without_adding_it(
    phone: Project, export: Export, take_in: TakeIn, name: str
) -> None:
    report = take_in(phone, export(phone, format=name, images="copy").files[0], add_images=False)
    assert report["images"]["matched"] == 1, report
    assert Image.objects.get(project=phone).annotations.count() >= 1


def test_a_jpeg_of_the_same_stem_stays_another_photo(phone: Project, make_photo: MakePhoto, export: Export) -> None:
    beside = make_photo(phone, (30, 20), name="day1/IMG_0001.jpg")
    run = export(phone, images="copy")
    rows = json.loads(contents(run)["annotations/instances.json"])["images"]
    names = [row["file_name"] for row in rows]
    assert len(set(names)) == 2
    assert {f"images/{name}" for name in names} <= set(contents(run))
    mine = next(row["file_name"] for row in rows if row["maskwright"]["sha256"] == beside.sha256)
    with store.open_part(beside.sha256, store.ORIGINAL) as file:
        assert contents(run)[f"images/{mine}"] == file.read()


def test_links_and_photos_that_stay_as_they_are_keep_their_names(
    phone: Project, export: Export, project: Project
) -> None:
    upright = turned_by_container()
    add_photo(project, io.BytesIO(upright), name="IMG_0002.HEIC", user=None)
    rows = json.loads(export(phone, images="none").files[0].read_text())["images"]
    assert [row["file_name"] for row in rows] == ["day1/IMG_0001.HEIC", "IMG_0002.HEIC"]
    assert contents(export(phone, images="copy"))["images/IMG_0002.HEIC"] == upright


def test_an_export_that_resizes_makes_jpegs_of_all(project: Project, export: Export) -> None:
    add_photo(project, io.BytesIO(turned_by_container()), name="IMG_0002.HEIC", user=None)
    path, data = photo_in(contents(export(project, format="sa1b", images="copy", shortest_side_px=64)))
    assert path == "IMG_0002.jpg"
    with Pillow.open(io.BytesIO(data)) as picture:
        assert (picture.format, min(picture.size)) == ("JPEG", 40)


def test_a_jpeg_that_is_called_heic_is_turned_too(project: Project, make_photo: MakePhoto, export: Export) -> None:
    make_photo(project, (60, 40), orientation=6, name="IMG_0003.HEIC")
    path, data = photo_in(contents(export(project, images="copy")))
    assert path == "images/IMG_0003.jpg"
    with Pillow.open(io.BytesIO(data)) as picture:
        assert picture.size == (40, 60)
