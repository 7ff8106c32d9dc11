"""The optional accelerator of the browser's decoder, and its only door.

It computes what the plain graphs compute, for the two-layer mask decoders of SAM and SAM 2.1 alone: an image's tokens
are multiplied once (image_terms.py), a prompt multiplies a few rows (decode_graph.py, low_rank.py), and a kernel of the
browser up-scales (upscaling.py). docs/adr/0006 says why and how much it gives.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sam_core.embedding import Tensors
from sam_core.modeling.sam2 import STABILITY_DELTA, STABILITY_THRESHOLD, stable_single_mask
from sam_core.onnx.accelerator.decode_graph import build_decode_graph
from sam_core.onnx.accelerator.decoder_weights import DecoderWeights, fits_accelerator, read_decoder_weights
from sam_core.onnx.accelerator.image_terms import build_prepare_graph, kernel_terms, term_names
from sam_core.onnx.accelerator.upscaling import RowsAnswer, Upscaling
from sam_core.onnx.browser_checks import Array, Feeds, check_graphs
from sam_core.onnx.verify import open_session, run
from sam_core.onnx.weight_file import WeightFile

if TYPE_CHECKING:
    from sam_core.modeling.promptable import PromptableModel

GRAPHS = ("prepare", "first", "refine")
WEIGHTS = "accelerated.bin"
UPSCALING = "upscaling.bin"
STABLE_SINGLE = {"delta": STABILITY_DELTA, "threshold": STABILITY_THRESHOLD}


def export_accelerator(sam: PromptableModel, folder: Path, embedding: Tensors) -> dict[str, Any] | None:
    """Write the accelerator's graphs and weights into folder and return its part of the manifest.

    Returns None, and writes nothing, for a model that it does not fit. embedding: one to check with. Raises ExportError
    when its answers differ from torch's by more than 1e-3 in logits.
    """
    if not fits_accelerator(sam):
        return None
    weights = read_decoder_weights(sam)
    upscaling = Upscaling.of(weights)
    if not upscaling.fits:
        return None
    _write_graphs(weights, folder)
    (folder / UPSCALING).write_bytes(upscaling.to_bytes())
    difference = check_graphs(sam, AcceleratedGraphs(folder, weights), embedding)
    return {
        "graphs": {name: {"file": _file_of(name), "weights": WEIGHTS} for name in GRAPHS},
        "upscaling": {"file": UPSCALING, "eps": upscaling.eps, "channels": upscaling.channels, "grid": upscaling.grid},
        **({"stable_single": STABLE_SINGLE} if weights.is_sam2 else {}),
        "largest_difference": difference,
    }


class AcceleratedGraphs:
    """The accelerator on the CPU, with numpy in the kernel's place; see BrowserGraphs."""

    def __init__(self, folder: Path, weights: DecoderWeights) -> None:
        self._prepare, self._first, self._refine = (open_session(folder / _file_of(name)) for name in GRAPHS)
        self._weights, self._upscaling = weights, Upscaling.of(weights)

    def prepare(self, embedding: Tensors) -> Feeds:
        """Return the terms of an image."""
        feeds = embedding if self._weights.is_sam2 else {"embedding": next(iter(embedding.values()))}
        names = list(dict.fromkeys([*term_names(), *kernel_terms(self._weights)]))
        outputs = self._prepare.run(names, dict(feeds))
        return {name: np.asarray(value) for name, value in zip(names, outputs, strict=True)}

    def decode(self, image: Feeds, prompt: Feeds) -> tuple[Array, Array]:
        """Return logits (1, 4, S, S) and predicted IoU (1, 4)."""
        session = self._refine if "mask_input" in prompt else self._first
        own = kernel_terms(self._weights)
        terms = {name: value for name, value in image.items() if name not in own}
        iou, *parts = run(session, {**terms, **prompt})
        logits = self._upscaling.masks(RowsAnswer(*parts), *(image[name] for name in own))
        return steady_single_mask(logits, iou) if self._weights.is_sam2 else (logits, iou)


def steady_single_mask(logits: Array, iou: Array) -> tuple[Array, Array]:
    """Put the best of three masks in place of a single mask that is not stable, as sam2.stable_single_mask does."""
    masks, scores = stable_single_mask(torch.from_numpy(logits), torch.from_numpy(iou))
    return masks.numpy(), scores.numpy()


def _write_graphs(weights: DecoderWeights, folder: Path) -> None:
    file = WeightFile(WEIGHTS)
    models = {
        "prepare": build_prepare_graph(weights, file),
        "first": build_decode_graph(weights, file, with_mask=False),
        "refine": build_decode_graph(weights, file, with_mask=True),
    }
    for name, model in models.items():
        (folder / _file_of(name)).write_bytes(model.SerializeToString())
    (folder / WEIGHTS).write_bytes(file.to_bytes())


def _file_of(graph: str) -> str:
    return f"accelerated_{graph}.onnx"
