"""Prompts as a person gives them, checked, and turned into the tokens the prompt encoder takes.

Must not know: torch, the model's weights, files. Points are (x, y) and boxes (x0, y0, x1, y1) in pixels of the whole
original image, also when the embedding is of a crop. Source: Kirillov et al., arXiv 2304.02643, appendix A.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sam_core.errors import InvalidPromptError
from sam_core.geometry import Box, PhotoGeometry, Size
from sam_core.prompt_kinds import BOX, PADDING, POINTS, TOP_LEFT

POINT_LABELS = (PADDING, *POINTS.labels)
# The centre of the first pixel is 0 and the model adds 0.5, so its outer edge lies at -0.5.
PIXEL_EDGE = -0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Prompts:
    """One or more prompts for one image; every part that is given has the same batch size B.

    point_coords: B x N x 2 (or N x 2 for one prompt). point_labels: B x N, 1 foreground, 0 background, -1 padding
    (to let prompts with fewer points share a batch). boxes_xyxy: B x 4 (or 4). mask_input: B x 1 x S x S (or S x S),
    the low_res_logits of a previous answer for the same object.
    Raises InvalidPromptError for shapes, labels and numbers that no image could make right.
    """

    point_coords: NDArray[np.float64] | None = None
    point_labels: NDArray[np.int64] | None = None
    boxes_xyxy: NDArray[np.float64] | None = None
    mask_input: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        coords, labels = _check_points(self.point_coords, self.point_labels)
        object.__setattr__(self, "point_coords", coords)
        object.__setattr__(self, "point_labels", labels)
        object.__setattr__(self, "boxes_xyxy", _check_boxes(self.boxes_xyxy))
        object.__setattr__(self, "mask_input", _check_mask_input(self.mask_input))
        self._check_batch()

    def _check_batch(self) -> None:
        sizes = {name: len(part) for name, part in self._parts().items()}
        if not sizes or 0 in sizes.values():
            raise InvalidPromptError("no prompt was given: there must be a point, a box or a mask")
        if len(set(sizes.values())) > 1:
            raise InvalidPromptError(f"all parts of a batch must have the same length, not {sizes}")
        if self.boxes_xyxy is None and self.mask_input is None and (self.prompt_counts() == 0).any():
            raise InvalidPromptError("a prompt of the batch is empty: it has neither a point, a box nor a mask")

    def _parts(self) -> dict[str, NDArray[Any]]:
        parts = {
            "point_coords": self.point_coords,
            "point_labels": self.point_labels,
            "boxes_xyxy": self.boxes_xyxy,
            "mask_input": self.mask_input,
        }
        return {name: part for name, part in parts.items() if part is not None}

    def __len__(self) -> int:
        return len(next(iter(self._parts().values())))

    def __getitem__(self, rows: slice) -> "Prompts":
        """Return some prompts of the batch."""
        return Prompts(**{name: part[rows] for name, part in self._parts().items()})

    def prompt_counts(self) -> NDArray[np.int64]:
        """Return how many points each prompt has (B): clicks, and a box's two corners; padding not counted."""
        corners = 0 if self.boxes_xyxy is None else 2
        if self.point_labels is None:
            return np.full(len(self), corners, dtype=np.int64)
        return np.asarray((self.point_labels != PADDING).sum(axis=1) + corners, dtype=np.int64)

    def check_fits(self, original_size: Size, mask_side: int) -> None:
        """Raise InvalidPromptError for points or boxes outside the image and mask prompts of another model."""
        height, width = original_size
        if self.point_coords is not None and self.point_labels is not None:
            inside = ((self.point_coords >= PIXEL_EDGE) & (self.point_coords <= (width, height))).all(axis=-1)
            outside = self.point_coords[~inside & (self.point_labels != PADDING)]
            if len(outside):
                x, y = outside[0]
                raise InvalidPromptError(f"point ({x:g}, {y:g}) lies outside the image of {width}x{height} pixels")
        for x0, y0, x1, y1 in [] if self.boxes_xyxy is None else self.boxes_xyxy:
            if x1 <= PIXEL_EDGE or y1 <= PIXEL_EDGE or x0 >= width or y0 >= height:
                box = f"({x0:g}, {y0:g}, {x1:g}, {y1:g})"
                raise InvalidPromptError(f"box {box} lies outside the image of {width}x{height} pixels")
        if self.mask_input is not None and self.mask_input.shape[-1] != mask_side:
            side = self.mask_input.shape[-1]
            raise InvalidPromptError(f"mask_input is {side}x{side}; this model takes {mask_side}x{mask_side}")

    def to_tokens(
        self, geometry: PhotoGeometry, *, crop_box_xyxy: Box | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return coordinates in model pixels (B x T x 2) and their labels (B x T).

        geometry: of the photo, or of the crop if one was encoded. Order as published: points, then one padding point if
        there is no box, or the box's two corners. A lone box gets no padding: that would change which mask is chosen.
        """
        coords, labels = np.zeros((len(self), 0, 2)), np.zeros((len(self), 0), dtype=np.int64)
        origin = (0, 0) if crop_box_xyxy is None else crop_box_xyxy[:2]
        if self.point_coords is not None and self.point_labels is not None:
            is_real = self.point_labels[..., None] != PADDING
            mapped = geometry.points_to_model(self.point_coords - origin)
            coords, labels = np.where(is_real, mapped, 0.0), self.point_labels
            if self.boxes_xyxy is None:
                coords = np.pad(coords, ((0, 0), (0, 1), (0, 0)))
                labels = np.pad(labels, ((0, 0), (0, 1)), constant_values=PADDING)
        if self.boxes_xyxy is not None:
            corners = geometry.points_to_model(self.boxes_xyxy.reshape(-1, 2, 2) - origin)
            corner_labels = np.broadcast_to(BOX.labels, corners.shape[:2])
            coords = np.concatenate([coords, corners], axis=1)
            labels = np.concatenate([labels, corner_labels], axis=1)
        return coords.astype(np.float32), labels.astype(np.int64)


def batches_without_padding(labels: NDArray[np.int64], at_once: int) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return batches of prompts that have as many tokens each: rows (b) and their columns (b x n) of labels (B x T).

    Padding that fills up a batch would be attended to like any token and change the answer, so it is left out; the one
    padding token that belongs to points without a box stays.
    """
    is_kept = labels != PADDING
    has_points_alone = is_kept.any(axis=1) & ~(labels >= TOP_LEFT).any(axis=1)
    is_kept[has_points_alone, -1:] = True
    batches: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []
    for count in np.unique(is_kept.sum(axis=1)):
        rows = np.flatnonzero(is_kept.sum(axis=1) == count)
        parts = np.split(rows, range(at_once, len(rows), at_once))
        batches += [(part, np.nonzero(is_kept[part])[1].reshape(len(part), count)) for part in parts]
    return batches


def _numbers(values: ArrayLike, name: str) -> NDArray[np.float64]:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidPromptError(f"{name} must be an array of numbers: {error}") from error
    if not np.isfinite(array).all():
        raise InvalidPromptError(f"{name} holds a number that is not finite")
    return array


def _check_points(
    coords: ArrayLike | None, labels: ArrayLike | None
) -> tuple[NDArray[np.float64] | None, NDArray[np.int64] | None]:
    if coords is None and labels is None:
        return None, None
    if coords is None or labels is None:
        raise InvalidPromptError("point_coords and point_labels belong together; one of them is missing")
    points, kinds = _numbers(coords, "point_coords"), _numbers(labels, "point_labels")
    if points.ndim == 2:
        points, kinds = points[None], kinds[None]
    if points.ndim != 3 or points.shape[2] != 2:
        raise InvalidPromptError(f"point_coords must have shape (B, N, 2) or (N, 2), not {np.shape(coords)}")
    if kinds.shape != points.shape[:2]:
        raise InvalidPromptError(
            f"point_labels has shape {np.shape(labels)}, which does not match point_coords {np.shape(coords)}"
        )
    unknown = kinds[~np.isin(kinds, POINT_LABELS)]
    if unknown.size:
        raise InvalidPromptError(
            f"{unknown[0]:g} is no point label: 1 is foreground, 0 background, -1 padding; boxes go in boxes_xyxy"
        )
    return points, kinds.astype(np.int64)


def _check_boxes(boxes: ArrayLike | None) -> NDArray[np.float64] | None:
    if boxes is None:
        return None
    array = _numbers(boxes, "boxes_xyxy")
    array = array[None] if array.ndim == 1 else array
    if array.ndim != 2 or array.shape[1] != 4:
        raise InvalidPromptError(f"boxes_xyxy must have shape (B, 4) or (4,), not {np.shape(boxes)}")
    for x0, y0, x1, y1 in array:
        if x1 <= x0 or y1 <= y0:
            box = f"({x0:g}, {y0:g}, {x1:g}, {y1:g})"
            raise InvalidPromptError(f"box {box} has no area: it must have x0 < x1 and y0 < y1")
    return array


def _check_mask_input(mask: ArrayLike | None) -> NDArray[np.float32] | None:
    if mask is None:
        return None
    array = _numbers(mask, "mask_input")
    if array.ndim == 2:
        array = array[None, None]
    elif array.ndim == 3:
        array = array[:, None]
    if array.ndim != 4 or array.shape[1] != 1 or array.shape[2] != array.shape[3]:
        raise InvalidPromptError(f"mask_input must have shape (B, 1, S, S) or (S, S), not {np.shape(mask)}")
    return array.astype(np.float32)
