"""Compare the browser's graphs with torch, to 1e-3 in logits, on all kinds of prompts.

Must not know: how graphs are built. The embedding comes from a made-up picture of shapes, so that masks have borders
like those of photos.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from sam_core.embedding import Tensors
from sam_core.modeling.prompt_sketch import sketch
from sam_core.onnx.plain_decoder import GRAPHS
from sam_core.onnx.verify import PromptCase, largest_difference, open_session, prompt_cases, run

if TYPE_CHECKING:
    from sam_core.modeling.promptable import PromptableModel

SHAPES_PER_PICTURE = 12
SEED = 2304

Array = NDArray[np.float32]
Feeds = Mapping[str, NDArray[Any]]


class BrowserGraphs(Protocol):
    """The graphs of one way to decode in a browser, on the CPU."""

    def prepare(self, embedding: Tensors) -> Feeds:
        """Return what decode needs of an embedding."""
        ...

    def decode(self, image: Feeds, prompt: Feeds) -> tuple[Array, Array]:
        """Return logits (1, 4, S, S) and predicted IoU (1, 4) of a prompt's feeds (prompt_feeds)."""
        ...


class PlainGraphs:
    """The graphs that plain_decoder.py writes."""

    def __init__(self, folder: Path) -> None:
        """Raises ExportError when the runtime refuses a graph."""
        self._first, self._refine = (open_session(folder / f"{name}.onnx") for name in GRAPHS)

    def prepare(self, embedding: Tensors) -> Feeds:
        """See BrowserGraphs."""
        return embedding

    def decode(self, image: Feeds, prompt: Feeds) -> tuple[Array, Array]:
        """See BrowserGraphs."""
        logits, iou = run(self._refine if "mask_input" in prompt else self._first, {**image, **prompt})
        return logits, iou


def prompt_feeds(sam: PromptableModel, case: PromptCase) -> Feeds:
    """Return the graphs' inputs for a prompt, with clicks and boxes drawn where the model sketches them."""
    mask = None if case.mask_input is None else torch.from_numpy(case.mask_input)
    if sam.sketches:
        mask = sketch(mask, torch.from_numpy(case.coords), torch.from_numpy(case.labels), sam.mask_side)
    points = {"point_coords": case.coords, "point_labels": case.labels.astype(np.int32)}
    return points if mask is None else points | {"mask_input": mask.numpy()}


def check_graphs(sam: PromptableModel, graphs: BrowserGraphs, embedding: Tensors) -> float:
    """Return the largest difference from torch over all kinds of prompts; raise ExportError above 1e-3."""
    image = graphs.prepare(embedding)
    return max(
        largest_difference(case.name, graphs.decode(image, prompt_feeds(sam, case)), torch_decode(sam, embedding, case))
        for case in prompt_cases(sam.image_size, sam.mask_side)
    )


@torch.inference_mode()
def torch_decode(sam: PromptableModel, embedding: Tensors, case: PromptCase) -> tuple[Array, Array]:
    """Return logits (1, 4, S, S) and predicted IoU (1, 4) by the published sequence of operations, in torch."""
    mask = None if case.mask_input is None else torch.from_numpy(case.mask_input)
    features = {name: torch.from_numpy(array).float() for name, array in embedding.items()}
    logits, iou = sam.decode_as_published(features, torch.from_numpy(case.coords), torch.from_numpy(case.labels), mask)
    return logits.numpy(), iou.numpy()


@torch.inference_mode()
def made_up_embedding(sam: PromptableModel) -> Tensors:
    """Return the embedding of a picture of random shapes, in the dtypes that are served."""
    pixels = torch.from_numpy(_picture(np.random.default_rng(SEED), sam.image_size)).permute(2, 0, 1)[None].float()
    made = sam.encode(pixels)
    return {spec.name: made[spec.name].numpy().astype(spec.dtype) for spec in sam.embedding}


def _picture(random: np.random.Generator, side: int) -> NDArray[np.uint8]:
    picture = np.full((side, side, 3), random.integers(0, 256, 3), np.uint8)
    for _ in range(SHAPES_PER_PICTURE):
        colour = tuple(int(value) for value in random.integers(0, 256, 3))
        centre = tuple(int(value) for value in random.integers(0, side, 2))
        axes = tuple(int(value) for value in random.integers(side // 32 + 1, side // 4 + 2, 2))
        cv2.ellipse(picture, centre, axes, float(random.uniform(0, 180)), 0, 360, colour, -1)
    return picture
