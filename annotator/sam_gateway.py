"""The only door to sam_core. Heavy parts are imported inside functions, so a web process never holds torch.

Masks (numpy only) may be measured anywhere; encoding, decoding and exporting happen in the worker, in management
commands, or in the decoding subprocess (annotator/inference/server_decoding.py). Knows nothing of Django.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.sam_answers import DecodeAnswer, DecodeRequest, FoundMask, MeasuredMask
from sam_core.checkpoints import sha256_of
from sam_core.errors import CheckpointError as ModelMissingError
from sam_core.errors import InvalidPromptError as PromptRefusedError
from sam_core.model_folder import (
    DECODER,
    EXPORTING,
    MODEL_CARD,
    ModelCard,
    device_kind,
    export_model,
    open_predictor,
    open_torch_predictor,
    read_card,
    use_threads,
    weights_digest,
    weights_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from sam_core.origins import Origin

DECODING_FILES = (MODEL_CARD, DECODER)  # all that decode_prompt reads of a model's folder

__all__ = [
    "DECODING_FILES",
    "EXPORTING",
    "MODEL_CARD",
    "MaskRefusedError",
    "ModelCard",
    "ModelMissingError",
    "PromptRefusedError",
    "decode_prompt",
    "device_kind",
    "encode_image",
    "export_format",
    "export_model",
    "find_masks",
    "has_no_weights",
    "is_fetched",
    "measure_mask",
    "open_torch_predictor",
    "origin_of",
    "read_card",
    "sha256_of",
    "use_threads",
    "version_label",
    "weights_digest",
    "weights_of",
]


class MaskRefusedError(ValueError):
    """Counts that are no mask of the given size."""


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


def export_format() -> int:
    """Return the version of what export_model writes; a model of another one is exported anew."""
    from sam_core.export_format import EXPORT_FORMAT

    return EXPORT_FORMAT


def is_fetched(name: str) -> bool:
    """Say whether a model's weights have to be fetched: they do not come with the product."""
    from sam_core.registry import model_spec

    return model_spec(name).checkpoint is not None


def has_no_weights(name: str) -> bool:
    """Say whether a model is made from a seed alone."""
    from sam_core.registry import find_weights

    try:
        return find_weights(name) is None
    except ModelMissingError:
        return False


def version_label(name: str, checkpoint: str | None = None) -> str:
    """Return the label that a model's weights carry; raise ModelMissingError."""
    from sam_core.registry import model_version

    return model_version(name, checkpoint)


def origin_of(name: str, checkpoint: str | None = None) -> "Origin":
    """Return licences, training and figures of a model's weights, as far as they are known; raise ModelMissingError."""
    from sam_core.origins import origin_of as find_origin

    return find_origin(name, checkpoint)


def encode_image(
    image_rgb: "NDArray[np.uint8]",
    folder: Path,
    *,
    crop_box_xyxy: tuple[int, int, int, int] | None = None,
    is_flipped: bool = False,
    threads: int = 0,
) -> bytes:
    """Encode an upright photo (H x W x 3), a crop of it, or either flipped, by `folder`'s model; return the file.

    threads 0 lets the runtime choose. Raises ModelMissingError.
    """
    from sam_core.embedding import pack

    predictor = open_predictor(folder, threads=threads)
    return pack(predictor.embed(image_rgb, crop_box_xyxy, is_flipped=is_flipped).tensors, predictor.facts.embedding)


def decode_prompt(folder: str, request: DecodeRequest) -> DecodeAnswer:
    """Answer one prompt with onnxruntime on one thread; raise PromptRefusedError or ModelMissingError."""
    import numpy as np

    from sam_core.embedding import unpack

    predictor = open_predictor(Path(folder), runtime="onnxruntime", threads=1)
    embedding = predictor.known_embedding(
        unpack(request.embedding_file, predictor.facts.embedding),
        request.original_size,
        crop_box_xyxy=request.crop_box_xyxy,
        is_flipped=request.is_flipped,
    )
    answer = predictor.predict(embedding, _prompts_of(request, predictor.facts.mask_side))
    logits = np.ascontiguousarray(answer.low_res_logits[0], dtype="<f4")
    return DecodeAnswer(
        logits=logits.tobytes(),
        side=logits.shape[-1],
        predicted_iou=answer.predicted_iou[0].tolist(),
        stability_score=answer.stability_score[0].tolist(),
        chosen=int(answer.chosen[0]),
    )


def _prompts_of(request: DecodeRequest, mask_side: int) -> Any:
    import numpy as np

    from sam_core.prompts import Prompts

    mask = request.mask_input
    return Prompts(
        point_coords=np.array(request.points_xy, np.float64) if request.points_xy else None,
        point_labels=np.array(request.point_labels, np.int64) if request.points_xy else None,
        boxes_xyxy=None if request.box_xyxy is None else np.array(request.box_xyxy, np.float64),
        mask_input=None if mask is None else np.frombuffer(mask, dtype="<f4").reshape(mask_side, mask_side),
    )


def find_masks(
    image_rgb: "NDArray[np.uint8]",
    folder: Path,
    *,
    embedding_file: bytes,
    figures: dict[str, Any],
    on_progress: "Callable[[int, int], None] | None" = None,
    threads: int = 0,
) -> list[FoundMask]:
    """Return the masks of an upright photo, best first, from the file of its embedding.

    figures: fields of sam_core's AutomaticConfig. on_progress(done, total) may raise to stop. threads 0 is half the
    cores.
    """
    from sam_core.automatic import AutomaticConfig, AutomaticMaskGenerator
    from sam_core.embedding import unpack

    use_threads(threads)
    predictor = open_torch_predictor(folder)
    generator = AutomaticMaskGenerator(predictor, AutomaticConfig(**figures))
    tensors = unpack(embedding_file, predictor.facts.embedding)
    stored = predictor.known_embedding(tensors, (image_rgb.shape[0], image_rgb.shape[1]))
    return [_found(row) for row in generator.generate(image_rgb, on_progress, embedding=stored)]


def _found(row: dict[str, Any]) -> FoundMask:
    x, y, w, h = (round(side) for side in row["bbox"])
    cx, cy, cw, ch = (round(side) for side in row["crop_box"])
    px, py = row["point_coords"][0]
    return FoundMask(
        counts=row["segmentation"]["counts"],
        area=int(row["area"]),
        bbox_xywh=(x, y, w, h),
        predicted_iou=float(row["predicted_iou"]),
        stability_score=float(row["stability_score"]),
        point_xy=(float(px), float(py)),
        crop_box_xyxy=(cx, cy, cx + cw, cy + ch),
    )
