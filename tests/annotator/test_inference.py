"""Embeddings and models: computed by the real tiny model, served to members, mended after failures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django_tasks_db.models import DBTaskResult

from annotator.images.models import Image
from annotator.inference.embedding_requests import request_embedding
from annotator.inference.models import EmbeddingStatus, ImageEmbedding, ModelVersion
from annotator.inference.selectors import default_model_version
from annotator.inference.services import compute_embedding
from annotator.inference.signals import embedding_changed
from annotator.photos import store
from annotator.projects.models import Project
from tests.annotator.conftest import Api, jpeg
from tests.annotator.inference_steps import TINY_MODEL as NAME
from tests.annotator.inference_steps import load_npy, torch_embedding, work_off


def test_an_upload_is_embedded_by_the_worker(as_admin: Api, project: Project, model: ModelVersion) -> None:
    seen: list[str] = []

    def listen(sender: Any, *, status: str, **kwargs: Any) -> None:
        seen.append(status)

    embedding_changed.connect(listen)
    try:
        as_admin.upload(project, ("a.jpg", jpeg(96, 64)))
        work_off()
    finally:
        embedding_changed.disconnect(listen)
    image = Image.objects.get()
    body = as_admin.get(f"/images/{image.pk}").json()
    assert (body["status"], body["embedding"]["status"]) == ("ready", "ready")
    assert seen == ["running", "ready"]
    array = load_npy(as_admin.get(body["embedding"]["url"].removeprefix("/api/v1")).body)
    assert (array.dtype, array.shape[0], array.ndim, array.flags.c_contiguous) == (np.float16, 1, 4, True)
    assert np.abs(array - torch_embedding(image).array).max() < 2e-3


@pytest.fixture
def no_place(settings: Any) -> None:
    """Embeddings cannot be stored: a file lies where their folder should be."""
    settings.MEDIA_ROOT.mkdir(exist_ok=True)
    (settings.MEDIA_ROOT / "embeddings").write_bytes(b"in the way")


def test_the_same_content_is_embedded_once_for_two_projects(
    as_admin: Api,
    project: Project,
    model: ModelVersion,
) -> None:
    other = Project.objects.get(pk=as_admin.post("/projects", {"name": "Other"}).json()["id"])
    for target in (project, other):
        as_admin.upload(target, ("a.jpg", jpeg(96, 64)))
    assert ImageEmbedding.objects.count() == 1
    assert DBTaskResult.objects.filter(task_path="annotator.inference.tasks.embed_image").count() == 1


def test_a_second_run_finds_nothing_to_do(embedded: ImageEmbedding) -> None:
    assert compute_embedding(embedded.pk) is None
    assert embedded.attempts == 1
    assert (embedded.encode_ms or 0) >= 0
    assert embedded.byte_size == embedded.file.size


def test_crops_are_encoded_in_their_own_detail(photo: Image, model: ModelVersion) -> None:
    row = request_embedding(photo.sha256, model, crop_box="10_4_58_50")
    compute_embedding(row.pk)
    row.refresh_from_db()
    with row.file.open("rb") as file:
        array = load_npy(file.read())
    assert np.abs(array - torch_embedding(photo, (10, 4, 58, 50)).array).max() < 2e-3


def test_a_damaged_photo_fails_at_once_with_its_reason(photo: Image, model: ModelVersion) -> None:
    store.save(photo.sha256, store.ORIGINAL, b"\xff\xd8\xff broken")
    row = request_embedding(photo.sha256, model)
    assert compute_embedding(row.pk) == EmbeddingStatus.FAILED
    row.refresh_from_db()
    assert row.error
    assert "Traceback" not in row.error


def test_a_passing_failure_is_tried_again_and_then_given_up(photo: Image, model: ModelVersion, no_place: None) -> None:
    row = request_embedding(photo.sha256, model)
    statuses = [compute_embedding(row.pk) for _ in range(3)]
    assert statuses == [EmbeddingStatus.PENDING, EmbeddingStatus.PENDING, EmbeddingStatus.FAILED]
    row.refresh_from_db()
    assert (row.attempts, bool(row.error)) == (3, True)


def test_the_task_asks_again_later_after_a_passing_failure(photo: Image, model: ModelVersion, no_place: None) -> None:
    row = request_embedding(photo.sha256, model)
    work_off()
    row.refresh_from_db()
    assert (row.status, row.attempts) == (EmbeddingStatus.PENDING, 1)
    assert DBTaskResult.objects.filter(status="READY", run_after__gt=row.updated_at).count() == 1


def test_the_bytes_are_private_immutable_and_for_members(
    as_annotator: Api, as_outsider: Api, signed_out: Api, embedded: ImageEmbedding
) -> None:
    path = f"/embeddings/{embedded.key}.npy"
    answer = as_annotator.get(path)
    assert answer["Cache-Control"] == "private, max-age=31536000, immutable"
    assert int(answer["Content-Length"]) == len(answer.body) == embedded.byte_size
    assert as_annotator.get(path, **{"If-None-Match": answer["ETag"]}).status_code == 304
    assert as_outsider.get(path).status_code == 404
    assert signed_out.get(path).status_code == 401
    assert as_annotator.post(path).status_code == 405


@pytest.mark.parametrize(
    "key", ["x", "../../secret_key", "0" * 64 + "-sam_tiny_test-full-f16", "0" * 64 + "-a-1_2-f16"]
)
def test_unknown_keys_are_404(as_annotator: Api, model: ModelVersion, key: str) -> None:
    assert as_annotator.get(f"/embeddings/{key}.npy").status_code == 404


def test_a_lost_file_is_made_again(as_annotator: Api, embedded: ImageEmbedding) -> None:
    embedded.file.storage.delete(str(embedded.file.name))
    assert as_annotator.get(f"/embeddings/{embedded.key}.npy").status_code == 404
    work_off()
    assert as_annotator.get(f"/embeddings/{embedded.key}.npy").status_code == 200


def test_manifest_and_graphs(as_annotator: Api, signed_out: Api, model: ModelVersion) -> None:
    import hashlib

    from sam_core.export_format import EXPORT_FORMAT

    manifest = as_annotator.get(f"/models/{NAME}/manifest.json").json()
    assert (manifest["format"], manifest["model_version"], manifest["image_size"]) == (EXPORT_FORMAT, NAME, 64)
    assert manifest["embedding"][0]["dtype"] == "float16"

    for entry in manifest["files"]:
        answer = as_annotator.get(f"/models/{NAME}/{entry['name']}?v={entry['sha256'][:12]}")
        assert (len(answer.body), hashlib.sha256(answer.body).hexdigest()) == (entry["bytes"], entry["sha256"])
        assert "immutable" in answer["Cache-Control"]
    assert signed_out.get(f"/models/{NAME}/manifest.json").status_code == 401
    assert as_annotator.get("/models").json()[0]["version"] == NAME


@pytest.mark.parametrize("name", ["model.json", "encoder.onnx", "..%2f..%2fsecret_key", ".hidden"])
def test_only_listed_files_are_served(as_annotator: Api, model: ModelVersion, name: str) -> None:
    assert as_annotator.get(f"/models/{NAME}/{name}").status_code == 404
    assert as_annotator.get(f"/models/none-1/{name}").status_code == 404


def test_installing_is_quiet_when_nothing_changed(model: ModelVersion, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("install_model", NAME)
    assert "is installed already" in capsys.readouterr().out
    assert default_model_version() == model


@pytest.mark.parametrize("older", [{"format": 1}, {"format": 1, "exporter": "0123456789abcdef"}])
def test_a_model_of_an_older_export_format_is_exported_anew(
    model: ModelVersion, settings: Any, older: dict[str, Any]
) -> None:
    import json

    card = Path(settings.MODELS_DIR) / NAME / "model.json"
    current = json.loads(card.read_text())
    old_manifest = {"format": 1, "weighs_click": False}
    card.write_text(json.dumps(current | older | {"manifest": current["manifest"] | old_manifest}))
    ModelVersion.objects.update(manifest=old_manifest)
    call_command("install_model", NAME)
    assert json.loads(card.read_text()) == current
    model.refresh_from_db()
    assert model.manifest == current["manifest"]


def test_missing_weights_are_said_plainly(db: None, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no file"):
        call_command("install_model", "sam_vit_b", file=str(tmp_path / "none.pth"))
    with pytest.raises(CommandError, match="no model is called"):
        call_command("install_model", "sam_of_tomorrow")
