"""Which weights a recipe lets learn, in every kind of model, and that adapters become plain weights again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sam_core.errors import CheckpointError
from sam_core.modeling.hq import HqMaskDecoder, HqSam
from sam_core.modeling.image_encoder import ImageEncoderViT
from sam_core.modeling.promptable import PromptableModel
from sam_core.modeling.published import TINY_CONFIG
from sam_core.registry import MODELS
from sam_core.training.adapters import add_adapters, is_adapter, plain_state, projections
from sam_core.training.config import ConfigError, OptimConfig, PromptConfig
from sam_core.training.parents import find_parent, label_of
from sam_core.training.parts import encode, freeze, part_of
from sam_core.training.recipes import RECIPES, choose_recipe, load_recipe
from sam_core.training.simulation import simulate, total_loss
from sam_core.training.trainer import batch_sizes

TINY = ("sam_tiny_test", "sam2_tiny_test")
CPU, GPU = torch.device("cpu"), torch.device("cuda")


def build(name: str) -> PromptableModel:
    return MODELS[name].build_untrained().eval()


def learn_once(model: PromptableModel, config: OptimConfig) -> None:
    """Leave gradients of one simulated prompt for each of two masks of two images."""
    torch.manual_seed(4)
    side = model.image_size
    masks = torch.zeros(4, model.mask_side, model.mask_side, dtype=torch.bool)
    masks[:, 5:20, 4:24] = True
    embedding = encode(model, torch.rand(2, 3, side, side) * 255, config, torch.float32)
    prompts = PromptConfig(grad_iterations="all", box_probability=0.5)
    total_loss(simulate(model, embedding, masks, prompts, max_clicks=2)).backward()


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("parts", [("decoder",), ("decoder", "neck"), ("decoder", "neck", "encoder")])
def test_the_parts_of_a_recipe_learn_and_nothing_else(name: str, parts: tuple[str, ...]) -> None:
    model, config = build(name), OptimConfig(parts=parts)
    freeze(model, config)
    learn_once(model, config)
    learned = {part_of(key) for key, one in model.named_parameters() if one.grad is not None}
    assert learned == set(parts)


def test_a_model_with_a_decoder_of_its_own_learns_as_well() -> None:
    """SAM-HQ, whose masks are cut from two kinds of features: the loop knows nothing of that."""
    torch.manual_seed(1)
    decoder = HqMaskDecoder(32, early_dim=32, heads=4, mlp_dim=64)
    model, config = HqSam(ImageEncoderViT(TINY_CONFIG), decoder=decoder).eval(), OptimConfig(parts=("decoder",))
    freeze(model, config)
    learn_once(model, config)
    learned = {key for key, one in model.named_parameters() if one.grad is not None}
    assert "mask_decoder.hf_token.weight" in learned
    assert {part_of(key) for key in learned} == {"decoder"}


def test_what_a_model_computes_once_an_image_is_no_part_of_the_decoder() -> None:
    encoder = ImageEncoderViT(TINY_CONFIG)
    names = [key for model in (build("sam2_tiny_test"), HqSam(encoder)) for key, _ in model.named_parameters()]
    once = {key for key in names if part_of(key) == "neck" and not key.startswith("image_encoder.")}
    for some in ("no_mem_embed", "sam_mask_decoder.conv_s1.weight", "mask_decoder.embedding_encoder.0.weight"):
        assert some in once
    assert part_of("mask_decoder.embedding_maskfeature.0.weight") == "decoder"
    assert part_of("image_encoder.trunk.blocks.0.attn.qkv.weight") == "encoder"


@pytest.mark.parametrize(("name", "first"), [("sam_tiny_test", "patch_embed"), ("sam2_tiny_test", "trunk.patch_embed")])
def test_first_blocks_and_what_comes_before_them_keep_their_weights(name: str, first: str) -> None:
    model = build(name)
    freeze(model, OptimConfig(frozen_blocks=1))
    learns = {key: one.requires_grad for key, one in model.named_parameters() if part_of(key) == "encoder"}
    trunk = "image_encoder.trunk." if "trunk" in first else "image_encoder."
    assert not any(on for key, on in learns.items() if key.startswith((f"image_encoder.{first}", f"{trunk}blocks.0.")))
    assert all(on for key, on in learns.items() if key.startswith(f"{trunk}blocks.1."))


@pytest.mark.parametrize("name", TINY)
def test_adapters_learn_and_merge_into_official_names(name: str) -> None:
    model, config = build(name), OptimConfig(parts=("decoder",), adapter_rank=2)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    add_adapters(model, 2)
    freeze(model, config)
    assert len(projections(model)) > 1
    pixels = torch.rand(1, 3, model.image_size, model.image_size) * 255
    same = plain_state(model.state_dict(), is_merged=True)
    assert same.keys() == before.keys()
    assert all(torch.equal(same[key], value) for key, value in before.items())
    learn_once(model, config)
    adapters = {key: one for key, one in model.named_parameters() if is_adapter(key)}
    assert all(one.grad is not None for one in adapters.values())
    assert {part_of(key) for key, one in model.named_parameters() if one.grad is not None} == {"decoder", "encoder"}
    with torch.no_grad():
        for one in adapters.values():
            one.add_(torch.randn_like(one) * 0.05)
        adapted = model.encode(pixels)
    merged, plain = build(name), plain_state(model.state_dict(), is_merged=True)
    merged.load_state_dict(plain, strict=True)
    with torch.no_grad():
        for key, value in merged.encode(pixels).items():
            torch.testing.assert_close(value, adapted[key], rtol=1e-3, atol=1e-4)
    moved = {key for key, value in before.items() if not torch.equal(plain[key], value)}
    assert moved
    assert all(key.endswith("qkv.weight") for key in moved)
    unmerged = plain_state(model.state_dict(), is_merged=False)
    assert all(torch.equal(unmerged[key], value) for key, value in before.items())


def test_a_model_without_attention_has_nothing_to_adapt() -> None:
    with pytest.raises(ConfigError, match="no attention to adapt"):
        add_adapters(build("sam_lite"), 4)


def test_a_recipe_is_chosen_by_images_model_and_device() -> None:
    small = build("sam_tiny_test")
    chosen = [choose_recipe(small, images=images, device=CPU) for images in (1, 8, 50)]
    assert chosen == ["decoder", "neck", "whole"]
    large = MODELS["sam2.1_hiera_tiny"].build_untrained()
    assert choose_recipe(large, images=500, device=CPU) == "decoder"
    assert choose_recipe(large, images=500, device=GPU) == "adapters"
    assert choose_recipe(large, images=3, device=GPU) == "decoder"


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_are_readable_files_for_any_model(name: str) -> None:
    config = load_recipe(name, seconds=90, threads=1)
    assert config.run.minutes == 1.5
    assert [stage.image_size for stage in config.schedule] == [0]
    assert (config.optim.adapter_rank > 0) == (name == "adapters")
    with pytest.raises(ConfigError, match=r"no recipe is called 'all'; there are: decoder, neck, whole, adapters"):
        load_recipe("all", seconds=1, threads=1)


def test_batches_shrink_to_one_image_with_one_mask() -> None:
    assert batch_sizes(3, 4) == [(3, 4), (1, 4), (1, 2), (1, 1)]
    assert batch_sizes(1, 1) == [(1, 1)]


def test_a_parent_is_a_name_a_file_or_a_model(tmp_path: Path) -> None:
    model = build("sam_tiny_test")
    torch.save({"model": model.state_dict()}, tmp_path / "some.pt")
    by_name, by_file, by_model = (find_parent(one) for one in ("sam_tiny_test", tmp_path / "some.pt", model))
    assert {one.name for one in (by_name, by_file, by_model)} == {"sam_tiny_test"}
    assert by_name.version == "sam_tiny_test"
    assert by_model.version == label_of("sam_tiny_test", model.state_dict())
    assert by_file.version.startswith("sam_tiny_test-")
    with pytest.raises(CheckpointError, match="no model is called"):
        find_parent("nothing")
