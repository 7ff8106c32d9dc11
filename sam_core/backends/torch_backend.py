"""Run the model with torch, on CUDA, Apple's MPS or the CPU.

Must not know: photos, prompts before they are tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sam_core.backends import Floats
from sam_core.embedding import Tensors
from sam_core.errors import InvalidRequestError
from sam_core.geometry import Pixels
from sam_core.modeling.promptable import PromptableModel, to_tensor
from sam_core.predictor import Predictor
from sam_core.registry import build_model, model_version


class TorchBackend:
    """Both backends of one model on its device; encoder_dtype is the precision that the encoder runs in."""

    def __init__(self, model: PromptableModel, *, encoder_dtype: torch.dtype) -> None:
        self.model, self.encoder_dtype = model, encoder_dtype

    @torch.inference_mode()
    def encode(self, model_rgb: Pixels) -> Tensors:
        """See EncoderBackend."""
        self.model.eval()  # somebody may train it meanwhile
        device = self.model.pixel_mean.device
        is_reduced = self.encoder_dtype != torch.float32
        with torch.autocast(device.type, dtype=self.encoder_dtype, enabled=is_reduced):
            embedding = self.model.encode(to_tensor(model_rgb).to(device))
        return {name: features.float().cpu().numpy() for name, features in embedding.items()}

    @torch.inference_mode()
    def decode(
        self, embedding: Tensors, coords: Floats, labels: NDArray[np.int64], mask_input: Floats | None
    ) -> tuple[Floats, Floats]:
        """See DecoderBackend."""
        self.model.eval()
        device = self.model.pixel_mean.device
        logits, iou = self.model.decode(
            as_tensors(embedding, device),
            torch.from_numpy(coords).to(device),
            torch.from_numpy(labels).to(device),
            None if mask_input is None else torch.from_numpy(mask_input).to(device),
        )
        return logits.cpu().numpy(), iou.cpu().numpy()


class TorchPredictor(Predictor):
    """A predictor whose model is at hand as a torch module."""

    def __init__(self, model: PromptableModel, model_version: str, *, encoder_dtype: torch.dtype | None = None) -> None:
        """Wrap a model and put it in eval mode; encoder_dtype None takes what choose_encoder_dtype says."""
        self.model = model.eval()
        self.device = model.pixel_mean.device
        self.encoder_dtype = encoder_dtype or choose_encoder_dtype(self.device)
        backend = TorchBackend(model, encoder_dtype=self.encoder_dtype)
        super().__init__(model, model_version, encoder=backend, decoder=backend)


def as_tensors(embedding: Tensors, device: torch.device) -> dict[str, torch.Tensor]:
    """Return an embedding's tensors on a device, in float32."""
    return {name: torch.from_numpy(_narrow(array)).to(device).float() for name, array in embedding.items()}


def _narrow(array: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return an array that any device takes: MPS refuses float64."""
    return array.astype(np.float32) if array.dtype == np.float64 else array


def choose_encoder_dtype(device: torch.device) -> torch.dtype:
    """Return the precision to encode in: float16 on CUDA, float32 elsewhere."""
    return torch.float16 if device.type == "cuda" else torch.float32


def count_devices() -> dict[str, int]:
    """Return how many of each kind there are, the fastest kind first."""
    return {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available()), "cpu": 1}


def choose_device(device: str | torch.device | None) -> torch.device:
    """Return the device asked for, by default the fastest kind that is there; raise InvalidRequestError."""
    counts = count_devices()
    if device is None:
        return torch.device(next(kind for kind, count in counts.items() if count))
    try:
        where = torch.device(device)
    except RuntimeError as error:
        raise InvalidRequestError(f"{device!r} is no device; give cpu, cuda or mps") from error
    if where.type not in counts:
        raise InvalidRequestError(f"{device} cannot be used; give cpu, cuda or mps")
    if where.type != "cpu" and (where.index or 0) >= counts[where.type]:
        found = f"{counts[where.type]} {where.type.upper()} devices were found"
        raise InvalidRequestError(f"{device} is not there: {found}; give {_all_found(counts)}")
    return where


def _all_found(counts: Mapping[str, int]) -> str:
    return " or ".join(kind for kind, count in counts.items() if count)


def load_predictor(
    name: str, checkpoint: Path | str | None = None, *, device: str | torch.device | None = None
) -> TorchPredictor:
    """Build a model with its weights and wrap it; device None is the fastest kind that is there.

    Raises InvalidRequestError for a device that is not there, CheckpointError for weights.
    """
    where = choose_device(device)
    return TorchPredictor(build_model(name, checkpoint).to(where), model_version(name, checkpoint))
