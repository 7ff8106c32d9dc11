"""An improvement from a folder of masks to a verdict, with real small models; what good and bad days end in."""

from __future__ import annotations

import dataclasses
import itertools
import json
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sam_core.cli import main
from sam_core.errors import CheckpointError, SamCoreError
from sam_core.masks import rle
from sam_core.registry import build_model, model_version
from sam_core.training import improve as module
from sam_core.training import loop
from sam_core.training import trainer as steps
from sam_core.training.checkpoint import load_state
from sam_core.training.config import ConfigError, TrainConfig
from sam_core.training.embedding_pool import EmbeddingPool
from sam_core.training.errors import NotANumberError, OutOfMemoryError, StoppedError
from sam_core.training.improve import Improvement, improve
from sam_core.training.learning import Learning
from sam_core.training.loop import run_steps
from sam_core.training.photo_memory import DataError
from sam_core.training.project_folder import read_project
from sam_core.training.recipes import load_recipe
from sam_core.training.simulation import total_loss
from sam_core.training.trainer import LAST, Trainer
from tests.sam_core.cli_steps import run as run_command
from tests.sam_core.click_model import WEIGHTS
from tests.sam_core.project_photos import SIZE, disc, write_project

MINUTES = 30.0  # the steps end first
STEPS = 4


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recipes of a few steps: what they do is the same."""
    monkeypatch.setattr(module, "load_recipe", short_recipe)


def short_recipe(name: str, *, seconds: float, threads: int) -> TrainConfig:
    config = load_recipe(name, seconds=seconds, threads=threads)
    (stage,) = config.schedule
    return dataclasses.replace(config, schedule=(dataclasses.replace(stage, steps=STEPS),))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "data", 11, held_out=5)


def improved(project: Path, run: Path, *, model: str = "sam_tiny_test", **options: Any) -> Improvement:
    return improve(model, project, run=run, minutes=MINUTES, device="cpu", threads=1, **options)


def rows_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "progress.jsonl").read_text().splitlines()]


def test_the_command_leaves_weights_a_result_progress_and_pictures(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    arguments = ["--model", "sam_tiny_test", "--data", project, "--run", run, "--minutes", MINUTES, "--threads", 1]
    status, printed, _ = run_command(capsys, "improve", *arguments)
    assert status == 0
    result = json.loads((run / "result.json").read_text())
    assert printed == result
    assert result["images"] == {"trained": 6, "held_out": 5, "skipped": 0}
    assert result["masks"] == {"trained": 12, "held_out": 10, "compared": 10, "empty": 0}
    assert (result["recipe"], result["parent"], result["device"]) == ("neck", "sam_tiny_test", "cpu")
    assert result["verdict"] in {"better", "same", "worse"}
    comparison = result["comparison"]
    assert len(comparison["simulated"]["before"]["iou"]) == 8
    assert comparison["replayed"]["after"]["masks"] == 10
    assert {row["label"] for row in comparison["by_label"]} == {"left", "right"}
    assert comparison["general"].keys() == {"before", "after"}
    assert {row["id"] for row in result["per_mask"]} == {f"photo-{k:02d}-{n}" for k in range(5) for n in (1, 2)}
    weights = run / "weights.pt"
    assert model_version("sam_tiny_test", weights) == result["version"] != "sam_tiny_test"
    assert load_state(weights)["training"]["parent"] == "sam_tiny_test"
    phases = list(dict.fromkeys(row["phase"] for row in rows_of(run)))
    assert phases == ["prepare", "before", "train", "average", "compare"]
    assert [row["step"] for row in rows_of(run) if "held_out" in row][-1] == STEPS
    pictures = sorted((run / "pictures").glob("*.webp"))
    assert pictures
    for picture in pictures:
        with Image.open(picture) as image:
            assert image.height <= 512
            assert image.width > 2 * image.height
    assert not (run / "embeddings").exists()
    assert run_command(capsys, "improve", *arguments)[0] == 2
    assert run_command(capsys, "improve", *arguments, "--resume")[1] == result


def test_held_out_photos_are_never_learned_from(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What learns could not tell the difference if they were all black: they are, once the old model was measured."""
    plain = improved(project, tmp_path / "plain", recipe="decoder")
    learn = Learning.run

    def learn_without(learning: Any) -> None:
        for image in learning.project.held_out:
            Image.new("RGB", SIZE[::-1]).save(image.path)
        learn(learning)

    monkeypatch.setattr(Learning, "run", learn_without)
    improved(project, tmp_path / "blind", recipe="decoder")
    both = [load_state(tmp_path / name / LAST)["model"] for name in ("plain", "blind")]
    assert both[0].keys() == both[1].keys()
    for name, value in both[0].items():
        torch.testing.assert_close(both[1][name], value, rtol=1e-3, atol=1e-5)
    assert plain.result["images"]["held_out"] == 5


