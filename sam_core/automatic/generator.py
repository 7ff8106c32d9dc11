"""Every mask of a photo: grids of clicks over the photo and its crops, decoded, filtered, and without duplicates.

What is filtered first decides the cost. Predicted IoU needs no mask at all; a stability score that is hopeless at low
resolution needs no up-sampling; what is left is up-sampled one mask at a time, inside its own box, straight to RLE.
So memory depends on the model and on how many masks are found, not on the photo.

Source: Segment Anything (arXiv 2304.02643), appendix B, and its published code. Must not know: files, HTTP.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from sam_core.automatic.candidates import Candidates
from sam_core.automatic.config import AutomaticConfig
from sam_core.automatic.filters import (
    clean_small_regions,
    drop_duplicate_masks,
    drop_duplicates_between_crops,
    drop_duplicates_in_crop,
)
from sam_core.automatic.grid import crops_of, points_of
from sam_core.automatic.search import CropSearch
from sam_core.backends.torch_backend import TorchPredictor
from sam_core.geometry import Size, check_image
from sam_core.predictor import ImageEmbedding

Progress = Callable[[int, int], None]


class AutomaticMaskGenerator:
    """Finds every mask of a photo with one predictor."""

    def __init__(self, predictor: TorchPredictor, config: AutomaticConfig | None = None) -> None:
        """Take the model to ask and the figures to filter by, the paper's if none are given."""
        self.predictor = predictor
        self.config = config or AutomaticConfig()

    def generate(
        self,
        image_rgb: npt.NDArray[np.uint8],
        on_progress: Progress | None = None,
        *,
        embedding: ImageEmbedding | None = None,
    ) -> list[dict[str, Any]]:
        """Return the photo's masks as SA-1B annotations, the ones with fewest doubts first.

        image_rgb: H x W x 3, uint8, upright. on_progress(done, total) is called after each batch with the number of
        clicks decoded; an exception that it raises ends the run. embedding: of the whole photo, where it is known; only
        crops are encoded then. Raises InvalidImageError for what is no photo.
        """
        check_image(image_rgb)
        found, crop_count = self._search(image_rgb, on_progress, embedding)
        if crop_count > 1:
            found = drop_duplicates_between_crops(found, self.config)
        if self.config.min_region_area_px > 0:
            found = clean_small_regions(found, self.config)
        if self.config.mask_nms_threshold is not None:
            found = drop_duplicate_masks(found, self.config.mask_nms_threshold)
        return [row.to_sa1b(number) for number, row in enumerate(found.rows, start=1)]

    def _search(
        self, image_rgb: npt.NDArray[np.uint8], on_progress: Progress | None, embedding: ImageEmbedding | None
    ) -> tuple[Candidates, int]:
        """Return the candidates of all crops, without duplicates inside each, and the number of crops."""
        original_size: Size = (image_rgb.shape[0], image_rgb.shape[1])
        crops = crops_of(original_size, self.config)
        grids = [points_of(crop, self.config) for crop in crops]
        total, done = sum(map(len, grids)), 0
        found = Candidates()
        for crop, grid in zip(crops, grids, strict=True):
            in_crop, known = Candidates(), embedding if crop.layer == 0 else None
            search = CropSearch(self.predictor, self.config, crop, original_size, known)
            for clicks, rows in search.run(image_rgb, grid):
                in_crop.rows += rows
                done += clicks
                if on_progress:
                    on_progress(done, total)
            found.rows += drop_duplicates_in_crop(in_crop, self.config).rows
        return found, len(crops)
