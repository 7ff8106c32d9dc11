"""TinyViT: equal to its plain formulation, with MobileSAM's dimensions and names."""

from typing import Any

import pytest
import torch

from sam_core.modeling.tiny_vit import TinyViT, TinyViTConfig
from sam_core.registry import MODELS
from tests.sam_core.plain_model import tiny_vit_encoder

CONFIG = TinyViTConfig(
    image_size=96, embed_dims=(8, 16, 20, 40), depths=(1, 1, 2, 1), num_heads=(1, 2, 4, 5), window_sizes=(5, 5, 4, 6)
)


@pytest.fixture
def encoder() -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        model = TinyViT(CONFIG)
        for tensor in [*model.parameters(), *(b for n, b in model.named_buffers() if n.endswith("running_mean"))]:
            torch.nn.init.normal_(tensor, std=0.3)
        for name, buffer in model.named_buffers():
            if name.endswith("running_var"):
                torch.nn.init.uniform_(buffer, 0.5, 1.5)
    return model.eval()


def images(count: int = 1) -> torch.Tensor:
    return torch.randn(count, 3, 96, 96, generator=torch.Generator().manual_seed(3))


def test_equals_the_plain_formulation(encoder: Any) -> None:
    with torch.inference_mode():
        expected = tiny_vit_encoder(
            encoder.state_dict(), images(2), heads=CONFIG.num_heads, windows=CONFIG.window_sizes
        )
        actual = encoder(images(2))
    assert actual.shape == (2, 256, 6, 6)
    assert float((actual - expected).norm() / expected.norm()) < 1e-5


def test_batched_equals_single(encoder: Any) -> None:
    with torch.inference_mode():
        alone = torch.cat([encoder(one[None]) for one in images(2)])
        torch.testing.assert_close(encoder(images(2)), alone, rtol=1e-4, atol=1e-4)


def test_every_parameter_gets_a_gradient(encoder: Any) -> None:
    weights = torch.randn(1, 256, 6, 6, generator=torch.Generator().manual_seed(1))
    (encoder(images()) * weights).sum().backward()
    without = [name for name, p in encoder.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []


def test_attention_biases_count_as_soon_as_they_are_loaded(encoder: Any) -> None:
    """The published code keeps a copy from the last call of eval(), so weights loaded after it lack theirs."""
    with torch.inference_mode():
        before = encoder(images())
        state = encoder.state_dict()
        for name, value in state.items():
            if name.endswith("attention_biases"):
                state[name] = value + 3 * torch.randn(value.shape, generator=torch.Generator().manual_seed(0))
        encoder.load_state_dict(state)
        expected = tiny_vit_encoder(state, images(), heads=CONFIG.num_heads, windows=CONFIG.window_sizes)
        after = encoder(images())
        assert float((after - before).norm() / before.norm()) > 1e-3
        assert float((after - expected).norm() / expected.norm()) < 1e-5


def test_the_classifier_that_the_file_carries_changes_no_answer(encoder: Any) -> None:
    with torch.inference_mode():
        before = encoder(images())
        encoder.head.weight.fill_(3)
        encoder.norm_head.weight.fill_(3)
        assert torch.equal(encoder(images()), before)


def test_attention_bias_index_counts_offsets_in_order_of_appearance() -> None:
    index = TinyViT(CONFIG).get_buffer("layers.2.blocks.0.attn.attention_bias_idxs")  # 4 x 4 windows
    assert index.shape == (16, 16)
    assert index[0, :5].tolist() == [0, 1, 2, 3, 4]  # (0, 0), (0, 1), (0, 2), (0, 3), (1, 0)
    assert index[5, 0] == 1 * 4 + 1
    assert torch.equal(index, index.T)


def test_dimensions_of_mobile_sam() -> None:
    with torch.device("meta"):
        sam = MODELS["mobile_sam"].build_untrained()
    state = {key: tuple(value.shape) for key, value in sam.get_submodule("image_encoder").state_dict().items()}
    assert len(sam.state_dict()) == 439
    assert sum(value.numel() for value in sam.parameters()) + 1000 * 320 + 1000 + 2 * 320 == 10_130_092
    assert state["patch_embed.seq.0.c.weight"] == (32, 3, 3, 3)
    assert state["patch_embed.seq.2.c.weight"] == (64, 32, 3, 3)
    assert state["layers.0.blocks.1.conv2.c.weight"] == (256, 1, 3, 3)
    assert state["layers.1.blocks.1.attn.attention_biases"] == (4, 49)
    assert state["layers.2.blocks.5.attn.attention_biases"] == (5, 196)
    assert state["layers.3.blocks.1.attn.attention_biases"] == (10, 49)
    assert state["layers.2.downsample.conv2.c.weight"] == (320, 1, 3, 3)
    assert "layers.3.downsample.conv1.c.weight" not in state
    assert state["head.weight"] == (1000, 320)
    assert state["norm_head.bias"] == (320,)
    assert not [key for key in state if key.endswith("attention_bias_idxs")]


def test_only_the_first_two_mergings_halve_the_resolution() -> None:
    modules = TinyViT(CONFIG).named_modules()
    strides = [module.stride for name, module in modules if name.endswith("downsample.conv2.c")]
    assert strides == [(2, 2), (2, 2), (1, 1)]
