"""The ViT encoder: equal to its plain formulation, with the published dimensions and names."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sam_core.modeling import image_encoder
from sam_core.modeling.image_encoder import ImageEncoderViT, ViTConfig, merge_windows, partition_windows
from tests.sam_core.plain_model import part_of, vit_encoder
from tests.sam_core.tiny_models import build_sam, untrained_sam

CONFIG = ViTConfig(
    embed_dim=32, depth=3, num_heads=4, global_blocks=(1,), image_size=80, patch_size=8, window_size=4, out_chans=16
)


@pytest.fixture
def encoder() -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model = ImageEncoderViT(CONFIG)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


def images(count: int, side: int = CONFIG.image_size) -> torch.Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(11))


def relative_error(actual: torch.Tensor, expected: torch.Tensor) -> float:
    return float((actual - expected).norm() / expected.norm())


def test_equals_the_plain_formulation(encoder: Any) -> None:
    with torch.inference_mode():
        expected = vit_encoder(encoder.state_dict(), images(2), heads=4, window=4, global_blocks=(1,))
        actual = encoder(images(2))
    assert actual.shape == (2, 16, 10, 10)
    assert relative_error(actual, expected) < 1e-5


def test_the_test_model_equals_the_plain_formulation() -> None:
    sam = build_sam()
    state = part_of(sam.state_dict(), "image_encoder.")
    with torch.inference_mode():
        expected = vit_encoder(state, images(1, 64), heads=2, window=3, global_blocks=(1,))
        assert relative_error(sam.image_encoder(images(1, 64)), expected) < 1e-5


def test_batched_equals_single(encoder: Any) -> None:
    with torch.inference_mode():
        together = encoder(images(3))
        alone = torch.cat([encoder(one[None]) for one in images(3)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_a_bias_too_large_for_one_call_changes_nothing(encoder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with torch.inference_mode():
        expected = encoder(images(3))
        monkeypatch.setattr(image_encoder, "MAX_BIAS_ELEMENTS", 1)
        torch.testing.assert_close(encoder(images(3)), expected, rtol=1e-4, atol=1e-5)


def test_every_parameter_gets_a_gradient(encoder: Any) -> None:
    (encoder(images(1)) * images(1)[:, :1, :10, :10]).sum().backward()
    without = [name for name, p in encoder.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []


def test_relative_positions_matter_in_windows_and_globally(encoder: Any) -> None:
    with torch.inference_mode():
        before = encoder(images(1))
        for block in (0, 1):
            for table in ("rel_pos_h", "rel_pos_w"):
                parameter = getattr(encoder.blocks[block].attn, table)
                kept = parameter.clone()
                parameter.neg_()
                assert relative_error(encoder(images(1)), before) > 1e-3
                parameter.copy_(kept)


def test_bfloat16_stays_near_float32(encoder: Any) -> None:
    with torch.inference_mode():
        expected = encoder(images(1))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            actual = encoder(images(1))
    assert actual.dtype == torch.bfloat16
    assert relative_error(actual.float(), expected) < 0.05


@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    side=st.integers(1, 5),
    batch=st.integers(1, 2),
)
def test_windows_come_back_as_they_were(height: int, width: int, side: int, batch: Any) -> None:
    x = torch.arange(batch * height * width * 2, dtype=torch.float32).reshape(batch, height, width, 2)
    fill = torch.tensor([-1.0, -2.0])
    windows = partition_windows(x, side, fill=fill)
    assert windows.shape == (batch * -(-height // side) * -(-width // side), side, side, 2)
    assert torch.equal(merge_windows(windows, height, width), x)
    is_padding = (windows == fill).all(-1)
    assert int(is_padding.sum()) == windows.shape[0] * side * side - batch * height * width


def test_windows_are_cut_row_by_row() -> None:
    x = torch.arange(16.0).reshape(1, 4, 4, 1)
    windows = partition_windows(x, 2, fill=torch.zeros(1))
    assert windows[1].flatten().tolist() == [2, 3, 6, 7]
    assert windows[2].flatten().tolist() == [8, 9, 12, 13]


PUBLISHED = {
    "sam_vit_b": (93_735_472, 768, 12, 12, (2, 5, 8, 11)),
    "sam_vit_l": (312_342_832, 1024, 24, 16, (5, 11, 17, 23)),
    "sam_vit_h": (641_090_608, 1280, 32, 16, (7, 15, 23, 31)),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_dimensions(name: str) -> None:
    count, dim, depth, heads, global_blocks = PUBLISHED[name]
    with torch.device("meta"):
        sam = untrained_sam(name)
    state = {key: tuple(value.shape) for key, value in sam.image_encoder.state_dict().items()}
    head_dim = dim // heads
    assert sum(p.numel() for p in sam.parameters()) == count
    assert isinstance(sam.image_encoder, ImageEncoderViT)
    assert sam.image_encoder.config.num_heads == heads
    assert state["pos_embed"] == (1, 64, 64, dim)
    assert state["patch_embed.proj.weight"] == (dim, 3, 16, 16)
    assert f"blocks.{depth}.norm1.weight" not in state
    for index in range(depth):
        side = 64 if index in global_blocks else 14
        assert state[f"blocks.{index}.attn.rel_pos_h"] == (2 * side - 1, head_dim)
        assert state[f"blocks.{index}.attn.rel_pos_w"] == (2 * side - 1, head_dim)
        assert state[f"blocks.{index}.attn.qkv.weight"] == (3 * dim, dim)
        assert state[f"blocks.{index}.mlp.lin1.weight"] == (4 * dim, dim)
    assert state["neck.0.weight"] == (256, dim, 1, 1)
    assert state["neck.2.weight"] == (256, 256, 3, 3)


def test_names_are_the_published_ones(encoder: Any) -> None:
    block = {key.removeprefix("blocks.0.") for key in encoder.state_dict() if key.startswith("blocks.0.")}
    assert block == {
        *("norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"),
        *("attn.rel_pos_h", "attn.rel_pos_w"),
        *("attn.qkv.weight", "attn.qkv.bias", "attn.proj.weight", "attn.proj.bias"),
        *("mlp.lin1.weight", "mlp.lin1.bias", "mlp.lin2.weight", "mlp.lin2.bias"),
    }
    assert {key for key in encoder.state_dict() if not key.startswith("blocks.")} == {
        *("pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias"),
        *("neck.0.weight", "neck.1.weight", "neck.1.bias", "neck.2.weight", "neck.3.weight", "neck.3.bias"),
    }


def test_norms_use_the_published_epsilon(encoder: Any) -> None:
    epsilons = {module.eps for module in encoder.modules() if hasattr(module, "eps")}
    assert epsilons == {1e-6}
