"""An export holds exactly what its filters say: labels, people, stages, states, dates, tags, splits, work status."""

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from annotator.accounts.models import User
from annotator.annotations.models import Annotation
from annotator.exchange.export.splits import split_of
from annotator.images.models import Image
from annotator.projects.models import Label, Project
from tests.annotator.exchange.fixture_types import AddImage, AddMask, Export

HASHES = {"train": "f" * 64, "val": "2" * 64, "test": "0" * 64}  # with a tenth each for val and test


@pytest.fixture
def masks(project: Project, add_image: AddImage, add_mask: AddMask, admin: User, annotator: User) -> dict[str, Any]:
    """Three photos, one for each split by its hash, with masks that differ in all that one can filter by."""
    cat, dog = (Label.objects.create(project=project, name=name, color="#111111") for name in ("Cat", "Dog"))
    images = [
        add_image(project, f"{split}.jpg", sha256=sha256, tags=[split, "all"], work_status=status)
        for (split, sha256), status in zip(HASHES.items(), ("new", "submitted", "reviewed"), strict=True)
    ]
    add_image(project, "empty.jpg", sha256="e" * 64)
    pixels = np.eye(17, 31, dtype=bool)
    rows = {
        "cat": add_mask(images[0], pixels, label=cat, author=admin),
        "dog": add_mask(images[1], pixels, label=dog, author=annotator, stage="semi_automatic"),
        "none": add_mask(images[2], pixels, author=annotator, stage="fully_automatic"),
        "suggestion": add_mask(images[0], pixels, label=cat, state="suggestion"),
        "deleted": add_mask(images[0], pixels, label=cat, deleted_at=datetime(2026, 1, 1, tzinfo=UTC)),
    }
    for day, name in enumerate(("cat", "dog", "none"), 1):
        Annotation.objects.filter(pk=rows[name].pk).update(created_at=datetime(2026, 3, day, tzinfo=UTC))
    return {"rows": rows, "cat": cat.pk, "dog": dog.pk, "admin": admin.pk, "annotator": annotator.pk}


CASES = [
    ({}, "cat dog none", 4),
    ({"only_annotated": True}, "cat dog none", 3),
    ({"labels": ["cat"]}, "cat", 4),
    ({"labels": ["dog", 0]}, "dog none", 4),
    ({"labels": ["cat"], "only_annotated": True}, "cat", 1),
    ({"authors": ["admin"]}, "cat", 4),
    ({"authors": ["admin", "annotator"]}, "cat dog none", 4),
    ({"stages": ["semi_automatic", "fully_automatic"]}, "dog none", 4),
    ({"states": ["suggestion"]}, "suggestion", 4),
    ({"states": []}, "cat dog none suggestion", 4),
    ({"work_statuses": ["submitted"]}, "dog", 1),
    ({"tags": ["val"]}, "dog", 1),
    ({"tags": ["val", "test"]}, "dog none", 2),
    ({"tags": ["nowhere"]}, "", 0),
    ({"splits": ["val"]}, "dog", 1),
    ({"splits": ["train", "test"]}, "cat none", 3),
    ({"created_from": "2026-03-02T00:00:00Z"}, "dog none", 4),
    ({"created_before": "2026-03-02T00:00:00Z"}, "cat", 4),
    ({"created_from": "2026-03-02T00:00:00Z", "created_before": "2026-03-03T00:00:00Z"}, "dog", 4),
    ({"labels": ["cat"], "authors": ["annotator"]}, "", 4),
]


@pytest.mark.parametrize(("filters", "expected", "images"), CASES)
def test_a_filter_leaves_exactly_what_it_says(
    masks: dict[str, Any], project: Project, export: Export, filters: dict[str, Any], expected: str, images: int
) -> None:
    known = {name: masks[name] for name in ("cat", "dog", "admin", "annotator")}
    chosen = {
        name: [known.get(value, value) if name in ("labels", "authors") else value for value in values]
        if isinstance(values, list)
        else values
        for name, values in filters.items()
    }
    run = export(project, filters=chosen)
    page = json.loads(run.files[0].read_text())
    names = {image["id"]: image["file_name"] for image in page["images"]}
    found = sorted((names[row["image_id"]], row["maskwright"]["state"]) for row in page["annotations"])
    rows = [masks["rows"][name] for name in expected.split()]
    assert found == sorted((row.image.name, row.state) for row in rows)
    assert len(names) == images
    assert run.certificate()["masks"]["written"] == len(rows)


def test_a_split_of_its_own_counts_before_the_hash(masks: dict[str, Any], project: Project, export: Export) -> None:
    Image.objects.filter(project=project, name="train.jpg").update(split="val")
    page = json.loads(export(project, filters={"splits": ["val"]}).files[0].read_text())
    assert sorted(image["file_name"] for image in page["images"]) == ["train.jpg", "val.jpg"]


@pytest.mark.parametrize(("ratios", "expected"), [((0, 0), "train"), ((1, 0), "val"), ((0, 1), "test")])
def test_ratios_of_nothing_and_of_everything(ratios: tuple[float, float], expected: str) -> None:
    for sha256 in HASHES.values():
        assert split_of(sha256, "", val_ratio=ratios[0], test_ratio=ratios[1]) == expected


def test_splits_come_out_near_their_ratios_and_stay() -> None:
    rng = np.random.default_rng(4)
    hashes = [rng.bytes(32).hex() for _ in range(4000)]
    first = [split_of(sha256, "", val_ratio=0.2, test_ratio=0.1) for sha256 in hashes]
    assert abs(first.count("val") / 4000 - 0.2) < 0.03
    assert abs(first.count("test") / 4000 - 0.1) < 0.03
    assert first == [split_of(sha256, "", val_ratio=0.2, test_ratio=0.1) for sha256 in hashes]
