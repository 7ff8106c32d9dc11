"""The mean of two runs' weights, from their files to a model that answers."""

from pathlib import Path

import pytest
import torch

from sam_core.errors import CheckpointError
from sam_core.registry import LITE_WEIGHTS, build_model
from sam_core.training.checkpoint import load_state
from sam_core.training.mean import main, mean_weights


def test_the_mean_of_two_files_is_a_model_between_them(tmp_path: Path) -> None:
    shipped = load_state(LITE_WEIGHTS)
    moved = {k: v + 0.5 if v.dtype.is_floating_point else v + 4 for k, v in shipped["model"].items()}
    torch.save({**shipped, "model": moved, "version": "moved"}, tmp_path / "moved.pt")
    out = tmp_path / "new folder" / "mean.pt"
    assert main([str(LITE_WEIGHTS), str(tmp_path / "moved.pt"), "--share", "0.25", "--out", str(out)]) == 0
    mean = load_state(out)
    assert mean["version"] == "moved"
    assert mean["training"]["parts"] == shipped["training"]["parts"]
    assert (mean["training"]["mean_with"], mean["training"]["share"]) == (shipped["version"], 0.25)
    for key, value in shipped["model"].items():
        assert mean["model"][key].dtype == value.dtype
        if value.dtype.is_floating_point:
            torch.testing.assert_close(mean["model"][key].float(), value.float() + 0.125, atol=4e-3, rtol=2e-3)
        else:
            assert torch.equal(mean["model"][key], value + 4)
    build_model("sam_lite", out)


@pytest.mark.parametrize("older", ["first", "second", "both"])
def test_weights_from_before_a_block_have_a_mean_with_any(tmp_path: Path, older: str) -> None:
    shipped = load_state(LITE_WEIGHTS)
    block = "image_encoder.neck.merge8.3."
    lacking = {k: v for k, v in shipped["model"].items() if not k.startswith(block)}
    files = [str(tmp_path / name) for name in ("first", "second")]
    for file in files:
        is_older = older == "both" or file.endswith(older)
        torch.save({**shipped, "model": lacking if is_older else shipped["model"]}, file)
    assert main([*files, "--share", "0.25", "--out", str(tmp_path / "m")]) == 0
    mean = load_state(tmp_path / "m")["model"]
    assert mean.keys() == shipped["model"].keys()
    # a block that is lacking ends with zeros
    share = {"first": 0.25, "second": 0.75, "both": 0.0}[older]
    last = block + "project.weight"
    torch.testing.assert_close(mean[last].float(), shipped["model"][last].float() * share, atol=1e-4, rtol=2e-3)
    assert torch.equal(mean["image_encoder.neck.norm.weight"], shipped["model"]["image_encoder.neck.norm.weight"])


def test_different_models_have_no_mean() -> None:
    a, b = {"x": torch.ones(2)}, {"x": torch.ones(3)}
    with pytest.raises(CheckpointError, match="different models"):
        mean_weights(a, b, 0.5)
    with pytest.raises(CheckpointError, match="different models"):
        mean_weights(a, {**a, "y": torch.ones(1)}, 0.5)


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"weights": {}}, "without weights"),
        ({"model": torch.ones(2)}, "without weights"),
        (b"no checkpoint", "not a readable checkpoint"),
    ],
)
def test_files_without_weights_are_refused(
    tmp_path: Path, state: object, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "strange.pt"
    if isinstance(state, bytes):
        path.write_bytes(state)
    else:
        torch.save(state, path)
    with pytest.raises(SystemExit) as stop:
        main([str(path), str(path), "--out", str(tmp_path / "out.pt")])
    assert stop.value.code == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out.pt").exists()


@pytest.mark.parametrize("share", ["-0.1", "1.5", "nan"])
def test_a_share_outside_zero_and_one_is_refused(tmp_path: Path, share: str) -> None:
    with pytest.raises(SystemExit):
        main([str(LITE_WEIGHTS), str(LITE_WEIGHTS), f"--share={share}", "--out", str(tmp_path / "out.pt")])
