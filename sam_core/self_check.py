"""Answer one click with the graphs of a model folder, and compare with torch: the last step before a model is used.

Each graph was compared with torch alone when it was exported; here they work together, from a photo to a mask.
Must not know: how graphs are made.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sam_core.errors import ExportError

if TYPE_CHECKING:
    from sam_core.modeling.promptable import PromptableModel

LEAST_AGREEMENT = 0.999
PHOTO_SIZE = (96, 128)
SEED = 271


def check_folder(folder: Path, sam: PromptableModel) -> float:
    """Return the share of low-res pixels in which the folder's graphs and torch give the same masks, 0..1.

    A folder without an encoder graph decodes torch's embedding. Raises ExportError below LEAST_AGREEMENT.
    """
    from sam_core.backends.torch_backend import TorchPredictor
    from sam_core.model_folder import ENCODER, open_onnx_predictor
    from sam_core.prompts import Prompts

    by_graphs = open_onnx_predictor(folder, threads=1)
    by_torch = TorchPredictor(sam, by_graphs.model_version)
    photo = made_up_photo()
    height, width = PHOTO_SIZE
    prompts = Prompts(point_coords=np.array([[width / 2, height / 2]]), point_labels=np.array([1]))
    expected_embedding = by_torch.embed(photo)
    embedding = by_graphs.embed(photo) if (folder / ENCODER).is_file() else expected_embedding
    expected = by_torch.predict(expected_embedding, prompts).low_res_logits
    got = by_graphs.predict(embedding, prompts).low_res_logits
    agreement = float(np.mean((got > 0) == (expected > 0))) if np.isfinite(got).all() else 0.0
    if agreement < LEAST_AGREEMENT:
        raise ExportError(f"the exported graphs agree with the weights in {agreement:.1%} of a mask only")
    return agreement


def made_up_photo() -> NDArray[np.uint8]:
    """Return a photo (H x W x 3) of a bright disc on noise, always the same."""
    height, width = PHOTO_SIZE
    noise = np.random.default_rng(SEED).integers(0, 90, (height, width, 3))
    rows, columns = np.ogrid[:height, :width]
    disc = (rows - height / 2) ** 2 + (columns - width / 2) ** 2 < (height / 4) ** 2
    return np.where(disc[..., None], noise + 150, noise).astype(np.uint8)
