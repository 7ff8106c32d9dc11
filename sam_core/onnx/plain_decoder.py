"""The browser's decoder as it is exported: `Sam.decode` as two ONNX graphs, without and with a mask prompt.

Inputs: the tensors of the embedding by their names and dtypes (sam_core.embedding), point_coords 1 x P x 2 in model
pixels (the graph adds 0.5), point_labels 1 x P int32 in -1..3, padding included; `refine` also takes mask_input
1 x 1 x S x S. Outputs: low_res_logits 1 x 4 x S x S and predicted_iou 1 x 4, in decoder order. Clicks and boxes that a
model sketches are drawn by whoever runs the graphs. Must not know: how the decoder computes, photos.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from sam_core.onnx.trace import trace_to_onnx
from sam_core.onnx.weight_file import WeightFile

if TYPE_CHECKING:
    from sam_core.modeling.promptable import PromptableModel

GRAPHS = ("first", "refine")
WEIGHTS = "decoder.bin"
OUTPUTS = ("low_res_logits", "predicted_iou")


class PlainDecoder(nn.Module):
    """`Sam.decode` for one prompt: the embedding's tensors, point_coords, point_labels and, if there is one, a mask."""

    def __init__(self, sam: PromptableModel, *, has_mask: bool) -> None:
        super().__init__()
        self.sam, self.has_mask = sam, has_mask

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return low-res logits and predicted IoU."""
        names = [one.name for one in self.sam.embedding]
        features, (coords, labels, *mask) = inputs[: len(names)], inputs[len(names) :]
        embedding = {name: one.float() for name, one in zip(names, features, strict=True)}
        return self.sam.decode(embedding, coords, labels, mask[0] if self.has_mask else None, is_drawn=True)


def write_plain_graphs(sam: PromptableModel, folder: Path) -> dict[str, str]:
    """Write first.onnx, refine.onnx and the weights that they share into folder; return each graph's file name.

    Raises ExportError when torch cannot export the decoder.
    """
    weights = WeightFile(WEIGHTS)
    files = {name: f"{name}.onnx" for name in GRAPHS}
    for name, file in files.items():
        model = _trace(sam, has_mask=name == "refine")
        for tensor in model.graph.initializer:
            weights.take(tensor)
        (folder / file).write_bytes(model.SerializeToString())
    (folder / WEIGHTS).write_bytes(weights.to_bytes())
    return files


def _trace(sam: PromptableModel, *, has_mask: bool) -> onnx.ModelProto:
    inputs = dict(_example_inputs(sam, has_mask=has_mask))
    axes = {"point_coords": {1: "points"}, "point_labels": {1: "points"}}
    with TemporaryDirectory() as folder:
        file = Path(folder) / "graph.onnx"
        trace_to_onnx(PlainDecoder(sam, has_mask=has_mask), inputs, OUTPUTS, file, dynamic_axes=axes)
        return onnx.load(str(file))


def _example_inputs(sam: PromptableModel, *, has_mask: bool) -> Mapping[str, Tensor]:
    side = sam.mask_side
    # several points, so that no node takes their number for a constant one
    points = {"point_coords": torch.rand(1, 3, 2) * sam.image_size, "point_labels": torch.tensor([[1, 0, -1]])}
    features = {one.name: torch.from_numpy(np.zeros(one.shape, one.dtype)) for one in sam.embedding}
    mask = {"mask_input": torch.zeros(1, 1, side, side)} if has_mask else {}
    return features | points | {"point_labels": points["point_labels"].int()} | mask
