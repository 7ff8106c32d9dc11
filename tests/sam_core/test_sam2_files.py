"""SAM 2.1's weight files as people have them: wrapped, with parts for video, of SAM 2.0, of another size, damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sam_core.errors import CheckpointError
from sam_core.modeling import sam2
from sam_core.registry import MODELS, build_model, model_version

State = dict[str, Tensor]
VIDEO = ("memory_attention.norm.weight", "memory_encoder.out_proj.bias", "maskmem_tpos_enc", "no_obj_ptr")
ONLY_IN_2_1 = ("no_obj_embed_spatial", "obj_ptr_tpos_proj.bias")


@pytest.fixture(scope="module")
def weights() -> State:
    """A miniature's weights, unlike those that it is built with."""
    return sam2.build_miniature(12).state_dict()


def save(content: object, folder: Path) -> Path:
    torch.save(content, folder / "weights.pt")
    return folder / "weights.pt"


def with_video(state: State, *, is_2_0: bool = False) -> State:
    names = VIDEO if is_2_0 else VIDEO + ONLY_IN_2_1
    return {name: torch.ones(1) for name in names} | state


def shapes_of(name: str) -> State:
    """Return tensors of a variant's names and shapes that hold one number each, so that their file is small."""
    with torch.device("meta"):
        state = MODELS[name].build_untrained().state_dict()
    return {key: torch.zeros(1).expand(value.shape) for key, value in state.items()}


def backwards(state: State) -> State:
    return dict(reversed(state.items()))


WRAPPED: dict[str, Callable[[State], object]] = {
    "official": lambda state: {"model": with_video(state)},
    "image part alone": lambda state: state,
    "Lightning": lambda state: {
        "epoch": 1,
        "state_dict": {f"model.{name}": t for name, t in with_video(state).items()},
    },
    "trainer": lambda state: {"model_state_dict": with_video(state), "optimizer": {"state": {0: {"m": torch.ones(2)}}}},
    "several GPUs": lambda state: {"model": {f"module.{name}": t for name, t in with_video(state).items()}},
    "prompt encoder first": lambda state: backwards(with_video(state)),
    "half precision": lambda state: {name: t.half() for name, t in state.items()},
}


@pytest.mark.parametrize("name", WRAPPED)
def test_weights_load_wherever_they_lie(weights: State, tmp_path: Path, name: str) -> None:
    given = {key: t.half().float() for key, t in weights.items()}  # as half precision would have them
    loaded = build_model("sam2_tiny_test", save(WRAPPED[name](given), tmp_path))
    assert not loaded.training
    assert all(torch.equal(t, given[key]) for key, t in loaded.state_dict().items())


REFUSED: dict[str, tuple[Callable[[State], object], str]] = {
    "SAM 2.0": (
        lambda _: with_video(shapes_of("sam2.1_hiera_tiny"), is_2_0=True),
        "holds weights of SAM 2.0's sam2_hiera_tiny, not of sam2_tiny_test",
    ),
    "SAM 1": (lambda _: shapes_of("sam_vit_b"), "holds weights of sam_vit_b, not of sam2_tiny_test"),
    "the decoder alone": (
        lambda state: {name: t for name, t in state.items() if name.startswith("sam_mask_decoder.")},
        "does not fit sam2_tiny_test: it holds no image_encoder and no sam_prompt_encoder$",
    ),
    "a stranger inside": (lambda state: state | {"sam_mask_decoder.extra": torch.ones(1)}, r"1 tensor is .*\.extra$"),
    "code": (lambda state: {"model": state, "args": print}, "holds Python objects, which are not loaded"),
} | {
    name: (
        lambda _, name=name: {"model": with_video(shapes_of(name))},
        f"holds weights of {name}, not of sam2_tiny_test",
    )
    for name in MODELS
    if name.startswith("sam2.1")
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_weights_are_named(weights: State, tmp_path: Path, name: str) -> None:
    content, words = REFUSED[name]
    with pytest.raises(CheckpointError, match=words) as caught:
        build_model("sam2_tiny_test", save(content(weights), tmp_path))
    assert str(caught.value).startswith(f"{tmp_path / 'weights.pt'} ")
    assert "\n" not in str(caught.value)


def test_sam_2_0_is_refused_by_a_variant_of_its_own_size(tmp_path: Path) -> None:
    path = save({"model": with_video(shapes_of("sam2.1_hiera_tiny"), is_2_0=True)}, tmp_path)
    with torch.device("meta"), pytest.raises(CheckpointError, match=r"SAM 2\.0's sam2_hiera_tiny, not of sam2\.1"):
        build_model("sam2.1_hiera_tiny", path)


def test_a_file_that_was_cut_off_says_so(weights: State, tmp_path: Path) -> None:
    path = save({"model": with_video(weights)}, tmp_path)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(CheckpointError, match="cut off"):
        build_model("sam2_tiny_test", path)


def test_weights_that_are_missing_say_how_to_get_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(CheckpointError, match=r"sam2\.1_hiera_tiny\.pt are not there; .* fetch sam2\.1_hiera_tiny"):
        build_model("sam2.1_hiera_tiny")


def test_other_weights_of_a_variant_have_a_version_of_their_own(weights: State, tmp_path: Path) -> None:
    version: Any = model_version("sam2.1_hiera_tiny", save(weights, tmp_path))
    assert version.startswith("sam2.1_hiera_tiny-")
