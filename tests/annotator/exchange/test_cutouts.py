"""Cut-outs: the pixels of the photo inside the mask, and nothing around them."""

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from annotator.projects.models import Label, Project
from tests.annotator.exchange.fixture_types import AddMask, Export, MakePhoto
from tests.annotator.exchange.pixel_steps import contents


@pytest.mark.parametrize("size", ["tight", "photo"])
def test_cutouts_show_the_photo_inside_the_mask_and_nothing_outside(
    project: Project, make_photo: MakePhoto, add_mask: AddMask, export: Export, size: str
) -> None:
    image = make_photo(project, (60, 40), orientation=6)
    ring = np.zeros((60, 40), bool)
    ring[5:30, 7:33] = True
    ring[10:20, 12:20] = False
    add_mask(image, ring, label=Label.objects.create(project=project, name="a/b: ☃", color="#112233"))
    run = export(project, format="cutouts", cutout=size, images="copy")
    assert run.certificate()["masks"]["identical"] == 1
    files = contents(run)
    (name,) = [name for name in files if name.endswith(".png")]
    assert name == f"{image.name[:-4]}/0001-a-b.png"
    with Pillow.open(io.BytesIO(files[name])) as picture:
        assert picture.mode == "RGBA"
        pixels = np.asarray(picture)
    inside = ring if size == "photo" else ring[5:30, 7:33]
    assert np.array_equal(pixels[..., 3] == 255, inside)
    assert not pixels[~inside].any()
    with Pillow.open(io.BytesIO(files[f"images/{image.name}"])) as photo:
        whole = np.asarray(photo.convert("RGB")).astype(int)
    shown = whole if size == "photo" else whole[5:30, 7:33]
    assert np.abs(shown - pixels[..., :3])[inside].mean() < 10  # the upright photo is encoded anew as JPEG
    rows = files["cutouts.csv"].decode().splitlines()
    box = "7,5,26,25" if size == "tight" else "0,0,40,60"
    assert rows[1].endswith(f"{image.name},a/b: ☃,{box}")


def test_cutouts_of_a_photo_that_is_gone_are_left_out_by_name(filled: Project, export: Export) -> None:
    certificate = export(filled, format="cutouts").certificate()
    assert certificate["masks"]["written"] == 0
    assert {row["reason"] for row in certificate["left_out"]} == {"the photo's file is missing"}
