"""SAM 2.1's image path: published names and shapes, windows and pooling written out, boxes' padding, stable masks."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from sam_core.automatic.decoding import GridDecoder
from sam_core.backends.onnx_backend import OnnxEncoder
from sam_core.backends.torch_backend import TorchPredictor
from sam_core.model_folder import export_model, open_predictor
from sam_core.modeling import hiera, sam2
from sam_core.modeling.factored_decoder import cells_of, in_cell_order
from sam_core.modeling.sam2 import Sam2
from sam_core.predictor import Prompts
from sam_core.prompt_kinds import PADDING
from tests.sam_core import sam2_golden

# parameters of the image path in the official files: how many, and a digest of their sorted names and shapes
PUBLISHED = {
    "tiny": (sam2.TINY, 311, "d4c2f294669ace98"),
    "small": (sam2.SMALL, 359, "f45239d3c342cb76"),
    "base_plus": (sam2.BASE_PLUS, 455, "39b22ab08d3297d5"),
    "large": (sam2.LARGE, 743, "d6b2d244272f2302"),
}


PROMPTS = {
    "a click": Prompts(point_coords=np.array([[150.0, 30.0]]), point_labels=np.array([1])),
    "a box and a click": Prompts(
        point_coords=np.array([[60.0, 20.0]]), point_labels=np.array([0]), boxes_xyxy=np.array([4.0, 6.0, 140.0, 40.0])
    ),
    "a mask and clicks": Prompts(
        point_coords=np.array([[30.0, 20.0], [140.0, 50.0]]),
        point_labels=np.array([0, 1]),
        mask_input=np.random.default_rng(1).normal(0, 30, (32, 32)).astype(np.float32),
    ),
}


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def model() -> Sam2:
    return sam2.build_miniature(11).eval()


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (60, 200, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", PUBLISHED)
def test_names_and_shapes_are_those_of_the_official_files(name: str) -> None:
    config, count, digest = PUBLISHED[name]
    with torch.device("meta"):
        state = Sam2(config).state_dict()
    lines = sorted(f"{key} {tuple(value.shape)}" for key, value in state.items())
    assert len(lines) == count
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16] == digest


@given(st.integers(1, 13), st.integers(1, 13), st.integers(1, 6))
def test_windows_come_back_to_where_they_were(height: int, width: int, side: int) -> None:
    tokens = torch.arange(2 * height * width * 3.0).reshape(2, height, width, 3)
    windows = hiera.partition_windows(tokens, side)
    assert windows.shape[1:] == (side, side, 3)
    assert torch.equal(windows[0, : min(side, height), : min(side, width)], tokens[0, :side, :side])
    assert torch.equal(hiera.merge_windows(windows, height, width), tokens)


def attend_plainly(attention: hiera.Attention, window: Tensor) -> Tensor:
    """Mix one window (side x side x C), head by head."""
    q, k, v = attention.qkv(window).chunk(3, dim=-1)
    if attention.pools:
        q = q.unflatten(0, (-1, 2)).unflatten(2, (-1, 2)).amax(dim=(1, 3))
    heads = [one.flatten(0, 1).chunk(attention.num_heads, dim=-1) for one in (q, k, v)]
    mixed = [(a @ b.T * a.shape[-1] ** -0.5).softmax(dim=-1) @ c for a, b, c in zip(*heads, strict=True)]
    out: Tensor = attention.proj(torch.cat(mixed, dim=-1))
    return out.reshape(*q.shape[:2], -1)


@pytest.mark.parametrize("index", range(8))
@torch.inference_mode()
def test_a_block_is_its_windows_one_by_one(model: Sam2, index: int) -> None:
    block = model.image_encoder.trunk.blocks[index]
    assert isinstance(block, hiera.Block)
    side = {0: 32, 1: 32, 2: 16, 3: 16, 4: 8, 5: 8, 6: 8, 7: 4}[index]
    x = random(1, side, side, block.norm1.normalized_shape[0], seed=index)
    normed, window = block.norm1(x), block.window or side
    pooled = 2 if block.pools else 1
    mixed = torch.zeros(1, side // pooled, side // pooled, block.attn.proj.out_features)
    for top in range(0, side, window):
        for left in range(0, side, window):
            piece = torch.zeros(window, window, x.shape[-1])
            part = normed[0, top : top + window, left : left + window]
            piece[: part.shape[0], : part.shape[1]] = part
            out = attend_plainly(block.attn, piece)
            place = mixed[0, top // pooled :, left // pooled :][: out.shape[0], : out.shape[1]]
            place[:] = out[: place.shape[0], : place.shape[1]]
    shortcut = hiera.pool_tokens(block.proj(normed)) if block.pools else x
    expected = shortcut + mixed
    expected = expected + block.mlp(block.norm2(expected))
    torch.testing.assert_close(block(x), expected, rtol=0, atol=1e-5)


@torch.inference_mode()
def test_the_neck_adds_the_coarsest_map_to_the_next_and_leaves_it_out(model: Sam2) -> None:
    maps = [random(1, width, 64 >> stage, 64 >> stage, seed=stage) for stage, width in enumerate(sam2.MINIATURE.widths)]
    neck = model.image_encoder.neck
    finest, finer, coarse = neck(maps)
    torch.testing.assert_close(finest, neck.convs[3](maps[0]))
    torch.testing.assert_close(finer, neck.convs[2](maps[1]))
    doubled = neck.convs[0](maps[3]).repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    torch.testing.assert_close(coarse, neck.convs[1](maps[2]) + doubled)


@torch.inference_mode()
def test_an_embedding_has_three_tensors_of_the_published_shapes(model: Sam2) -> None:
    embedding = model.encode(random(1, 3, 128, 128) * 50 + 120)
    assert {name: tuple(value.shape) for name, value in embedding.items()} == {
        one.name: one.shape for one in model.embedding
    }
    with torch.device("meta"):
        assert [one.shape for one in Sam2(sam2.TINY).embedding] == [
            (1, 256, 64, 64),
            (1, 32, 256, 256),
            (1, 64, 128, 128),
        ]


def made_embedding(model: Sam2, images: int = 1) -> dict[str, Tensor]:
    return {one.name: random(images, *one.shape[1:], seed=5) for one in model.embedding}


@torch.inference_mode()
def test_a_box_has_a_padding_point_and_a_click_only_its_own(model: Sam2) -> None:
    """By the decoder itself, whose tokens nobody hides."""
    embedding, prompts, decoder = made_embedding(model), model.sam_prompt_encoder, model.sam_mask_decoder
    cases = {
        "box": ([[[10.0, 20.0], [90.0, 70.0]]], [[2, 3]], [[[10.0, 20.0], [90.0, 70.0], [0, 0]]], [[2, 3, -1]]),
        "click": ([[[10.0, 20.0], [0, 0]]], [[1, -1]], [[[10.0, 20.0], [0, 0]]], [[1, -1]]),
    }
    for coords, labels, all_coords, all_labels in cases.values():
        logits, iou = model.decode(embedding, torch.tensor(coords), torch.tensor(labels))
        sparse = prompts.embed_points(torch.tensor(all_coords), torch.tensor(all_labels))
        is_attended = torch.ones(sparse.shape[:2], dtype=torch.bool)
        expected, expected_iou, score = decoder.decode(
            embedding, prompts.get_dense_pe(), sparse, prompts.no_mask(1), is_attended=is_attended
        )
        torch.testing.assert_close(logits[:, 1:], expected[:, 1:], rtol=0, atol=1e-5)
        torch.testing.assert_close(iou[:, 1:], expected_iou[:, 1:], rtol=0, atol=1e-6)
        assert score.shape == (1, 1)
        assert ((iou > 0) & (iou < 1)).all()


@torch.inference_mode()
def test_boxes_and_clicks_in_one_batch_answer_as_alone_of_one_image_and_of_many(model: Sam2) -> None:
    coords = random(4, 2, 2, seed=1).abs() * 40
    labels = torch.tensor([[2, 3], [1, -1], [2, 3], [0, -1]])
    masks = random(4, 1, 32, 32, seed=2) * 9
    for images in (1, 2):
        embedding = made_embedding(model, images)
        together = model.decode(embedding, coords, labels, masks)
        for row in range(4):
            own = {name: features[[row * images // 4]] for name, features in embedding.items()}
            alone = model.decode(own, coords[[row]], labels[[row]], masks[[row]])
            for all_of_them, one in zip(together, alone, strict=True):
                torch.testing.assert_close(all_of_them[[row]], one, rtol=0, atol=1e-4)


@pytest.mark.parametrize("has_mask", [False, True])
@torch.inference_mode()
def test_the_factored_decoder_answers_as_the_published_one(model: Sam2, has_mask: bool) -> None:
    embedding = made_embedding(model)
    coords, labels = random(4, 2, 2, seed=1).abs() * 40, torch.tensor([[2, 3], [1, -1], [2, 3], [0, 1]])
    mask = random(4, 1, 32, 32, seed=2) * 40 if has_mask else None
    factored, published = (run(embedding, coords, labels, mask) for run in (model.decode, model.decode_as_published))
    torch.testing.assert_close(factored[0], published[0], rtol=0, atol=1e-4)
    torch.testing.assert_close(factored[1], published[1], rtol=0, atol=1e-5)


@torch.inference_mode()
def test_masks_of_a_grid_are_those_of_its_clicks(model: Sam2) -> None:
    embedding, points = made_embedding(model), random(6, 2, seed=7).abs() * 40
    (first, second) = GridDecoder(model, embedding).decode(points)
    coords = torch.stack([points, torch.zeros_like(points)], dim=1)
    logits, iou = model.decode_as_published(embedding, coords, torch.tensor([[1, -1]] * 6))
    torch.testing.assert_close(torch.cat([first.predicted_iou, second.predicted_iou])[:, 1:], iou[:, 1:])
    torch.testing.assert_close(second.low_res_logits([1, 0], [3, 1]), logits[[5, 4], [3, 1]], rtol=0, atol=1e-4)


def test_cells_are_the_image_s_four_by_four(model: Sam2) -> None:
    maps = torch.arange(8 * 12.0).reshape(1, 1, 8, 12)
    assert torch.equal(cells_of(maps, 2)[0, :, 0], in_cell_order(maps[0, 0]))
    assert cells_of(maps, 1)[0, 4:8, 0].tolist() == [2, 3, 14, 15]


def test_an_unstable_single_mask_gives_way_to_the_best_of_three() -> None:
    logits = torch.full((3, 4, 10, 10), -1.0)
    logits[:, 1], logits[:, 2], logits[:, 3] = 1.0, 2.0, 3.0
    logits[0, 0] = 5.0  # stable
    logits[1, 0, :5] = 0.01  # half of what lies above -0.05 is above 0.05 at most
    iou = torch.tensor([[0.1, 0.2, 0.9, 0.3]] * 3)
    masks, scores = sam2.stable_single_mask(logits, iou)
    assert masks[:, 0, 0, 0].tolist() == [5.0, 2.0, -1.0]  # an empty mask is stable
    assert scores[:, 0].tolist() == pytest.approx([0.1, 0.9, 0.1])
    assert torch.equal(masks[:, 1:], logits[:, 1:])


@torch.inference_mode()
def test_a_mask_prompt_is_never_more_certain_than_published(model: Sam2) -> None:
    coords, labels = torch.tensor([[[9.0, 9.0], [0, 0]]]), torch.tensor([[1, -1]])
    wild = random(1, 1, 32, 32) * 100
    one, other = (model.decode(made_embedding(model), coords, labels, mask) for mask in (wild, wild.clamp(-32, 32)))
    assert torch.equal(one[0], other[0])


def test_every_parameter_of_the_image_path_gets_a_gradient() -> None:
    small = sam2.build_miniature(2)
    embedding = small.encode(random(1, 3, 128, 128) * 50 + 120)
    prompts = small.sam_prompt_encoder
    coords, labels = random(1, 5, 2).abs() * 30, torch.tensor([[0, 1, 2, 3, -1]])
    sparse = prompts.embed_points(coords, labels)
    dense = prompts.embed_mask(random(1, 1, 32, 32)) + prompts.no_mask(1)
    answers = small.sam_mask_decoder.decode(
        embedding, prompts.get_dense_pe(), sparse, dense, is_attended=torch.ones(1, 5, dtype=torch.bool)
    )
    torch.stack([(one * random(*one.shape, seed=3)).sum() for one in answers]).sum().backward()
    # a bias on keys moves all scores of a query alike; the coarsest map is left out but for what it adds
    without = [name for name, p in small.named_parameters() if p.grad is None]
    assert without == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that the product exports of the registry's miniature."""
    folder = tmp_path_factory.mktemp("models") / "mini"
    card = export_model("sam2_tiny_test", folder, version="mini")
    assert card.manifest["largest_difference"] < 1e-3
    assert card.manifest["geometry"] == "square"
    assert card.manifest["accelerator"]["largest_difference"] < 1e-3
    assert [one["name"] for one in card.manifest["embedding"]] == [sam2.IMAGE_EMBED, sam2.HIGH_RES_0, sam2.HIGH_RES_1]
    return folder


