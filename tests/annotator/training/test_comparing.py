"""What became of one version's masks in another: added, changed, gone, by label and by name."""

from collections.abc import Callable
from typing import Any

import pytest

from annotator.annotations.models import Annotation
from annotator.images.models import WorkStatus
from annotator.projects.models import Label, Project
from annotator.training import snapshot_compare, snapshots
from annotator.training.models import DatasetVersion
from annotator.training.snapshots import DatasetFilters
from tests.annotator.training.conftest import Finish

pytestmark = pytest.mark.django_db


def freeze(project: Project, **filters: Any) -> DatasetVersion:
    return snapshots.freeze(project, filters=DatasetFilters(**filters), user=None)


def test_added_changed_and_gone_masks_are_told_apart(
    project: Project, finish: Finish, add_mask: Callable[..., Annotation], label: Label, other_label: Label
) -> None:
    image, (kept, redrawn, relabelled, deleted, touched) = finish(5, mask={"label": label})
    lost, _ = finish(2, mask={"label": other_label})
    finish(3)
    earlier = freeze(project)
    Annotation.objects.filter(pk=redrawn.pk).update(counts=kept.counts, revision=2)
    Annotation.objects.filter(pk=relabelled.pk).update(label=other_label, revision=2)
    Annotation.objects.filter(pk=deleted.pk).update(deleted_at=image.created_at, revision=2)
    Annotation.objects.filter(pk=touched.pk).update(z_order=7, revision=2)  # neither pixels nor label
    add_mask(image, (9, 9, 3, 3))
    lost.work_status = WorkStatus.IN_PROGRESS
    lost.save()
    finish(2, mask={"label": label})
    later = freeze(project)

    found = snapshots.compare(earlier, later)
    assert (found.added, found.changed, found.gone, found.same) == (3, 2, 3, 5)
    assert (found.images_added, found.images_gone, found.moved_images) == (1, 1, 0)
    assert found.same + found.changed + found.gone == earlier.masks
    assert found.same + found.changed + found.added == later.masks
    by_label = {row.label: (row.added, row.changed, row.gone) for row in found.labels}
    assert by_label == {"car": (2, 1, 1), "tree": (0, 1, 2), None: (1, 0, 0)}
    examples = {row.mask_id: row.what for row in found.examples if row.image_id == image.pk}
    assert examples[str(redrawn.pk)] == examples[str(relabelled.pk)] == "changed"
    assert examples[str(deleted.pk)] == "gone"
    back = snapshots.compare(later, earlier)
    assert (back.added, back.changed, back.gone, back.same) == (3, 2, 3, 5)


def test_equal_versions_have_no_differences(project: Project, finish: Finish) -> None:
    for masks in (1, 4, 2):
        finish(masks)
    found = snapshots.compare(freeze(project), freeze(project))
    assert (found.added, found.changed, found.gone, found.same) == (0, 0, 0, 7)
    assert (found.labels, found.examples) == ([], [])


def test_versions_without_a_common_image_are_compared_to_their_ends(
    project: Project, finish: Finish, label: Label, other_label: Label
) -> None:
    for number in range(6):
        finish(2, mask={"label": label if number % 2 else other_label})
    found = snapshots.compare(freeze(project, labels=[label.pk]), freeze(project, labels=[other_label.pk]))
    assert (found.added, found.gone, found.same) == (6, 6, 0)
    assert (found.images_added, found.images_gone) == (3, 3)


def test_lines_that_are_equal_are_not_parsed(project: Project, finish: Finish, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(4):
        finish(2)
    first, second = freeze(project), freeze(project)
    monkeypatch.setattr(snapshot_compare, "_compare_images", None)
    assert snapshots.compare(first, second).same == 8


def test_examples_are_bounded(project: Project, finish: Finish, label: Label, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_compare, "MAX_EXAMPLES", 3)
    finish(1)
    first = freeze(project)
    finish(9)
    found = snapshots.compare(first, freeze(project))
    assert (found.added, len(found.examples)) == (9, 3)
