"""Pascal VOC: the published layout, pictures in colour, and what the development kit says."""

import io
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as Pillow

from annotator.mask_gateway import decode
from annotator.projects.models import Label, Project
from tests.annotator.exchange.fixture_types import AddImage, AddMask, Export, TakeIn
from tests.annotator.exchange.pixel_steps import SIZE, contents, masks_of, pack, png_of


@pytest.fixture
def voc_files() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], str]:
    """The layout of the published set: numbers with a palette, 255 around objects, no labelmap."""
    objects, labels = np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint8)
    objects[2:8, 2:8], labels[2:8, 2:8] = 1, 15
    objects[2:8, 12:20], labels[2:8, 12:20] = 2, 8
    for pixels in (objects, labels):
        pixels[1, 1:9] = 255
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox>"
    rows = "".join(
        f"<object><name>{name}</name><difficult>0</difficult>{box}</object>" for name in ("person", "cat", "dog")
    )
    size = "<size><width>31</width><height>17</height><depth>3</depth></size>"
    head = f"<folder>VOC2012</folder><filename>2007_000032.jpg</filename>{size}<segmented>1</segmented>"
    return objects, labels, f"<annotation>{head}{rows}</annotation>"


def test_the_published_voc_layout_is_read(
    project: Project,
    add_image: AddImage,
    take_in: TakeIn,
    tmp_path: Path,
    voc_files: tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], str],
) -> None:
    objects, labels, xml = voc_files
    add_image(project, "2007_000032.jpg")
    files = {
        "VOC2012/Annotations/2007_000032.xml": xml,
        "VOC2012/SegmentationObject/2007_000032.png": png_of(objects, [0] * 768),
        "VOC2012/SegmentationClass/2007_000032.png": png_of(labels, [0] * 768),
        "VOC2012/ImageSets/Segmentation/val.txt": "2007_000032\n",
    }
    report = take_in(project, pack(tmp_path, files))
    assert (report["format"], report["masks"]["created"], report["masks"]["refused"]) == ("voc", 2, 1)
    rows = {name: decode(counts, SIZE) for name, counts in masks_of(project)}
    assert np.array_equal(rows["person"], objects == 1)
    assert np.array_equal(rows["cat"], objects == 2)


def test_voc_in_colours_goes_by_its_labelmap(
    project: Project,
    add_image: AddImage,
    take_in: TakeIn,
    tmp_path: Path,
    voc_files: tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], str],
) -> None:
    """As CVAT writes it: pictures in colour; the XML's order is not that of the objects."""
    objects, _, xml = voc_files
    add_image(project, "2007_000032.jpg")
    colors = np.array([[0, 0, 0], [128, 0, 0], [0, 128, 0]], np.uint8)
    labels = np.array([[0, 0, 0], [10, 20, 30], [40, 50, 60]], np.uint8)
    objects = np.where(objects == 255, 0, objects)
    files = {
        "labelmap.txt": "# label:color_rgb:parts:actions\nbackground:0,0,0::\nleaf:10,20,30::\nmoss:40,50,60::\n",
        "Annotations/2007_000032.xml": xml,
        "SegmentationObject/2007_000032.png": png_of(colors[objects]),
        "SegmentationClass/2007_000032.png": png_of(labels[objects]),
    }
    take_in(project, pack(tmp_path, files))
    rows = {name: decode(counts, SIZE) for name, counts in masks_of(project)}
    assert rows.keys() == {"leaf", "moss"}
    assert np.array_equal(rows["leaf"], objects == 1)


def test_voc_files_are_as_the_development_kit_says(
    project: Project, add_image: AddImage, add_mask: AddMask, export: Export
) -> None:
    label = Label.objects.get(project=project)
    image = add_image(project, split="val")
    block = np.zeros(SIZE, bool)
    block[3:9, 4:12] = True
    add_mask(image, block, label=label)
    add_mask(image, block)
    run = export(project, format="voc")
    files = contents(run)
    page = ET.fromstring(files["Annotations/00000.xml"])  # noqa: S314 our own file
    assert [page.findtext(f"object/bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")] == [
        "5",
        "4",
        "12",
        "9",
    ]
    for folder in ("SegmentationClass", "SegmentationObject"):
        with Pillow.open(io.BytesIO(files[f"{folder}/00000.png"])) as picture:
            assert (picture.mode, (picture.getpalette() or [])[3:6]) == ("P", [128, 0, 0])
            assert np.array_equal(np.asarray(picture) == 1, block)
    assert files["ImageSets/Segmentation/val.txt"] == b"00000\n"
    assert files["labelmap.txt"].decode().splitlines()[1:] == ["background:0,0,0::", "Car:128,0,0::"]
    assert [row["reason"] for row in run.certificate()["left_out"]] == ["no label, so no class"]
