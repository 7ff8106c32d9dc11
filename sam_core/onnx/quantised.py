"""The image encoder's graph in 8-bit integers for CPUs, kept only where masks stay what they are in float32.

Static quantisation by onnxruntime: weights per channel in 7 bits (processors without VNNI overflow with 8), inputs of
layers in 8 bits, their ranges from given photos. RECIPES are tried in turn, from the most to the fewest layers; the
first whose masks agree is kept. Attention's own products, norms and sums stay in float32. Interface: encoder.py's.
Must not know: how agreement is measured (mask_agreement.py).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from sam_core.backends.onnx_backend import open_session
from sam_core.errors import ExportError, InvalidImageError
from sam_core.image_files import read_image
from sam_core.modeling.promptable import PromptableModel
from sam_core.onnx.encoder import INPUT, export_encoder
from sam_core.onnx.mask_agreement import Agreement, measure_agreement
from sam_core.onnx.verify import kept_if_right
from sam_core.pictures.kinds import SUFFIXES

LEAST_IOU = 0.99
RECIPES = {"convolutions and linear layers": ("Conv", "Gemm", "MatMul"), "linear layers": ("Gemm", "MatMul")}
APART = 3  # one photo of so many measures, the others calibrate
FEWEST_PHOTOS = 6
MOST_PHOTOS = 48  # spread evenly over what is given
Feeds = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Quantised:
    """What was kept: which layers are in 8 bits, how well its masks agree, both files' sizes; and what was refused."""

    layers: str
    refused: list[str]
    agreement: Agreement
    byte_size: int
    float32_byte_size: int


def find_photos(folder: Path) -> list[Path]:
    """Return the photos of a folder and of those in it, MOST_PHOTOS at most; raise InvalidImageError for too few."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if len(found) < FEWEST_PHOTOS:
        raise InvalidImageError(
            f"{folder} holds {len(found)} photos; at least {FEWEST_PHOTOS} are needed, to calibrate and to compare with"
        )
    count = min(len(found), MOST_PHOTOS)
    return [found[index * len(found) // count] for index in range(count)]


def export_quantised_encoder(sam: PromptableModel, file: Path, photos: Sequence[Path]) -> Quantised:
    """Write the graph, calibrated on two thirds of the photos and measured on the rest.

    Raises ExportError with the figures, and leaves no file, when masks agree with float32's by less than LEAST_IOU.
    """
    apart = photos[APART - 1 :: APART]
    calibrating = [photo for photo in photos if photo not in apart]
    refused: list[str] = []
    with kept_if_right(file) as draft, TemporaryDirectory(dir=draft.parent) as folder:
        plain, ranges = Path(folder) / "float32.onnx", Path(folder) / "ranges.json"
        export_encoder(sam, plain)
        _calibrate(sam, plain, ranges, photos=calibrating)
        for layers, kinds in RECIPES.items():
            _quantise(plain, draft, ranges=ranges, kinds=kinds)
            agreement = measure_agreement(sam, plain, draft, [read_image(photo) for photo in apart])
            if agreement.iou >= LEAST_IOU:
                return Quantised(layers, refused, agreement, draft.stat().st_size, plain.stat().st_size)
            refused.append(f"{agreement.iou:.4f} with {layers} in 8 bits")
        raise ExportError(
            f"masks of the quantised encoder agree too little with float32's: mean IoU {', '.join(refused)}; "
            f"{LEAST_IOU} is needed over {agreement.prompts} prompts on {len(apart)} photos"
        )


def _calibrate(sam: PromptableModel, source: Path, ranges: Path, *, photos: Sequence[Path]) -> None:
    """Write the smallest and largest value of each tensor over the photos."""
    from onnxruntime.quantization import create_calibrator, save_tensors_data

    watched = source.with_suffix(".watched.onnx")
    kinds = sorted({kind for recipe in RECIPES.values() for kind in recipe})
    calibrator = create_calibrator(source, kinds, augmented_model_path=str(watched))
    # Its own session keeps an arena and optimises nothing: ViT-B did not fit into 23 GB.
    calibrator.infer_session = open_session(watched)
    calibrator.collect_data(_Calibration(sam, photos))
    save_tensors_data(calibrator.compute_data(), ranges)


def _quantise(source: Path, target: Path, *, ranges: Path, kinds: tuple[str, ...]) -> None:
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    with _quietly():
        quantize_static(
            str(source),
            str(target),
            calibration_cache_path=ranges,
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(kinds),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={"MatMulConstBOnly": True, "OpTypesToExcludeOutputQuantization": ["Gemm", "MatMul"]},
        )


class _Calibration:
    """Feeds the photos one by one, as onnxruntime's CalibrationDataReader does."""

    def __init__(self, sam: PromptableModel, photos: Sequence[Path]) -> None:
        self._feeds = (_feeds(sam, photo) for photo in photos)

    def get_next(self) -> Feeds | None:
        """Return the next photo's inputs, None at the end."""
        return next(self._feeds, None)


def _feeds(sam: PromptableModel, photo: Path) -> Feeds:
    model_rgb = sam.geometry.resize(read_image(photo))
    return {INPUT: np.ascontiguousarray(model_rgb.transpose(2, 0, 1)[None].astype(np.float32))}


@contextmanager
def _quietly() -> Iterator[None]:
    """Hold back onnxruntime's advice to simplify the graph first; the exporter has folded its constants."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
