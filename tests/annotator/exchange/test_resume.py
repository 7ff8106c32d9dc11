"""Killed at any step, an export goes on and makes the same bytes; an import goes on and makes the same rows."""

import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from annotator.annotations.models import Annotation, AnnotationRevision
from annotator.exchange.export import run as export_run
from annotator.exchange.export.run import ExportRun
from annotator.exchange.export.selection import Selection
from annotator.exchange.import_ import run as import_run
from annotator.exchange.import_.run import ImportRun
from annotator.exchange.models import ImportRun as ImportRow
from annotator.exchange.options import ExportOptions
from annotator.exchange.registry import WRITTEN
from annotator.images.models import Image
from annotator.projects.models import Label, Project
from tests.annotator.exchange.fixture_types import Export, Twin

FORMATS = [name for name in WRITTEN if name != "cutouts"]  # whose photos here are rows only
CASES = [*({"format": name} for name in FORMATS), {"format": "sa1b", "shard_images": 1, "images": "links"}]


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_run, "IMAGES_PER_STEP", 1)
    monkeypatch.setattr(export_run, "MASKS_PER_STEP", 3)
    monkeypatch.setattr(export_run, "VERIFIED_AT_ONCE", 3)
    monkeypatch.setattr(import_run, "MASKS_PER_STEP", 3)


def undated(path: Path) -> bytes:
    data = path.read_bytes()
    return re.sub(rb'"date_created":"[^"]*"', b"", data)


def growing_files(folder: Path) -> list[Path]:
    """What an export still writes to: of the shards, only the last."""
    plain = [path for path in folder.iterdir() if path.suffix in (".part", ".zip", ".idx")]
    return plain + sorted(folder.glob("*.tar"))[-1:]


@pytest.mark.parametrize("options", CASES, ids=lambda options: "-".join(map(str, options.values())))
def test_an_export_killed_at_every_step_makes_the_same_file(
    filled: Project, export: Export, tmp_path: Path, options: dict[str, Any]
) -> None:
    whole = export(filled, **options)
    folder, steps = tmp_path / "killed", 0
    while True:
        run = ExportRun(Selection(filled, ExportOptions(**options)), folder, name="out")
        if run.is_done:
            break
        todo = run.steps()
        next(todo)()
        todo.close()
        for path in growing_files(folder) if run.state.phase == "write" else []:
            with path.open("ab") as file:  # what the kill left behind after the last checkpoint
                file.write(b"rubbish")
        steps += 1
    assert steps > 6
    assert [undated(path) for path in run.files] == [undated(path) for path in whole.files]
    ours, theirs = run.certificate(), whole.certificate()
    for certificate in (ours, theirs):
        del certificate["created_at"], certificate["files"]
    assert ours["masks"] == theirs["masks"]
    assert ours["masks"]["mismatches"] == 0


