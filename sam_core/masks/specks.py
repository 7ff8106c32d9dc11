"""Masks without specks: stray parts and pin holes that nobody clicked on go.

A small model's masks come with crumbs beside the object and pin holes in it. Of the low-res logits on the photo, a part
(8-connected cells above zero) of less than a tenth of the largest part's area is dropped, unless a foreground click
lies in it; then a hole (4-connected cells not above zero, away from the photo's edge) of less than a hundredth of the
mask's area is filled, unless a background click lies in it. What is dropped or filled changes its logits' sign. Models
ask for it (`Sam.drops_specks`); published ones do not. Reasons and figures: docs/adr/0020. Mirrored by
frontend/src/inference/specks.ts; fixtures/golden/specks holds both to the same bits.
Must not know: torch, models, prompts as objects.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sam_core.masks.grid import cells_of, without_padding
from sam_core.masks.regions import label_components
from sam_core.masks.upsample import Logits, MaskGeometry

BACKGROUND, FOREGROUND = 0, 1
LEAST_PART = 10  # the largest part over the smallest that stays
LEAST_HOLE = 100  # the mask over the smallest hole that stays
Cells = list[tuple[int, int]]  # row, column


def without_specks(
    logits: npt.NDArray[Any], coords_model: npt.NDArray[Any], labels: npt.NDArray[Any], geometry: MaskGeometry
) -> npt.NDArray[Any]:
    """Return logits (B x K x side x side, low-res) whose masks above zero have no specks.

    coords_model, labels: the clicks, B x T x 2 and B x T, as the decoder takes them.
    """
    tidy = logits.copy()
    on_photo = without_padding(tidy, geometry)
    cells = cells_of(coords_model, tidy.shape[-1] / geometry.image_size, on_photo.shape[-2:])
    for row, candidates in enumerate(on_photo):
        kept, open_ = ([(int(y), int(x)) for x, y in cells[row][labels[row] == of]] for of in (FOREGROUND, BACKGROUND))
        for mask in candidates:
            _drop_parts(mask, kept)
            _fill_holes(mask, open_)
    return tidy


def _drop_parts(mask: Logits, kept: Cells) -> None:
    parts, areas = label_components(mask > 0)
    if len(areas) < 2:
        return
    is_speck = np.concatenate([[False], areas * LEAST_PART < areas.max()])
    for cell in kept:
        is_speck[parts[cell]] = False
    mask[is_speck[parts]] *= -1


def _fill_holes(mask: Logits, open_: Cells) -> None:
    is_set = mask > 0
    gaps, areas = label_components(~is_set, connectivity=4)
    if len(areas) < 2:
        return
    is_hole = np.concatenate([[False], areas * LEAST_HOLE < np.count_nonzero(is_set)])
    for edge in (gaps[0], gaps[-1], gaps[:, 0], gaps[:, -1]):
        is_hole[edge] = False
    for cell in open_:
        is_hole[gaps[cell]] = False
    mask[is_hole[gaps]] *= -1
