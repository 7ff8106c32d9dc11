"""Embeddings and models: computed by the real tiny model, served to members, mended after failures."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django_tasks_db.models import DBTaskResult
from PIL import Image as Pillow

from annotator.images.models import Image
from annotator.inference.crop_names import parse_crop_name
from annotator.inference.embedding_requests import request_embedding
from annotator.inference.models import EmbeddingStatus, ImageEmbedding, ModelVersion
from annotator.inference.selectors import default_model_version
from annotator.inference.services import compute_embedding
from annotator.inference.signals import embedding_changed
from annotator.photos import store
from annotator.projects.models import Project
from annotator.sam_answers import DecodeRequest
from tests.annotator.conftest import Api, jpeg
from tests.annotator.inference_steps import TINY_MODEL as NAME
from tests.annotator.inference_steps import load_npy, work_off


@pytest.fixture
def embedded(photo: Image, model: ModelVersion) -> ImageEmbedding:
    row = request_embedding(photo.sha256, model)
    assert compute_embedding(row.pk) == EmbeddingStatus.READY
    row.refresh_from_db()
    return row


def pixels_of(image: Image) -> Any:
    with store.open_part(image.sha256, store.ORIGINAL) as file:
        return np.asarray(Pillow.open(file).convert("RGB"))


def torch_embedding(image: Image, crop: tuple[int, int, int, int] | None = None) -> Any:
    from sam_core.predictor import Predictor
    from sam_core.registry import build_model

    return Predictor(build_model(NAME), NAME).embed(pixels_of(image), crop)


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


@pytest.mark.parametrize("name", ["0_0_96_64_mirrored", "10_4_57_50_mirrored"])
def test_a_mirror_image_is_encoded_and_answers_as_the_photo_lies(
    as_annotator: Api, photo: Image, model: ModelVersion, name: str
) -> None:
    from sam_core.predictor import Predictor, Prompts
    from sam_core.registry import build_model

    row = request_embedding(photo.sha256, model, crop_box=name)
    compute_embedding(row.pk)
    row.refresh_from_db()
    with row.file.open("rb") as file:
        array = load_npy(file.read())
    crop, is_mirrored = parse_crop_name(name)
    assert crop is not None
    predictor = Predictor(build_model(NAME), NAME)
    mirrored = predictor.embed(pixels_of(photo), crop, is_mirrored=is_mirrored)
    assert np.abs(array - mirrored.array).max() < 2e-3
    assert np.abs(array - predictor.embed(pixels_of(photo), crop).array).max() > 0.01
    prompts = Prompts(point_coords=np.array([[30.0, 20.0]]), point_labels=np.array([1]))
    expected = predictor.predict(mirrored.astype(np.float16), prompts)
    ask = {"points": [{"x": 30, "y": 20, "label": 1}], "is_mirrored": True}
    head, logits = decode(as_annotator, photo, **ask, **({} if crop[0] == 0 else {"crop_box_xyxy": list(crop)}))
    assert np.abs(logits - expected.low_res_logits[0]).max() < 5e-3
    assert head["chosen"] == expected.chosen[0]


def test_a_damaged_photo_fails_at_once_with_its_reason(photo: Image, model: ModelVersion) -> None:
    store.save(photo.sha256, store.ORIGINAL, b"\xff\xd8\xff broken")
    row = request_embedding(photo.sha256, model)
    assert compute_embedding(row.pk) == EmbeddingStatus.FAILED
    row.refresh_from_db()
    assert row.error
    assert "Traceback" not in row.error


def test_a_passing_failure_is_tried_again_and_then_given_up(
    photo: Image,
    model: ModelVersion,
    settings: Any,
) -> None:
    row = request_embedding(photo.sha256, model)
    (Path(settings.MODELS_DIR) / NAME / "encoder.onnx").write_bytes(b"half a file")
    statuses = [compute_embedding(row.pk) for _ in range(3)]
    assert statuses == [EmbeddingStatus.PENDING, EmbeddingStatus.PENDING, EmbeddingStatus.FAILED]
    row.refresh_from_db()
    assert (row.attempts, bool(row.error)) == (3, True)


def test_the_task_asks_again_later_after_a_passing_failure(
    photo: Image,
    model: ModelVersion,
    settings: Any,
) -> None:
    row = request_embedding(photo.sha256, model)
    (Path(settings.MODELS_DIR) / NAME / "encoder.onnx").write_bytes(b"half a file")
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
    embedded.file.storage.delete(embedded.file.name)
    assert as_annotator.get(f"/embeddings/{embedded.key}.npy").status_code == 404
    work_off()
    assert as_annotator.get(f"/embeddings/{embedded.key}.npy").status_code == 200


def test_manifest_and_graphs(as_annotator: Api, signed_out: Api, model: ModelVersion) -> None:
    manifest = as_annotator.get(f"/models/{NAME}/manifest.json").json()
    assert (manifest["format"], manifest["model_version"], manifest["image_size"]) == (1, NAME, 64)
    import hashlib

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


def test_sync_is_quiet_when_nothing_changed(model: ModelVersion, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("sync_models", NAME)
    assert "up to date" in capsys.readouterr().out
    assert default_model_version() == model


def test_missing_weights_are_said_plainly(db: None, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="are not there"):
        call_command("sync_models", "sam_vit_b", checkpoint=str(tmp_path / "none.pth"))
    with pytest.raises(CommandError, match="no model is called"):
        call_command("sync_models", "sam_of_tomorrow")


def decode(api: Api, image: Image, **body: Any) -> tuple[dict[str, Any], Any]:
    import json
    import struct

    answer = api.post(f"/images/{image.pk}/decode", body)
    assert answer.status_code == 200, answer.content
    (length,) = struct.unpack("<I", answer.content[:4])
    head = json.loads(answer.content[4 : 4 + length])
    logits = np.frombuffer(answer.content[4 + length :], "<f4").reshape(4, head["side"], head["side"])
    return head, logits


def test_the_server_weighs_the_click_where_the_model_does(embedded: ImageEmbedding, settings: Any) -> None:
    import json

    from annotator import sam_gateway
    from sam_core.predictor import Predictor, Prompts
    from sam_core.registry import build_model

    folder = Path(settings.MODELS_DIR) / NAME
    card = json.loads((folder / "model.json").read_text())
    card["manifest"]["weighs_click"] = True
    (folder / "model.json").write_text(json.dumps(card))
    weighing, plain = Predictor(build_model(NAME), NAME), Predictor(build_model(NAME), NAME)
    weighing.model.weighs_click = True
    with embedded.file.open("rb") as file:
        npy = file.read()
    stored = plain.embed(np.zeros((64, 96, 3), np.uint8))
    stored = replace(stored, array=load_npy(npy).astype(np.float32))
    chosen: dict[str, list[int]] = {"server": [], "weighing": [], "plain": []}
    for place in [(x, y) for x in range(4, 96, 12) for y in range(4, 64, 12)]:
        request = DecodeRequest(
            embedding_npy=npy,
            points_xy=[place],
            point_labels=[1],
            box_xyxy=None,
            mask_input=None,
            original_size=(64, 96),
        )
        prompts = Prompts(point_coords=np.array([place], np.float64), point_labels=np.array([1]))
        chosen["server"].append(sam_gateway.decode_prompt(str(folder), request).chosen)
        chosen["weighing"].append(int(weighing.predict(stored, prompts).chosen[0]))
        chosen["plain"].append(int(plain.predict(stored, prompts).chosen[0]))
    assert chosen["server"] == chosen["weighing"]
    assert chosen["server"] != chosen["plain"]


@pytest.mark.usefixtures("embedded")
def test_decoding_on_the_server_equals_the_library(as_annotator: Api, photo: Image) -> None:
    from sam_core.predictor import Predictor, Prompts
    from sam_core.registry import build_model

    head, logits = decode(as_annotator, photo, points=[{"x": 30, "y": 20, "label": 1}])
    predictor = Predictor(build_model(NAME), NAME)
    stored = torch_embedding(photo).astype(np.float16)
    prompts = Prompts(point_coords=np.array([[30.0, 20.0]]), point_labels=np.array([1]))
    expected = predictor.predict(stored, prompts)
    assert np.abs(logits - expected.low_res_logits[0]).max() < 5e-3
    assert head["chosen"] == expected.chosen[0]
    assert np.allclose(head["stability_score"], expected.stability_score[0], atol=0.02)

    import base64

    again = base64.b64encode(np.ascontiguousarray(logits[head["chosen"]]).tobytes()).decode()
    points = [{"x": 30, "y": 20, "label": 1}, {"x": 5, "y": 5, "label": 0}]
    refined, _ = decode(as_annotator, photo, points=points, box_xyxy=[2, 2, 60, 50], mask_input=again)
    assert refined["chosen"] == 0


@pytest.mark.usefixtures("embedded")
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "bad_prompt"),
        ({"points": [{"x": 500, "y": 2, "label": 1}]}, "bad_prompt"),
        ({"box_xyxy": [9, 9, 2, 2]}, "bad_prompt"),
        ({"points": [{"x": 1, "y": 1, "label": 1}], "mask_input": "AAAA"}, "bad_mask_input"),
        ({"points": [{"x": 1, "y": 1, "label": 1}], "mask_input": "%%%"}, "bad_mask_input"),
        ({"points": [{"x": 1, "y": 1, "label": 7}]}, "invalid"),
        ({"points": [{"x": 1, "y": 1, "label": 1}], "crop_box_xyxy": [0, 0, 40, 40]}, "embedding_not_ready"),
    ],
)
def test_bad_prompts(as_annotator: Api, photo: Image, body: dict[str, Any], code: str) -> None:
    answer = as_annotator.post(f"/images/{photo.pk}/decode", body)
    assert answer.status_code in {409, 422}
    assert answer.json()["code"] == code


def test_decoding_needs_membership_and_an_embedding(
    as_annotator: Api,
    as_outsider: Api,
    signed_out: Api,
    photo: Image,
    model: ModelVersion,
) -> None:
    body = {"points": [{"x": 1, "y": 1, "label": 1}]}
    assert as_annotator.post(f"/images/{photo.pk}/decode", body).json()["code"] == "embedding_not_ready"
    assert as_outsider.post(f"/images/{photo.pk}/decode", body).status_code == 404
    assert signed_out.post(f"/images/{photo.pk}/decode", body).status_code == 401
    assert as_annotator.get(f"/images/{photo.pk}/decode").status_code == 405


def test_decoding_goes_on_after_its_process_was_killed(
    as_annotator: Api,
    photo: Image,
    embedded: ImageEmbedding,
) -> None:
    import os
    import signal

    from annotator.inference import server_decoding

    point = [{"x": 30, "y": 20, "label": 1}]
    decode(as_annotator, photo, points=point)
    process = next(iter(server_decoding._pool._processes.values()))  # type: ignore[union-attr]
    os.kill(process.pid, signal.SIGKILL)
    process.join(10)
    answers = [as_annotator.post(f"/images/{photo.pk}/decode", {"points": point}) for _ in range(2)]
    assert answers[-1].status_code == 200
    assert all(answer.status_code == 200 or answer.json()["code"] == "decoder_failed" for answer in answers)


def test_a_full_queue_is_said_to_be_busy(
    as_annotator: Api,
    photo: Image,
    embedded: ImageEmbedding,
) -> None:
    from annotator.inference import server_decoding

    for _ in range(server_decoding.WAITING_AT_MOST):
        assert server_decoding._places.acquire(blocking=False)
    try:
        answer = as_annotator.post(f"/images/{photo.pk}/decode", {"points": [{"x": 1, "y": 1, "label": 1}]})
    finally:
        for _ in range(server_decoding.WAITING_AT_MOST):
            server_decoding._places.release()
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")


@pytest.fixture(autouse=True)
def _end_the_decoding_process() -> Any:
    from annotator.inference import server_decoding

    yield
    server_decoding.stop_decoding()


def test_the_decoding_process_ends_when_the_web_process_is_killed(tmp_path: Path) -> None:
    import os
    import select
    import signal
    import subprocess
    import sys

    code = (
        "import os, sys\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "from multiprocessing import get_context\n"
        "from annotator.inference.decoding_process import end_with_parent\n"
        "if __name__ == '__main__':\n"
        "    pool = ProcessPoolExecutor(1, mp_context=get_context('spawn'), initializer=end_with_parent)\n"
        "    print(pool.submit(os.getpid).result(), flush=True)\n"
        "    sys.stdin.read()\n"
    )
    script = tmp_path / "parent.py"
    script.write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    with subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.send_signal(signal.SIGKILL)
        # A pidfd becomes readable when its process has ended.
        assert select.select([child], [], [], 30)[0] == [child]
        os.close(child)
