"""The only door to sam_core. Heavy parts are imported inside functions, so a web process never holds torch.

Masks (numpy only) may be measured anywhere; encoding, decoding and exporting happen in the worker, in management
commands, or in the decoding subprocess (annotator/inference/server_decoding.py).
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sam_core.predictor import Predictor

MODEL_CARD = "model.json"


class MaskRefusedError(ValueError):
    """Counts that are no mask of the given size."""


class ModelMissingError(RuntimeError):
    """Weights or graphs that are not there; the message says what to do."""


@dataclass(frozen=True)
class MeasuredMask:
    """A mask whose counts are canonical; bbox is (x, y, width, height) in pixels."""

    counts: str
    area: int
    bbox_xywh: tuple[int, int, int, int]


def measure_mask(counts: str, *, size: tuple[int, int]) -> MeasuredMask:
    """Check COCO compressed counts at (height, width) and measure them; raise MaskRefusedError."""
    from sam_core.errors import InvalidMaskError
    from sam_core.masks import rle

    try:
        parsed = rle.parse({"size": list(size), "counts": counts})
    except InvalidMaskError as error:
        raise MaskRefusedError(str(error)) from error
    x, y, w, h = rle.bbox_xywh(parsed)
    return MeasuredMask(counts=parsed["counts"], area=rle.area(parsed), bbox_xywh=(int(x), int(y), int(w), int(h)))


def encode_image(
    image_rgb: "NDArray[np.uint8]", folder: Path, *, crop_box_xyxy: tuple[int, ...] | None = None
) -> "NDArray[np.float32]":
    """Encode an upright photo (H x W x 3) or a crop of it with the model of `folder`; return 1 x C x grid x grid."""
    predictor = _load_predictor(folder)
    crop = None if crop_box_xyxy is None else (crop_box_xyxy[0], crop_box_xyxy[1], crop_box_xyxy[2], crop_box_xyxy[3])
    return predictor.embed(image_rgb, crop).array


def read_card(folder: Path) -> dict[str, Any]:
    """Return what is known of the model in a folder; raise ModelMissingError when it was never synced."""
    try:
        card: dict[str, Any] = json.loads((folder / MODEL_CARD).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelMissingError(f"{folder} holds no model; run: python manage.py sync_models") from error
    return card


@lru_cache(maxsize=2)
def _load_predictor(folder: Path) -> "Predictor":
    from sam_core.predictor import Predictor
    from sam_core.registry import build_model

    card = read_card(folder)
    return Predictor(build_model(card["name"], card["checkpoint"]), card["version"])
