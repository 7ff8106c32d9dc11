"""Exports while people save: writes of another connection between any two reads stop nothing. Real database files."""

import ast
import json
from pathlib import Path

import pytest

from tests.annotator.homes import ROOT, Home
from tests.annotator.queue.test_many_processes import home

__all__ = ["home"]
# Modules whose open cursors are read to their end at once, with no write in between.
READERS = {
    "annotator/exchange/export/selection.py",
    "annotator/exchange/numbers.py",
    "annotator/exchange/import_/run.py",
    "annotator/training/snapshot_run.py",
}
EXPORT = """
import json, threading, uuid
from pathlib import Path
import numpy as np
from annotator.annotations.models import Annotation
from annotator.exchange.export import run as export_run
from annotator.exchange.export import selection
from annotator.exchange.export.run import ExportRun
from annotator.exchange.export.selection import Selection
from annotator.exchange.options import ExportOptions
from annotator.images.models import Image
from annotator.mask_gateway import encode
from annotator.projects.models import Project

project = Project.objects.create(name="busy")
MASKS = 2100  # an image: more than are read at once
counts = encode(np.ones((8, 8), bool))
for n in range(3):
    image = Image.objects.create(project=project, name=f"{n}.jpg", sha256=f"{n:064}", width=8, height=8, byte_size=1,
                                 format="JPEG", status="ready", position=n)
    Annotation.objects.bulk_create([
        Annotation(id=uuid.uuid4(), image=image, counts=counts, bbox_x=0, bbox_y=0, bbox_w=8, bbox_h=8, area=64,
                   stage="assisted_manual") for _ in range(MASKS)])

numbers = export_run.number_masks

def somebody_saves():
    Project.objects.create(name=str(uuid.uuid4()))
    from django.db import connection
    connection.close()

def number_masks(*arguments):
    other = threading.Thread(target=somebody_saves)
    other.start()
    other.join()
    return numbers(*arguments)

export_run.number_masks = number_masks
run = ExportRun(Selection(project, ExportOptions(format="coco")), Path(FOLDER), name="out")
print(json.dumps(run.run()["masks"]))
"""


def test_an_export_goes_on_while_others_write(home: Home, tmp_path: Path) -> None:
    masks = json.loads(home.run(f"FOLDER = {str(tmp_path / 'out')!r}\n{EXPORT}"))
    assert (masks["verified"], masks["mismatches"]) == (6300, 0)


@pytest.mark.parametrize("door", ["export_run.number_masks", "selection.number_images"])
def test_an_export_goes_on_when_its_photos_are_deleted(home: Home, tmp_path: Path, door: str) -> None:
    deletes = EXPORT.replace("Project.objects.create(name=str(uuid.uuid4()))", "Image.objects.all().delete()")
    code = deletes.replace("export_run.number_masks", door)
    masks = json.loads(home.run(f"FOLDER = {str(tmp_path / 'out')!r}\n{code}"))
    assert masks["mismatches"] == 0
    assert masks["changed_or_deleted_while_exporting"] == masks["verified"]


def test_open_cursors_are_only_where_nothing_is_written_in_between() -> None:
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "annotator").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "iterator"
    }
    assert found == READERS
