"""Exports are read by other people's code: pycocotools here, datumaro and supervision in a place of their own.

ultralytics is under the AGPL, so it is neither required nor imported; what it checks of a data set is written down in
test_exports_where_used.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotator.exchange.export.run import ExportRun
from annotator.projects.models import Label, Project
from tests.annotator.exchange.fixture_types import AddMask, Export, MakePhoto, Pixels

ROOT = Path(__file__).resolve().parents[3]
PYTHON = Path(os.environ.get("READERS_PYTHON", ROOT / ".venv-readers/bin/python"))
needs_readers = pytest.mark.skipif(not PYTHON.exists(), reason="datumaro and supervision are not here: make readers")


@pytest.fixture
def street(project: Project, make_photo: MakePhoto, add_mask: AddMask) -> Project:
    """Three photos in three splits: a block, a ring, two parts, one at the border; none hides another."""
    labels = [Label.objects.get(project=project), Label.objects.create(project=project, name="Road", color="#112233")]
    for number, split in enumerate(("train", "val", "test")):
        image = make_photo(project, (60, 40), split=split)
        for place, mask in enumerate(shapes()[: 4 - number]):
            add_mask(image, mask, label=labels[place % 2], z_order=place)
    return project


def shapes() -> list[Pixels]:
    found = [np.zeros((40, 60), bool) for _ in range(4)]
    found[0][2:12, 3:20] = True
    found[1][15:30, 5:25] = True
    found[1][20:25, 10:15] = False
    found[2][3:8, 30:36] = found[2][10:14, 33:50] = True
    found[3][30:40, 40:60] = True
    return found


def wanted(parts: slice = slice(None)) -> list[list[Any]]:
    """Return [photo, label, area, box] of every mask, as the script prints them."""
    rows = []
    for number in range(3)[parts]:
        for place, mask in enumerate(shapes()[: 4 - number]):
            y, x = np.nonzero(mask)
            box = [int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1]
            rows.append([number, ["Car", "Road"][place % 2], int(mask.sum()), box])
    return rows


def read(reader: str, kind: str, run: ExportRun, folder: Path, container: str = "zip") -> Any:
    shutil.unpack_archive(run.files[0], folder, container)
    command = [str(PYTHON), str(ROOT / "tests/readers/read_export.py"), reader, kind, str(folder)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=folder)
    assert answer.returncode == 0, answer.stderr[-2000:]
    return json.loads(answer.stdout.splitlines()[-1])


def renamed(rows: list[list[Any]]) -> list[list[Any]]:
    """Put the photos' places instead of their names."""
    names = sorted({row[0] for row in rows})
    return sorted([names.index(name), *rest] for name, *rest in rows)


POLYGONS = {"segmentation": "polygons"}
DATUMARO = {
    "coco by split": ("coco", {"format": "coco", "layout": "splits"}),
    "coco by split, polygons": (
        "coco",
        {"format": "coco", "layout": "splits", "segmentation": "polygons", "holes": "rle"},
    ),
    "voc": ("voc", {"format": "voc"}),
    "cvat": ("cvat", {"format": "cvat"}),
    "cvat, polygons": ("cvat", {"format": "cvat", **POLYGONS}),
}


@needs_readers
@pytest.mark.parametrize("name", DATUMARO)
def test_datumaro_finds_every_mask(street: Project, export: Export, tmp_path: Path, name: str) -> None:
    kind, options = DATUMARO[name]
    found = read("datumaro", kind, export(street, **options, images="copy"), tmp_path / "out")
    assert renamed(found) == sorted(wanted())


@needs_readers
def test_supervision_finds_every_mask_of_coco(street: Project, export: Export, tmp_path: Path) -> None:
    found = read("supervision", "coco", export(street, images="copy"), tmp_path / "out")
    assert renamed(found) == sorted(wanted())


@needs_readers
def test_supervision_finds_every_mask_of_yolo_a_pixel_larger_at_most(
    street: Project, export: Export, tmp_path: Path
) -> None:
    """It fills polygons with OpenCV, which paints the outline as well: see docs/export.md."""
    found = renamed(read("supervision", "yolo", export(street, format="yolo", images="copy"), tmp_path / "out"))
    for (_, label, area, box), (_, got_label, got_area, got_box) in zip(sorted(wanted(slice(1))), found, strict=True):
        assert got_label == label
        assert np.abs(np.subtract(got_box, box)).max() <= 1
        assert area * 0.75 <= got_area <= area * 1.5