@pytest.mark.parametrize(
    ("model", "recipe"),
    [
        ("sam_tiny_test", "whole"),
        ("sam2_tiny_test", "adapters"),
        *(
            pytest.param(model, recipe, marks=pytest.mark.slow)
            for model, recipe in itertools.product(("sam_tiny_test", "sam2_tiny_test"), ("decoder", "neck"))
        ),
        pytest.param("sam_tiny_test", "adapters", marks=pytest.mark.slow),
        pytest.param("sam2_tiny_test", "whole", marks=pytest.mark.slow),
    ],
)
def test_every_recipe_improves_any_model_under_its_own_names(
    project: Path, tmp_path: Path, model: str, recipe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        module, "choose_share", lambda old, measure: (1.0, [{"share": s, "general": {}} for s in (0.0, 1.0)])
    )
    done = improved(project, tmp_path / "run", model=model, recipe=recipe)
    old, new = build_model(model).state_dict(), build_model(model, done.weights).state_dict()
    moved = {name for name, value in old.items() if not torch.equal(new[name], value.half().float())}
    in_trunk = {name for name in moved if name.startswith("image_encoder.") and ".neck" not in name}
    assert any("mask_decoder." in name for name in moved)
    assert any(".neck" in name for name in moved) == (recipe != "decoder")
    assert bool(in_trunk) == (recipe == "adapters") or recipe == "whole"
    if recipe == "adapters":
        assert all(name.endswith("qkv.weight") for name in in_trunk)


