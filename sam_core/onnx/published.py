"""Prompt encoder and mask decoder as one ONNX graph with the interface that other SAM tools expect.

Must not know: the browser's own graphs. Source of the interface: facebookresearch/segment-anything, ONNX export notes.

Inputs, float32: the tensors of the embedding by their names (SAM: image_embeddings 1 x C x grid x grid); point_coords
1 x N x 2 in model pixels (the graph adds 0.5); point_labels 1 x N (0, 1, 2 and 3 for box corners, -1 padding);
mask_input 1 x 1 x S x S; has_mask_input 1; orig_im_size 2 = (H, W). Outputs: masks 1 x 4 x H x W logits;
iou_predictions 1 x 4; low_res_masks 1 x 4 x S x S. With a single mask, 4 becomes 1.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sam_core.embedding import Tensors
from sam_core.geometry import PhotoGeometry, Size
from sam_core.modeling.promptable import PromptableModel
from sam_core.onnx.trace import trace_to_onnx
from sam_core.onnx.verify import (
    SEED,
    PromptCase,
    kept_if_right,
    largest_difference,
    open_session,
    prompt_cases,
    run,
    worst_case,
)

OUTPUTS = ("masks", "iou_predictions", "low_res_masks")
DYNAMIC_AXES = {"point_coords": {1: "num_points"}, "point_labels": {1: "num_points"}}
# One click and its padding point make 2 tokens, a box makes 2; anything above asks for the single mask.
AMBIGUOUS_TOKENS = 2.5
SINGLE_MASK_WEIGHT = 1000.0


class PublishedDecoder(nn.Module):
    """The graph as a module: tensors in and out as the module's docstring says."""

    def __init__(self, sam: PromptableModel, *, is_single_mask: bool = False) -> None:
        super().__init__()
        # the parts that decode are this module's, so that the graph's nodes and weights have their names
        for name, part in sam.named_children():
            if name != "image_encoder":
                self.add_module(name, part)
        self.answer = sam.decode_exported
        self.geometry = sam.geometry
        self.names = [one.name for one in sam.embedding]
        self.is_single_mask = is_single_mask

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return masks at original size, predicted IoU and low-res logits; inputs: as in the module's docstring."""
        features, (coords, labels, mask_input, has_mask, size) = inputs[: len(self.names)], inputs[len(self.names) :]
        embedding = dict(zip(self.names, features, strict=True))
        low_res, iou = self.answer(embedding, coords, labels, mask_input, has_mask)
        if self.is_single_mask:
            low_res, iou = self._select(low_res, iou, coords.shape[1])
        return self._to_original_size(low_res, size), iou, low_res

    def _select(self, low_res: Tensor, iou: Tensor, tokens: int) -> tuple[Tensor, Tensor]:
        is_single = iou.new_tensor([[SINGLE_MASK_WEIGHT] + [0.0] * (iou.shape[1] - 1)])
        best = (iou + (tokens - AMBIGUOUS_TOKENS) * is_single).argmax(dim=1, keepdim=True)  # 1 x 1
        return low_res[0, best[0]][None], iou[0, best[0]][None]

    def _to_original_size(self, low_res: Tensor, orig_im_size: Tensor) -> Tensor:
        # While tracing, a size may be a tensor; that is what makes it an input of the graph.
        masks = self._at_input_size(low_res, orig_im_size) if self.geometry.via_input else low_res
        height, width = orig_im_size.long()
        return F.interpolate(masks, (height, width), mode="bilinear", align_corners=False)

    def _at_input_size(self, low_res: Tensor, orig_im_size: Tensor) -> Tensor:
        """Resize to the model's input and cut the padding off, as LongestSide.input_size has it."""
        side = self.geometry.image_size
        masks = F.interpolate(low_res, (side, side), mode="bilinear", align_corners=False)
        # In double, as the predictor computes it: in single precision a half can round the other way.
        size = orig_im_size.double()
        input_size = torch.floor(size * (side / size.max()) + 0.5).long()
        return masks[..., : input_size[0], : input_size[1]]


