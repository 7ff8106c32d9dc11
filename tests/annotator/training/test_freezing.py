"""Dataset versions: exactly the finished masks, the same bytes for the same masks, and nothing changes them later."""

import hashlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotator.accounts.models import User
from annotator.annotations.models import Annotation, State
from annotator.audit.models import AuditEvent
from annotator.background.purge import purge_binned_projects
from annotator.errors import ConflictError, MissingError
from annotator.images.models import WorkStatus
from annotator.images.services import remove_image
from annotator.inference.models import ModelVersion
from annotator.projects.models import Label, Project
from annotator.training import snapshot_run, snapshots
from annotator.training.models import DatasetVersion, Improvement
from annotator.training.snapshot_content import VersionImage, pack
from annotator.training.snapshot_run import FreezeRun
from annotator.training.snapshots import DatasetFilters
from tests.annotator.training.conftest import Finish, content_of, files_below, lines_of

pytestmark = pytest.mark.django_db
ALL = DatasetFilters()
PROMPTS = [
    {"type": "point", "x": 3.5, "y": 2, "label": 1},
    {"type": "box", "x0": 0, "y0": 0, "x1": 9, "y1": 9},
    {"type": "point", "x": 8, "y": 7, "label": 0},
]


def ids_in(version: DatasetVersion) -> set[str]:
    return {mask["id"] for line in lines_of(version) for mask in line["annotations"]}


def test_only_masks_that_people_have_finished_are_in_it(
    project: Project, finish: Finish, add_mask: Callable[..., Annotation]
) -> None:
    _, (submitted,) = finish()
    image, (reviewed,) = finish(work_status=WorkStatus.REVIEWED)
    finish(work_status=WorkStatus.IN_PROGRESS)
    finish(work_status=WorkStatus.NEW)
    finish(of=Project.objects.create(name="Other"))
    add_mask(image, state=State.SUGGESTION)
    add_mask(image, state=State.REJECTED)
    add_mask(image, deleted_at=image.created_at)
    version = snapshots.freeze(project, filters=ALL, user=None)
    assert ids_in(version) == {str(submitted.pk), str(reviewed.pk)}
    assert (version.images, version.masks, version.number) == (2, 2, 1)
    assert [line["image"]["reviewed"] for line in lines_of(version)] == [False, True]


def test_a_line_tells_the_revision_its_pixels_and_the_prompts(
    project: Project, finish: Finish, label: Label, annotator: User
) -> None:
    provenance = {"prompts": [*PROMPTS, {"type": "point", "x": "far"}, 7], "model_version": "sam_lite-18"}
    mask = {"label": label, "author": annotator, "revision": 4, "provenance": provenance, "predicted_iou": 0.9}
    image, (row,) = finish(mask=mask, name="day1/a.jpg")
    (line,) = lines_of(snapshots.freeze(project, filters=ALL, user=None))
    held_out = line["image"].pop("held_out")
    assert line["image"] == {
        "id": image.pk, "name": "day1/a.jpg", "sha256": image.sha256, "picture": image.picture, "width": 64,
        "height": 48, "reviewed": False, "masks": 1,
    }  # fmt: skip
    assert held_out is False
    assert line["annotations"] == [
        {
            "id": str(row.pk), "revision": 4, "label_id": label.pk, "label": "car",
            "segmentation": {"size": [48, 64], "counts": row.counts}, "area": 20, "bbox": [0, 0, 5, 4],
            "predicted_iou": 0.9, "stability_score": None, "prompts": PROMPTS, "model_version": "sam_lite-18",
            "source": "manual", "stage": project.stage, "author_id": annotator.pk, "author": "ann", "attributes": {},
        }
    ]  # fmt: skip


def test_provenance_of_files_that_makes_no_sense_stops_nothing(project: Project, finish: Finish) -> None:
    point = {"type": "point"}
    senseless: list[Any] = [{"prompts": "none"}, {"prompts": point}, {"model_version": 3}, [], {"prompts": [[], point]}]
    for provenance in senseless:
        finish(mask={"provenance": provenance})
    lines = lines_of(snapshots.freeze(project, filters=ALL, user=None))
    assert [mask["prompts"] for line in lines for mask in line["annotations"]] == [[]] * 5
    assert [mask["model_version"] for line in lines for mask in line["annotations"]] == [None] * 5


