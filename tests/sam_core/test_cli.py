"""The command line, run as a user runs it: files in, files out, JSON on request, errors in plain words."""

import io
import json
import sys
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

from sam_core.backends.torch_backend import load_predictor
from sam_core.cli import main
from sam_core.image_files import find_images, read_image
from sam_core.masks import rle
from sam_core.predictor import Predictor, Prompts
from tests.sam_core.cli_steps import run
from tests.sam_core.picture_files import tiff

MODEL = ["--model", "sam_tiny_test", "--device", "cpu"]


@pytest.fixture
def photo(tmp_path: Path) -> Any:
    pixels = np.random.default_rng(4).integers(0, 256, (90, 61, 3), dtype=np.uint8)
    path = tmp_path / "photo.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path, photo: Any) -> Any:
    made = tmp_path / "photos"
    made.mkdir()
    for name in ("b.png", "a.png"):
        (made / name).write_bytes(photo.read_bytes())
    (made / "notes.txt").write_text("no photo")
    return made


def test_predict_writes_the_mask_that_the_library_gives(
    capsys: pytest.CaptureFixture[str], photo: Any, tmp_path: Path
) -> None:
    out = tmp_path / "deep" / "masks.json"
    arguments = ["--image", photo, "--point", "30,40,1", "--point", "5,6,0", "--box", "2,3,50,80", "--out", out]
    status, report, _ = run(capsys, "predict", *MODEL, *arguments)
    assert status == 0
    assert report == {"device": "cpu", "images": [{"image": str(photo), "out": str(out), "masks": 1}], "failed": []}
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


def test_predict_can_write_all_candidates(capsys: pytest.CaptureFixture[str], photo: Any, tmp_path: Path) -> None:
    out = tmp_path / "masks.json"
    run(capsys, "predict", *MODEL, "--image", photo, "--point", "30,40,1", "--all", "--out", out)
    masks = json.loads(out.read_text())["masks"]
    assert [mask["candidate"] for mask in masks] == [0, 1, 2, 3]
    assert sum(mask["is_chosen"] for mask in masks) == 1
    assert not masks[0]["is_chosen"]


def test_a_folder_gives_a_file_for_each_photo_and_a_progress_bar(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "answers"
    status, report, errors = run(capsys, "predict", *MODEL, "--image", folder, "--box", "2,3,50,80", "--out", out)
    assert status == 0
    assert sorted(path.name for path in out.iterdir()) == ["a.png.masks.json", "b.png.masks.json"]
    assert [row["masks"] for row in report["images"]] == [1, 1]
    assert errors.splitlines() == ["predict: 50 %", "predict: 100 %"]


def test_one_bad_photo_of_a_folder_stops_nothing(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path
) -> None:
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
def test_embed_writes_what_numpy_reads(
    capsys: pytest.CaptureFixture[str], photo: Any, tmp_path: Path, dtype: Any
) -> None:
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


def test_amg_writes_sa1b(capsys: pytest.CaptureFixture[str], photo: Any, tmp_path: Path) -> None:
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
def test_export_writes_a_verified_graph(capsys: pytest.CaptureFixture[str], tmp_path: Path, graph: str) -> None:
    out = tmp_path / "graph.onnx"
    status, report, _ = run(capsys, "export", *MODEL, "--graph", graph, "--out", out)
    assert status == 0
    assert out.is_file()
    assert 0 <= report["max_difference"] < 1e-3


TINY = ["--model", "sam_tiny_test"]
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
    "no command": ([], "InvalidRequestError", "command"),
    "an unknown command": (["segment"], "InvalidRequestError", "segment"),
    "no such device for an export": (
        ["export", "--model", "sam_tiny_test", "--device", "cuda:99", "--graph", "published", "--out", "OUT"],
        "InvalidRequestError",
        "cuda:99 is not there",
    ),
    "no such device": (
        ["embed", "--model", "sam_tiny_test", "--device", "tpu9", "--image", "PHOTO", "--out", "OUT"],
        "InvalidRequestError",
        "tpu9",
    ),
    "a negative point": (
        ["predict", *MODEL, "--image", "PHOTO", "--point", "-5,4,1", "--out", "OUT"],
        "InvalidPromptError",
        "(-5, 4) lies outside",
    ),
    "a negative grid": (
        ["amg", *MODEL, "--image", "PHOTO", "--points-per-side", "-3", "--out", "OUT"],
        "InvalidPromptError",
        "points per side",
    ),
    "an endless grid": (
        ["amg", *MODEL, "--image", "PHOTO", "--points-per-side", "100000", "--out", "OUT"],
        "InvalidPromptError",
        "points per side",
    ),
    "a word for a number": (
        ["amg", *MODEL, "--image", "PHOTO", "--points-per-side", "many", "--out", "OUT"],
        "InvalidRequestError",
        "many",
    ),
    "a folder to write": (["embed", *MODEL, "--image", "PHOTO", "--out", "FOLDER"], "InvalidRequestError", "folder"),
    "a file as folder": (
        ["embed", *MODEL, "--image", "PHOTO", "--out", "PHOTO/deep/out.npy"],
        "NotADirectoryError",
        "Not a directory",
    ),
    "a page that is not there": (
        ["embed", *MODEL, "--image", "PHOTO", "--page", "2", "--out", "OUT"],
        "InvalidImageError",
        "no page 2",
    ),
    "a folder to measure on that is not there": (
        ["evaluate", *TINY, "--data", "NOWHERE"],
        "EvaluationError",
        "no photo with masks",
    ),
    "a file to measure on": (["evaluate", *TINY, "--data", "PHOTO"], "EvaluationError", "no photo with masks"),
    "no clicks": (["evaluate", "--data", "FOLDER", "--clicks", "0"], "InvalidRequestError", "--clicks"),
    "fewer than no masks": (
        ["evaluate", "--data", "FOLDER", "--max-masks", "-1"],
        "InvalidRequestError",
        "--max-masks",
    ),
    "no data to measure on": (["evaluate"], "InvalidRequestError", "--data"),
    "an unknown model to measure": (
        ["evaluate", "--model", "sam9", "--data", "FOLDER"],
        "CheckpointError",
        "sam9",
    ),
    "nothing to fetch": (["models", "fetch", "sam_lite"], "CheckpointError", "no weights to fetch"),
}


