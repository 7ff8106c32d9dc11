"""Training state on disk: everything a run needs to go on exactly, and the small file that ships.

Files are written beside their final name and renamed, so that a killed run never leaves half a checkpoint.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sam_core.errors import CheckpointError
from sam_core.modeling.lite import LITE_EMBED_DIM, LITE_IMAGE_SIZE


class Ema:
    """An exponential average of the weights that learn, with a warm-up so that early steps do not linger."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.shadow = {name: value.clone() for name, value in learned_weights(model).items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move the average towards the model after optimiser step number step (from 0)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in learned_weights(model).items():
            self.shadow[name].lerp_(value, 1 - decay)


def learned_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return the parameters that learn, by name: no copies, and no gradient flows through them."""
    return {name: value.detach() for name, value in model.named_parameters() if value.requires_grad}


def save_atomically(state: dict[str, Any], path: Path) -> None:
    """Write state to path so that path is either the old file or the whole new one; OSError where there is no room."""
    part = path.with_suffix(path.suffix + ".part")
    try:
        with part.open("wb") as file:
            torch.save(state, file)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def load_state(path: Path) -> dict[str, Any]:
    """Read a file written here without running code from it; CheckpointError if it cannot be read."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"{path} is not a readable checkpoint: {error.strerror or error}") from error
    except Exception as error:  # torch raises many kinds for a broken file
        raise CheckpointError(f"{path} is not a readable checkpoint: {error}") from error
    return state


def half_weights(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return state with floating tensors as float16, for shipping."""
    return {k: v.half() if v.dtype.is_floating_point else v for k, v in state.items()}


def export_weights(
    state: dict[str, Tensor],
    path: Path,
    *,
    version: str,
    training: dict[str, Any],
    config: dict[str, Any] | None = None,
) -> None:
    """Write the file that ships: float16 weights, the model's name and version, and how it was trained.

    config: name, image_size and embed_dim of the variant, by default sam_lite's.
    """
    lite = {"name": "sam_lite", "image_size": LITE_IMAGE_SIZE, "embed_dim": LITE_EMBED_DIM}
    save_atomically(
        {
            "model": half_weights(state),
            "config": lite if config is None else config,
            "version": version,
            "training": training,
        },
        path,
    )
