"""COCO out, in and out again: the same bytes; read by pycocotools: the same masks, AP 1.0."""

import contextlib
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_masks
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from annotator.annotations.models import Annotation, AnnotationRevision
from annotator.mask_gateway import decode
from annotator.projects.models import Project
from tests.annotator.exchange.fixture_types import Export, TakeIn, Twin

# pycocotools' own array class is older than numpy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def without_dates(path: Path) -> bytes:
    return re.sub(rb'"date_created":"[^"]*"', b"", path.read_bytes())


@pytest.mark.parametrize("options", [{}, {"segmentation": "polygons"}, {"segmentation": "polygons", "holes": "rle"}])
def test_out_in_and_out_again_gives_the_same_bytes(
    filled: Project, export: Export, take_in: TakeIn, twin: Twin, options: dict[str, str]
) -> None:
    first = export(filled, **options)
    copy = twin(filled)
    report = take_in(copy, first.files[0])
    assert report["masks"]["refused"] == report["masks"]["unchanged"] == 0
    second = export(copy, **options)
    assert without_dates(second.files[0]) == without_dates(first.files[0])
    assert second.certificate()["masks"]["sha256"] == first.certificate()["masks"]["sha256"]


def test_the_certificate_counts_every_mask_and_finds_no_difference(filled: Project, export: Export) -> None:
    certificate = export(filled).certificate()
    count = Annotation.objects.filter(image__project=filled).count()
    masks = certificate["masks"]
    assert masks["chosen"] == masks["written"] == masks["verified"] == masks["identical"] == count
    assert masks["mismatches"] == masks["left_out"] == 0
    assert certificate["images"] == 4


def test_pycocotools_decodes_the_stored_masks(filled: Project, export: Export) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(export(filled).files[0]))
    stored = list(Annotation.objects.filter(image__project=filled).select_related("image"))
    from_file = sorted(coco.annToMask(row).tobytes() for row in coco.dataset["annotations"])
    from_rows = sorted(decode(r.counts, (r.image.height, r.image.width)).astype(np.uint8).tobytes() for r in stored)
    assert from_file == from_rows
    assert min(row["id"] for row in coco.dataset["annotations"]) == 1


@pytest.mark.parametrize("segmentation", ["rle", "polygons"])
def test_evaluated_against_itself_it_scores_one(filled: Project, export: Export, segmentation: str) -> None:
    path = export(filled, segmentation=segmentation).files[0]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(path))
        answers = []
        for row in truth.dataset["annotations"]:
            rle = truth.annToRLE(row)
            answers.append({**row, "segmentation": rle, "score": 1.0 - row["id"] / 1000})
        evaluation = COCOeval(truth, truth.loadRes(answers), "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1.0)
    assert coco_masks.area(truth.annToRLE(truth.dataset["annotations"][0])) > 0


def test_taking_the_same_file_in_again_changes_nothing(
    filled: Project, export: Export, take_in: TakeIn, twin: Twin
) -> None:
    path = export(filled).files[0]
    copy = twin(filled)
    take_in(copy, path)
    before = list(Annotation.objects.filter(image__project=copy).order_by("pk").values())
    report = take_in(copy, path)
    assert report["masks"]["created"] == 0
    assert report["masks"]["unchanged"] == len(before)
    assert list(Annotation.objects.filter(image__project=copy).order_by("pk").values()) == before
    assert AnnotationRevision.objects.filter(annotation__image__project=copy).count() == len(before)


def test_taken_back_into_its_own_project_it_changes_nothing(filled: Project, export: Export, take_in: TakeIn) -> None:
    report = take_in(filled, export(filled).files[0])
    assert report["masks"]["created"] == 0


def test_a_mask_deleted_by_mistake_comes_back(filled: Project, export: Export, take_in: TakeIn) -> None:
    path = export(filled).files[0]
    Annotation.objects.filter(image__project=filled)[0].delete()
    assert take_in(filled, path)["masks"]["created"] == 1


def test_simplified_outlines_say_what_they_lost(filled: Project, export: Export) -> None:
    certificate = export(filled, segmentation="polygons", tolerance_px=2.0).certificate()
    assert certificate["loss"]["masks_changed"] > 0
    assert 0 <= certificate["loss"]["lowest_iou"] < 1
    assert "2.0 px" in certificate["loss"]["words"]
    assert certificate["masks"]["mismatches"] == 0


def test_a_damaged_row_is_left_out_and_named(filled: Project, export: Export) -> None:
    bad = Annotation.objects.filter(image__project=filled)[0]
    Annotation.objects.filter(pk=bad.pk).update(counts="not counts")
    certificate = export(filled).certificate()
    assert [row["annotation_id"] for row in certificate["left_out"]] == [str(bad.pk)]
    assert certificate["masks"]["written"] == certificate["masks"]["chosen"] - 1


def test_every_line_is_valid_json_with_plain_fields(filled: Project, export: Export) -> None:
    data = json.loads(export(filled).files[0].read_text(encoding="utf-8"))
    assert {row["category_id"] for row in data["annotations"]} <= {row["id"] for row in data["categories"]}
    assert {row["image_id"] for row in data["annotations"]} <= {row["id"] for row in data["images"]}
    assert all(row["iscrowd"] == 0 for row in data["annotations"])
