"""The image encoder as an ONNX graph: resized pixels in, image embedding out.

Must not know: prompts. Input: pixels 1 x 3 x H x W, float32 RGB 0..255, already resized so that the longest side is
image_size. Normalising and padding are inside the graph. Output: image_embeddings 1 x C x grid x grid.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from sam_core.modeling.sam import Sam
from sam_core.onnx.trace import trace_to_onnx
from sam_core.onnx.verify import SEED, kept_if_right, largest_difference, open_session, run

INPUT, OUTPUT = "pixels", "image_embeddings"
DYNAMIC_AXES = {INPUT: {2: "height", 3: "width"}}


class EncoderGraph(nn.Module):
    """Preprocessing and image encoder as one module."""

    def __init__(self, sam: Sam) -> None:
        super().__init__()
        self.sam = sam

    def forward(self, pixels: Tensor) -> Tensor:
        """Encode pixels (1 x 3 x H x W, 0..255)."""
        side = self.sam.image_size
        # After padding the size is known; saying so keeps the rest of the graph free of shape arithmetic.
        square = self.sam.preprocess(pixels).reshape(1, 3, side, side)
        features: Tensor = self.sam.image_encoder(square)
        return features


def export_encoder(sam: Sam, file: Path) -> float:
    """Write the graph and return its largest difference from torch over portrait, landscape and square inputs.

    Raises ExportError, and leaves no file, when it differs by more than 1e-3, or is too large for one file (ViT-H).
    """
    sam.eval()
    with kept_if_right(file) as draft:
        example = torch.rand(1, 3, sam.image_size // 2, sam.image_size) * 255
        trace_to_onnx(EncoderGraph(sam), {INPUT: example}, (OUTPUT,), draft, dynamic_axes=DYNAMIC_AXES)
        return verify_encoder(sam, draft)


@torch.inference_mode()
def verify_encoder(sam: Sam, file: Path) -> float:
    """Compare a file with torch on random pixels of three shapes; return the largest difference."""
    session = open_session(file)
    random = np.random.default_rng(SEED)
    side = sam.image_size
    worst = 0.0
    for height, width in ((side, side), (side * 2 // 3, side), (side, side // 2 - 1)):
        pixels = random.integers(0, 256, (1, 3, height, width)).astype(np.float32)
        expected = sam.encode(torch.from_numpy(pixels)).numpy()
        worst = max(worst, largest_difference(f"{height}x{width}", run(session, {INPUT: pixels}), [expected]))
    return worst
