"""Prompt encoder and mask decoder: equal to their plain formulation, with published dimensions, names and rules."""

import math
from typing import Any

import pytest
import torch

from sam_core.embedding import IMAGE_EMBEDDINGS
from sam_core.registry import MODELS, build_model
from tests.sam_core.plain_model import decode, dense_map, part_of, sparse_tokens
from tests.sam_core.tiny_models import untrained_sam


@pytest.fixture(scope="module")
def sam() -> Any:
    return build_model("sam_tiny_test")


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


TOKENS = {
    "one click": ([[20.0, 30.0], [0.0, 0.0]], [1, -1]),
    "two clicks": ([[20.0, 30.0], [60.5, 3.25], [0.0, 0.0]], [1, 0, -1]),
    "a box": ([[4.0, 8.0], [40.0, 63.0]], [2, 3]),
    "a click and a box": ([[20.0, 30.0], [4.0, 8.0], [40.0, 63.0]], [0, 2, 3]),
    "padding in between": ([[9.0, 9.0], [20.0, 30.0], [0.0, 0.0]], [-1, 1, -1]),
}


@pytest.mark.parametrize("has_mask", [False, True])
@pytest.mark.parametrize("name", TOKENS)
@torch.inference_mode()
def test_equals_the_plain_formulation(sam: Any, name: str, has_mask: bool) -> None:
    coords, labels = torch.tensor(TOKENS[name][0]), torch.tensor(TOKENS[name][1])
    mask = random(1, 1, 32, 32) * 4 if has_mask else None
    state, prompts = sam.state_dict(), part_of(sam.state_dict(), "prompt_encoder.")
    embedding = random(1, 32, 8, 8, seed=1)
    sparse = sparse_tokens(prompts, coords, labels, 64)
    logits, iou = decode(state, embedding, sparse, dense_map(prompts, mask, 8), heads=4)
    for ask in (sam.decode, sam.decode_as_published):
        actual_logits, actual_iou = ask({IMAGE_EMBEDDINGS: embedding}, coords[None], labels[None], mask)
        assert actual_logits.shape == (1, 4, 32, 32)
        torch.testing.assert_close(actual_logits[0], logits, rtol=0, atol=1e-5)
        torch.testing.assert_close(actual_iou[0], iou, rtol=0, atol=1e-5)


@torch.inference_mode()
def test_batched_equals_single(sam: Any) -> None:
    coords, labels = random(3, 4, 2) * 20 + 32, torch.tensor([[1, 0, 1, -1]] * 3)
    masks, embedding = random(3, 1, 32, 32), {IMAGE_EMBEDDINGS: random(1, 32, 8, 8)}
    logits, iou = sam.decode(embedding, coords, labels, masks)
    for row in range(3):
        part = slice(row, row + 1)
        alone, alone_iou = sam.decode(embedding, coords[part], labels[part], masks[part])
        torch.testing.assert_close(logits[part], alone, rtol=0, atol=1e-5)
        torch.testing.assert_close(iou[part], alone_iou, rtol=0, atol=1e-5)


def test_every_parameter_gets_a_gradient() -> None:
    model = MODELS["sam_tiny_test"].build_untrained()
    embedding = model.encode(torch.rand(1, 3, 64, 48, generator=torch.Generator().manual_seed(0)) * 255)
    labels = torch.tensor([[0, 1, 2, 3, -1]])
    coords = random(1, 5, 2) * 10 + 30
    loss = torch.zeros(())
    for mask in (None, random(1, 1, 32, 32)):
        logits, iou = model.decode_as_published(embedding, coords, labels, mask)
        loss = loss + (logits * random(1, 4, 32, 32, seed=2)).sum() + (iou * random(1, 4, seed=3)).sum()
    loss.backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []


@torch.inference_mode()
def test_order_of_points_changes_nothing(sam: Any) -> None:
    coords, labels = random(1, 4, 2) * 20 + 32, torch.tensor([[1, 0, 1, 0]])
    logits, _ = sam.decode({IMAGE_EMBEDDINGS: random(1, 32, 8, 8)}, coords, labels)
    turned, _ = sam.decode({IMAGE_EMBEDDINGS: random(1, 32, 8, 8)}, coords.flip(1), labels.flip(1))
    torch.testing.assert_close(logits, turned, rtol=0, atol=1e-5)


