"""An image embedding as named tensors: one for SAM, several for models whose decoder reads finer maps as well.

One embedding is one file: .npy for a single tensor, .npz for several. Must not know: torch, models, photos.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sam_core.errors import InvalidPromptError

Tensors = Mapping[str, NDArray[np.floating]]
IMAGE_EMBEDDINGS = "image_embeddings"  # SAM's only tensor, as the published graph names it


@dataclass(frozen=True)
class TensorSpec:
    """One tensor of an embedding; dtype is the one that files hold."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "float16"

    def to_manifest(self) -> dict[str, Any]:
        """Return the spec as JSON."""
        return {**asdict(self), "shape": list(self.shape)}

    @classmethod
    def from_manifest(cls, written: Mapping[str, Any]) -> TensorSpec:
        """Read a spec back."""
        return cls(str(written["name"]), tuple(int(side) for side in written["shape"]), str(written["dtype"]))


def check_tensors(tensors: Tensors, specs: Sequence[TensorSpec]) -> None:
    """Raise InvalidPromptError for tensors that a model with these specs did not make."""
    found, expected = {name: value.shape for name, value in tensors.items()}, {one.name: one.shape for one in specs}
    if found != expected:
        raise InvalidPromptError(f"the embedding has shape {_shapes(found)}, {_shapes(expected)} is needed")


def pack(tensors: Tensors, specs: Sequence[TensorSpec]) -> bytes:
    """Return the file of an embedding, in C order and the dtypes of its specs."""
    check_tensors(tensors, specs)
    arrays = {one.name: np.ascontiguousarray(tensors[one.name], dtype=one.dtype) for one in specs}
    buffer = io.BytesIO()
    if len(arrays) == 1:
        np.save(buffer, arrays[specs[0].name], allow_pickle=False)
    else:
        np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def unpack(data: bytes, specs: Sequence[TensorSpec]) -> Tensors:
    """Return the tensors of a file; raise InvalidPromptError for one of another model."""
    loaded = np.load(io.BytesIO(data), allow_pickle=False)
    tensors = {specs[0].name: loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
    check_tensors(tensors, specs)
    return tensors


def _shapes(shapes: Mapping[str, tuple[int, ...]]) -> str:
    if set(shapes) == {IMAGE_EMBEDDINGS}:
        return str(shapes[IMAGE_EMBEDDINGS])
    return ", ".join(f"{name} {shape}" for name, shape in sorted(shapes.items()))
