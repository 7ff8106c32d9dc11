"""Decoding on the server, in a process of its own: as the library answers, and bounded."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotator.images.models import Image
from annotator.inference.crop_names import parse_crop_name
from annotator.inference.embedding_requests import request_embedding
from annotator.inference.models import ImageEmbedding, ModelVersion
from annotator.inference.services import compute_embedding
from annotator.sam_answers import DecodeRequest
from tests.annotator.conftest import Api
from tests.annotator.inference_steps import TINY_MODEL as NAME
from tests.annotator.inference_steps import load_npy, pixels_of, torch_embedding


def decode(api: Api, image: Image, **body: Any) -> tuple[dict[str, Any], Any]:
    import json
    import struct

    answer = api.post(f"/images/{image.pk}/decode", body)
    assert answer.status_code == 200, answer.content
    (length,) = struct.unpack("<I", answer.content[:4])
    head = json.loads(answer.content[4 : 4 + length])
    logits = np.frombuffer(answer.content[4 + length :], "<f4").reshape(4, head["side"], head["side"])
    return head, logits


@pytest.mark.parametrize("name", ["0_0_96_64_flipped", "10_4_57_50_flipped"])
def test_a_flipped_image_is_encoded_and_answers_as_the_photo_lies(
    as_annotator: Api, photo: Image, model: ModelVersion, name: str
) -> None:
    from sam_core.backends.torch_backend import TorchPredictor
    from sam_core.predictor import Prompts
    from sam_core.registry import build_model

    row = request_embedding(photo.sha256, model, crop_box=name)
    compute_embedding(row.pk)
    row.refresh_from_db()
    with row.file.open("rb") as file:
        array = load_npy(file.read())
    crop, is_flipped = parse_crop_name(name)
    assert crop is not None
    predictor = TorchPredictor(build_model(NAME), NAME)
    flipped = predictor.embed(pixels_of(photo), crop, is_flipped=is_flipped)
    assert np.abs(array - flipped.array).max() < 2e-3
    assert np.abs(array - predictor.embed(pixels_of(photo), crop).array).max() > 0.01
    prompts = Prompts(point_coords=np.array([[30.0, 20.0]]), point_labels=np.array([1]))
    expected = predictor.predict(flipped.astype(np.float16), prompts)
    ask = {"points": [{"x": 30, "y": 20, "label": 1}], "is_flipped": True}
    head, logits = decode(as_annotator, photo, **ask, **({} if crop[0] == 0 else {"crop_box_xyxy": list(crop)}))
    assert np.abs(logits - expected.low_res_logits[0]).max() < 5e-3
    assert head["chosen"] == expected.chosen[0]


def test_the_server_weighs_the_click_where_the_model_does(embedded: ImageEmbedding, settings: Any) -> None:
    import json

    from annotator import sam_gateway
    from sam_core.backends.torch_backend import TorchPredictor
    from sam_core.masks.policy import MaskPolicy
    from sam_core.predictor import Prompts
    from sam_core.registry import build_model

    folder = Path(settings.MODELS_DIR) / NAME
    card = json.loads((folder / "model.json").read_text())
    card["manifest"]["policy"]["weighs_click"] = True
    (folder / "model.json").write_text(json.dumps(card))
    weighing, plain = TorchPredictor(build_model(NAME), NAME), TorchPredictor(build_model(NAME), NAME)
    weighing.model.policy = MaskPolicy(weighs_click=True)
    with embedded.file.open("rb") as file:
        npy = file.read()
    stored = plain.embed(np.zeros((64, 96, 3), np.uint8))
    stored = replace(stored, tensors={"image_embeddings": load_npy(npy).astype(np.float32)})
    chosen: dict[str, list[int]] = {"server": [], "weighing": [], "plain": []}
    for place in [(x, y) for x in range(4, 96, 12) for y in range(4, 64, 12)]:
        request = DecodeRequest(
            embedding_file=npy,
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
    from sam_core.backends.torch_backend import TorchPredictor
    from sam_core.predictor import Prompts
    from sam_core.registry import build_model

    head, logits = decode(as_annotator, photo, points=[{"x": 30, "y": 20, "label": 1}])
    predictor = TorchPredictor(build_model(NAME), NAME)
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
    assert server_decoding._pool is not None
    process = next(iter(server_decoding._pool._processes.values()))
    os.kill(process.pid or 0, signal.SIGKILL)
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