def test_filters_choose_by_label_person_day_and_review(
    project: Project, finish: Finish, label: Label, other_label: Label, annotator: User, reviewer: User
) -> None:
    _, (car,) = finish(mask={"label": label, "author": annotator})
    _, (tree,) = finish(mask={"label": other_label, "author": reviewer}, work_status=WorkStatus.REVIEWED)
    _, (bare,) = finish()
    Annotation.objects.filter(pk=car.pk).update(created_at="2026-03-01T10:00:00Z")
    wanted = {
        "labels": ([label.pk], {car}), "people": ([reviewer.pk], {tree}), "is_reviewed": (True, {tree}),
        "created_before": ("2026-03-02", {car}), "created_from": ("2026-03-02", {tree, bare}),
    }  # fmt: skip
    for name, (value, masks) in wanted.items():
        filters = DatasetFilters.model_validate({name: value})
        version = snapshots.freeze(project, filters=filters, user=None, name=name)
        assert ids_in(version) == {str(mask.pk) for mask in masks}, name
    without = snapshots.freeze(project, filters=DatasetFilters(labels=[0]), user=None)
    assert ids_in(without) == {str(bare.pk)}
    assert without.filters == {"labels": [0]}


def test_equal_masks_make_equal_bytes_and_each_download_is_the_same(project: Project, finish: Finish) -> None:
    for number in range(7):
        finish(number + 1)
    first, second = (snapshots.freeze(project, filters=ALL, user=None) for _ in range(2))
    assert content_of(first) == content_of(second)
    assert first.digest == second.digest == hashlib.sha256(content_of(first)).hexdigest()
    out = io.BytesIO()
    snapshots.write_export(first, out)
    assert out.getvalue() == content_of(first)
    assert (first.number, second.number) == (1, 2)
    assert second.name == f"{first.name} (2)"


def test_nothing_that_happens_later_changes_a_version(project: Project, finish: Finish, add_photo: Any) -> None:
    image, masks = finish(3)
    pk = image.pk
    photo = add_photo(work_status=WorkStatus.SUBMITTED)
    finish(2)
    version = snapshots.freeze(project, filters=ALL, user=None)
    before = content_of(version)
    Annotation.objects.filter(pk=masks[0].pk).update(counts="0h0", area=1, revision=2)
    Annotation.objects.filter(pk=masks[1].pk).update(deleted_at=image.created_at)
    remove_image(image)
    remove_image(photo)
    version.refresh_from_db()
    assert content_of(version) == before
    assert (version.images, version.masks) == (2, 5)
    assert next(snapshots.read_images(version))["image"]["id"] == pk


def test_counts_are_those_of_the_content(
    project: Project, finish: Finish, label: Label, other_label: Label, annotator: User
) -> None:
    for number in range(30):
        finish(1 + number % 3, mask={"label": (label, other_label, None)[number % 3], "author": annotator})
    counted = snapshots.count(project, ALL)
    version = snapshots.freeze(project, filters=ALL, user=None)
    lines = lines_of(version)
    held = [line for line in lines if line["image"]["held_out"]]
    assert version.held_out_images == len(held) == counted.held_out_images
    assert version.trained_images == 30 - len(held) == counted.trained_images
    assert version.held_out_masks == sum(len(line["annotations"]) for line in held) == counted.held_out_masks
    assert [(row["id"], row["name"], row["masks"]) for row in version.labels] == [
        (None, None, 30), (other_label.pk, "tree", 20), (label.pk, "car", 10),
    ]  # fmt: skip
    assert sum(row["held_out"] for row in version.labels) == version.held_out_masks
    assert version.people == [{"id": annotator.pk, "name": "ann", "masks": 60, "held_out": version.held_out_masks}]
    assert (counted.images, counted.masks) == (30, 60)
    assert [(row["name"], row["masks"]) for row in counted.labels] == [(None, 30), ("tree", 20), ("car", 10)]
    assert [row["masks"] for row in counted.days] == [60]


def test_a_freeze_that_was_killed_goes_on_where_it_was(
    project: Project, finish: Finish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_run, "IMAGES_PER_STEP", 2)
    for number in range(9):
        finish(number + 1)
    whole = snapshots.freeze(project, filters=ALL, user=None)
    run = FreezeRun(project, ALL, tmp_path / "run")
    for number, step in enumerate(run.steps()):
        step()
        if number == 2:
            break
    with run.content.open("ab") as file:
        file.write(b"half a step")
    finish(1)  # made after the plan: no part of it
    again = snapshots.freeze(project, filters=ALL, user=None, folder=tmp_path / "run")
    assert (again.digest, again.masks, again.labels) == (whole.digest, whole.masks, whole.labels)
    assert snapshots.freeze(project, filters=ALL, user=None, folder=tmp_path / "run").pk == again.pk
    assert DatasetVersion.objects.count() == 2


