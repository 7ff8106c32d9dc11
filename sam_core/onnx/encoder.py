"""The image encoder as an ONNX graph: resized pixels in, image embedding out.

Must not know: prompts. Input: pixels 1 x 3 x H x W, float32 RGB 0..255, already resized as the model's
geometry says. Normalising and padding are inside the graph. Outputs: the tensors
of the embedding by their names.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from sam_core.modeling.promptable import PromptableModel
from sam_core.onnx.trace import trace_to_onnx
from sam_core.onnx.verify import SEED, kept_if_right, largest_difference, open_session, run

INPUT = "pixels"
DYNAMIC_AXES = {INPUT: {2: "height", 3: "width"}}


class EncoderGraph(nn.Module):
    """Preprocessing and image encoder as one module."""

    def __init__(self, sam: PromptableModel) -> None:
        super().__init__()
        self.sam = sam

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Encode pixels (1 x 3 x H x W, 0..255)."""
        side = self.sam.image_size
        # After padding the size is known; saying so keeps the rest of the graph free of shape arithmetic.
        square = self.sam.preprocess(pixels).reshape(1, 3, side, side)
        embedding = self.sam.encode_input(square)
        return tuple(embedding[one.name] for one in self.sam.embedding)


def export_encoder(sam: PromptableModel, file: Path) -> float:
    """Write the graph and return its largest difference from torch over portrait, landscape and square inputs.

    Raises ExportError, and leaves no file, when it differs by more than 1e-3, or is too large for one file (ViT-H).
    """
    sam.eval()
    with kept_if_right(file) as draft:
        example = torch.rand(1, 3, *sam.geometry.input_size((sam.image_size // 2, sam.image_size))) * 255
        outputs = tuple(one.name for one in sam.embedding)
        trace_to_onnx(EncoderGraph(sam), {INPUT: example}, outputs, draft, dynamic_axes=DYNAMIC_AXES)
        return verify_encoder(sam, draft)


@torch.inference_mode()
def verify_encoder(sam: PromptableModel, file: Path) -> float:
    """Compare a file with torch on random pixels of three shapes; return the largest difference."""
    session = open_session(file)
    random = np.random.default_rng(SEED)
    side = sam.image_size
    worst = 0.0
    photos = ((side, side), (side * 2 // 3, side), (side, side // 2 - 1))
    for height, width in sorted({sam.geometry.input_size(photo) for photo in photos}):
        pixels = random.integers(0, 256, (1, 3, height, width)).astype(np.float32)
        embedding = sam.encode(torch.from_numpy(pixels))
        expected = [embedding[one.name].numpy() for one in sam.embedding]
        worst = max(worst, largest_difference(f"{height}x{width}", run(session, {INPUT: pixels}), expected))
    return worst