def export_published_decoder(sam: PromptableModel, file: Path, *, is_single_mask: bool = False) -> float:
    """Write the graph and return its largest difference from torch over all prompt cases, in logits.

    Raises ExportError, and leaves no file, when a case differs by more than 1e-3.
    """
    sam.eval()
    with kept_if_right(file) as draft:
        decoder = PublishedDecoder(sam, is_single_mask=is_single_mask)
        trace_to_onnx(decoder, _example_inputs(sam), OUTPUTS, draft, dynamic_axes=DYNAMIC_AXES)
        return verify_published_decoder(sam, draft, is_single_mask=is_single_mask)


def _example_inputs(sam: PromptableModel) -> dict[str, Tensor]:
    side = sam.mask_side
    return {
        **{one.name: torch.randn(one.shape) for one in sam.embedding},
        "point_coords": torch.tensor([[[10.0, 20.0], [30.0, 5.0], [0.0, 0.0]]]),
        "point_labels": torch.tensor([[1.0, 0.0, -1.0]]),
        "mask_input": torch.randn(1, 1, side, side),
        "has_mask_input": torch.ones(1),
        "orig_im_size": torch.tensor([sam.image_size * 0.75, sam.image_size * 1.25]).round(),
    }


def verify_published_decoder(sam: PromptableModel, file: Path, *, is_single_mask: bool = False) -> float:
    """Compare a file with torch on all prompt cases and several image shapes; return the largest difference.

    Raises ExportError above 1e-3.
    """
    session = open_session(file)
    random = np.random.default_rng(SEED)
    side = sam.mask_side
    sizes = _original_sizes(sam.image_size)

    def check(case: PromptCase) -> float:
        features = {one.name: random.normal(0, 1, one.shape).astype(np.float32) for one in sam.embedding}
        original_size = sizes[int(random.integers(len(sizes)))]
        no_mask = np.zeros((1, 1, side, side), np.float32)
        feeds = {
            **features,
            "point_coords": case.coords,
            "point_labels": case.labels,
            "mask_input": no_mask if case.mask_input is None else case.mask_input,
            "has_mask_input": np.array([case.mask_input is not None], np.float32),
            "orig_im_size": np.array(original_size, np.float32),
        }
        expected = _torch_answer(sam, features, case, original_size, is_single_mask=is_single_mask)
        name = f"{case.name} at {original_size}"
        return largest_difference(name, run(session, feeds), [answer.numpy() for answer in expected])

    return worst_case(prompt_cases(sam.image_size, side), check)


def _original_sizes(image_size: int) -> list[Size]:
    """Portrait, landscape, odd, square, and one larger than the model's input."""
    base = image_size // 2
    return [(base, base * 3 // 4), (base * 2 // 3, base), (base - 1, base // 3), (base, base), (image_size + 7, base)]


@torch.inference_mode()
def _torch_answer(
    sam: PromptableModel, features: Tensors, case: PromptCase, original_size: Size, *, is_single_mask: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Answer a case through the library's own path, not through the module that was exported."""
    mask_input = None if case.mask_input is None else torch.from_numpy(case.mask_input)
    labels = torch.from_numpy(case.labels)
    embedding = {name: torch.from_numpy(array) for name, array in features.items()}
    low_res, iou = sam.decode(embedding, torch.from_numpy(case.coords), labels, mask_input)
    if is_single_mask:
        index = 0 if case.labels.shape[1] > AMBIGUOUS_TOKENS else 1 + int(iou[0, 1:].argmax())
        low_res, iou = low_res[:, [index]], iou[:, [index]]
    return _at_original_size(low_res, sam.geometry.of(original_size)), iou, low_res


def _at_original_size(low_res: Tensor, photo: PhotoGeometry) -> Tensor:
    rows, columns = low_res.shape[-2:]
    middle, (height, width) = photo.middle_size((rows, columns))
    masks = F.interpolate(low_res, middle, mode="bilinear", align_corners=False)[..., :height, :width]
    return F.interpolate(masks, photo.original_size, mode="bilinear", align_corners=False)