@pytest.mark.parametrize("name", PROMPTS)
def test_graphs_answer_as_the_model_does(folder: Path, image: np.ndarray, name: str) -> None:
    torch_runs, graphs_run = (open_predictor(folder, runtime=runtime) for runtime in ("torch", "onnxruntime"))
    assert isinstance(graphs_run.encoder, OnnxEncoder)
    expected, got = (one.predict(one.embed(image), PROMPTS[name]) for one in (torch_runs, graphs_run))
    np.testing.assert_allclose(got.low_res_logits, expected.low_res_logits, atol=1e-3)
    np.testing.assert_allclose(got.predicted_iou, expected.predicted_iou, atol=1e-4)


def test_a_ragged_batch_of_boxes_and_clicks_equals_its_prompts_one_by_one(model: Sam2, image: np.ndarray) -> None:
    predictor = TorchPredictor(model, "small")
    embedding = predictor.embed(image)
    made = np.random.default_rng(3)
    counts, boxes = (1, 2, 5), np.sort(made.uniform(0, 60, (3, 2, 2)), axis=1).reshape(3, 4)
    coords, labels = np.zeros((3, 5, 2)), np.full((3, 5), PADDING)
    for row, count in enumerate(counts):
        coords[row, :count], labels[row, :count] = made.uniform(0, 60, (count, 2)), made.integers(0, 2, count)
    together = predictor.predict(embedding, Prompts(point_coords=coords, point_labels=labels, boxes_xyxy=boxes))
    for row, count in enumerate(counts):
        own = Prompts(point_coords=coords[row, :count], point_labels=labels[row, :count], boxes_xyxy=boxes[row])
        alone = predictor.predict(embedding, own)
        np.testing.assert_allclose(together.low_res_logits[row], alone.low_res_logits[0], atol=1e-4)
        assert together.chosen[row] == alone.chosen[0]


