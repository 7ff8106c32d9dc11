"""The training room on a small real data set made here: it learns, resumes exactly and ships weights that load."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from sam_core.errors import CheckpointError
from sam_core.modeling.lite import LITE_IMAGE_SIZE, build_sam_lite
from sam_core.registry import build_model
from sam_core.training.checkpoint import Ema, load_state
from sam_core.training.clicks import boxes_of, depths_of, draw_cells, first_prompts, next_clicks, noisy_boxes
from sam_core.training.config import (
    OPTIMIZERS,
    PARTS,
    ConfigError,
    DataConfig,
    OptimConfig,
    PromptConfig,
    Stage,
    TrainConfig,
    config_of,
    load_config,
)
from sam_core.training.data import read_records
from sam_core.training.loop import RECIPE, begin_training, main
from sam_core.training.optimizers import build_optimizers
from sam_core.training.photo_memory import DataError
from sam_core.training.simulation import draw_length, grad_iterations, simulate

CONFIG = """
[data]
workers = 0
masks_per_image = 2
[prompts]
grad_iterations = "last"
[[schedule]]
steps = {small}
image_size = 64
batch_images = 2
[[schedule]]
steps = {large}
image_size = 96
batch_images = 1
max_clicks = 2
lr = 4e-4
end_lr = 1e-5
[optim]
optimizer = "{optimizer}"
frozen_blocks = 3
parts = {parts}
warmup_steps = 1
[run]
log_every = 1
checkpoint_steps = 1
threads = 1
"""


def _config(tmp_path: Path, optimizer: str, *, small: int = 2, large: int = 2, parts: tuple[str, ...] = PARTS) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.format(small=small, large=large, optimizer=optimizer, parts=list(parts)))
    return path


def _start_weights(tmp_path: Path) -> Path:
    """The same for every run of a test: drawn again with another number of threads they differ in the last bits."""
    path = tmp_path / "start.pt"
    if not path.exists():
        torch.manual_seed(0)
        torch.save({"model": build_sam_lite(64).state_dict()}, path)
    return path


def _arguments(tmp_path: Path, photos: Path, run: str, optimizer: str = "adamw", **config: Any) -> list[str]:
    paths = {"--config": _config(tmp_path, optimizer, **config), "--run": tmp_path / run, "--data": photos}
    return [str(part) for pair in {**paths, "--from": _start_weights(tmp_path)}.items() for part in pair]


def _train(tmp_path: Path, photos: Path, run: str = "run", optimizer: str = "adamw", **config: Any) -> dict[str, Any]:
    assert main(_arguments(tmp_path, photos, run, optimizer, **config)) == 0
    return _whole_state(tmp_path / run)


def _whole_state(run: Path) -> dict[str, Any]:
    """What a run saved, with the weights that it never changed."""
    state, start = load_state(run / "last.pt"), load_state(run / "start.pt")["model"]
    return {**state, "model": {**start, **state["model"]}}


def test_published_constants() -> None:
    prompts, stage = PromptConfig(), Stage()
    assert (stage.max_clicks, prompts.box_noise_ratio, prompts.box_noise_max_px) == (8, 0.1, 20.0)
    assert (stage.lr, OptimConfig().warmup_steps) == (8e-4, 250)
    assert DataConfig().max_mask_area_ratio == 0.9
    assert draw_length(PromptConfig(grad_iterations="all"), 8) == 10


@pytest.mark.parametrize("length", [1, 2, 3, 9])
def test_which_decodings_learn(length: int) -> None:
    every, ends = set(range(length)), {0, length - 1}
    assert grad_iterations(PromptConfig(grad_iterations="all"), length) == every
    assert grad_iterations(PromptConfig(grad_iterations="last"), length) == {length - 1}
    assert grad_iterations(PromptConfig(), length) == ends
    drawn = [grad_iterations(PromptConfig(learned_between=2), length) for _ in range(200)]
    assert all(len(one) == min(length, 4) and ends <= one for one in drawn)
    assert set.union(*drawn) == every


def test_clicks_fall_into_the_region_and_carry_its_label() -> None:
    masks = torch.zeros(16, 32, 32, dtype=torch.bool)
    masks[:, 8:20, 4:30] = True
    predicted = torch.zeros_like(masks)
    predicted[:8] = masks[:8]
    predicted[:8, 0:4, 0:4] = True  # wrongly added: the error is there alone
    coords, labels = next_clicks(masks, predicted, PromptConfig())
    cells = (coords[:, 0] // 2).long()
    assert (labels[:8] == 0).all()
    assert (cells[:8] < 4).all()
    assert (labels[8:] == 1).all()
    assert masks[torch.arange(8, 16), cells[8:, 1], cells[8:, 0]].all()


def test_central_cells_lie_near_the_middle_and_others_anywhere() -> None:
    torch.manual_seed(1)
    region = torch.zeros(400, 40, 40, dtype=torch.bool)
    region[:, 10:29, 10:29] = True  # deepest at (19, 19), 10 cells from outside
    region[:, 2:7, 2:7] = True  # a smaller piece, never the middle
    depths = depths_of(region)
    assert depths[0, 19, 19] == depths.max() == 10
    central = draw_cells(region, depths, central=torch.ones(400, dtype=torch.bool)).float()
    anywhere = draw_cells(region, depths, central=torch.zeros(400, dtype=torch.bool))
    assert (central - 19).abs().max() < 7
    assert (central - 19).abs().mean() < 2
    assert (anywhere < 7).any()
    assert (anywhere[:, 0] >= 27).any()


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_clicks_go_to_the_deeper_error_and_nowhere_else(share: float) -> None:
    torch.manual_seed(2)
    masks = torch.zeros(200, 32, 32, dtype=torch.bool)
    masks[:, 4:20, 4:20] = True
    predicted = masks.clone()
    predicted[:, 4:8, 4:8] = False  # missed: 4 x 4
    predicted[:, 22:31, 4:20] = True  # added: 9 x 16
    coords, labels = next_clicks(masks, predicted, PromptConfig(central_click_probability=share))
    cells = (coords[:, 0] // 2).long()
    assert (masks ^ predicted)[torch.arange(200), cells[:, 1], cells[:, 0]].all()
    assert (labels[:, 0] == masks[torch.arange(200), cells[:, 1], cells[:, 0]].long()).all()
    assert (labels == 0).all() == (share == 1.0)


def test_boxes_enclose_and_noise_is_bounded() -> None:
    masks = torch.zeros(50, 32, 32, dtype=torch.bool)
    masks[:, 8:20, 4:30] = True
    assert boxes_of(masks)[0].tolist() == [8.0, 16.0, 60.0, 40.0]
    config = PromptConfig()
    noise = (noisy_boxes(masks, config, image_size=64) - boxes_of(masks)).abs()
    assert 0 < noise.max() <= config.box_noise_max_px * 64 / 1024


def test_some_boxes_are_drawn_with_more_care_than_others_where_that_is_asked() -> None:
    masks = torch.zeros(400, 128, 128, dtype=torch.bool)
    masks[:, 30:90, 20:110] = True

    def noise_of(config: PromptConfig) -> torch.Tensor:
        torch.manual_seed(2)
        return (noisy_boxes(masks, config, image_size=1024) - boxes_of(masks)).abs().amax(dim=1)

    as_published = noise_of(PromptConfig(box_noise_max_px=1e3))
    varied = noise_of(PromptConfig(box_noise_max_px=1e3, box_noise_varies=True))
    assert (varied <= as_published).all()
    assert float(varied.mean() / as_published.mean()) == pytest.approx(0.5, abs=0.08)
    assert (varied < as_published.min()).float().mean() > 0.02


def test_first_prompts_are_a_padded_click_or_a_bare_box() -> None:
    masks = torch.zeros(200, 32, 32, dtype=torch.bool)
    masks[:, 8:20, 4:30] = True
    _, labels = first_prompts(masks, PromptConfig(), image_size=64)
    assert {tuple(row) for row in labels.tolist()} == {(1, -1), (2, 3)}


@pytest.mark.parametrize("learned", ["all", "first_last", "last"])
def test_every_parameter_learns(learned: str) -> None:
    torch.manual_seed(3)
    sam = build_sam_lite(64)
    masks = torch.zeros(4, 32, 32, dtype=torch.bool)
    masks[:, 8:20, 4:30] = True
    embeddings = sam.encode(torch.rand(2, 3, 64, 64) * 255)
    config = PromptConfig(grad_iterations=learned, box_probability=0.5, single_probability=0.0)
    losses = simulate(sam, embeddings, masks, config)
    logits, iou = sam.decode_as_published(embeddings, torch.full((2, 4, 2), 20.0), torch.tensor([[0, 1, 2, 3]] * 2))
    extra = logits.square().mean() + iou.square().mean()
    torch.stack([one.best_of_three + one.single + one.iou for one in losses]).sum().add(extra).backward()
    assert [n for n, p in sam.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_run_learns_and_ships_weights_that_load(tmp_path: Path, photos: Path, optimizer: str) -> None:
    _train(tmp_path, photos, optimizer=optimizer, small=12)
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, 15))
    assert sum(r["loss"] for r in rows[8:12]) < sum(r["loss"] for r in rows[:4])
    model = build_model("sam_lite", tmp_path / "run" / "weights.pt")
    assert model.image_size == LITE_IMAGE_SIZE
    assert not any(p.isnan().any() for p in model.parameters())


def test_weights_say_how_they_came_to_be(tmp_path: Path, photos: Path) -> None:
    _train(tmp_path, photos)
    training = load_state(tmp_path / "run" / "weights.pt")["training"]
    assert (training["seed"], training["steps"], training["images"]) == (1, 4, 6)
    assert training["started_from"] == "start.pt"
    assert training["sets"] == {"discs": 3, "regions": 3}
    assert str(tmp_path) not in str(training)
    assert config_of(training["recipe"], where="weights").schedule == load_config(tmp_path / "config.toml").schedule


def test_frozen_blocks_keep_their_weights(tmp_path: Path, photos: Path) -> None:
    start = load_state(_start_weights(tmp_path))["model"]
    after = _train(tmp_path, photos)["model"]
    moved = {k for k in start if not torch.equal(start[k], after[k])}
    assert "image_encoder.blocks.2.project.weight" not in moved
    assert "image_encoder.blocks.3.project.weight" in moved


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_frozen_encoder_keeps_its_weights_and_the_decoder_learns(
    tmp_path: Path, photos: Path, optimizer: str
) -> None:
    before = load_state(_start_weights(tmp_path))["model"]
    after = _train(tmp_path, photos, optimizer=optimizer, parts=("decoder",))["model"]
    moved = {k for k in before if not torch.equal(before[k], after[k])}
    assert not any(k.startswith("image_encoder.") for k in moved)
    assert "mask_decoder.transformer.layers.0.cross_attn_token_to_image.q_proj.weight" in moved


@pytest.mark.parametrize(("optimizer", "killed_after"), [("muon", 1), ("adamw", 3)])
def test_a_killed_run_goes_on_as_if_it_had_never_stopped(
    tmp_path: Path, photos: Path, optimizer: str, killed_after: int
) -> None:
    """Killed within the first stage and within the second; the process gets no chance to say goodbye."""
    whole = _train(tmp_path, photos, "whole", optimizer)
    command = [sys.executable, "-m", "sam_core", "train", *_arguments(tmp_path, photos, "cut", optimizer)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["step"] > killed_after:
                break
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert killed_after <= load_state(tmp_path / "cut" / "last.pt")["step"] < 4
    assert main(["--run", str(tmp_path / "cut"), "--resume"]) == 0
    resumed = _whole_state(tmp_path / "cut")
    assert (resumed["step"], resumed["images"], resumed["config"]) == (4, 6, whole["config"])
    rows = [json.loads(line)["step"] for line in (tmp_path / "cut" / "log.jsonl").read_text().splitlines()]
    assert rows == [1, 2, 3, 4]
    # the kernels round differently from call to call, so two equal runs differ in the last bits; a lost optimiser
    # state, another sample or another click would move the weights apart by about as much as they moved at all
    start = load_state(_start_weights(tmp_path))["model"]
    assert _distance(whole["model"], resumed["model"]) < 0.02 * _distance(whole["model"], start)
    assert _distance(whole["ema"], resumed["ema"]) < 0.02 * _distance(whole["ema"], start)


def test_a_folder_with_a_run_is_not_begun_again(tmp_path: Path, photos: Path) -> None:
    _train(tmp_path, photos)
    with pytest.raises(ConfigError, match="holds a run already"):
        _train(tmp_path, photos)
    with pytest.raises(CheckpointError):
        main(["--run", str(tmp_path / "nothing"), "--resume"])


def test_fine_tuning_begins_from_weights_that_a_run_shipped(tmp_path: Path, photos: Path) -> None:
    _train(tmp_path, photos)
    shipped = tmp_path / "run" / "weights.pt"
    assert main([*_arguments(tmp_path, photos, "tuned"), "--from", str(shipped)]) == 0
    before, after = load_state(shipped)["model"], load_state(tmp_path / "tuned" / "weights.pt")
    assert after["training"]["started_from"] == "sam_lite"
    moved = [k for k in before if not torch.equal(before[k], after["model"][k])]
    assert 0 < len(moved) < len(before)


def test_weights_of_an_older_version_gain_the_blocks_that_they_lack(tmp_path: Path) -> None:
    grown = ("image_encoder.neck.context32.7.", "image_encoder.neck.merge8.3.")
    whole = load_state(_start_weights(tmp_path))["model"]
    torch.save({"model": {k: v for k, v in whole.items() if not k.startswith(grown)}}, tmp_path / "older.pt")
    trainer = begin_training(load_config(_config(tmp_path, "adamw")), tmp_path, start_from=tmp_path / "older.pt")
    assert trainer.model.state_dict().keys() == whole.keys()


def test_the_pretrained_encoder_learns_at_a_rate_of_its_own(tmp_path: Path) -> None:
    sam = build_sam_lite(64)
    config = load_config(_config(tmp_path, "muon")).optim
    groups = [group for one in build_optimizers(sam, config) for group in one.param_groups]
    ratios = {id(parameter): group["lr_ratio"] for group in groups for parameter in group["params"]}
    of = {name: ratios[id(parameter)] for name, parameter in sam.named_parameters()}
    backbone = {name for name in of if name.startswith("image_encoder.") and "neck" not in name}
    assert {of[name] for name in backbone} == {config.encoder_lr_ratio} == {0.2}
    assert {of[name] for name in of.keys() - backbone} == {1.0}


def _distance(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    return math.sqrt(sum(float((a[k].double() - b[k].double()).square().sum()) for k in a))


def test_the_average_follows_the_weights() -> None:
    layer = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(layer.weight)
    ema = Ema(layer, decay=0.5)
    torch.nn.init.ones_(layer.weight)
    ema.update(layer, 100)
    ema.update(layer, 101)
    assert ema.shadow["weight"].item() == pytest.approx(0.75)


def test_learning_rate_warms_up_and_falls_by_stages() -> None:
    stages = (Stage(steps=10, lr=8e-4, end_lr=6e-4), Stage(steps=20, lr=3e-4, end_lr=0.0))
    config = TrainConfig(schedule=stages, optim=OptimConfig(warmup_steps=4))
    assert config.learning_rate(0) == pytest.approx(2e-4, rel=0.01)
    assert config.learning_rate(5) == pytest.approx(7e-4)
    assert config.learning_rate(10) == pytest.approx(3e-4)
    assert config.learning_rate(20) == pytest.approx(1.5e-4)
    assert config.learning_rate(29) < 5e-6


def test_a_rate_falls_with_the_time_where_that_is_further_than_the_steps() -> None:
    config = TrainConfig(schedule=(Stage(steps=100, lr=8e-4, end_lr=0.0),), optim=OptimConfig(warmup_steps=1))
    assert config.learning_rate(0, time_share=0.5) == pytest.approx(4e-4)
    assert config.learning_rate(50, time_share=0.1) == pytest.approx(4e-4)
    assert config.learning_rate(10, time_share=1.0) == pytest.approx(0.0)


def test_stages_go_on_with_the_samples_where_the_last_one_ended() -> None:
    config = TrainConfig(schedule=(Stage(steps=10, batch_images=3), Stage(steps=5, batch_images=2), Stage(steps=1)))
    assert [one[:2] for one in config.stages()] == [(0, 0), (10, 30), (15, 40)]
    assert config.steps == 16


def test_the_recipe_is_one_readable_file() -> None:
    recipe = load_config(RECIPE)
    assert [stage.image_size for stage in recipe.schedule][-1] == LITE_IMAGE_SIZE
    assert config_of(recipe.to_dict(), where="itself") == recipe


def test_errors_name_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("[optim]\nlearning = 3\n")
    with pytest.raises(ConfigError, match="learning"):
        load_config(path)
    path.write_text('[optim]\noptimizer = "sgd"\n')
    with pytest.raises(ConfigError, match=r"'sgd'; known: .*muon"):
        load_config(path)
    path.write_text("[data]\nmax_stretch = 0.5\n")
    with pytest.raises(ConfigError, match=r"max_stretch is 0\.5; from 1"):
        load_config(path)
    path.write_text("[[schedule]]\nsteps = 3\nimage_size = 50\n")
    with pytest.raises(ConfigError, match="multiple of 32"):
        load_config(path)
    path.write_text('[optim]\nparts = ["tail"]\n')
    with pytest.raises(ConfigError, match=r"parts is \['tail'\]; name some of .*neck"):
        load_config(path)
    path.write_text("[run]\nminutes = 3\n[[schedule]]\n[[schedule]]\n")
    with pytest.raises(ConfigError, match="one stage"):
        load_config(path)
    path.write_text("[optim\n")
    with pytest.raises(ConfigError, match=r"bad\.toml"):
        load_config(path)
    with pytest.raises(DataError, match="no photo"):
        read_records((str(tmp_path / "nothing"),))