@torch.inference_mode()
def test_a_padding_point_is_a_token_of_its_own_wherever_it_lies(sam: Any) -> None:
    embedding, labels = {IMAGE_EMBEDDINGS: random(1, 32, 8, 8)}, torch.tensor([[1, -1]])
    here, _ = sam.decode(embedding, torch.tensor([[[20.0, 30.0], [0.0, 0.0]]]), labels)
    there, _ = sam.decode(embedding, torch.tensor([[[20.0, 30.0], [63.0, 5.0]]]), labels)
    without, _ = sam.decode(embedding, torch.tensor([[[20.0, 30.0]]]), labels[:, :1])
    assert torch.equal(here, there)
    assert not torch.allclose(here, without, atol=1e-4)


@torch.inference_mode()
def test_positions_use_the_checkpoint_s_matrix_and_the_pixel_s_centre(sam: Any) -> None:
    layer = sam.prompt_encoder.pe_layer
    matrix = layer.positional_encoding_gaussian_matrix
    assert "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix" in sam.state_dict()
    token = sam.prompt_encoder.embed_points(torch.tensor([[[15.5, 47.5]]]), torch.tensor([[1]]))[0, 0]
    x, y = 2 * 16 / 64 - 1, 2 * 48 / 64 - 1
    angles = 2 * math.pi * (x * matrix[0] + y * matrix[1])
    expected = torch.cat([angles.sin(), angles.cos()]) + sam.prompt_encoder.point_embeddings[1].weight[0]
    torch.testing.assert_close(token, expected, rtol=0, atol=1e-6)


@torch.inference_mode()
def test_dense_positions_are_those_of_cell_centres(sam: Any) -> None:
    dense = sam.prompt_encoder.get_dense_pe()
    assert dense.shape == (1, 32, 8, 8)
    centre = sam.prompt_encoder.pe_layer.encode(torch.tensor([(5 + 0.5) / 8, (2 + 0.5) / 8]))
    torch.testing.assert_close(dense[0, :, 2, 5], centre, rtol=0, atol=1e-6)


def test_pixels_are_normalised_and_padded_as_published(sam: Any) -> None:
    pixels = torch.full((1, 3, 2, 3), 200.0)
    x = sam.preprocess(pixels)
    assert x.shape == (1, 3, 64, 64)
    expected = [(200 - m) / s for m, s in ((123.675, 58.395), (116.28, 57.12), (103.53, 57.375))]
    torch.testing.assert_close(x[0, :, 1, 2], torch.tensor(expected))
    assert float(x[0, :, 2:].abs().max()) == 0
    assert float(x[0, :, :, 3:].abs().max()) == 0


def test_dimensions_of_the_published_decoder() -> None:
    with torch.device("meta"):
        sam = untrained_sam("sam_vit_b")
    shapes = {key: tuple(value.shape) for key, value in sam.state_dict().items()}
    transformer = "mask_decoder.transformer.layers"
    assert shapes[f"{transformer}.1.self_attn.q_proj.weight"] == (256, 256)
    assert shapes[f"{transformer}.1.cross_attn_token_to_image.q_proj.weight"] == (128, 256)
    assert shapes[f"{transformer}.1.cross_attn_image_to_token.out_proj.weight"] == (256, 128)
    assert shapes[f"{transformer}.1.mlp.lin1.weight"] == (2048, 256)
    assert f"{transformer}.2.norm1.weight" not in shapes
    assert sam.get_submodule("mask_decoder.transformer.layers.0.self_attn").num_heads == 8
    assert shapes["mask_decoder.transformer.final_attn_token_to_image.k_proj.weight"] == (128, 256)
    assert shapes["mask_decoder.mask_tokens.weight"] == (4, 256)
    assert shapes["mask_decoder.iou_token.weight"] == (1, 256)
    assert shapes["mask_decoder.output_upscaling.0.weight"] == (256, 64, 2, 2)
    assert shapes["mask_decoder.output_upscaling.3.weight"] == (64, 32, 2, 2)
    assert shapes["mask_decoder.output_hypernetworks_mlps.3.layers.2.weight"] == (32, 256)
    assert shapes["mask_decoder.iou_prediction_head.layers.2.weight"] == (4, 256)
    assert shapes["prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"] == (2, 128)
    assert shapes["prompt_encoder.point_embeddings.3.weight"] == (1, 256)
    assert shapes["prompt_encoder.mask_downscaling.0.weight"] == (4, 1, 2, 2)
    assert shapes["prompt_encoder.mask_downscaling.3.weight"] == (16, 4, 2, 2)
    assert shapes["prompt_encoder.mask_downscaling.6.weight"] == (256, 16, 1, 1)
    assert (sam.image_size, sam.embedding_size, sam.mask_side) == (1024, 64, 256)
    assert len([key for key in shapes if not key.startswith("image_encoder.")]) == 137