def test_the_predictor_scales_each_axis(model: Sam2, image: np.ndarray) -> None:
    predictor = TorchPredictor(model, "small")
    box = Prompts(boxes_xyxy=np.array([20.0, 10.0, 150.0, 50.0]))
    answer = predictor.predict(predictor.embed(image), box)
    assert answer.mask().shape == (60, 200)
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    square = functional.interpolate(pixels, (128, 128), mode="bilinear", align_corners=False, antialias=True)
    corners = torch.tensor([[[20 * 128 / 200, 10 * 128 / 60], [150 * 128 / 200, 50 * 128 / 60]]])
    with torch.inference_mode():
        expected, _ = model.decode(model.encode(square), corners, torch.tensor([[2, 3]]))
    np.testing.assert_allclose(answer.low_res_logits, expected.numpy(), atol=1e-3)


@pytest.mark.parametrize("name", sam2_golden.VARIANTS)
def test_each_variant_answers_as_recorded(name: str) -> None:
    recorded = json.loads(sam2_golden.RECORD.read_text(encoding="utf-8"))[name]
    found = sam2_golden.answers(sam2_golden.build(name))
    for key, values in recorded.items():
        difference = np.subtract(found[key], values)
        assert np.linalg.norm(difference) < 1e-3 * np.linalg.norm(values), key
