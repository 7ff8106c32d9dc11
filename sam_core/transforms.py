"""Resize-longest-side and coordinate maps: the one place where image pixels become model pixels and back.

Must not know: the model, prompts as objects, files. Suffixes say the space: _image is original pixels, _model is
pixels of the square model input after resizing. Sizes are (H, W), points (x, y).
Source: Kirillov et al., arXiv 2304.02643, appendix A: images are resized so that the longest side is 1024 px and
padded on the lower and right side (padding and normalising are tensor work: `Sam.preprocess`).
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sam_core.errors import InvalidImageError

if TYPE_CHECKING:
    from torch import Tensor

Size = tuple[int, int]
Box = tuple[int, int, int, int]

PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)


def input_size_for(original_size: Size, image_size: int) -> Size:
    """Return (H, W) after scaling the longest side to image_size, rounded half up.

    Raises InvalidImageError when the shorter side would vanish.
    """
    height, width = original_size
    if height < 1 or width < 1:
        raise InvalidImageError(f"an image of {width}x{height} pixels has no content")
    scale = image_size * 1.0 / max(height, width)
    resized = (int(height * scale + 0.5), int(width * scale + 0.5))
    if min(resized) < 1:
        raise InvalidImageError(
            f"an image of {width}x{height} pixels is too thin: its shorter side would vanish when the longer one is "
            f"scaled to {image_size}"
        )
    return resized


def check_image(image_rgb: NDArray[np.uint8]) -> None:
    """Refuse anything but H x W x 3 uint8."""
    if not isinstance(image_rgb, np.ndarray):
        raise InvalidImageError(f"an image must be a numpy array, not {type(image_rgb).__name__}")
    if image_rgb.ndim != 3 or image_rgb.shape[2] != 3:
        raise InvalidImageError(f"an image must have shape (H, W, 3), not {image_rgb.shape}")
    if image_rgb.dtype != np.uint8:
        raise InvalidImageError(f"an image must be uint8 with values 0..255, not {image_rgb.dtype}")


def resize_longest_side(image_rgb: NDArray[np.uint8], image_size: int) -> NDArray[np.uint8]:
    """Scale an image (H x W x 3, uint8) so that its longest side is image_size.

    Bilinear with antialiasing on 8-bit values, as Pillow does it and the published model was fed.
    """
    check_image(image_rgb)
    height, width = input_size_for((image_rgb.shape[0], image_rgb.shape[1]), image_size)
    resized = Image.fromarray(image_rgb).resize((width, height), Image.Resampling.BILINEAR)
    return np.array(resized)


def to_model_input(image_rgb: NDArray[np.uint8], image_size: int) -> "Tensor":
    """Return the resized image as a float tensor (1 x 3 x H x W, values 0..255), neither normalised nor padded."""
    return to_tensor(resize_longest_side(image_rgb, image_size))


def to_tensor(model_rgb: NDArray[np.uint8]) -> "Tensor":
    """Return a resized image (H x W x 3, uint8) as a float tensor (1 x 3 x H x W, values 0..255)."""
    import torch

    return torch.from_numpy(model_rgb).permute(2, 0, 1)[None].float()


def points_to_model(points_image: NDArray[np.floating], original_size: Size, image_size: int) -> NDArray[np.float64]:
    """Map points (... x 2, (x, y)) from original pixels to model pixels."""
    height, width = input_size_for(original_size, image_size)
    ratio = np.array([width / original_size[1], height / original_size[0]])
    points_model: NDArray[np.float64] = np.asarray(points_image, dtype=np.float64) * ratio
    return points_model


def points_to_image(points_model: NDArray[np.floating], original_size: Size, image_size: int) -> NDArray[np.float64]:
    """Map points (... x 2, (x, y)) from model pixels to original pixels."""
    height, width = input_size_for(original_size, image_size)
    ratio = np.array([original_size[1] / width, original_size[0] / height])
    points_image: NDArray[np.float64] = np.asarray(points_model, dtype=np.float64) * ratio
    return points_image


def boxes_to_model(boxes_xyxy: NDArray[np.floating], original_size: Size, image_size: int) -> NDArray[np.float64]:
    """Map boxes (... x 4, x0 y0 x1 y1) from original pixels to model pixels."""
    boxes = np.asarray(boxes_xyxy, dtype=np.float64)
    corners = boxes.reshape(*boxes.shape[:-1], 2, 2)
    return points_to_model(corners, original_size, image_size).reshape(boxes.shape)


def crop_image(image_rgb: NDArray[np.uint8], crop_box_xyxy: Box | None) -> NDArray[np.uint8]:
    """Cut a crop box (x0, y0, x1, y1, in pixels, ends excluded) out of an image; None keeps the whole."""
    check_image(image_rgb)
    if crop_box_xyxy is None:
        return image_rgb
    height, width = image_rgb.shape[:2]
    x0, y0, x1, y1 = crop_box_xyxy
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
        raise InvalidImageError(f"crop box {tuple(crop_box_xyxy)} does not fit an image of {width}x{height} pixels")
    return image_rgb[y0:y1, x0:x1]