# Training prints its progress and knows no --json.
REFUSED_TRAININGS = {
    "no run to train": (["train"], "--run"),
    "a recipe that is not there": (["train", "--run", "OUT", "--config", "NOWHERE"], "No such file"),
    "a photo for a recipe": (["train", "--run", "OUT", "--config", "PHOTO"], "photo.png"),
    "data to train on that is not there": (["train", "--run", "OUT", "--data", "NOWHERE"], "no photo with masks"),
    "a run that is not there": (["train", "--run", "NOWHERE", "--resume"], "No such file"),
}


def places_of(photo: Any, folder: Path) -> dict[str, str]:
    places = {"PHOTO": photo, "PHOTO/deep/out.npy": photo / "deep" / "out.npy", "FOLDER": folder}
    places |= {"OUT": folder / "out.json", "NOWHERE": folder / "nowhere"}
    return {name: str(place) for name, place in places.items()}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_say_what_is_wrong(capsys: pytest.CaptureFixture[str], photo: Any, tmp_path: Path, name: str) -> None:
    arguments, code, message = REFUSED[name]
    places = places_of(photo, tmp_path)
    status, _, errors = run(capsys, *[places.get(argument, argument) for argument in arguments])
    assert status == 2
    error = json.loads(errors)["error"]
    assert error["code"] == code
    assert message in error["message"]
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize("name", REFUSED)
def test_a_mistake_is_one_line_and_no_traceback(
    capsys: pytest.CaptureFixture[str], photo: Any, tmp_path: Path, name: str
) -> None:
    places = places_of(photo, tmp_path)
    assert main([places.get(argument, argument) for argument in REFUSED[name][0]]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert "Errno" not in lines[0]


@pytest.mark.parametrize("name", REFUSED_TRAININGS)
def test_a_mistake_in_training_is_one_line_too(
    capsys: pytest.CaptureFixture[str], photo: Any, tmp_path: Path, name: str
) -> None:
    arguments, words = REFUSED_TRAININGS[name]
    places = places_of(photo, tmp_path)
    assert main([places.get(argument, argument) for argument in arguments]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert words in lines[0]
    assert "Errno" not in lines[0]
    assert not (tmp_path / "out.json").exists()


def test_what_torch_or_the_memory_refuses_is_one_line_too(
    capsys: pytest.CaptureFixture[str], photo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, words in [
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "not enough memory"),
        (MemoryError(), "not enough memory"),
        (RuntimeError("a kernel failed\nwith a long tail"), "error: a kernel failed\n"),
    ]:
        monkeypatch.setattr(Predictor, "embed", Mock(side_effect=error))
        assert main(["embed", *MODEL, "--image", str(photo), "--out", str(tmp_path / "out.npy")]) == 2
        assert words in capsys.readouterr().err


def test_names_that_a_terminal_cannot_write_stop_nothing(
    photo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "odd\udcff고.png"
    odd.write_bytes(photo.read_bytes())
    written = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", written)
    assert main(["embed", *MODEL, "--image", str(odd), "--out", str(tmp_path / "out.npy")]) == 0


def test_one_page_of_a_tiff_can_be_chosen(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    path.write_bytes(tiff(*[np.full((20, 30), 9000 * n, np.uint16) for n in range(1, 4)]))
    status, _, errors = run(capsys, "embed", *MODEL, "--image", path, "--out", tmp_path / "out.npy")
    assert status == 2
    assert "3 pages" in errors
    assert "--page" in errors
    assert run(capsys, "embed", *MODEL, "--image", path, "--page", 3, "--out", tmp_path / "out.npy")[0] == 0
    assert read_image(path, page=3).shape == (20, 30, 3)


def test_errors_are_one_plain_line_without_json(capsys: pytest.CaptureFixture[str], photo: Any, tmp_path: Path) -> None:
    assert main(["predict", *MODEL, "--image", str(photo), "--out", str(tmp_path / "x")]) == 2
    assert capsys.readouterr().err == "error: no prompt was given: there must be a point, a box or a mask\n"


@pytest.mark.parametrize("command", ["evaluate", "train"])
def test_other_rooms_parse_their_own_arguments(capsys: pytest.CaptureFixture[str], command: str) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert f"python -m sam_core {command}" in capsys.readouterr().out


def test_photos_are_read_upright(tmp_path: Path) -> None:
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


def test_a_folder_without_photos_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("x")
    status, _, errors = run(capsys, "embed", *MODEL, "--image", tmp_path, "--out", tmp_path / "out")
    assert status == 2
    assert "holds no photo" in errors


def test_photos_of_a_folder_come_by_name(folder: Path) -> None:
    assert [path.name for path in find_images(folder)] == ["a.png", "b.png"]
