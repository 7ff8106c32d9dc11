"""Embedding files that both languages read: one tensor, and the three that a decoder with finer maps takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sam_core.embedding import IMAGE_EMBEDDINGS, TensorSpec, pack

ONE = (TensorSpec(IMAGE_EMBEDDINGS, (1, 2, 2, 2)),)
THREE = (*ONE, TensorSpec("high_res_1", (1, 1, 4, 4)), TensorSpec("high_res_0", (1, 1, 8, 8), "float32"))


def write_embeddings(folder: Path) -> None:
    """Write one.npy and three.npz; every tensor counts up in quarters."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, specs in (("one.npy", ONE), ("three.npz", THREE)):
        tensors = {one.name: np.arange(np.prod(one.shape)).reshape(one.shape) / 4 for one in specs}
        (folder / name).write_bytes(pack(tensors, specs))