def test_what_was_learned_helps_on_photos_that_nobody_learned_from(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins with a model that answers a click with blobs of any size around it; discs are asked for."""
    monkeypatch.setattr("tests.sam_core.test_improve.STEPS", 60)
    done = improved(project, tmp_path / "run", recipe="whole", checkpoint=WEIGHTS)
    curve = [row["held_out"]["iou3"] for row in rows_of(tmp_path / "run") if "held_out" in row]
    assert len(curve) == 5
    assert curve[-1] > curve[0] + 0.05
    assert done.verdict == "better"
    assert "that it did not learn from" in done.result["reason"]


def test_ten_masks_of_one_label_are_too_few_to_tell(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "data", 5, held_out=2)
    for path in folder.glob("*.json"):
        content = json.loads(path.read_text())
        for one in content["annotations"]:
            one["label"] = "disc"
        path.write_text(json.dumps(content))
    done = improved(folder, tmp_path / "run")
    assert done.verdict == "unknown"
    assert done.result["reason"].startswith("Too few to tell: 4 masks of 2 photos were held out")
    assert [row["label"] for row in done.result["comparison"]["by_label"]] == ["disc"]
    assert done.weights.is_file()


@pytest.mark.slow
def test_one_photo_alone_is_learned_from_and_nothing_is_told(tmp_path: Path) -> None:
    done = improved(write_project(tmp_path / "data", 1, held_out=None), tmp_path / "run")
    assert (done.verdict, done.result["comparison"]["simulated"]) == ("unknown", None)


@pytest.mark.slow
def test_wrong_masks_leave_the_old_model(tmp_path: Path) -> None:
    """Each is somewhere else in its photo: there is nothing to learn, and whatever was learned helps nobody."""

    def elsewhere(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return disc((int(rng.integers(10, 86)), int(rng.integers(10, 54))), int(rng.integers(5, 10)))

    folder = write_project(tmp_path / "data", 14, held_out=6, drawn=elsewhere)
    done = improved(folder, tmp_path / "run", model="sam_lite", recipe="decoder")
    assert done.verdict in {"same", "worse"}


def test_photos_and_masks_that_do_not_do_are_named(project: Path, tmp_path: Path) -> None:
    Image.new("RGB", (30, 30)).save(project / "photo-07.png")
    content = json.loads((project / "photo-08.json").read_text())
    content["annotations"][0]["segmentation"] = dict(rle.encode(np.zeros(SIZE, bool)))
    (project / "photo-08.json").write_text(json.dumps(content))
    result = improved(project, tmp_path / "run").result
    assert result["skipped"] == [{"image": "photo-07", "reason": "a mask is of 96x64 pixels, the photo of 30x30"}]
    assert (result["images"]["skipped"], result["masks"]["empty"]) == (1, 1)


def test_photos_deleted_meanwhile_are_left_out(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learn = Learning.run

    def delete_and_learn(learning: Any) -> None:
        (project / "photo-01.png").unlink()
        (project / "photo-09.png").unlink()
        learn(learning)

    monkeypatch.setattr(Learning, "run", delete_and_learn)
    result = improved(project, tmp_path / "run", recipe="whole").result
    assert result["masks"]["compared"] == 8
    assert {row["image"] for row in result["per_mask"]} == {f"photo-{k:02d}" for k in (0, 2, 3, 4)}


def test_a_parent_that_is_replaced_meanwhile_stays_the_parent(project: Path, tmp_path: Path) -> None:
    given = tmp_path / "given.pt"
    torch.save({"model": build_model("sam_tiny_test").state_dict()}, given)
    version, asked = model_version("sam_tiny_test", given), iter([False] * 30 + [True] * 1000)
    with pytest.raises(StoppedError):
        improved(project, tmp_path / "run", checkpoint=given, should_stop=lambda: next(asked))
    given.write_bytes(b"something else")
    if not (tmp_path / "run" / LAST).exists():
        pytest.fail("it was stopped before it had begun to learn; let it go on for longer")
    done = improved(project, tmp_path / "run", checkpoint=given, is_resumed=True)
    assert done.result["parent"] == version


@pytest.mark.parametrize(
    "stopped_after", [pytest.param(0, marks=pytest.mark.slow), 3, 16, pytest.param(40, marks=pytest.mark.slow)]
)
def test_a_stopped_run_goes_on_from_any_phase(project: Path, tmp_path: Path, stopped_after: int) -> None:
    asked = iter([False] * stopped_after + [True] * 10_000)
    with pytest.raises(StoppedError, match="--resume"):
        improved(project, tmp_path / "run", should_stop=lambda: next(asked))
    done = improved(project, tmp_path / "run", is_resumed=True)
    assert done.result["steps"] == STEPS
    told = [row["step"] for row in rows_of(tmp_path / "run") if row["phase"] == "train"]
    assert told == sorted(told)
    seconds = [row["seconds"] for row in rows_of(tmp_path / "run")]
    assert seconds == sorted(seconds)


def test_a_run_is_not_begun_over_another(project: Path, tmp_path: Path) -> None:
    improved(project, tmp_path / "run")
    with pytest.raises(ConfigError, match=r"holds a run already; .*--resume"):
        improved(project, tmp_path / "run")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"--model": "nothing"}, "no model is called 'nothing'"),
        ({"--minutes": "0"}, "no number of minutes above 0"),
        ({"--data": "nowhere"}, "nowhere is not a folder"),
        ({"--recipe": "all"}, "choose from"),
        ({"--device": "tpu"}, "no device"),
        ({"--checkpoint": "gone.pt"}, "gone.pt are not there"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, str], words: str
) -> None:
    given = {"--model": "sam_tiny_test", "--data": str(project), "--run": str(tmp_path / "run"), "--minutes": "1"}
    arguments = [part for pair in {**given, **change}.items() for part in pair]
    assert main(["improve", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def not_finite(at: set[int]) -> Any:
    """The loss, which is not a number the first time that these calls come."""
    plain, calls = total_loss, iter(range(10_000))
    return lambda losses: plain(losses) * (float("nan") if next(calls) in at else 1.0)


def test_a_loss_that_is_no_number_once_is_gone_back_from_at_a_lower_rate(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "total_loss", not_finite({2}))
    done = improved(project, tmp_path / "run")
    state = load_state(tmp_path / "run" / LAST)
    assert (state["returns"], state["step"], done.result["steps"]) == (1, STEPS, STEPS)
    assert state["optimizers"][0]["param_groups"][0]["lr"] < 1e-4
    assert all(
        bool(value.isfinite().all()) for value in build_model("sam_tiny_test", done.weights).state_dict().values()
    )


def test_a_loss_that_stays_no_number_ends_with_status_6(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(steps, "total_loss", not_finite(set(range(1, 10_000))))
    with pytest.raises(NotANumberError):
        improved(project, tmp_path / "run")
    assert all(bool(value.isfinite().all()) for value in load_state(tmp_path / "run" / LAST)["model"].values())
    given = ["--model", "sam_tiny_test", "--data", str(project), "--run", str(tmp_path / "run"), "--minutes", "1"]
    assert main(["improve", *given, "--resume"]) == 6
    assert "the loss was not a number" in capsys.readouterr().err


def with_room_for(images: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the device have memory for so many images a step; return the sizes that went through."""
    plain, sizes = Trainer.train_step, list[int]()

    def step(trainer: Trainer, inputs: Any, masks: Any, stage: Any) -> Any:
        if len(masks) > images:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        sizes.append(len(masks))
        return plain(trainer, inputs, masks, stage)

    monkeypatch.setattr(Trainer, "train_step", step)
    return sizes


def test_batches_become_smaller_where_memory_ends(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = with_room_for(1, monkeypatch)
    done = improved(project, tmp_path / "run")
    assert sizes == [1] * STEPS
    assert done.result["steps"] == STEPS


def test_too_little_memory_for_one_image_ends_with_status_4(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_room_for(0, monkeypatch)
    with pytest.raises(OutOfMemoryError, match="one image with one mask"):
        improved(project, tmp_path / "run")
    given = ["--model", "sam_tiny_test", "--data", str(project), "--run", str(tmp_path / "run"), "--minutes", "1"]
    assert main(["improve", *given, "--resume"]) == 4
    assert "a smaller model" in capsys.readouterr().err


def test_an_embedding_is_computed_once_and_the_pool_has_a_bound(project: Path, tmp_path: Path) -> None:
    sets = read_project(project).records()
    model = build_model("sam_tiny_test")
    config = short_recipe("decoder", seconds=60, threads=1)
    (tmp_path / "run").mkdir()
    trainer = Trainer(model, config, tmp_path / "run", started_from="x", device=torch.device("cpu"))
    trainer.begin()
    encoded: list[int] = []
    encode = type(model).encode_input
    pool = EmbeddingPool(tmp_path / "run", sets, most_bytes=5 * 2 * 32 * 8 * 8)
    assert pool.size_for(trainer) == 5

    def counted(self: Any, square: torch.Tensor) -> dict[str, torch.Tensor]:
        encoded.append(len(square))
        return encode(self, square)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(model), "encode_input", counted)
        batches: Iterator[Any] = pool.batches(trainer)
        seen = []
        for _ in range(4):
            inputs, masks = next(batches)
            trainer.images += len(masks)
            seen.append(inputs["image_embeddings"])
    assert sum(encoded) == 5
    assert len(list((tmp_path / "run" / "embeddings").glob("*.npz"))) == 5
    again = torch.cat(seen)
    assert torch.equal(again[0], again[5])
    assert not torch.equal(again[0], again[1])
    pool.remove()
    assert not (tmp_path / "run" / "embeddings").exists()


@pytest.mark.slow
def test_a_run_of_minutes_ends_with_them(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10_000))
    monkeypatch.setattr(loop, "time", types.SimpleNamespace(monotonic=lambda: float(next(clock))))
    config = load_recipe("decoder", seconds=60, threads=1)
    trainer = Trainer(build_model("sam_tiny_test"), config, tmp_path, started_from="x", device=torch.device("cpu"))
    trainer.begin()
    rates: list[float] = []
    pool = EmbeddingPool(tmp_path, read_project(project).records())
    run_steps(trainer, pool.batches, lambda figures: rates.append(figures["lr"]))
    assert trainer.seconds == 60  # a second a step
    assert trainer.step == 60 < config.steps
    assert rates[-1] < max(rates) / 10


def test_errors_are_fit_to_be_shown() -> None:
    for kind in (StoppedError, OutOfMemoryError, NotANumberError, DataError, ConfigError, CheckpointError):
        assert issubclass(kind, SamCoreError)
