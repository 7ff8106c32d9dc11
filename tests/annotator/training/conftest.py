"""What the tests of dataset versions build on: real photos with masks that people have finished."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from annotator.annotations.models import Annotation
from annotator.images.models import Image, WorkStatus
from annotator.projects.models import Label
from annotator.training.models import DatasetVersion
from annotator.training.snapshots import open_content
from tests.annotator.rows_of_work import *  # noqa: F403

Finish = Callable[..., tuple[Image, list[Annotation]]]


@pytest.fixture
def finish(add_image: Callable[..., Image], add_mask: Callable[..., Annotation]) -> Finish:
    """Make a submitted image with some accepted masks, no file; `mask` are fields of each mask."""

    def make(masks: int = 1, *, mask: dict[str, Any] | None = None, **fields: Any) -> tuple[Image, list[Annotation]]:
        image = add_image(**{"work_status": WorkStatus.SUBMITTED, **fields})
        return image, [add_mask(image, (place, place, 5, 4), **(mask or {})) for place in range(masks)]

    return make


@pytest.fixture
def other_label(label: Label) -> Label:
    return Label.objects.create(project=label.project, name="tree", color="#56B4E9", key="2")


def lines_of(version: DatasetVersion) -> list[dict[str, Any]]:
    """Read a version's file as its description says, without the product's own reader."""
    with open_content(version) as file, gzip.open(file) as lines:
        return [json.loads(line) for line in lines]


def content_of(version: DatasetVersion) -> bytes:
    with open_content(version) as file:
        return file.read()


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
