"""The context of sam_lite's encoder: place by rotation, blocks that begin as nothing, weights older than they are."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from sam_core.embedding import IMAGE_EMBEDDINGS
from sam_core.errors import CheckpointError
from sam_core.modeling.lite import build_sam_lite, set_input_size
from sam_core.modeling.lite_encoder import ContextBlock, ConvBlock, LiteImageEncoder, rotary_angles, rotated
from sam_core.registry import build_model

HEIGHT, WIDTH, CHANNELS = 5, 7, 16
# how many blocks of each sequence these versions of sam_lite had
VERSIONS = {7: {"context32": 0, "context16": 0, "merge8": 2}, 14: {"context32": 4, "context16": 2, "merge8": 2}}


def numbers(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def lively(block: ContextBlock) -> ContextBlock:
    """Give a block that begins as the identity something to do."""
    nn.init.normal_(block.proj.weight, std=0.5)
    nn.init.normal_(block.mlp.lin2.weight, std=0.5)
    return block.eval()


def test_two_rotated_cells_know_their_offset_and_nothing_else() -> None:
    angles = rotary_angles(HEIGHT, WIDTH, CHANNELS // 2, like=torch.zeros(1, dtype=torch.float64))
    query, key = numbers(2, CHANNELS, seed=1).double()
    cells = torch.arange(HEIGHT * WIDTH)
    products = rotated(query.expand(HEIGHT * WIDTH, -1), angles) @ rotated(key.expand(HEIGHT * WIDTH, -1), angles).T
    rows, columns = cells // WIDTH, cells % WIDTH
    offsets = torch.stack([rows[:, None] - rows, columns[:, None] - columns], dim=-1).flatten(0, 1)
    by_offset: dict[tuple[int, ...], list[float]] = {}
    for offset, product in zip(offsets.tolist(), products.flatten().tolist(), strict=True):
        by_offset.setdefault(tuple(offset), []).append(product)
    assert all(max(same) - min(same) < 1e-9 for same in by_offset.values())
    means = [same[0] for same in by_offset.values()]
    assert len({round(mean, 6) for mean in means}) == len(by_offset) == (2 * HEIGHT - 1) * (2 * WIDTH - 1)


def test_rotation_keeps_lengths_and_leaves_the_first_cell_alone() -> None:
    x = numbers(HEIGHT * WIDTH, CHANNELS, seed=2)
    turned = rotated(x, rotary_angles(HEIGHT, WIDTH, CHANNELS // 2, like=x))
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    torch.testing.assert_close(turned[0], x[0])
    assert (turned[1:] - x[1:]).abs().amax(dim=-1).min() > 1e-3


@torch.inference_mode()
def test_only_a_block_with_place_tells_cells_that_look_alike_apart() -> None:
    torch.manual_seed(3)
    grid = numbers(1, CHANNELS, HEIGHT, WIDTH, seed=4)
    flipped = grid.flip(-1)
    for has_place in (False, True):
        block = lively(ContextBlock(CHANNELS, num_heads=2, has_place=has_place))
        difference = (block(flipped) - block(grid).flip(-1)).abs().max()
        assert (difference > 1e-2) == has_place


@torch.inference_mode()
def test_a_block_with_place_begins_as_the_identity() -> None:
    torch.manual_seed(5)
    grid = numbers(2, CHANNELS, HEIGHT, WIDTH, seed=6)
    assert torch.equal(ContextBlock(CHANNELS, num_heads=2, has_place=True)(grid), grid)
    assert not torch.equal(ContextBlock(CHANNELS, num_heads=2)(grid), grid)


@torch.inference_mode()
def test_a_convolution_block_can_begin_as_the_identity() -> None:
    torch.manual_seed(9)
    grid = numbers(2, CHANNELS, HEIGHT, WIDTH, seed=10)
    assert torch.equal(ConvBlock(CHANNELS, begins_as_identity=True)(grid), grid)
    assert not torch.equal(ConvBlock(CHANNELS)(grid), grid)


@torch.inference_mode()
@pytest.mark.parametrize("version", VERSIONS)
def test_weights_from_before_the_added_blocks_give_what_they_gave(tmp_path: Path, version: int) -> None:
    torch.manual_seed(7)
    whole = build_sam_lite(64)
    for module in whole.modules():
        if isinstance(module, ContextBlock):
            lively(module)
    encoder = whole.image_encoder
    assert isinstance(encoder, LiteImageEncoder)
    for name, count in VERSIONS[version].items():
        setattr(encoder.neck, name, getattr(encoder.neck, name)[:count])
    torch.save({"model": whole.state_dict(), "version": f"sam_lite-{version}"}, tmp_path / "older.pt")
    sam = build_model("sam_lite", tmp_path / "older.pt")
    assert len(sam.state_dict()) > len(whole.state_dict())
    pixels = numbers(1, 3, 96, 128, seed=8) * 40 + 128
    set_input_size(whole, sam.image_size)
    assert torch.equal(*(one.encode(pixels)[IMAGE_EMBEDDINGS] for one in (sam, whole)))


def test_weights_with_only_some_of_the_added_blocks_are_refused(tmp_path: Path) -> None:
    state = build_sam_lite(64).state_dict()
    del state["image_encoder.neck.context32.2.qkv.weight"]
    torch.save({"model": state}, tmp_path / "damaged.pt")
    with pytest.raises(CheckpointError, match=r"1 tensor is missing.*context32\.2\.qkv"):
        build_model("sam_lite", tmp_path / "damaged.pt")
