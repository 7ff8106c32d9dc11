"""The door to sam_core for masks made of boxes. Must not know: Django, rows, files but the model's folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from annotator.sam_answers import BoxMask
from annotator.sam_gateway import open_torch_predictor, use_threads

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BOXES_AT_ONCE = 16


def masks_in_boxes(
    image_rgb: "NDArray[np.uint8]",
    folder: Path,
    *,
    embedding_file: bytes,
    boxes_xyxy: Sequence[tuple[float, float, float, float]],
    threads: int = 0,
) -> list[BoxMask]:
    """Return the model's mask for each box, in pixels of an upright photo, from the file of its embedding."""
    import numpy as np

    from sam_core.embedding import unpack
    from sam_core.masks import rle
    from sam_core.prompts import Prompts

    use_threads(threads)
    predictor = open_torch_predictor(folder)
    tensors = unpack(embedding_file, predictor.facts.embedding)
    stored = predictor.known_embedding(tensors, (image_rgb.shape[0], image_rgb.shape[1]))
    masks = []
    for first in range(0, len(boxes_xyxy), BOXES_AT_ONCE):
        boxes = np.asarray(boxes_xyxy[first : first + BOXES_AT_ONCE], np.float64)
        answer = predictor.predict(stored, Prompts(boxes_xyxy=boxes))
        for place, chosen in enumerate(answer.chosen):
            scores = float(answer.predicted_iou[place, chosen]), float(answer.stability_score[place, chosen])
            masks.append(BoxMask(rle.encode(answer.mask(place))["counts"], *scores))
    return masks
