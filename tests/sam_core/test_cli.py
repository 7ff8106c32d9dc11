"""The command line, run as a user runs it: files in, files out, JSON on request, errors in plain words."""

import hashlib
import io
import json
import threading
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from sam_core import checkpoints
from sam_core.checkpoints import CHECKPOINTS
from sam_core.cli import main
from sam_core.image_files import find_images, read_image
from sam_core.masks import rle
from sam_core.predictor import Prompts, load_predictor
from sam_core.progress import ProgressBar
from tests.sam_core.weight_server import CONTENT, Server

MODEL = ["--model", "sam_tiny_test", "--device", "cpu"]


@pytest.fixture
def photo(tmp_path):
    pixels = np.random.default_rng(4).integers(0, 256, (90, 61, 3), dtype=np.uint8)
    path = tmp_path / "photo.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def folder(tmp_path, photo):
    made = tmp_path / "photos"
    made.mkdir()
    for name in ("b.png", "a.png"):
        (made / name).write_bytes(photo.read_bytes())
    (made / "notes.txt").write_text("no photo")
    return made


def run(capsys, *arguments: object) -> tuple[int, dict, str]:
    """Run with --json; return the exit status, the answer and what went to standard error."""
    status = main([*map(str, arguments), "--json"])
    output = capsys.readouterr()
    return status, json.loads(output.out) if output.out else {}, output.err


def test_predict_writes_the_mask_that_the_library_gives(capsys, photo, tmp_path):
    out = tmp_path / "deep" / "masks.json"
    arguments = ["--image", photo, "--point", "30,40,1", "--point", "5,6,0", "--box", "2,3,50,80", "--out", out]
    status, report, _ = run(capsys, "predict", *MODEL, *arguments)
    assert status == 0
    assert report == {"images": [{"image": str(photo), "out": str(out), "masks": 1}], "failed": []}
    written = json.loads(out.read_text())
    assert written["image"] == {
        "file_name": "photo.png",
        "width": 61,
        "height": 90,
        "model_version": "sam_tiny_test",
    }
    predictor = load_predictor("sam_tiny_test", device="cpu")
    prompts = Prompts(
        point_coords=np.array([[30, 40], [5, 6]]), point_labels=np.array([1, 0]), boxes_xyxy=np.array([2, 3, 50, 80])
    )
    expected = predictor.predict(predictor.embed(read_image(photo)), prompts)
    (mask,) = written["masks"]
    assert (mask["candidate"], mask["is_chosen"]) == (0, True)
    assert np.array_equal(rle.decode(mask["segmentation"]), expected.mask())
    assert mask["area"] == int(expected.mask().sum())
    assert mask["predicted_iou"] == pytest.approx(float(expected.predicted_iou[0, 0]))


def test_predict_can_write_all_candidates(capsys, photo, tmp_path):
    out = tmp_path / "masks.json"
    run(capsys, "predict", *MODEL, "--image", photo, "--point", "30,40,1", "--all", "--out", out)
    masks = json.loads(out.read_text())["masks"]
    assert [mask["candidate"] for mask in masks] == [0, 1, 2, 3]
    assert sum(mask["is_chosen"] for mask in masks) == 1
    assert not masks[0]["is_chosen"]


def test_a_folder_gives_a_file_for_each_photo_and_a_progress_bar(capsys, folder, tmp_path):
    out = tmp_path / "answers"
    status, report, errors = run(capsys, "predict", *MODEL, "--image", folder, "--box", "2,3,50,80", "--out", out)
    assert status == 0
    assert sorted(path.name for path in out.iterdir()) == ["a.png.masks.json", "b.png.masks.json"]
    assert [row["masks"] for row in report["images"]] == [1, 1]
    assert errors.splitlines() == ["predict: 50 %", "predict: 100 %"]


