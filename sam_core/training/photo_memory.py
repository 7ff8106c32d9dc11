"""Photos for training: read upright, no larger than samples show them, as many in memory as there is room for.

Must not know: masks.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sam_core.errors import SamCoreError
from sam_core.evaluation.run import read_rgb
from sam_core.geometry import Geometry
from sam_core.training.config import DataConfig

LEAST_KEPT_PX = 448  # photos are kept in memory at this longest side at least, where they are so large
MOST_KEPT_BYTES = 512 * 2**20  # of photos in memory; those that were not used for longest go first


class DataError(SamCoreError):
    """A training folder holds nothing that can be trained on."""


def read_image(path: Path, *, max_side_px: int = LEAST_KEPT_PX) -> NDArray[np.uint8]:
    """Return an (H, W, 3) RGB photo, upright, at most max_side_px on its longest side; DataError if it is none."""
    try:
        photo = read_rgb(path)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read as a photo: {error}") from error
    height, width = photo.shape[:2]
    scale = max_side_px / max(height, width)
    if scale >= 1:
        return photo
    small: NDArray[Any] = cv2.resize(photo, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    return small


class PhotoMemory:
    """Photos as they were read last, MOST_KEPT_BYTES of them at most.

    They are kept no larger than the largest sample shows them, so that a zoom view of a large photo is the only one
    that sees less than the model would.
    """

    def __init__(self, geometry: Geometry, config: DataConfig, *, most_bytes: int = MOST_KEPT_BYTES) -> None:
        self.max_side_px = max(LEAST_KEPT_PX, round(geometry.image_size * config.scale_range[1]))
        self.most_bytes, self.bytes = most_bytes, 0
        self.photos: OrderedDict[Path, NDArray[np.uint8]] = OrderedDict()

    def read(self, path: Path) -> NDArray[np.uint8]:
        """Return a photo (H, W, 3); DataError if it cannot be read any more."""
        if path in self.photos:
            self.photos.move_to_end(path)
            return self.photos[path]
        photo = self.photos[path] = read_image(path, max_side_px=self.max_side_px)
        self.bytes += photo.nbytes
        while self.bytes > self.most_bytes and len(self.photos) > 1:
            self.bytes -= self.photos.popitem(last=False)[1].nbytes
        return photo
