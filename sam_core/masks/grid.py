"""The grid of low-res cells: which of them lie on the photo, and which one a click lies in.

Must not know: torch, models, files.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sam_core.masks.upsample import MaskGeometry


def without_padding(logits: npt.NDArray[Any], geometry: MaskGeometry) -> npt.NDArray[Any]:
    """Return the view of low-res logits (... x side x side) that lies on the photo and not on the model's padding."""
    rows, columns = (-(-length * logits.shape[-1] // geometry.image_size) for length in geometry.input_size)
    return logits[..., :rows, :columns]


def cells_of(coords_model: npt.NDArray[Any], cells_per_pixel: float, shape: tuple[int, int]) -> npt.NDArray[np.int64]:
    """Return the cells (... x 2, column and row) of clicks in model pixels on a grid of shape rows x columns.

    A click beyond the grid counts as in the nearest cell.
    """
    cells = np.floor((coords_model + 0.5) * cells_per_pixel).astype(np.int64)
    return np.clip(cells, 0, (shape[1] - 1, shape[0] - 1))