def test_one_bad_photo_of_a_folder_stops_nothing(capsys, folder, tmp_path):
    (folder / "aa.png").write_bytes(b"not a photo")
    Image.fromarray(np.zeros((1, 5000, 3), np.uint8)).save(folder / "thin.png")
    out = tmp_path / "answers"
    status, report, _ = run(capsys, "embed", *MODEL, "--image", folder, "--out", out)
    assert status == 1
    assert sorted(path.name for path in out.iterdir()) == ["a.png.npy", "b.png.npy"]
    assert [row["code"] for row in report["failed"]] == ["InvalidImageError", "InvalidImageError"]
    assert "cannot be read as a photo" in report["failed"][0]["message"]
    assert "too thin" in report["failed"][1]["message"]


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_embed_writes_what_numpy_reads(capsys, photo, tmp_path, dtype):
    out = tmp_path / "embedding.npy"
    status, report, _ = run(capsys, "embed", *MODEL, "--image", photo, "--dtype", dtype, "--out", out)
    assert status == 0
    array = np.load(out, allow_pickle=False)
    assert (array.shape, array.dtype) == ((1, 32, 8, 8), np.dtype(dtype))
    assert report["images"][0] == {
        "image": str(photo),
        "out": str(out),
        "model_version": "sam_tiny_test",
        "original_size": [90, 61],
        "input_size": [64, 43],
        "shape": [1, 32, 8, 8],
    }
    expected = load_predictor("sam_tiny_test", device="cpu").embed(read_image(photo)).astype(dtype)
    assert np.array_equal(array, expected.array)


def test_amg_writes_sa1b(capsys, photo, tmp_path):
    out = tmp_path / "sa1b.json"
    loose = ["--predicted-iou-threshold", "0", "--stability-score-threshold", "0", "--points-per-side", "3"]
    status, report, errors = run(capsys, "amg", *MODEL, "--image", photo, *loose, "--out", out)
    assert status == 0
    written = json.loads(out.read_text())
    assert written["image"] == {"image_id": 1, "width": 61, "height": 90, "file_name": "photo.png"}
    assert report["images"][0]["masks"] == len(written["annotations"]) > 0
    assert {
        "segmentation",
        "bbox",
        "area",
        "predicted_iou",
        "stability_score",
        "crop_box",
        "point_coords",
        "id",
    } == set(written["annotations"][0])
    assert errors.splitlines()[-1] == "amg: 100 %"


@pytest.mark.parametrize("graph", ["published", "encoder"])
def test_export_writes_a_verified_graph(capsys, tmp_path, graph):
    out = tmp_path / "graph.onnx"
    status, report, _ = run(capsys, "export", *MODEL, "--graph", graph, "--out", out)
    assert status == 0
    assert out.is_file()
    assert 0 <= report["max_difference"] < 1e-3


def test_models_list_names_every_file(capsys, tmp_path):
    (tmp_path / "mobile_sam.pt").write_bytes(b"")
    status, report, _ = run(capsys, "models", "list", "--folder", tmp_path)
    rows = {row["name"]: row for row in report["models"]}
    assert status == 0
    assert rows["sam_vit_h"]["byte_size"] == 2564550879
    assert rows["sam_vit_b"]["sha256"].startswith("ec2df627")
    assert rows["sam_lite"]["file"] == "sam_lite.pt"
    assert rows["mobile_sam"]["is_here"]
    assert not rows["sam_vit_l"]["is_here"]


