"""Write the decoder that runs in the browser: graphs, their weights and a manifest, checked before they appear.

The plain graphs are always there; a model that the accelerator fits ships it beside them. Must not know: how either
computes, who serves the files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sam_core.embedding import Tensors
from sam_core.errors import ExportError
from sam_core.export_format import EXPORT_FORMAT
from sam_core.onnx.accelerator import export_accelerator
from sam_core.onnx.browser_checks import PlainGraphs, check_graphs, made_up_embedding, torch_decode
from sam_core.onnx.golden import find_golden_case
from sam_core.onnx.plain_decoder import WEIGHTS, write_plain_graphs
from sam_core.onnx.verify import PromptCase
from sam_core.prompt_kinds import SAM_KINDS

if TYPE_CHECKING:
    from sam_core.modeling.promptable import PromptableModel

MANIFEST = "manifest.json"
PIXEL_OFFSET = 0.5


def export_browser_decoder(sam: PromptableModel, folder: Path, *, model_version: str = "") -> dict[str, Any]:
    """Write the plain graphs, the accelerator where it fits the model, and manifest.json; return the manifest.

    Raises ExportError, and leaves the folder as it was, when graphs differ from torch by more than 1e-3 in logits.
    """
    with _draft(folder) as draft:
        embedding = made_up_embedding(sam)
        graphs = write_plain_graphs(sam, draft)
        difference = check_graphs(sam, PlainGraphs(draft), embedding)
        accelerator = export_accelerator(sam, draft, embedding)
        manifest = _facts(sam) | {
            "model_version": model_version,
            "graphs": {name: {"file": file, "weights": WEIGHTS} for name, file in graphs.items()},
            "accelerator": accelerator,
            "golden": _golden(sam),
            "largest_difference": difference,
            "files": [_file_entry(file) for file in sorted(draft.iterdir())],
        }
        (draft / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        for file in draft.iterdir():
            file.replace(folder / file.name)
    return manifest


def _facts(sam: PromptableModel) -> dict[str, Any]:
    return {
        "format": EXPORT_FORMAT,
        "image_size": sam.image_size,
        "geometry": sam.geometry.name,
        "mask_side": sam.mask_side,
        "embedding": [one.to_manifest() for one in sam.embedding],
        "prompts": [kind.name for kind in SAM_KINDS],
        "sketches": sam.sketches,
        "policy": sam.policy.to_manifest(),
        "pixel_offset": PIXEL_OFFSET,
    }


def _file_entry(file: Path) -> dict[str, Any]:
    data = file.read_bytes()
    return {"name": file.name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _golden(sam: PromptableModel) -> dict[str, Any]:
    def decode(embedding: Tensors, coords: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        padded = np.concatenate([coords, np.zeros((1, 1, 2), np.float32)], axis=1)
        logits, iou = torch_decode(sam, embedding, PromptCase("golden", padded, np.array([[1, -1]], np.float32), None))
        return logits[0], iou[0]

    return find_golden_case(decode, sam.embedding, image_size=sam.image_size).to_manifest()


@contextmanager
def _draft(folder: Path) -> Iterator[Path]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix=".export-") as draft:
            yield Path(draft)
    except OSError as error:
        raise ExportError(f"could not write the browser's decoder into {folder}: {error}") from error
