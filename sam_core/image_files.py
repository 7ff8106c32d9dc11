"""Photos on disk for the command line: finding them, and reading them upright as RGB.

Must not know: the model. The web application reads uploads with stricter limits of its own.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from sam_core.errors import InvalidImageError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})


def find_images(path: Path) -> list[Path]:
    """Return the photo itself, or the photos of a folder by name (folders in it are not entered).

    Raises InvalidImageError when there is none.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InvalidImageError(f"{path} is neither a file nor a folder")
    found = sorted(item for item in path.iterdir() if item.suffix.lower() in IMAGE_SUFFIXES)
    if not found:
        raise InvalidImageError(f"{path} holds no photo ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return found


def read_image(path: Path) -> NDArray[np.uint8]:
    """Return a photo as upright RGB (H x W x 3, uint8); raises InvalidImageError for what cannot be decoded."""
    try:
        with Image.open(path) as photo:
            return np.array(ImageOps.exif_transpose(photo).convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InvalidImageError(f"{path} cannot be read as a photo: {error}") from error