def test_a_zip_that_was_gone_on_with_is_sound(filled: Project, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    while not (run := ExportRun(Selection(filled, ExportOptions(format="yolo")), folder, name="out")).is_done:
        todo = run.steps()
        next(todo)()
        todo.close()
    with zipfile.ZipFile(run.files[0]) as archive:
        assert archive.testzip() is None
        assert len([name for name in archive.namelist() if not name.endswith("/")]) == 5


@pytest.mark.parametrize("name", ["coco", "sa1b"])
def test_an_import_killed_after_every_batch_makes_every_mask_once(
    filled: Project, export: Export, twin: Twin, tmp_path: Path, name: str
) -> None:
    path = export(filled, format=name).files[0]
    copy = twin(filled)
    row = ImportRow.objects.create(project=copy, name="x", format=name, started_at=timezone.now())
    rounds = 0
    while True:
        run = ImportRun(row, path, tmp_path / "import")
        before = run.progress
        steps = run.steps()
        for number, step in enumerate(steps):
            step()
            if number == 2:
                break
        steps.close()
        done = run.progress == before and rounds > 0
        run.close()
        rounds += 1
        if done:
            break
    count = Annotation.objects.filter(image__project=filled).count()
    assert rounds > 3
    assert run.report.masks["created"] == count
    assert Annotation.objects.filter(image__project=copy).count() == count
    assert AnnotationRevision.objects.filter(annotation__image__project=copy).count() == count


def test_photos_and_labels_deleted_between_two_tries_stop_nothing(
    filled: Project, export: Export, twin: Twin, tmp_path: Path
) -> None:
    path = export(filled).files[0]
    copy = twin(filled)
    row = ImportRow.objects.create(project=copy, name="x", format="coco", started_at=timezone.now())
    run = ImportRun(row, path, tmp_path / "import")
    todo = run.steps()
    for _ in range(2):
        next(todo)()
    todo.close()
    run.close()
    gone = Image.objects.filter(project=copy).order_by("position")[1]
    count = Annotation.objects.filter(image__project=filled).count()
    lost = Annotation.objects.filter(image__project=filled, image__name=gone.name).count()
    gone.delete()
    Label.objects.get(project=copy, name="Road, wet").delete()
    again = ImportRun(row, path, tmp_path / "import")
    for step in again.steps():
        step()
    again.close()
    assert Annotation.objects.filter(image__project=copy).count() == count - lost
    assert again.report.codes == {"image_not_taken": lost}
    assert "deleted meanwhile" in again.report.problems[0]["reason"]


def test_an_import_whose_ledger_is_lost_starts_again_and_makes_nothing_twice(
    filled: Project, export: Export, twin: Twin, tmp_path: Path
) -> None:
    path = export(filled).files[0]
    copy = twin(filled)
    row = ImportRow.objects.create(project=copy, name="x", format="coco", started_at=timezone.now())
    run = ImportRun(row, path, tmp_path / "first")
    todo = run.steps()
    for _ in range(4):
        next(todo)()
    todo.close()
    run.close()
    assert Annotation.objects.filter(image__project=copy).count() > 0
    again = ImportRun(row, path, tmp_path / "second")
    for step in again.steps():
        step()
    again.close()
    count = Annotation.objects.filter(image__project=filled).count()
    assert Annotation.objects.filter(image__project=copy).count() == again.report.masks["created"] == count


def test_a_mask_changed_while_exporting_is_compared_with_what_was_written(filled: Project, tmp_path: Path) -> None:
    from annotator.accounts.models import User
    from annotator.annotations.commands import Operation
    from annotator.annotations.mask_fields import snapshot_of
    from annotator.annotations.services import apply_operations

    row = Annotation.objects.filter(image__project=filled).select_related("image").earliest("image_id", "pk")
    import uuid

    AnnotationRevision.objects.create(
        annotation=row, revision=1, op_id=uuid.uuid4(), action="create",
        snapshot=snapshot_of(row),
    )  # fmt: skip
    run = ExportRun(Selection(filled, ExportOptions()), tmp_path / "run", name="out")
    other = Annotation.objects.filter(image=row.image).exclude(counts=row.counts)[0]
    for step in run.steps():
        step()
        if run.state.images_done == len(run.plan) and row.revision == 1:
            operation = Operation(
                op_id=uuid.uuid4(), type="update", annotation_id=row.pk, base_revision=1,
                fields={"counts": other.counts},
            )  # fmt: skip
            (result,) = apply_operations(row.image, User.objects.get(), operations=[operation])
            assert result["status"] == "applied"
            row.refresh_from_db()
    masks = run.certificate()["masks"]
    assert masks["mismatches"] == masks["changed_or_deleted_while_exporting"] == 0
    assert masks["identical"] == masks["written"]


def test_a_mask_of_the_file_that_differs_is_a_mismatch(filled: Project, tmp_path: Path) -> None:
    run = ExportRun(Selection(filled, ExportOptions()), tmp_path / "run", name="out")
    for step in run.steps():
        step()
        if run.state.phase == "verify" and run.tally.masks_verified == 0:
            text = run.files[0].read_text()
            first = Annotation.objects.filter(image__project=filled, area=1)[0]
            run.files[0].write_text(text.replace(f'"{first.counts}"', '"' + "0" + first.counts + '"', 1))
    assert run.certificate()["masks"]["mismatches"] == 1
