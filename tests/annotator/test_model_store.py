"""Model files in the storage: every machine takes what it lacks from there, and says so where it cannot."""

import logging
import shutil
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from django_tasks_db.models import DBTaskResult

from annotator import sam_gateway
from annotator.accounts.models import User
from annotator.background.management.commands.run_worker import QuietWorker
from annotator.background.pulse import beat
from annotator.images.models import Image
from annotator.inference import lacking_models
from annotator.inference.embedding_requests import request_embedding
from annotator.inference.model_store import ModelAwayError, blob_name, drop_unnamed, own_folder
from annotator.inference.model_sync import sync_model
from annotator.inference.models import EmbeddingStatus, ModelVersion, WorkerPulse
from annotator.inference.services import compute_embedding
from tests.annotator.conftest import Api
from tests.annotator.inference_steps import TINY_MODEL, work_off


@pytest.fixture(autouse=True)
def nothing_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin as a process that has just started."""
    monkeypatch.setattr(lacking_models, "_reasons", {})
    monkeypatch.setattr(lacking_models, "_tried", {})


@pytest.fixture
def other_machine(model: ModelVersion, settings: Any, tmp_path: Path) -> Path:
    """Go on as a machine that has the same database and storage, and no model files."""
    settings.MODELS_DIR = tmp_path / "other machine"
    return tmp_path / "other machine" / model.version


def file_of(model: ModelVersion, name: str) -> dict[str, Any]:
    return next(file for file in model.files if file["name"] == name)


def lose(model: ModelVersion, name: str) -> None:
    default_storage.delete(blob_name(file_of(model, name)["sha256"]))


def test_another_machine_fetches_what_it_needs_and_verifies_it(
    model: ModelVersion, other_machine: Path, photo: Image
) -> None:
    own_folder(model, {"decoder.onnx"})
    assert sorted(file.name for file in other_machine.iterdir()) == ["decoder.onnx", "model.json"]
    row = request_embedding(photo.sha256, model)
    assert compute_embedding(row.pk) == EmbeddingStatus.READY
    assert {file.name for file in other_machine.iterdir()} == {file["name"] for file in model.files}
    assert all(sam_gateway.sha256_of(other_machine / file["name"]) == file["sha256"] for file in model.files)


def test_a_browser_gets_its_files_from_a_web_server_that_had_none(
    as_annotator: Api, model: ModelVersion, other_machine: Path
) -> None:
    entry = model.manifest["files"][0]
    answer = as_annotator.get(f"/models/{model.version}/{entry['name']}")
    assert (answer.status_code, len(answer.body)) == (200, entry["bytes"])


def test_a_storage_without_folders_does_as_well(model: ModelVersion, settings: Any) -> None:
    """As S3 is: names alone, no paths."""
    in_memory = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    settings.STORAGES = {**settings.STORAGES, "default": in_memory}
    ModelVersion.objects.update(files=[])
    row = sync_model(TINY_MODEL)[0]
    shutil.rmtree(settings.MODELS_DIR)
    assert sam_gateway.read_card(own_folder(row)).version == TINY_MODEL


def test_files_of_an_earlier_export_are_replaced_as_a_whole(model: ModelVersion, settings: Any) -> None:
    folder = own_folder(model)
    for file in folder.iterdir():
        file.write_bytes(bytes(file.stat().st_size))
    (folder / "of before.onnx").write_bytes(b"x")
    own_folder(model)
    assert {file.name: sam_gateway.sha256_of(file) for file in folder.iterdir()} == {
        file["name"]: file["sha256"] for file in model.files
    }


def test_a_file_damaged_here_is_fetched_again(model: ModelVersion, photo: Image) -> None:
    encoder = own_folder(model) / "encoder.onnx"
    encoder.write_bytes(bytes(encoder.stat().st_size))  # which no look at names and sizes notices
    row = request_embedding(photo.sha256, model)
    assert compute_embedding(row.pk) == EmbeddingStatus.PENDING
    assert compute_embedding(row.pk) == EmbeddingStatus.READY


def test_a_worker_that_cannot_have_a_model_leaves_its_work_and_says_so_once(
    model: ModelVersion, other_machine: Path, photo: Image, caplog: pytest.LogCaptureFixture
) -> None:
    lose(model, "encoder.onnx")
    row = request_embedding(photo.sha256, model)
    for _ in range(2):
        with pytest.raises(ModelAwayError, match="the storage lacks them; install the model again"):
            compute_embedding(row.pk)
    row.refresh_from_db()
    assert (row.status, row.attempts, row.error) == (EmbeddingStatus.PENDING, 0, "")
    told = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.message for record in told] == ["this process takes no work for a model"]
    work_off()
    assert DBTaskResult.objects.filter(status="READY", run_after__isnull=False).count() == 1, (
        "for others, a moment later"
    )


def test_a_worker_does_not_even_look_at_work_for_such_a_model(
    model: ModelVersion, other_machine: Path, photo: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(model, "encoder.onnx")
    request_embedding(photo.sha256, model)
    names: dict[str, Any] = {"queue_names": ["*"], "excluded_queue_names": [], "interval": 0, "batch": True}
    worker = QuietWorker(**names, backend_name="default", startup_delay=False, max_tasks=None, worker_id="w")
    assert worker._has_task()
    lacking_models.note(model, "why")
    assert not worker._has_task()
    monkeypatch.setattr(lacking_models, "RETRY_SECONDS", 0)
    assert worker._has_task(), "it tries again from time to time"
    lacking_models.forget(model.version)
    assert lacking_models.queue_of(model.pk) not in worker.excluded_queue_names


def test_wrong_bytes_in_the_storage_are_never_used(model: ModelVersion, other_machine: Path) -> None:
    entry = file_of(model, "decoder.onnx")
    Path(default_storage.path(blob_name(entry["sha256"]))).write_bytes(bytes(entry["bytes"]))
    with pytest.raises(ModelAwayError, match=r"decoder\.onnx is damaged in the storage"):
        own_folder(model)
    assert not (other_machine / "decoder.onnx").exists()


def test_the_web_server_that_lacks_a_file_answers_with_the_reason(
    as_annotator: Api, model: ModelVersion, other_machine: Path
) -> None:
    name = model.manifest["files"][0]["name"]
    lose(model, name)
    answer = as_annotator.get(f"/models/{model.version}/{name}")
    assert (answer.status_code, answer.json()["code"]) == (503, "no_model")
    assert "cannot be fetched: the storage lacks them" in answer.json()["message"]
    ready = as_annotator.client.get("/health/ready").json()["checks"]["model"]
    assert ready == f"files of model {model.version} are missing: {name}"


def test_the_page_names_the_machine_and_what_it_lacks(
    model: ModelVersion, outsider: User, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking_models.note(model, "The files of model tiny are not on this machine and cannot be fetched: x")
    beat("worker 1")
    lacking_models.forget(model.version)
    WorkerPulse.objects.update(host="node-7")
    client.force_login(outsider)
    page = client.get("/models/").content.decode()
    assert "<b>node-7</b>: The files of model tiny are not on this machine" in page
    beat("worker 1")
    assert "not on this machine" not in client.get("/models/").content.decode()


def test_files_that_no_version_names_go_and_others_stay(model: ModelVersion) -> None:
    digests = [file["sha256"] for file in model.files]
    drop_unnamed(digests)
    assert all(default_storage.exists(blob_name(digest)) for digest in digests)
    ModelVersion.objects.update(files=model.files[1:])
    drop_unnamed(digests)
    assert [default_storage.exists(blob_name(digest)) for digest in digests] == [False, *[True] * (len(digests) - 1)]


def test_a_model_that_comes_with_the_product_is_installed_without_a_file(model: ModelVersion) -> None:
    out = StringIO()
    call_command("install_model", TINY_MODEL, stdout=out)
    assert out.getvalue().splitlines()[-1] == f"{model.version}: is installed already"