def test_models_list_is_readable_without_json(capsys, tmp_path):
    assert main(["models", "list", "--folder", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "sam_vit_b_01ec64.pth" in text
    assert "licence=Apache-2.0" in text


def test_models_verify(capsys, tmp_path, monkeypatch):
    content = b"weights"
    official = replace(CHECKPOINTS["mobile_sam"], byte_size=len(content), sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(checkpoints.CHECKPOINTS, "mobile_sam", official)
    (tmp_path / "mobile_sam.pt").write_bytes(content)
    status, report, _ = run(capsys, "models", "verify", "mobile_sam", "--folder", tmp_path)
    assert (status, report["is_official"]) == (0, True)
    local = tmp_path / "renamed.bin"
    local.write_bytes(b"WEIGHTS")
    status, _, errors = run(capsys, "models", "verify", "mobile_sam", "--file", local)
    assert status == 2
    assert json.loads(errors)["error"]["code"] == "CheckpointError"
    assert "has SHA-256" in json.loads(errors)["error"]["message"]


def test_models_fetch_downloads_and_says_where_to(capsys, tmp_path, monkeypatch):
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        official = replace(
            CHECKPOINTS["mobile_sam"],
            url=server.url,
            byte_size=len(CONTENT),
            sha256=hashlib.sha256(CONTENT).hexdigest(),
        )
        monkeypatch.setitem(checkpoints.CHECKPOINTS, "mobile_sam", official)
        server.cuts = [1000]
        status, report, errors = run(capsys, "models", "fetch", "mobile_sam", "--folder", tmp_path)
        server.shutdown()
        thread.join()
    assert status == 0
    assert report == {
        "name": "mobile_sam",
        "path": str(tmp_path / "mobile_sam.pt"),
        "sha256": official.sha256,
    }
    assert (tmp_path / "mobile_sam.pt").read_bytes() == CONTENT
    assert errors.splitlines()[-1] == "mobile_sam.pt: 100 %"


REFUSED = {
    "no prompt": (["predict", *MODEL, "--image", "PHOTO", "--out", "OUT"], "InvalidPromptError", "no prompt"),
    "label 7": (
        ["predict", *MODEL, "--image", "PHOTO", "--point", "3,4,7", "--out", "OUT"],
        "InvalidPromptError",
        "7 is no point label",
    ),
    "half a point": (
        ["predict", *MODEL, "--image", "PHOTO", "--point", "3,4", "--out", "OUT"],
        "InvalidPromptError",
        "--point takes 3 numbers",
    ),
    "a word in a box": (
        ["predict", *MODEL, "--image", "PHOTO", "--box", "a,b,c,d", "--out", "OUT"],
        "InvalidPromptError",
        "--box takes 4 numbers",
    ),
    "a point outside": (
        ["predict", *MODEL, "--image", "PHOTO", "--point", "99,4,1", "--out", "OUT"],
        "InvalidPromptError",
        "outside the image",
    ),
    "no photo": (["embed", *MODEL, "--image", "NOWHERE", "--out", "OUT"], "InvalidImageError", "neither a file"),
    "no model": (["embed", "--model", "sam9", "--image", "PHOTO", "--out", "OUT"], "CheckpointError", "sam9"),
    "no weights": (
        ["embed", *MODEL, "--checkpoint", "NOWHERE", "--image", "PHOTO", "--out", "OUT"],
        "CheckpointError",
        "are not there",
    ),
    "damaged weights": (
        ["embed", *MODEL, "--checkpoint", "PHOTO", "--image", "PHOTO", "--out", "OUT"],
        "CheckpointError",
        "damaged or no weight file",
    ),
    "nothing to fetch": (["models", "fetch", "sam_lite"], "CheckpointError", "no weights to fetch"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_say_what_is_wrong(capsys, photo, tmp_path, name):
    arguments, code, message = REFUSED[name]
    places = {"PHOTO": str(photo), "OUT": str(tmp_path / "out.json"), "NOWHERE": str(tmp_path / "nowhere")}
    status, _, errors = run(capsys, *[places.get(argument, argument) for argument in arguments])
    assert status == 2
    error = json.loads(errors)["error"]
    assert error["code"] == code
    assert message in error["message"]
    assert not (tmp_path / "out.json").exists()


def test_errors_are_one_plain_line_without_json(capsys, photo, tmp_path):
    assert main(["predict", *MODEL, "--image", str(photo), "--out", str(tmp_path / "x")]) == 2
    assert capsys.readouterr().err == "error: no prompt was given: there must be a point, a box or a mask\n"


@pytest.mark.parametrize("command", ["evaluate", "train"])
def test_other_rooms_parse_their_own_arguments(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert f"python -m sam_core {command}" in capsys.readouterr().out


def test_photos_are_read_upright(tmp_path):
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:, :4] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the upright photo is the stored one turned right
    path = tmp_path / "turned.png"
    Image.fromarray(pixels).save(path, exif=exif)
    upright = read_image(path)
    assert upright.shape == (8, 4, 3)
    assert upright[:4].min() == 255
    assert upright[4:].max() == 0


def test_a_folder_without_photos_is_refused(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("x")
    status, _, errors = run(capsys, "embed", *MODEL, "--image", tmp_path, "--out", tmp_path / "out")
    assert status == 2
    assert "holds no photo" in errors


def test_photos_of_a_folder_come_by_name(folder):
    assert [path.name for path in find_images(folder)] == ["a.png", "b.png"]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_progress_on_a_terminal_redraws_one_line():
    stream = Terminal()
    bar = ProgressBar("fetch", stream=stream)
    for done in (0, 1, 50, 50, 100):
        bar(done, 100)
    drawn = stream.getvalue().split("\r")[1:]
    assert len(drawn) == 3  # 0 and 1 per cent look the same, and so do 50 and 50
    assert drawn[1] == f"fetch [{'#' * 15}{'-' * 15}]  50 %"
    assert drawn[2].endswith("100 %\n")


def test_progress_of_nothing_is_complete():
    stream = io.StringIO()
    ProgressBar("amg", stream=stream)(0, 0)
    assert stream.getvalue() == "amg: 100 %\n"