def test_more_masks_do_not_mean_more_queries(
    project: Project, finish: Finish, add_mask: Callable[..., Annotation]
) -> None:
    def queries(name: str) -> int:
        with CaptureQueriesContext(connection) as found:
            snapshots.freeze(project, filters=ALL, user=None, name=name)
        return len(found)

    images = [finish(1)[0] for _ in range(12)]
    queries("first")  # which decides once for all what is held out
    few = queries("few")
    for image in images:
        for _ in range(20):
            add_mask(image)
    assert queries("many") == few
    assert [row.masks for row in DatasetVersion.objects.all()] == [12 * 21, 12, 12]


def test_masks_are_read_a_bounded_number_at_a_time(
    project: Project, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_run, "MASKS_AT_ONCE", 4)
    for masks in (3, 1, 2, 9, 1):
        finish(masks)
    read: list[int] = []

    def note(lines: Sequence[VersionImage]) -> bytes:
        read.append(sum(len(line["annotations"]) for line in lines))
        return pack(lines)

    monkeypatch.setattr(snapshot_run, "pack", note)
    assert snapshots.freeze(project, filters=ALL, user=None).masks == 16
    assert read == [4, 2, 9, 1]


def test_deleting_a_version_takes_its_file_and_leaves_the_masks(
    project: Project, finish: Finish, own_data_dir: Path
) -> None:
    finish(2)
    first, second = (snapshots.freeze(project, filters=ALL, user=None) for _ in range(2))
    snapshots.delete_version(first)
    assert files_below(own_data_dir / "media" / "datasets") == [str(second.file.name).removeprefix("datasets/")]
    assert Annotation.objects.count() == 2
    assert lines_of(second)
    assert AuditEvent.objects.filter(verb="dataset.deleted").count() == 1


@pytest.fixture
def learned_from(project: Project, finish: Finish) -> DatasetVersion:
    """A version that an improvement learned from."""
    finish(2)
    version = snapshots.freeze(project, filters=ALL, user=None)
    fields = {"image_size": 64, "embed_dim": 8, "weights_sha256": "0" * 64}
    parent = ModelVersion.objects.create(name="tiny", version="tiny-1", **fields)
    Improvement.objects.create(project=project, number=1, dataset=version, parent=parent, minutes=1)
    return version


def test_a_version_that_a_model_learned_from_is_kept(learned_from: DatasetVersion) -> None:
    with pytest.raises(ConflictError, match="A model learned from this dataset version") as refused:
        snapshots.delete_version(learned_from)
    assert refused.value.code == "dataset_in_use"
    assert len(lines_of(DatasetVersion.objects.get())) == 1
    assert not AuditEvent.objects.filter(verb="dataset.deleted").exists()


def test_it_goes_with_its_project_all_the_same(learned_from: DatasetVersion, own_data_dir: Path) -> None:
    past = "2020-01-01T00:00:00Z"
    Project.objects.filter(pk=learned_from.project_id).update(purge_at=past, deleted_at=past)
    assert purge_binned_projects() == 1
    assert files_below(own_data_dir / "media") == []
    assert not Improvement.objects.exists()


def test_the_files_go_with_the_project(project: Project, finish: Finish, own_data_dir: Path) -> None:
    finish(2)
    snapshots.freeze(project, filters=ALL, user=None)
    Project.objects.filter(pk=project.pk).update(purge_at="2020-01-01T00:00:00Z", deleted_at="2020-01-01T00:00:00Z")
    assert purge_binned_projects() == 1
    assert files_below(own_data_dir / "media") == []
    assert not DatasetVersion.objects.exists()


def test_a_file_that_is_gone_or_damaged_is_told(project: Project, finish: Finish) -> None:
    finish(2)
    version = snapshots.freeze(project, filters=ALL, user=None)
    path = Path(default_storage.path(str(version.file.name)))
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(MissingError, match="damaged"):
        snapshots.write_export(version, io.BytesIO())
    path.unlink()
    with pytest.raises(MissingError, match="is gone"):
        list(snapshots.read_images(version))
