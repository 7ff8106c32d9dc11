"""A model that draws clicks and boxes into its mask prompt: one row at a time, in every form it is exported to."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from sam_core.modeling.prompt_sketch import CERTAIN, IN_BOX, sketch
from sam_core.modeling.sam import Sam
from sam_core.onnx.browser import export_browser_decoder
from sam_core.onnx.published import export_published_decoder
from tests.sam_core.tiny_models import build_sam

BOX, CLICK = [2, 3], [1, -1]


@pytest.fixture
def sam() -> Iterator[Sam]:
    model = build_sam()
    # this model's cells are two pixels, as sam_lite's are
    assert model.image_size == 2 * model.mask_side
    model.prompt_encoder.sketches = True
    with torch.inference_mode():
        yield model


def dense(sam: Sam, coords: list[list[float]], labels: list[int], mask: torch.Tensor | None = None) -> torch.Tensor:
    _, planes = sam.prompt_encoder(torch.tensor([coords]), torch.tensor([labels]), mask)
    assert isinstance(planes, torch.Tensor)
    return planes


def test_a_lone_click_stays_a_token(sam: Sam) -> None:
    assert torch.equal(dense(sam, [[9.0, 9.0], [0.0, 0.0]], CLICK), sam.prompt_encoder.no_mask(1))


def test_a_box_becomes_a_mask_prompt(sam: Sam) -> None:
    drawn = dense(sam, [[8.0, 8.0], [30.0, 40.0]], BOX)
    side = sam.mask_side
    box = torch.full((1, 1, side, side), -CERTAIN)
    box[:, :, 4:20, 4:15] = IN_BOX  # cells of two pixels whose middle lies in the box
    assert torch.equal(drawn, sam.prompt_encoder.embed_mask(box))


def test_rows_of_a_batch_do_not_touch_each_other(sam: Sam) -> None:
    coords = torch.tensor([[[8.0, 8.0], [30.0, 40.0]], [[9.0, 9.0], [0.0, 0.0]]])
    both = sam.prompt_encoder(coords, torch.tensor([BOX, CLICK]))[1]
    torch.testing.assert_close(both[:1], dense(sam, coords[0].tolist(), BOX))
    torch.testing.assert_close(both[1:], dense(sam, coords[1].tolist(), CLICK))


def test_the_previous_mask_is_left_as_it_was() -> None:
    mask = torch.zeros(1, 1, 32, 32)
    drawn = sketch(mask, torch.tensor([[[20.0, 20.0]]]), torch.tensor([[0]]), 32)
    assert drawn is not None
    assert float(drawn.min()) == -CERTAIN
    assert float(mask.abs().max()) == 0.0


def test_exports_draw_what_torch_draws(sam: Sam, tmp_path: Path) -> None:
    # both raise ExportError when a prompt's logits differ by more than 1e-3
    assert export_published_decoder(sam, tmp_path / "published.onnx") < 1e-3
    manifest = export_browser_decoder(sam, tmp_path / "browser")
    assert manifest["sketches"] is True
