"""The model that is improved: a variant's name, its weights, and the label of what comes of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from sam_core.errors import CheckpointError
from sam_core.modeling.promptable import PromptableModel
from sam_core.registry import MODELS, build_model, guess_variant, model_version, read_state
from sam_core.training.checkpoint import half_weights

DIGITS = 12  # of a digest in a label


@dataclass(frozen=True)
class Parent:
    """name: of the variant, as the registry knows it. version: the label of its weights. state: its state dict."""

    name: str
    version: str
    state: dict[str, Tensor]


def find_parent(model: PromptableModel | str | Path, checkpoint: Path | None = None) -> Parent:
    """Return what a model, a variant's name with or without a weight file, or a weight file alone says.

    Raises CheckpointError for what is none of these.
    """
    if isinstance(model, PromptableModel):
        state = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
        name = variant_of(state, "this model")
        return Parent(name, label_of(name, state), state)
    if checkpoint is None and str(model) not in MODELS and Path(model).is_file():
        name, checkpoint = variant_of(read_state(Path(model)), str(model)), Path(model)
    else:
        name = str(model)
    return Parent(name, model_version(name, checkpoint), build_model(name, checkpoint).state_dict())


def variant_of(state: dict[str, Tensor], what: str) -> str:
    """Return the name of the variant that a state dict is of; raise CheckpointError."""
    name = guess_variant({key: tuple(value.shape) for key, value in state.items()})
    if name not in MODELS:
        raise CheckpointError(f"{what} is of no variant that can be improved; there are: {', '.join(MODELS)}")
    return name


def label_of(name: str, state: dict[str, Tensor]) -> str:
    """Return the version of weights as they ship, in float16: equal labels mean equal weights."""
    digest = hashlib.sha256()
    for key, value in sorted(half_weights(state).items()):
        digest.update(key.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return f"{name}-{digest.hexdigest()[:DIGITS]}"
