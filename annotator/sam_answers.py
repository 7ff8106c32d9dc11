"""What goes through the door to sam_core (sam_gateway.py): prompts in, masks and logits out. Must not know Django."""

from dataclasses import dataclass
from typing import NamedTuple


class MeasuredMask(NamedTuple):
    """A mask whose counts are canonical; bbox is (x, y, width, height) in pixels."""

    counts: str
    area: int
    bbox_xywh: tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True)
class DecodeRequest:
    """One prompt on one embedding. Points are (x, y) with labels 1 or 0, in pixels of the whole upright photo.

    is_flipped: of the embedding; prompt and answer are as the photo lies.
    """

    embedding_file: bytes
    points_xy: list[tuple[float, float]]
    point_labels: list[int]
    box_xyxy: tuple[float, float, float, float] | None
    mask_input: bytes | None
    original_size: tuple[int, int]
    crop_box_xyxy: tuple[int, int, int, int] | None = None
    is_flipped: bool = False


@dataclass(frozen=True, kw_only=True)
class DecodeAnswer:
    """Four candidates in decoder order; `logits` is little-endian float32 of 4 x side x side."""

    logits: bytes
    side: int
    predicted_iou: list[float]
    stability_score: list[float]
    chosen: int


@dataclass(frozen=True, kw_only=True)
class FoundMask:
    """A mask that the model found without anybody asking; boxes and the point are in pixels of the photo."""

    counts: str
    area: int
    bbox_xywh: tuple[int, int, int, int]
    predicted_iou: float
    stability_score: float
    point_xy: tuple[float, float]
    crop_box_xyxy: tuple[int, int, int, int]


@dataclass(frozen=True)
class BoxMask:
    """The model's mask for a box."""

    counts: str
    predicted_iou: float
    stability_score: float
