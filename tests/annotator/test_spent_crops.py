"""Embeddings of crops make room: those beyond the limit and those unused for days go, with their files."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.utils import timezone

from annotator.background.reconcile import reconcile_missing
from annotator.images.models import Image
from annotator.inference import spent_crops
from annotator.inference.default_model import set_default
from annotator.inference.embedding_removal import remove_embedding
from annotator.inference.embedding_requests import request_embedding
from annotator.inference.models import EmbeddingStatus, ImageEmbedding, ModelVersion
from annotator.inference.services import compute_embedding
from tests.annotator.conftest import Api, stored_files
from tests.annotator.inference_steps import work_off

READY, FAILED = EmbeddingStatus.READY, EmbeddingStatus.FAILED
CROP = [0, 0, 40, 40]
CROP_NAME = "0_0_40_40"


@pytest.fixture
def version(db: None) -> ModelVersion:
    row = ModelVersion.objects.create(name="m", version="m-1", image_size=64, embed_dim=8, weights_sha256="0" * 64)
    return set_default(row.version)


def store_embedding(
    version: ModelVersion,
    crop_box: str,
    *,
    age: timedelta = timedelta(0),
    status: EmbeddingStatus = READY,
    sha256: str = "a" * 64,
) -> ImageEmbedding:
    """Return an embedding with its file, last used `age` ago."""
    row = ImageEmbedding(sha256=sha256, model_version=version, crop_box=crop_box, status=status)
    row.file.name = default_storage.save(f"embeddings/{sha256[:2]}/{row.key}.npy", ContentFile(crop_box.encode()))
    row.save()
    make_older(row, age)
    return row


def make_older(row: ImageEmbedding, age: timedelta) -> None:
    """Move the last use into the past, as an update does not touch auto_now."""
    ImageEmbedding.objects.filter(pk=row.pk).update(updated_at=timezone.now() - age)
    row.refresh_from_db()


def crop_boxes() -> set[str]:
    return set(ImageEmbedding.objects.values_list("crop_box", flat=True))


def files_of(*rows: ImageEmbedding) -> list[str]:
    return sorted(str(row.file.name) for row in rows)


def last_use(row: ImageEmbedding) -> datetime:
    row.refresh_from_db()
    return row.updated_at


def test_the_least_lately_used_beyond_the_limit_go_with_their_files(version: ModelVersion, settings: Any) -> None:
    settings.CROP_EMBEDDINGS_KEPT = 2
    # Made in another order than last used, half of them failed.
    ages = {"0_0_40_40": 3, "0_0_50_50": 1, "0_0_60_60": 4, "0_0_70_70": 2}
    rows = {
        box: store_embedding(version, box, age=timedelta(hours=hours), status=FAILED if hours % 2 else READY)
        for box, hours in ages.items()
    }
    assert reconcile_missing()["spent_crops"] == 2
    assert crop_boxes() == {"0_0_50_50", "0_0_70_70"}
    assert stored_files() == files_of(rows["0_0_50_50"], rows["0_0_70_70"])
    assert reconcile_missing()["spent_crops"] == 0


def test_unused_for_days_go_however_few(version: ModelVersion, settings: Any) -> None:
    settings.CROP_EMBEDDING_DAYS = 7
    for status in (READY, FAILED):
        store_embedding(version, f"0_0_40_{status}", age=timedelta(days=7, minutes=1), status=status)
    young = store_embedding(version, "0_0_50_50", age=timedelta(days=6, hours=23))
    assert reconcile_missing()["spent_crops"] == 2
    assert crop_boxes() == {"0_0_50_50"}
    assert stored_files() == files_of(young)


def test_whole_photos_neither_go_nor_count(version: ModelVersion, settings: Any) -> None:
    settings.CROP_EMBEDDINGS_KEPT = 1
    whole = [
        store_embedding(version, "full", age=timedelta(days=400), sha256=letter * 64, status=status)
        for letter, status in (("a", READY), ("b", READY), ("c", FAILED))
    ]
    crop = store_embedding(version, CROP_NAME, age=timedelta(days=1))
    assert reconcile_missing()["spent_crops"] == 0
    assert stored_files() == files_of(*whole, crop)
    assert ImageEmbedding.objects.count() == 4


@pytest.mark.parametrize("status", [EmbeddingStatus.PENDING, EmbeddingStatus.RUNNING])
def test_what_waits_or_is_made_neither_goes_nor_counts(
    version: ModelVersion, settings: Any, status: EmbeddingStatus
) -> None:
    settings.CROP_EMBEDDINGS_KEPT = 1
    rows = [store_embedding(version, f"0_0_40_{side}", age=timedelta(days=400), status=status) for side in (40, 50, 60)]
    rows.append(store_embedding(version, "0_0_70_70", age=timedelta(days=1)))
    assert reconcile_missing()["spent_crops"] == 0
    assert stored_files() == files_of(*rows)
    assert ImageEmbedding.objects.count() == 4


def test_a_pass_takes_a_bounded_number_the_oldest_first(version: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spent_crops, "AT_ONCE", 2)
    for days in (8, 10, 9):
        store_embedding(version, f"0_0_40_{days}", age=timedelta(days=days))
    assert reconcile_missing()["spent_crops"] == 2
    assert crop_boxes() == {"0_0_40_8"}
    assert reconcile_missing()["spent_crops"] == 1
    assert stored_files() == []


def test_a_row_without_its_file_goes_all_the_same(version: ModelVersion) -> None:
    lost = store_embedding(version, CROP_NAME, age=timedelta(days=8))
    default_storage.delete(str(lost.file.name))
    never_made = store_embedding(version, "0_0_50_50", age=timedelta(days=8), status=FAILED)
    ImageEmbedding.objects.filter(pk=never_made.pk).update(file="")
    assert reconcile_missing()["spent_crops"] == 2
    assert not ImageEmbedding.objects.exists()


def test_a_file_that_cannot_be_deleted_stays_alone(
    version: ModelVersion, own_data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stuck = store_embedding(version, CROP_NAME, age=timedelta(days=9))
    store_embedding(version, "0_0_50_50", age=timedelta(days=8))
    path = Path(default_storage.path(str(stuck.file.name)))
    path.unlink()
    (path / "inside").mkdir(parents=True)
    assert reconcile_missing()["spent_crops"] == 2
    assert not ImageEmbedding.objects.exists()
    assert stored_files() == []
    assert path.is_dir()
    assert "the file of a removed embedding stays" in caplog.text


def test_what_is_asked_for_while_a_pass_runs_stays(version: ModelVersion) -> None:
    row = store_embedding(version, CROP_NAME, age=timedelta(days=8))
    seen_by_the_pass = ImageEmbedding.objects.get(pk=row.pk)
    request_embedding(row.sha256, version, crop_box=CROP_NAME)
    assert remove_embedding(seen_by_the_pass) is False
    assert stored_files() == files_of(row)


def test_a_crop_asked_for_again_stays(as_annotator: Api, image: Image, version: ModelVersion, settings: Any) -> None:
    settings.CROP_EMBEDDINGS_KEPT = 1
    asked = store_embedding(version, CROP_NAME, age=timedelta(days=6), sha256=image.sha256)
    store_embedding(version, "0_0_48_48", age=timedelta(days=5), sha256=image.sha256)
    answer = as_annotator.post(f"/images/{image.pk}/crop-embeddings", {"crop_box_xyxy": CROP})
    assert answer.json() == {"key": asked.key, "status": "ready", "url": f"/api/v1/embeddings/{asked.key}.npy"}
    assert reconcile_missing()["spent_crops"] == 1
    assert crop_boxes() - {"full"} == {CROP_NAME}
    assert default_storage.exists(str(asked.file.name))


def test_use_is_written_at_most_once_an_hour_and_of_ready_crops_only(version: ModelVersion) -> None:
    rows = {
        "lately": store_embedding(version, "0_0_40_40", age=timedelta(minutes=59)),
        "before": store_embedding(version, "0_0_50_50", age=timedelta(minutes=61)),
        "failed": store_embedding(version, "0_0_60_60", age=timedelta(days=2), status=FAILED),
        "whole": store_embedding(version, "full", age=timedelta(days=2)),
    }
    earlier = {name: row.updated_at for name, row in rows.items()}
    for row in rows.values():
        request_embedding(row.sha256, version, crop_box=row.crop_box)
    assert {name for name, row in rows.items() if last_use(row) != earlier[name]} == {"before"}
    assert timezone.now() - last_use(rows["before"]) < timedelta(minutes=1)


def test_a_ready_crop_whose_file_is_lost_is_answered_as_ready_and_mended_by_its_address(
    as_annotator: Api, photo: Image, model: ModelVersion
) -> None:
    row = request_embedding(photo.sha256, model, crop_box=CROP_NAME)
    assert compute_embedding(row.pk) == READY
    make_older(row, timedelta(days=1))
    default_storage.delete(str(row.file.name))
    answer = as_annotator.post(f"/images/{photo.pk}/crop-embeddings", {"crop_box_xyxy": CROP})
    assert answer.json()["status"] == "ready"
    path = answer.json()["url"].removeprefix("/api/v1")
    assert as_annotator.get(path).status_code == 404
    work_off()
    assert as_annotator.get(path).status_code == 200


def test_a_removed_crop_is_404_until_it_is_asked_for_again(
    as_annotator: Api, photo: Image, model: ModelVersion
) -> None:
    row = request_embedding(photo.sha256, model, crop_box=CROP_NAME)
    assert compute_embedding(row.pk) == READY
    path = f"/embeddings/{row.key}.npy"
    before = as_annotator.get(path).body
    make_older(row, timedelta(days=8))
    assert reconcile_missing()["spent_crops"] == 1
    assert not default_storage.exists(str(row.file.name))
    assert as_annotator.get(path).status_code == 404
    answer = as_annotator.post(f"/images/{photo.pk}/crop-embeddings", {"crop_box_xyxy": CROP})
    assert answer.json() == {"key": row.key, "status": "pending", "url": None}
    work_off()
    assert as_annotator.get(path).body == before


def test_the_command_counts_them(version: ModelVersion, capsys: pytest.CaptureFixture[str]) -> None:
    store_embedding(version, CROP_NAME, age=timedelta(days=8))
    call_command("reconcile")
    assert capsys.readouterr().out.strip() == "spent_crops: 1"
