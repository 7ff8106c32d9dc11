"""Test-time flip: encode a photo left to right reversed as well; both answers together err less (docs/adr/0027).

What is encoded is flipped, prompts are flipped on their way in and logits on their way out, so everybody else sees the
photo as it lies. Mirrored by frontend/src/inference/masks/flip.ts, the same bits; fixtures/golden/views holds both
together.

Must not know: torch, models, files.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from sam_core.geometry import PhotoGeometry, Pixels
from sam_core.prompt_kinds import BOTTOM_RIGHT, PADDING, TOP_LEFT

Floats = npt.NDArray[Any]
Ask = Callable[[Floats, Floats | None], tuple[Floats, Floats]]


def flipped_image(model_rgb: Pixels, geometry: PhotoGeometry, side: int) -> Pixels:
    """Flip a resized image (H x W x 3), widened to whole cells of side x side first, so that cells are flipped too."""
    beyond = geometry.width_in_cells_px(side) - model_rgb.shape[1]
    whole_cells = np.pad(model_rgb, ((0, 0), (0, beyond), (0, 0)), mode="edge")
    return np.ascontiguousarray(whole_cells[:, ::-1])


def ask_flipped(
    ask: Ask,
    coords: Floats,
    labels: npt.NDArray[np.int64],
    mask_input: Floats | None,
    geometry: PhotoGeometry,
    side: int,
) -> tuple[Floats, Floats]:
    """Ask a flipped view for logits and predicted IoU; prompts and answer are as the photo lies.

    ask takes coords and a mask prompt (... x side x side, or None).
    """
    start = None if mask_input is None else flipped_logits(mask_input, geometry)
    logits, iou = ask(flipped_coords(coords, labels, geometry, side), start)
    return flipped_logits(logits, geometry), iou


def flipped_coords(
    coords_model: npt.NDArray[Any], labels: npt.NDArray[np.int64], geometry: PhotoGeometry, side: int
) -> npt.NDArray[Any]:
    """Flip prompts (... x T x 2 and ... x T, as the decoder takes them); a box's corners change places.

    A click counts from the middle of the first pixel, a corner from its outer edge; padding stays what it is.
    """
    flipped, xs = coords_model.copy(), coords_model[..., 0]
    from_right = geometry.width_in_cells_px(side) - xs - np.where(labels < TOP_LEFT, 1, 0).astype(xs.dtype)
    flipped[..., 0] = np.where(labels == PADDING, xs, from_right)
    flipped[labels == TOP_LEFT, 0], flipped[labels == BOTTOM_RIGHT, 0] = (
        flipped[labels == BOTTOM_RIGHT, 0],
        flipped[labels == TOP_LEFT, 0],
    )
    return flipped


def flipped_logits(logits: npt.NDArray[Any], geometry: PhotoGeometry) -> npt.NDArray[Any]:
    """Flip low-res logits (... x side x side); the padding right of the photo stays where it is."""
    cells = geometry.cells_on_photo(logits.shape[-1])[1]
    return np.concatenate([logits[..., :cells][..., ::-1], logits[..., cells:]], axis=-1)
