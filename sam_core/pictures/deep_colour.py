"""Colours of 16 bits a sample in PNG and TIFF, of which Pillow keeps the upper 8: read whole by OpenCV.

Only called for a file whose header Pillow has read and whose size was checked.
"""

from typing import IO, TYPE_CHECKING, Any

from PIL import Image as Pillow

from sam_core.pictures.brightness import ENOUGH_OF_A_SCALE, Window, shown_range, stretch

if TYPE_CHECKING:
    from numpy.typing import NDArray


# All samples of a photo are held beside its pixels: 6 bytes a pixel, and the file. Above this the upper 8 bits do.
MAX_MEGAPIXELS = 50
SAMPLED_SIDE_PX = 1024


def is_dim(picture: Pillow.Image) -> bool:
    """Say whether the upper 8 bits of the colours (a loaded picture) use too few levels to be seen."""
    extrema: Any = [band.getextrema() for band in picture.split()]
    return bool(max(high for _, high in extrema) - min(low for low, _ in extrema) < 255 * ENOUGH_OF_A_SCALE)


def restretch(picture: Pillow.Image, file: IO[bytes], window: Window) -> Pillow.Image:
    """Return the colours of a loaded picture as RGB, stretched from all 16 bits, or from the upper 8 at least.

    Like Pillow's, OpenCV's pixels are upright for a TIFF and as stored for a PNG.
    """
    samples = _read(file) if picture.width * picture.height <= MAX_MEGAPIXELS * 1e6 else None
    is_whole = samples is not None and samples.ndim == 3 and samples.dtype == "uint16" and samples.shape[2] >= 3
    if samples is None or not is_whole or samples.shape[:2] != (picture.height, picture.width):
        return _restretch_coarsely(picture.convert("RGB"), window)
    return Pillow.fromarray(stretch(samples[..., 2::-1], window))


def _restretch_coarsely(picture: Pillow.Image, window: Window) -> Pillow.Image:
    """Return a picture whose upper 8 bits are stretched: with steps, but to be seen."""
    import numpy as np

    step = max(1, max(picture.size) // SAMPLED_SIDE_PX)
    low, high = shown_range(np.asarray(picture)[::step, ::step].astype(np.uint16) * 257, window)
    table = [min(255, max(0, round((level * 257 - low) * 255 / (high - low)))) for level in range(256)]
    return picture.point(table * 3)


def _read(file: IO[bytes]) -> "NDArray[Any] | None":
    import cv2
    import numpy as np

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # it would write warnings to stderr
    file.seek(0)
    data = np.frombuffer(file.read(), np.uint8)
    try:
        samples: NDArray[Any] | None = cv2.imdecode(data, cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        return None
    return samples
