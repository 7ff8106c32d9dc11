"""A photo seen in a mirror: the encoder errs differently there, so that both answers together err less (docs/adr/0024).

What is encoded is turned left to right; prompts are turned on their way in, logits on their way out, so that everybody
else sees the photo as it is. Mirrored by frontend/src/inference/mirrored.ts, the same bits; fixtures/golden/closer
holds both together.

Must not know: torch, models, files.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from sam_core.masks.upsample import MaskGeometry

TOP_LEFT, BOTTOM_RIGHT, PADDING = 2, 3, -1
Floats = npt.NDArray[Any]
Ask = Callable[[Floats, Floats | None], tuple[Floats, Floats]]


def mirrored_image(model_rgb: npt.NDArray[np.uint8], cell_px: int) -> npt.NDArray[np.uint8]:
    """Turn a resized image (H x W x 3) left to right, widened to whole cells first, so that cells are turned too."""
    beyond = -model_rgb.shape[1] % cell_px
    whole_cells = np.pad(model_rgb, ((0, 0), (0, beyond), (0, 0)), mode="edge")
    return np.ascontiguousarray(whole_cells[:, ::-1])


def in_mirror(
    ask: Ask,
    coords: Floats,
    labels: npt.NDArray[np.int64],
    mask_input: Floats | None,
    geometry: MaskGeometry,
    side: int,
) -> tuple[Floats, Floats]:
    """Ask what was encoded in a mirror for logits and predicted IoU; prompts and answer are as the photo lies.

    ask takes coords and a mask prompt (... x side x side, or None).
    """
    start = None if mask_input is None else mirrored_logits(mask_input, geometry)
    logits, iou = ask(mirrored_coords(coords, labels, geometry, side), start)
    return mirrored_logits(logits, geometry), iou


def mirrored_coords(
    coords_model: npt.NDArray[Any], labels: npt.NDArray[np.int64], geometry: MaskGeometry, side: int
) -> npt.NDArray[Any]:
    """Turn prompts (... x T x 2 and ... x T, as the decoder takes them); a box's corners change places.

    A click counts from the middle of the first pixel, a corner from its outer edge; padding stays what it is.
    """
    turned, xs = coords_model.copy(), coords_model[..., 0]
    from_right = _width_px(geometry, side) - xs - np.where(labels < TOP_LEFT, 1, 0).astype(xs.dtype)
    turned[..., 0] = np.where(labels == PADDING, xs, from_right)
    turned[labels == TOP_LEFT, 0], turned[labels == BOTTOM_RIGHT, 0] = (
        turned[labels == BOTTOM_RIGHT, 0],
        turned[labels == TOP_LEFT, 0],
    )
    return turned


def mirrored_logits(logits: npt.NDArray[Any], geometry: MaskGeometry) -> npt.NDArray[Any]:
    """Turn low-res logits (... x side x side); what is right of the photo stays where it is."""
    cells = _width_px(geometry, logits.shape[-1]) * logits.shape[-1] // geometry.image_size
    return np.concatenate([logits[..., :cells][..., ::-1], logits[..., cells:]], axis=-1)


def _width_px(geometry: MaskGeometry, side: int) -> int:
    cell = geometry.image_size // side
    return -(-geometry.input_size[1] // cell) * cell
