"""What every format does: out, in and out again, with photos and without."""

import numpy as np
import pytest

from annotator.annotations.models import Annotation
from annotator.exchange.registry import SPECS
from annotator.images.models import Image
from annotator.projects.models import Label, Project
from tests.annotator.exchange.fixture_types import AddImage, AddMask, Export, MakePhoto, TakeIn, Twin
from tests.annotator.exchange.pixel_steps import SIZE, contents, pixels_of

EXACT = ["labelme", "cvat", "label_studio"]
PAINTED = ["voc", "panoptic"]


@pytest.mark.parametrize("options", [{}, {"segmentation": "polygons"}], ids=["masks", "polygons"])
@pytest.mark.parametrize("name", EXACT)
def test_every_pixel_comes_back_with_label_and_attributes(
    filled: Project, export: Export, take_in: TakeIn, twin: Twin, name: str, options: dict[str, str]
) -> None:
    run = export(filled, format=name, **options)
    masks = run.certificate()["masks"]
    assert masks["identical"] == masks["written"] == Annotation.objects.filter(image__project=filled).count()
    copy = twin(filled)
    report = take_in(copy, run.files[0])
    assert report["format"] == name
    assert (report["masks"]["refused"], report["masks"]["created"]) == (0, masks["written"])
    assert pixels_of(copy) == pixels_of(filled)
    labels = [
        sorted(Annotation.objects.filter(image__project=p).values_list("label__name", flat=True), key=str)
        for p in (filled, copy)
    ]
    assert labels[0] == labels[1]
    if "attributes" in SPECS[name].holds and name == "labelme":
        assert {row.attributes["n"] for row in Annotation.objects.filter(image__project=copy)} == set(range(8))
    assert take_in(copy, run.files[0])["masks"]["created"] == 0


@pytest.mark.parametrize("name", [*EXACT, *PAINTED])
def test_out_in_and_out_again_gives_the_same_files(
    filled: Project, export: Export, take_in: TakeIn, twin: Twin, name: str
) -> None:
    Annotation.objects.filter(image__project=filled).update(attributes={"note": "a ☃ & <b>"})
    first, second = export(filled, format=name), twin(filled)
    take_in(second, first.files[0])
    second_run, third = export(second, format=name), twin(filled)
    take_in(third, second_run.files[0])
    ours, theirs = contents(second_run), contents(export(third, format=name))
    assert ours.keys() == theirs.keys() == contents(first).keys()
    if name != "label_studio":  # its results carry the masks' own ids
        assert ours == theirs
    if name == "voc":
        return  # masks wholly hidden stay in the XML as boxes
    if "attributes" in SPECS[name].holds:
        assert set(map(str, Annotation.objects.filter(image__project=third).values_list("attributes", flat=True))) == {
            "{'note': 'a ☃ & <b>'}"
        }


@pytest.mark.parametrize("name", PAINTED)
def test_painted_pictures_hold_what_is_seen_and_come_back(
    project: Project, add_image: AddImage, add_mask: AddMask, export: Export, take_in: TakeIn, twin: Twin, name: str
) -> None:
    image, label = add_image(project), Label.objects.get(project=project)
    low, high = np.zeros(SIZE, bool), np.zeros(SIZE, bool)
    low[2:10, 2:10], high[5:12, 5:12] = True, True
    add_mask(image, low, label=label, z_order=0)
    add_mask(image, high, label=label, z_order=1)
    run = export(project, format=name)
    assert run.certificate()["loss"]["pixels_changed"] == (low & high).sum()
    assert run.certificate()["masks"]["mismatches"] == 0
    copy = twin(project)
    report = take_in(copy, run.files[0])
    assert (report["format"], report["masks"]["refused"]) == (name, 0)
    assert [pixels for _, pixels in pixels_of(copy)] == sorted([(low & ~high).tobytes(), high.tobytes()])
    assert set(Annotation.objects.filter(image__project=copy).values_list("label__name", flat=True)) == {"Car"}


@pytest.mark.parametrize("name", sorted(set(SPECS) - {"coco", "sa1b", "yolo", "semantic_png", "instance_png"}))
@pytest.mark.parametrize("container", ["zip", "tar"])
def test_photos_travel_with_the_masks(
    project: Project,
    make_photo: MakePhoto,
    add_mask: AddMask,
    export: Export,
    take_in: TakeIn,
    other: Project,
    name: str,
    container: str,
) -> None:
    image = make_photo(project, (60, 40), tags=["night"])
    mask = np.zeros((40, 60), bool)
    mask[5:30, 7:50] = True
    add_mask(image, mask, label=Label.objects.get(project=project))
    run = export(project, format=name, images="copy", container=container)
    assert run.certificate()["masks"]["mismatches"] == 0
    assert run.certificate()["masks"]["written"] == 1
    if not SPECS[name].reader:
        return
    report = take_in(other, run.files[0])
    assert (report["format"], report["images"]["added"], report["masks"]["created"]) == (name, 1, 1)
    assert pixels_of(other) == pixels_of(project)
    if name in ("labelme", "cvat"):
        assert Image.objects.get(project=other).tags == ["night"]
