"""Read weight files that others wrote: what is in them, and the state dict wherever it lies.

Fine-tuned models come wrapped in another dict ("state_dict", "model", beside an optimizer), with names that begin with
"module." (several GPUs), "_orig_mod." (torch.compile) or the name of a bigger model. Code in a file is never run.
Must not know: the model.
"""

import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sam_core.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

State = dict[str, "Tensor"]
MAX_DEPTH = 4
PREFERRED = ("model", "state_dict", "model_state_dict", "module", "net", "sam")
# SAM's, then SAM 2's own names
MODULES = ("image_encoder.", "prompt_encoder.", "mask_decoder.", "sam_prompt_encoder.", "sam_mask_decoder.")
_WRAPPERS = {"module", "_orig_mod"}
_KNOWN_HEADS = (
    (b"<!doctype html", "a web page: what was downloaded is the page of an error or of a repository"),
    (b"<html", "a web page: what was downloaded is the page of an error or of a repository"),
    (b"<?xml", "an XML text: what was downloaded is the answer of an error"),
    (b"version https://git-lfs", "a Git LFS pointer; fetch the file itself with: git lfs pull"),
    (b"{", "a JSON text"),
)
_UNREADABLE = (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, AttributeError, OSError)


def read_payload(path: Path) -> dict[str, Any]:
    """Return what a weight file holds; raise CheckpointError that says what it is instead."""
    import torch

    _check_head(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            payload = torch.load(path, map_location="cpu", weights_only=True)
    except (*_UNREADABLE, TypeError, IndexError) as error:
        raise CheckpointError(f"{path} {_why_unreadable(path, error)}") from error
    if not isinstance(payload, dict):
        raise CheckpointError(f"{path} holds a {type(payload).__name__}, not a state dict")
    return payload


def find_state(payload: dict[str, Any], path: Path) -> State:
    """Return the one state dict in a payload, named as the model names it, as float32; raise CheckpointError."""
    states = {place: state for place, state in _states(payload, "", MAX_DEPTH) if _is_model(state)}
    if not states:
        raise CheckpointError(f"{path} holds no state dict of a model of this kind{_what_it_holds(payload)}")
    place = next(iter(states))
    if len(states) > 1:
        wanted = [name for name in PREFERRED if name in states]
        if not wanted:
            raise CheckpointError(
                f"{path} holds several models ({', '.join(sorted(states))}); save the one wanted alone"
            )
        place = wanted[0]
    return {
        name: value.float() if value.is_floating_point() else value
        for name, value in _plain_names(states[place]).items()
    }


def describe_head(head: bytes) -> str:
    """Return what a file is that begins with these bytes, or nothing when it may be a weight file."""
    start = head.lstrip().lower()
    return next((words for mark, words in _KNOWN_HEADS if start.startswith(mark)), "")


def _check_head(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(512).lstrip()
    if not head:
        raise CheckpointError(f"{path} is empty, or no weight file")
    if what := describe_head(head):
        raise CheckpointError(f"{path} is no weight file but {what}")
    if head[8:10] == b'{"':
        raise CheckpointError(f"{path} is a safetensors file; save it with torch.save(model.state_dict(), ...)")


def _why_unreadable(path: Path, error: Exception) -> str:
    with path.open("rb") as file:
        is_zip = file.read(2) == b"PK"
    reason = str(error)
    if "Unsupported" in reason or "GLOBAL" in reason or "weights_only" in reason:
        return (
            "is damaged or no weight file: it holds Python objects, which are not loaded because they may run code; "
            "save model.state_dict() alone"
        )
    return "is damaged or no weight file" + (": it is cut off" if is_zip else "")


def _states(node: dict[Any, Any], place: str, depth: int) -> Iterator[tuple[str, State]]:
    """Yield every dict of tensors by its place, "a.b" for payload["a"]["b"]."""
    import torch

    tensors = {name: value for name, value in node.items() if isinstance(value, torch.Tensor)}
    if tensors and all(isinstance(name, str) for name in tensors):
        yield place, tensors
    for name, value in node.items():
        if depth and isinstance(value, dict):
            yield from _states(value, f"{place}.{name}" if place else str(name), depth - 1)


def _is_model(state: State) -> bool:
    return any(module in name for name in state for module in MODULES)


def _plain_names(state: State) -> State:
    """Return the state with names from the model's own root; tensors outside of the model are left out."""
    names = {".".join(part for part in name.split(".") if part not in _WRAPPERS): name for name in state}
    first = next(name for name in names if any(module in name for module in MODULES))
    prefix = first[: min(first.index(module) for module in MODULES if module in first)]
    return {
        plain.removeprefix(prefix): state[name]
        for plain, name in names.items()
        if plain.startswith(prefix) and plain.removeprefix(prefix) not in {"pixel_mean", "pixel_std"}
    }


def _what_it_holds(payload: dict[str, Any]) -> str:
    names = ", ".join(str(name)[:60] for name in list(payload)[:3])
    return f"; it begins with {names}" if names else ""
