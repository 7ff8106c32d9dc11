"""SAM-HQ: equal to its plain formulation, published names and shapes, two tensors an image, every way a model goes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from sam_core.automatic import AutomaticConfig, AutomaticMaskGenerator
from sam_core.backends.onnx_backend import OnnxDecoder, OnnxEncoder
from sam_core.backends.torch_backend import TorchPredictor
from sam_core.embedding import IMAGE_EMBEDDINGS, pack, unpack
from sam_core.modeling.hq import HQ_FEATURES, HqMaskDecoder, HqSam
from sam_core.modeling.image_encoder import ImageEncoderViT, ViTConfig
from sam_core.modeling.tiny_vit import TinyViT, TinyViTConfig
from sam_core.onnx.browser import export_browser_decoder
from sam_core.onnx.encoder import export_encoder
from sam_core.onnx.published import export_published_decoder
from sam_core.predictor import Predictor, Prompts
from tests.sam_core import hq_golden, sam2_golden
from tests.sam_core.plain_model import (
    State,
    channel_norm,
    dense_map,
    grid_positions,
    part_of,
    perceptron,
    sparse_tokens,
    two_way,
)

VIT_B = ViTConfig(embed_dim=768, depth=12, num_heads=12, global_blocks=(2, 5, 8, 11))
# tensors of the official files: how many, and a digest of their sorted names and shapes
PUBLISHED: dict[str, tuple[Callable[[], ImageEncoderViT | TinyViT], int, str]] = {
    "vit_b": (lambda: ImageEncoderViT(VIT_B), 339, "ae860c47e4254d5d"),
    "vit_tiny": (lambda: TinyViT(TinyViTConfig()), 464, "1bced4f9ca15e450"),
}
SMALL_VIT = ViTConfig(
    embed_dim=24, depth=4, num_heads=2, global_blocks=(1, 3), image_size=64, patch_size=8, window_size=3, out_chans=32
)
SMALL_TINY_VIT = TinyViTConfig(
    image_size=64, embed_dims=(8, 16, 20, 40), depths=(1, 1, 2, 1), num_heads=(1, 2, 4, 5), window_sizes=(5, 5, 3, 3)
)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def build_small() -> HqSam:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        decoder = HqMaskDecoder(32, early_dim=24, heads=4, mlp_dim=64)
        small = HqSam(ImageEncoderViT(SMALL_VIT), decoder=decoder)
        for parameter in small.parameters():
            if parameter.ndim < 3:  # tokens, norms and biases off their neutral start
                parameter.data.add_(0.2 * torch.randn_like(parameter))
        torch.nn.init.normal_(small.get_parameter("image_encoder.pos_embed"), std=0.5)
    return small.eval()


@pytest.fixture(scope="module")
def model() -> HqSam:
    return build_small()


def made_embedding(model: HqSam, images: int = 1) -> dict[str, Tensor]:
    return {one.name: random(images, *one.shape[1:], seed=5) for one in model.embedding}


@pytest.mark.parametrize("name", PUBLISHED)
def test_names_and_shapes_are_those_of_the_official_files(name: str) -> None:
    build, count, digest = PUBLISHED[name]
    with torch.device("meta"):
        state = HqSam(build()).state_dict()
    lines = sorted(f"{key} {tuple(value.shape)}" for key, value in state.items())
    assert len(lines) == count
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16] == digest


def transposed(x: Tensor, state: State, name: str) -> Tensor:
    return functional.conv_transpose2d(x, state[f"{name}.weight"], state[f"{name}.bias"], stride=2)


def four_times(x: Tensor, state: State, name: str) -> Tensor:
    x = functional.gelu(channel_norm(transposed(x, state, f"{name}.0"), state, f"{name}.1"))
    return transposed(x, state, f"{name}.3")


def decode_plainly(state: State, embedding: Tensor, early: Tensor, sparse: Tensor, dense: Tensor) -> dict[str, Tensor]:
    """Decode one prompt as the paper draws it: SAM's masks (4 x S x S), the HQ token's (S x S), predicted IoU (4)."""
    decoder, grid = part_of(state, "mask_decoder."), embedding.shape[-1]
    own = torch.cat([decoder[f"{name}.weight"] for name in ("iou_token", "mask_tokens", "hf_token")])
    positions = grid_positions(part_of(state, "prompt_encoder."), grid)
    tokens, image = two_way(
        part_of(decoder, "transformer."), (embedding + dense)[0].flatten(1).T, positions, torch.cat([own, sparse]), 4
    )
    coarse = functional.gelu(four_times(image.T.reshape(1, -1, grid, grid), decoder, "output_upscaling"))
    convs = [(decoder[f"embedding_maskfeature.{i}.weight"], decoder[f"embedding_maskfeature.{i}.bias"]) for i in (0, 3)]
    mixed = functional.conv2d(coarse, *convs[0], padding=1)
    mixed = functional.gelu(channel_norm(mixed, decoder, "embedding_maskfeature.1"))
    fine = functional.conv2d(mixed, *convs[1], padding=1)
    fine = fine + four_times(embedding, decoder, "embedding_encoder") + four_times(early, decoder, "compress_vit_feat")
    hyper = [perceptron(tokens[1 + i], decoder, f"output_hypernetworks_mlps.{i}") for i in range(4)]
    return {
        "sam": torch.stack([(one[:, None, None] * coarse[0]).sum(0) for one in hyper]),
        "hq": (perceptron(tokens[5], decoder, "hf_mlp")[:, None, None] * fine[0]).sum(0),
        "iou": perceptron(tokens[0], decoder, "iou_prediction_head"),
    }


@pytest.mark.parametrize("has_mask", [False, True])
@pytest.mark.parametrize("labels", [[1, -1], [2, 3], [1, 0, 1, 2, 3]])
@torch.inference_mode()
def test_equals_the_plain_formulation(labels: list[int], has_mask: bool) -> None:
    model = build_small()
    state, prompts = model.state_dict(), part_of(model.state_dict(), "prompt_encoder.")
    pixels = random(1, 3, 64, 64)
    features, early = model.image_encoder.forward_early(pixels)
    coords, kinds = random(len(labels), 2, seed=7) * 15 + 32, torch.tensor(labels)
    mask = random(1, 1, 32, 32) * 4 if has_mask else None
    expected = decode_plainly(
        state, features, early, sparse_tokens(prompts, coords, kinds, 64), dense_map(prompts, mask, 8)
    )
    embedding = model.encode_input(pixels)
    for only, masks in ((False, expected["sam"] + expected["hq"]), (True, expected["hq"].expand(4, -1, -1))):
        model.hq_token_only = only
        for ask in (model.decode, model.decode_as_published):
            logits, iou = ask(embedding, coords[None], kinds[None], mask)
            torch.testing.assert_close(logits[0], masks, rtol=0, atol=1e-4)
            torch.testing.assert_close(iou[0], expected["iou"], rtol=0, atol=1e-5)


@torch.inference_mode()
def test_early_features_are_those_after_the_first_global_block(model: HqSam) -> None:
    encoder, pixels = model.image_encoder, random(2, 3, 64, 64)
    assert isinstance(encoder, ImageEncoderViT)
    features, early = encoder.forward_early(pixels)
    tokens = encoder.blocks[1](encoder.blocks[0](encoder.patch_embed(pixels) + encoder.pos_embed))
    torch.testing.assert_close(early, tokens.permute(0, 3, 1, 2))
    assert torch.equal(features, encoder(pixels))


@torch.inference_mode()
def test_early_features_of_tiny_vit_are_the_first_on_the_embedding_s_grid() -> None:
    torch.manual_seed(1)
    encoder = TinyViT(SMALL_TINY_VIT).eval()
    pixels = random(2, 3, 64, 64)
    features, early = encoder.forward_early(pixels)
    torch.testing.assert_close(early, encoder.layers[1](encoder.layers[0](encoder.patch_embed(pixels))))
    assert early.shape == (2, SMALL_TINY_VIT.early_dim, 4, 4)
    assert torch.equal(features, encoder(pixels))
    model = HqSam(encoder)
    assert {name: value.shape[1:] for name, value in model.encode_input(pixels).items()} == {
        one.name: one.shape[1:] for one in model.embedding
    }


def test_an_embedding_is_two_tensors_of_one_size_for_all_encoders() -> None:
    for build, *_ in PUBLISHED.values():
        with torch.device("meta"):
            specs = HqSam(build()).embedding
        assert [(one.name, one.shape) for one in specs] == [
            (IMAGE_EMBEDDINGS, (1, 256, 64, 64)),
            (HQ_FEATURES, (1, 32, 256, 256)),
        ]


@torch.inference_mode()
def test_a_batch_answers_as_its_prompts_alone_of_one_image_and_of_many(model: HqSam) -> None:
    coords, labels = random(4, 2, 2, seed=1).abs() * 20, torch.tensor([[2, 3], [1, -1], [2, 3], [0, -1]])
    masks = random(4, 1, 32, 32, seed=2) * 9
    for images in (1, 2):
        embedding = made_embedding(model, images)
        together = model.decode(embedding, coords, labels, masks)
        for row in range(4):
            own = {name: features[[row * images // 4]] for name, features in embedding.items()}
            alone = model.decode(own, coords[[row]], labels[[row]], masks[[row]])
            for all_of_them, one in zip(together, alone, strict=True):
                torch.testing.assert_close(all_of_them[[row]], one, rtol=0, atol=1e-4)


def test_every_parameter_gets_a_gradient() -> None:
    small = build_small()
    embedding = small.encode(random(1, 3, 64, 48) * 50 + 120)
    coords, labels = random(1, 5, 2).abs() * 30, torch.tensor([[0, 1, 2, 3, -1]])
    loss = torch.zeros(())
    for mask in (None, random(1, 1, 32, 32)):
        logits, iou = small.decode_as_published(embedding, coords, labels, mask)
        loss = loss + (logits * random(1, 4, 32, 32, seed=2)).sum() + (iou * random(1, 4, seed=3)).sum()
    loss.backward()
    without = [name for name, p in small.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []


def test_graphs_answer_as_the_model_does_and_the_page_knows_both_tensors(model: HqSam, tmp_path: Path) -> None:
    manifest = export_browser_decoder(model, tmp_path)
    assert manifest["largest_difference"] < 1e-3
    assert (manifest["geometry"], manifest["accelerator"]) == ("longest_side", None)
    assert [one["name"] for one in manifest["embedding"]] == [IMAGE_EMBEDDINGS, HQ_FEATURES]
    assert {"seed", "point", "candidate", "mask"} <= manifest["golden"].keys()


def test_the_published_interface_and_the_predictor_answer_alike(model: HqSam, tmp_path: Path) -> None:
    export_encoder(model, tmp_path / "encoder.onnx")
    export_published_decoder(model, tmp_path / "decoder.onnx")
    exported = Predictor(
        model, "hq", encoder=OnnxEncoder(tmp_path / "encoder.onnx"), decoder=OnnxDecoder(tmp_path / "decoder.onnx")
    )
    image = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    one, other = (each.embed(image) for each in (TorchPredictor(model, "hq"), exported))
    stored = unpack(pack(one.tensors, model.embedding), model.embedding)
    assert {name: array.dtype for name, array in stored.items()} == dict.fromkeys(one.tensors, np.float16)
    prompts = Prompts(boxes_xyxy=np.array([20.0, 10.0, 70.0, 50.0]))
    expected, got = TorchPredictor(model, "hq").predict(one, prompts), exported.predict(other, prompts)
    assert np.abs(got.low_res_logits - expected.low_res_logits).max() < 1e-3
    assert got.mask().shape == (60, 90)


def test_every_mask_of_a_photo_is_found() -> None:
    model = build_small()
    head = list(model.get_submodule("mask_decoder.iou_prediction_head.layers").parameters())
    head[-1].data.add_(2)  # all of them are sure of themselves
    anything: dict[str, Any] = {
        "predicted_iou_threshold": 0.0,
        "stability_score_threshold": 0.0,
        "min_region_area_px": 0,
    }
    config = AutomaticConfig(points_per_side=2, box_nms_threshold=1.0, mask_nms_threshold=None, **anything)
    image = np.random.default_rng(3).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    predictor = TorchPredictor(model, "hq")
    found = AutomaticMaskGenerator(predictor, config).generate(image)
    assert found
    embedding = predictor.embed(image)
    for one in found:
        click = Prompts(point_coords=np.array(one["point_coords"]), point_labels=np.array([1]))
        answer = predictor.predict(embedding, click)
        assert one["area"] in [int(answer.mask(0, candidate).sum()) for candidate in (1, 2, 3)]


@pytest.mark.parametrize("name", hq_golden.VARIANTS)
def test_variants_answer_as_recorded(name: str) -> None:
    recorded = json.loads(hq_golden.RECORD.read_text(encoding="utf-8"))[name]
    found = sam2_golden.answers(hq_golden.build(name))
    for key, values in recorded.items():
        difference = np.subtract(found[key], values)
        assert np.linalg.norm(difference) < 1e-3 * np.linalg.norm(values), key
