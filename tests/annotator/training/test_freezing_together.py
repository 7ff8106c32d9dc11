"""Freezes at the same moment: every version has its own number and name, and every photo is on one side alone.

On PostgreSQL, where transactions run side by side; SQLite's writers take turns.
"""

from functools import partial

import pytest

from annotator.projects.models import Label, Project
from annotator.training import snapshots
from annotator.training.models import DatasetVersion, SplitPhoto
from annotator.training.snapshots import DatasetFilters
from tests.annotator.people.test_at_the_same_time import together
from tests.annotator.test_postgresql import only_postgresql
from tests.annotator.training.conftest import Finish, lines_of

pytestmark = [pytest.mark.django_db(transaction=True), only_postgresql]


def test_versions_made_at_once_have_numbers_names_and_one_split(
    project: Project, finish: Finish, label: Label, other_label: Label
) -> None:
    for number in range(9):  # all would be trained on, so that each freeze looks for one to hold out
        finish(mask={"label": (label, other_label, None)[number % 3]}, sha256=f"e{number}".ljust(64, "5"))
    chosen: list[list[int]] = [[], [label.pk], [other_label.pk], [0]]
    freezes = [
        partial(snapshots.freeze, project, filters=DatasetFilters(labels=ids), user=None, name="same") for ids in chosen
    ]
    assert together(*freezes) == ["done"] * 4
    rows = list(DatasetVersion.objects.all())
    assert sorted(row.number for row in rows) == [1, 2, 3, 4]
    assert sorted(row.name for row in rows) == ["same", "same (2)", "same (3)", "same (4)"]
    decided = dict(SplitPhoto.objects.values_list("sha256", "is_held_out"))
    assert len(decided) == 9
    for row in rows:
        for line in lines_of(row):
            assert line["image"]["held_out"] is decided[line["image"]["sha256"]]
