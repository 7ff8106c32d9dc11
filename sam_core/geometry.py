"""Geometry: how a photo becomes a model's square input, and the way back of points, cells of logits and masks.

It is a strategy of the model (`Sam.geometry`); the manifest names it. `LongestSide` is SAM's: the longest side becomes
image_size, the rest is padding to the right and below. `Square` is SAM 2.1's: both sides become image_size, so each
axis has a scale of its own and there is no padding. `of` applies a strategy to one photo, or to a crop of it.

Suffixes say the space: _image is pixels of the photo or crop, _model is pixels of the model's input. Cells are those of
the low-res logits, side x side over the whole input. Sizes are (H, W), points (x, y), axis 0 is down.
Sources: Segment Anything (arXiv 2304.02643), appendix A, and its ResizeLongestSide; SAM 2 (arXiv 2408.00714) and its
SAM2Transforms. Mirrored by frontend/src/geometry/photo-geometry.ts; fixtures/golden holds both to the same bits.
Must not know: torch, models, prompts as objects, files.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sam_core.errors import InvalidImageError, InvalidMaskError
from sam_core.masks.counts import MAX_MASK_PIXELS

Size = tuple[int, int]
Box = tuple[int, int, int, int]
Pixels = NDArray[np.uint8] | NDArray[np.float32]
Points = NDArray[np.float64]


@dataclass(frozen=True)
class PhotoGeometry:
    """How one photo, or a crop of one, lies in the model's input.

    image_size: side of the square input. input_size, original_size: (H, W) of the photo after and before resizing.
    via_input: masks are resized to the model's input on their way back, and from there to the photo; else at once.
    """

    image_size: int
    input_size: Size
    original_size: Size
    via_input: bool = True

    def __post_init__(self) -> None:
        """Refuse sizes that no resize produces, with InvalidMaskError."""
        if min(*self.input_size, *self.original_size) < 1 or max(self.input_size) > self.image_size:
            raise InvalidMaskError(f"an input of {self.input_size} does not fit a model of side {self.image_size}")
        if self.original_size[0] * self.original_size[1] > MAX_MASK_PIXELS:
            raise InvalidMaskError(f"a mask of {self.original_size} is larger than {MAX_MASK_PIXELS} pixels")

    @property
    def detail(self) -> float:
        """How many of the model's pixels show one of the photo's along its longer side; 1 at most."""
        return min(1.0, max(self.input_size) / max(self.original_size))

    def points_to_model(self, points_image: NDArray[np.floating]) -> Points:
        """Map points (... x 2) from the photo to the model's input."""
        (height, width), (rows, columns) = self.original_size, self.input_size
        ratio = np.array([columns / width, rows / height])
        points_model: Points = np.asarray(points_image, dtype=np.float64) * ratio
        return points_model

    def cells_on_photo(self, side: int) -> Size:
        """Return how many rows and columns of side x side cells lie on the photo and not on padding alone."""
        rows, columns = (-(-length * side // self.image_size) for length in self.input_size)
        return rows, columns

    def without_padding(self, logits: NDArray[Any]) -> NDArray[Any]:
        """Return the view of low-res logits (... x side x side) that lies on the photo."""
        rows, columns = self.cells_on_photo(logits.shape[-1])
        return logits[..., :rows, :columns]

    def cells_of(self, coords_model: NDArray[Any], side: int) -> NDArray[np.int64]:
        """Return the cells (... x 2, column and row) of clicks; one beyond the photo counts as in the nearest cell."""
        rows, columns = self.cells_on_photo(side)
        cells = np.floor((coords_model + 0.5) * (side / self.image_size)).astype(np.int64)
        return np.clip(cells, 0, (columns - 1, rows - 1))

    def cells_to_image(self, cells: NDArray[Any], side: int, axis: int) -> Points:
        """Map places on the grid of cells (0 is its edge) to pixels of the photo, along one axis."""
        pixels: Points = cells * (self.image_size / side) * self.original_size[axis] / self.input_size[axis]
        return pixels

    def image_to_cells(self, pixels: NDArray[Any], side: int, axis: int) -> Points:
        """Map pixels of the photo to places on the grid of cells, along one axis."""
        cells: Points = pixels * self.input_size[axis] / self.original_size[axis] / (self.image_size / side)
        return cells

    def width_in_cells_px(self, side: int) -> int:
        """Return the width of the columns of cells that lie on the photo, in model pixels."""
        return self.cells_on_photo(side)[1] * (self.image_size // side)

    def middle_size(self, low_size: Size) -> tuple[Size, Size]:
        """Return what low-res logits (H, W) are resized to before the photo's size, and the part of it that is kept."""
        if self.via_input:
            return (self.image_size, self.image_size), self.input_size
        return low_size, low_size


@dataclass(frozen=True)
class Geometry(ABC):
    """A strategy for photos of any size. image_size: side of the square input in pixels."""

    image_size: int
    name: ClassVar[str]
    via_input: ClassVar[bool]

    @abstractmethod
    def frame(self, original_size: Size) -> Size:
        """Return (H, W), in the photo's pixels, of what the square input shows: the photo and its padding."""

    @abstractmethod
    def resize(self, image_rgb: NDArray[np.uint8]) -> Pixels:
        """Return an image (H x W x 3, uint8) at its input size, values 0..255; raise InvalidImageError."""

    def input_size(self, original_size: Size) -> Size:
        """Return (H, W) of an image after resizing, rounded half up.

        Raises InvalidImageError when there is none, or when the shorter side would vanish.
        """
        height, width = original_size
        if height < 1 or width < 1:
            raise InvalidImageError(f"an image of {width}x{height} pixels has no content")
        frame_height, frame_width = self.frame(original_size)
        size = (
            int(height * (self.image_size * 1.0 / frame_height) + 0.5),
            int(width * (self.image_size * 1.0 / frame_width) + 0.5),
        )
        if min(size) < 1:
            raise InvalidImageError(
                f"an image of {width}x{height} pixels is too thin: its shorter side would vanish when the longer one "
                f"is scaled to {self.image_size}"
            )
        return size

    def of(self, original_size: Size) -> PhotoGeometry:
        """Apply the strategy to a photo of original_size; raises as input_size does."""
        return PhotoGeometry(self.image_size, self.input_size(original_size), original_size, self.via_input)


@dataclass(frozen=True)
class LongestSide(Geometry):
    """SAM: the longest side becomes image_size, padding follows to the right and below."""

    name: ClassVar[str] = "longest_side"
    via_input: ClassVar[bool] = True

    def frame(self, original_size: Size) -> Size:
        """See Geometry."""
        return max(original_size), max(original_size)

    def resize(self, image_rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Resize bilinearly with antialiasing on 8-bit values, as Pillow does it and the published model was fed."""
        check_image(image_rgb)
        height, width = self.input_size((image_rgb.shape[0], image_rgb.shape[1]))
        return np.array(Image.fromarray(image_rgb).resize((width, height), Image.Resampling.BILINEAR))


@dataclass(frozen=True)
class Square(Geometry):
    """SAM 2.1: both sides become image_size, each axis with a scale of its own."""

    name: ClassVar[str] = "square"
    via_input: ClassVar[bool] = False

    def frame(self, original_size: Size) -> Size:
        """See Geometry."""
        return original_size

    def resize(self, image_rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Resize bilinearly with antialiasing in float, unrounded, as torchvision does with tensors (H x W x 3)."""
        check_image(image_rgb)
        height, width = self.input_size((image_rgb.shape[0], image_rgb.shape[1]))
        planes = (Image.fromarray(image_rgb[..., channel].astype(np.float32)) for channel in range(3))
        return np.stack([np.asarray(plane.resize((width, height), Image.Resampling.BILINEAR)) for plane in planes], -1)


GEOMETRIES: Mapping[str, type[Geometry]] = {one.name: one for one in (LongestSide, Square)}


def read_geometry(name: str, image_size: int) -> Geometry:
    """Return the geometry that a manifest names; raise ValueError for a name unknown here."""
    if name not in GEOMETRIES:
        raise ValueError(f"no geometry is called {name!r}; there are: {', '.join(GEOMETRIES)}")
    return GEOMETRIES[name](image_size)


def check_image(image_rgb: NDArray[np.uint8]) -> None:
    """Refuse anything but H x W x 3 uint8."""
    if not isinstance(image_rgb, np.ndarray):
        raise InvalidImageError(f"an image must be a numpy array, not {type(image_rgb).__name__}")
    if image_rgb.ndim != 3 or image_rgb.shape[2] != 3:
        raise InvalidImageError(f"an image must have shape (H, W, 3), not {image_rgb.shape}")
    if image_rgb.dtype != np.uint8:
        raise InvalidImageError(f"an image must be uint8 with values 0..255, not {image_rgb.dtype}")


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
