"""Building models and loading weights: right files, damaged files, files of another variant."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from sam_core.errors import CheckpointError
from sam_core.registry import MODELS, build_model, find_weights, guess_variant, model_version

PUBLISHED_SAM = ["sam_lite", "sam_vit_b", "sam_vit_l", "sam_vit_h", "mobile_sam"]
PUBLISHED_HQ = ["sam_hq_vit_b", "sam_hq_vit_l", "sam_hq_vit_h", "sam_hq_vit_tiny"]
PUBLISHED_SAM2 = ["sam2.1_hiera_tiny", "sam2.1_hiera_small", "sam2.1_hiera_base_plus", "sam2.1_hiera_large"]


def untrained(name: str) -> Any:
    """Build a model; without memory for its weights where they are large."""
    with torch.device("meta") if name.startswith(("sam_vit", "sam_hq", "sam2.1")) else torch.device("cpu"):
        return MODELS[name].build_untrained()


@pytest.fixture
def tiny() -> Any:
    return MODELS["sam_tiny_test"].build_untrained()


def save(content: object, path: Path) -> Any:
    torch.save(content, path)
    return path


def test_variants() -> None:
    assert list(MODELS) == [*PUBLISHED_SAM, *PUBLISHED_HQ, *PUBLISHED_SAM2, "sam_tiny_test", "sam2_tiny_test"]


@pytest.mark.parametrize("name", MODELS)
def test_table_agrees_with_what_is_built(name: str) -> None:
    sam, spec = untrained(name), MODELS[name]
    assert (sam.image_size, sam.embedding[0].shape[1]) == (spec.image_size, spec.embed_dim)


@pytest.mark.parametrize("wrap", [lambda state: state, lambda state: {"model": state, "version": "v"}])
def test_a_local_file_is_loaded_plain_or_wrapped(tiny: Any, tmp_path: Path, wrap: Any) -> None:
    with torch.no_grad():
        tiny.mask_decoder.iou_token.weight.fill_(0.25)
    path = save(wrap(tiny.state_dict()), tmp_path / "weights.pth")
    loaded = build_model("sam_tiny_test", path)
    assert not loaded.training
    assert all(torch.equal(value, tiny.state_dict()[key]) for key, value in loaded.state_dict().items())


def test_half_precision_weights_become_single(tiny: Any, tmp_path: Path) -> None:
    half = {key: value.half() for key, value in tiny.state_dict().items()}
    loaded = build_model("sam_tiny_test", save({"model": half}, tmp_path / "half.pt"))
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}


def test_weights_of_another_variant_are_named(tmp_path: Path) -> None:
    state = MODELS["mobile_sam"].build_untrained().state_dict()
    path = save(state, tmp_path / "mobile_sam.pt")
    with pytest.raises(CheckpointError, match="holds weights of mobile_sam, not of sam_tiny_test"):
        build_model("sam_tiny_test", path)


@pytest.mark.parametrize("name", MODELS)
def test_variants_are_told_apart_by_their_shapes(name: str) -> None:
    state = untrained(name).state_dict()
    assert guess_variant({key: tuple(value.shape) for key, value in state.items()}) == name


def test_nothing_of_another_kind_is_guessed() -> None:
    assert guess_variant({"layer.weight": (3, 3)}) is None


def test_tensors_that_do_not_fit_are_named(tiny: Any, tmp_path: Path) -> None:
    state = tiny.state_dict()
    state["mask_decoder.iou_token.weight"] = torch.zeros(2, 32)
    del state["prompt_encoder.no_mask_embed.weight"]
    with pytest.raises(CheckpointError, match=r"2 tensors .* mask_decoder\.iou_token\.weight, prompt_encoder\.no_mask"):
        build_model("sam_tiny_test", save(state, tmp_path / "odd.pth"))


def damaged_zip(path: Path, tiny: Any) -> None:
    save(tiny.state_dict(), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


class Payload:
    """Unpickling this would call a function."""

    def __reduce__(self) -> Any:
        return print, ("ran code from a weight file",)


DAMAGED = {
    "empty": lambda path, tiny: path.write_bytes(b""),
    "text": lambda path, tiny: path.write_text("<html>404 not found</html>"),
    "noise": lambda path, tiny: path.write_bytes(bytes(range(256)) * 100),
    "cut": damaged_zip,
    "a list": lambda path, tiny: save([1, 2], path),
    "no tensors": lambda path, tiny: save({"model": {"a": 1}}, path),
    "an empty dict": lambda path, tiny: save({}, path),
    "code": lambda path, tiny: save({"a": Payload()}, path),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files_are_refused(tiny: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    path = tmp_path / "weights.pth"
    DAMAGED[name](path, tiny)
    with pytest.raises(CheckpointError, match=r"weights\.pth"):
        build_model("sam_tiny_test", path)
    assert "ran code" not in capsys.readouterr().out


WRAPPED = {
    "several GPUs": lambda state: {f"module.{name}": value for name, value in state.items()},
    "a compiled model": lambda state: {f"_orig_mod.{name}": value for name, value in state.items()},
    "a part on several GPUs": lambda state: {n.replace("encoder.", "encoder.module."): v for n, v in state.items()},
    "a trainer": lambda state: {"epoch": 3, "state_dict": state, "optimizer": {"state": {0: {"m": torch.ones(2)}}}},
    "a bigger model": lambda state: {
        "state_dict": {"loss.weight": torch.ones(2), **{f"net.sam.{name}": value for name, value in state.items()}}
    },
    "two dicts": lambda state: {"checkpoint": {"model_state_dict": {f"module.{n}": v for n, v in state.items()}}},
    "model and average": lambda state: {"model": state, "ema": {name: value * 0 for name, value in state.items()}},
    "its own constants": lambda state: {**state, "pixel_mean": torch.ones(3, 1, 1), "pixel_std": torch.ones(3, 1, 1)},
}  # fmt: skip


@pytest.mark.parametrize("name", WRAPPED)
def test_fine_tuned_weights_are_found_wherever_they_lie(tiny: Any, tmp_path: Path, name: str) -> None:
    with torch.no_grad():
        tiny.mask_decoder.iou_token.weight.fill_(0.25)
    loaded = build_model("sam_tiny_test", save(WRAPPED[name](tiny.state_dict()), tmp_path / "weights.pth"))
    assert all(torch.equal(value, tiny.state_dict()[key]) for key, value in loaded.state_dict().items())


WRONG = {
    "two models": (lambda s: {"a": s, "b": s}, "several models"),
    "another module inside": (lambda s: {**s, "mask_decoder.hq_token.weight": torch.ones(2)}, "hq_token"),
    "the decoder alone": (lambda s: {n: v for n, v in s.items() if n.startswith("mask_dec")}, "no image_encoder"),
    "a classifier": (lambda s: {"fc.weight": torch.ones(2, 2)}, "begins with fc.weight"),
    "an optimizer": (lambda s: {"optimizer": {"state": {0: {"m": torch.ones(2)}}}}, "no state dict"),
}


@pytest.mark.parametrize("name", WRONG)
def test_weights_of_something_else_are_named(tiny: Any, tmp_path: Path, name: str) -> None:
    content, words = WRONG[name]
    with pytest.raises(CheckpointError, match=words):
        build_model("sam_tiny_test", save(content(tiny.state_dict()), tmp_path / "weights.pth"))


HEADS = {
    "a page": (b"\n<!DOCTYPE html><html>404</html>", "web page"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull"),
    "safetensors": (b"\x10\0\0\0\0\0\0\0" + b'{"a":{"dtype":"F32"}}', "safetensors"),
    "nothing": (b"", "empty"),
}


@pytest.mark.parametrize("name", HEADS)
def test_files_that_are_no_weights_say_what_they_are(tmp_path: Path, name: str) -> None:
    data, words = HEADS[name]
    (tmp_path / "weights.pth").write_bytes(data)
    with pytest.raises(CheckpointError, match=words) as caught:
        build_model("sam_tiny_test", tmp_path / "weights.pth")
    assert "\n" not in str(caught.value)


def test_python_objects_are_not_loaded_and_the_reason_gives_no_bad_advice(
    tiny: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save({"model": tiny.state_dict(), "args": Payload()}, tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match="Python objects") as caught:
        build_model("sam_tiny_test", tmp_path / "weights.pth")
    assert "weights_only" not in str(caught.value)
    assert "ran code" not in capsys.readouterr().out


def test_missing_weights_say_how_to_get_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(CheckpointError, match="python -m sam_core models fetch sam_vit_b"):
        build_model("sam_vit_b")
    with pytest.raises(CheckpointError, match="are not there"):
        build_model("sam_tiny_test", tmp_path / "nothing.pth")


def test_fetched_weights_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "maskwright" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "mobile_sam.pt").write_bytes(b"")
    assert find_weights("mobile_sam") == folder / "mobile_sam.pt"
    assert model_version("mobile_sam") == "mobile_sam"


def test_a_file_whose_checksum_is_not_known_is_asked_for_and_labelled_by_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(CheckpointError, match=r"download it from https://huggingface\.co/.*/sam_hq_vit_b\.pth"):
        find_weights("sam_hq_vit_b")
    folder = tmp_path / "maskwright" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "sam_hq_vit_b.pth").write_bytes(b"one")
    one = model_version("sam_hq_vit_b")
    (folder / "sam_hq_vit_b.pth").write_bytes(b"two")
    assert one.startswith("sam_hq_vit_b-")
    assert model_version("sam_hq_vit_b") != one


def test_a_large_model_that_was_improved_here_is_labelled_by_the_version_inside(tmp_path: Path) -> None:
    state = {"mask_decoder.iou_token.weight": torch.zeros(1, 4)}
    ours, theirs = tmp_path / "ours.pt", tmp_path / "theirs.pt"
    torch.save({"model": state, "version": "sam_vit_b-0123456789ab", "training": {}}, ours)
    torch.save({"model": state, "version": "sam_vit_b-0123456789ab"}, theirs)
    assert model_version("sam_vit_b", ours) == "sam_vit_b-0123456789ab"
    assert model_version("sam_vit_b", theirs) not in {"sam_vit_b-0123456789ab", "sam_vit_b"}


def test_unknown_models_are_refused_with_the_known_ones() -> None:
    with pytest.raises(CheckpointError, match="no model is called 'sam9'; there are: sam_lite"):
        build_model("sam9")


def test_version_follows_the_weights(tiny: Any, tmp_path: Path) -> None:
    one = save(tiny.state_dict(), tmp_path / "one.pth")
    with torch.no_grad():
        tiny.mask_decoder.iou_token.weight.add_(1)
    two = save(tiny.state_dict(), tmp_path / "two.pth")
    named = save({"model": tiny.state_dict(), "version": "sam_lite-7"}, tmp_path / "named.pt")
    versions = [model_version("sam_tiny_test", path) for path in (None, one, two, named)]
    assert versions[0] == "sam_tiny_test"
    assert versions[3] == "sam_lite-7"
    assert len(set(versions)) == 4
    (tmp_path / "copy.pth").write_bytes(one.read_bytes())
    assert model_version("sam_tiny_test", tmp_path / "copy.pth") == versions[1]


def test_looking_at_the_library_does_not_import_torch() -> None:
    code = (
        "import sys, sam_core, sam_core.masks, sam_core.registry, sam_core.checkpoints, sam_core.prompts,"
        " sam_core.cli, sam_core.geometry; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
