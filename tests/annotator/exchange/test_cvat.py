"""CVAT for images: a file as the program writes it, and runs as its documentation has them."""

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from annotator.annotations.models import Annotation
from annotator.exchange.files.source import BrokenFileError
from annotator.mask_gateway import decode
from annotator.projects.models import Label, Project
from tests.annotator.exchange.fixture_types import AddImage, AddMask, Export, TakeIn
from tests.annotator.exchange.pixel_steps import SIZE, contents, pack

CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><job><id>3</id><labels>
<label><name>leaf</name><color>#33ddff</color><type>any</type><attributes>
<attribute><name>age</name><mutable>False</mutable><input_type>number</input_type><default_value>1</default_value><values>1
9
1</values></attribute>
<attribute><name>torn</name><mutable>False</mutable><input_type>checkbox</input_type><values>false</values></attribute>
<attribute><name>side</name><mutable>False</mutable><input_type>select</input_type><values>left
right</values></attribute></attributes></label></labels></job></meta>
<image id="0" name="day1/leaf.jpg" subset="Train" task_id="1" width="31" height="17">
  <polygon label="leaf" source="manual" occluded="1" z_order="2" group_id="1"
   points="1.00,1.00;5.00,1.00;5.00,5.00;1.00,5.00">
    <attribute name="age">3</attribute><attribute name="torn">true</attribute><attribute name="side">left</attribute>
  </polygon>
  <polygon label="leaf" source="manual" occluded="0" points="10,1;14,1;14,5;10,5" z_order="2" group_id="1"></polygon>
  <mask label="leaf" source="manual" occluded="0" rle="2, 3, 3, 4" left="20" top="3" width="6" height="2"
   z_order="0"></mask>
  <ellipse label="leaf" cx="20.5" cy="10.5" rx="4" ry="2" z_order="0"></ellipse>
  <box label="leaf" xtl="1" ytl="1" xbr="5" ybr="5" z_order="0"></box>
  <tag label="night" source="manual"></tag>
</image></annotations>"""


@pytest.mark.parametrize("name", ["annotations.xml", "cvat.zip"])
def test_a_cvat_file_of_the_program_itself(
    project: Project, add_image: AddImage, take_in: TakeIn, tmp_path: Path, name: str
) -> None:
    add_image(project, "leaf.jpg")
    path = tmp_path / name
    path.write_text(CVAT)
    if name.endswith("zip"):
        path = pack(tmp_path, {"annotations.xml": CVAT})
    report = take_in(project, path)
    assert (report["format"], report["masks"]["created"], report["masks"]["refused"]) == ("cvat", 3, 1)
    label = Label.objects.get(project=project, name="leaf")
    assert [(row["name"], row["kind"]) for row in label.attributes] == [
        ("age", "number"),
        ("torn", "flag"),
        ("side", "choice"),
    ]
    grouped = Annotation.objects.get(image__project=project, z_order=2)
    both = np.zeros(SIZE, bool)
    both[1:5, 1:5] = both[1:5, 10:14] = True
    assert np.array_equal(decode(grouped.counts, SIZE), both)
    assert grouped.attributes == {"age": 3, "torn": True, "side": "left", "occluded": True}
    mask = np.zeros(SIZE, bool)
    mask[3, 22:25] = mask[4, 22:26] = True
    assert any(np.array_equal(decode(r.counts, SIZE), mask) for r in Annotation.objects.filter(image__project=project))


def test_cvat_for_video_is_refused_with_what_to_do(project: Project, take_in: TakeIn, tmp_path: Path) -> None:
    path = tmp_path / "annotations.xml"
    path.write_text('<annotations><version>1.1</version><meta></meta><track id="0" label="a"></track></annotations>')
    with pytest.raises(BrokenFileError, match="CVAT for images"):
        take_in(project, path)


def test_cvat_runs_are_what_the_documentation_says(
    project: Project, add_image: AddImage, add_mask: AddMask, export: Export
) -> None:
    block = np.zeros(SIZE, bool)
    block[3, 22:25] = block[4, 20:24] = True
    add_mask(add_image(project), block)
    page = ET.fromstring(contents(export(project, format="cvat"))["annotations.xml"])  # noqa: S314 our own file
    shape = page.find("image/mask")
    assert shape is not None
    assert {k: shape.attrib[k] for k in ("rle", "left", "top", "width", "height")} == {
        "rle": "2, 7, 1", "left": "20", "top": "3", "width": "5", "height": "2",
    }  # fmt: skip
