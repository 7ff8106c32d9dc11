"""Run exported graphs with onnxruntime on the CPU: a third of torch's memory, and no torch import.

Must not know: torch, photos, prompts before they are tokens.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sam_core.backends import Floats
from sam_core.embedding import Tensors
from sam_core.geometry import Pixels

# The published graph up-samples to the photo's size as well; only its low-res logits are read, so ask for little.
SMALLEST_SIZE = (8, 8)


class OnnxEncoder:
    """The image encoder's graph (sam_core.onnx.encoder); loads when it is first used."""

    def __init__(self, file: Path, *, threads: int = 0) -> None:
        """threads 0 lets the runtime choose."""
        self.file, self.threads = file, threads

    @cached_property
    def _session(self) -> Any:
        return open_session(self.file, threads=self.threads)

    def encode(self, model_rgb: Pixels) -> Tensors:
        """See EncoderBackend."""
        pixels = np.ascontiguousarray(model_rgb.transpose(2, 0, 1)[None].astype(np.float32))
        names = [one.name for one in self._session.get_outputs()]
        return dict(zip(names, self._session.run(names, {"pixels": pixels}), strict=True))


class OnnxDecoder:
    """The published decoder's graph (sam_core.onnx.published); loads when it is first used."""

    def __init__(self, file: Path, *, threads: int = 0) -> None:
        """threads 0 lets the runtime choose."""
        self.file, self.threads = file, threads

    @cached_property
    def _session(self) -> Any:
        return open_session(self.file, threads=self.threads)

    @cached_property
    def _mask_side(self) -> int:
        shapes = {one.name: one.shape for one in self._session.get_inputs()}
        return int(shapes["mask_input"][-1])

    def decode(
        self, embedding: Tensors, coords: Floats, labels: NDArray[np.int64], mask_input: Floats | None
    ) -> tuple[Floats, Floats]:
        """See DecoderBackend; the graph takes one prompt at a time."""
        features = {name: array.astype(np.float32) for name, array in embedding.items()}
        answers = [
            self._decode_one(features, coords[[row]], labels[[row]], None if mask_input is None else mask_input[[row]])
            for row in range(len(coords))
        ]
        logits, iou = (np.concatenate(parts) for parts in zip(*answers, strict=True))
        return logits, iou

    def _decode_one(
        self, features: dict[str, Floats], coords: Floats, labels: NDArray[np.int64], mask_input: Floats | None
    ) -> tuple[Floats, Floats]:
        side = self._mask_side
        feeds = {
            **features,
            "point_coords": coords.astype(np.float32),
            "point_labels": labels.astype(np.float32),
            "mask_input": np.zeros((1, 1, side, side), np.float32) if mask_input is None else mask_input,
            "has_mask_input": np.array([mask_input is not None], np.float32),
            "orig_im_size": np.array(SMALLEST_SIZE, np.float32),
        }
        _, iou, logits = self._session.run(None, feeds)
        return logits, iou


def open_session(file: Path, *, threads: int = 0) -> Any:
    """Load a graph on the CPU; threads 0 lets the runtime choose."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leaves idle cores to other processes
    options.enable_cpu_mem_arena = False  # photos differ in shape; an arena would keep the largest of each
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
