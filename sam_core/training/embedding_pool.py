"""Embeddings of the first samples on disk, for recipes whose encoder is frozen: each is computed once.

A pool has a bound: so many samples of each photo, so many bytes in all. When all are made, steps go around in it.
Must not know: what is learned.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sam_core.training.data import CropDataset, Record
from sam_core.training.loop import Batch
from sam_core.training.parts import encode
from sam_core.training.trainer import Trainer

POOL = "embeddings"
SAMPLES_A_PHOTO = 12  # crops, flips and sizes of one photo
LEAST_SAMPLES = 24
MOST_BYTES = 3 * 2**30


class EmbeddingPool:
    """Makes batches of embeddings and masks; the files lie below a run's folder until `remove`."""

    def __init__(self, folder: Path, sets: dict[str, list[Record]], *, most_bytes: int = MOST_BYTES) -> None:
        self.folder, self.sets, self.most_bytes = folder / POOL, sets, most_bytes

    def size_for(self, trainer: Trainer) -> int:
        """Return how many samples are kept."""
        photos = sum(len(records) for records in self.sets.values())
        bytes_each = 2 * sum(int(np.prod(one.shape)) for one in trainer.model.embedding)
        return max(1, min(max(LEAST_SAMPLES, SAMPLES_A_PHOTO * photos), self.most_bytes // bytes_each))

    def batches(self, trainer: Trainer) -> Iterator[Batch]:
        """Yield batches from the trainer's state on, without end."""
        self.folder.mkdir(exist_ok=True)
        config, size = trainer.config, self.size_for(trainer)
        dataset = CropDataset.of_model(trainer.model, self.sets, config.data, seed=config.run.seed)
        while True:
            first, count = trainer.images, trainer.batch[0]
            samples = [self._sample(trainer, dataset, number % size) for number in range(first, first + count)]
            names = samples[0][0].keys()
            embedding = {name: torch.cat([one[0][name] for one in samples]) for name in names}
            yield embedding, torch.stack([one[1] for one in samples])

    def _sample(self, trainer: Trainer, dataset: CropDataset, number: int) -> tuple[dict[str, Tensor], Tensor]:
        """Return the embedding (1, ...) by name and the masks (M, side, side) of a sample."""
        path = self.folder / f"{number:06d}.npz"
        if not path.exists():
            self._make(trainer, dataset, number, path)
        with np.load(path) as kept:
            side = trainer.model.mask_side
            masks = np.unpackbits(kept["masks"], axis=1, count=side * side).reshape(-1, side, side)
            embedding = {
                name: torch.from_numpy(kept[f"of_{name}"]) for name in (s.name for s in trainer.model.embedding)
            }
        return embedding, torch.from_numpy(masks)

    def _make(self, trainer: Trainer, dataset: CropDataset, number: int, path: Path) -> None:
        sample = dataset[number]
        pixels = torch.from_numpy(sample.pixels)[None].to(trainer.device).float()
        embedding = encode(trainer.model, pixels, trainer.config.optim, trainer.dtype)
        arrays: dict[str, Any] = {f"of_{name}": value.half().cpu().numpy() for name, value in embedding.items()}
        arrays["masks"] = np.packbits(sample.masks.reshape(len(sample.masks), -1), axis=1)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez(file, **arrays)
        part.replace(path)

    def remove(self) -> None:
        """Delete all files."""
        shutil.rmtree(self.folder, ignore_errors=True)
