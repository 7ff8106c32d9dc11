"""What the exports of the tiny seeded model look like: a digest of each graph, and figures of the weights.

    python -m tests.sam_core.export_digests        writes export_digests.json; after EXPORT_FORMAT was raised

Graphs are told by their nodes, inputs, outputs and the shapes of their weights, which no processor changes; weights by
sums, which one may change in the last digits.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx

from sam_core.model_folder import export_model, read_card

RECORD = Path(__file__).with_suffix(".json")
PARTS = 8  # sums of each weight file


def digests_of(folder: Path) -> dict[str, Any]:
    """Describe a model folder."""
    manifest = read_card(folder).manifest
    parts = [np.fromfile(file, np.float32).astype(np.float64) for file in sorted(folder.glob("*.bin"))]
    return {
        "format": manifest["format"],
        "manifest": _shape_of(manifest),
        "files": sorted(file.name for file in folder.iterdir()),
        "graphs": {file.name: _graph_digest(file) for file in sorted(folder.glob("*.onnx"))},
        "weights": [float(np.abs(part).sum()) for one in parts for part in np.array_split(one, PARTS)],
    }


def _shape_of(value: Any) -> Any:
    """Return the keys and types of JSON, without its values."""
    if isinstance(value, dict):
        return {key: _shape_of(part) for key, part in sorted(value.items())}
    if isinstance(value, list):
        return [_shape_of(value[0])] if value else []
    return type(value).__name__


def _graph_digest(file: Path) -> str:
    model = onnx.load(str(file), load_external_data=False)
    graph = model.graph
    for one in graph.initializer:
        one.ClearField("raw_data")
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                attribute.t.ClearField("raw_data")
    parts = [*graph.input, *graph.output, *graph.initializer, *graph.node]
    text = b"".join(part.SerializeToString(deterministic=True) for part in parts)
    return hashlib.sha256(text).hexdigest()[:16]


def export_tiny(folder: Path) -> Path:
    """Export the tiny model below a folder and return where."""
    target = folder / "tiny"
    export_model("sam_tiny_test", target, version="tiny")
    return target


if __name__ == "__main__":
    with TemporaryDirectory() as made:
        RECORD.write_text(json.dumps(digests_of(export_tiny(Path(made))), indent=1) + "\n", encoding="utf-8")
