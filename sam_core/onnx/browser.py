"""Write the decoder that runs in the browser: graphs, their weights and a manifest, checked before they appear.

Must not know: how the graphs compute (image_terms.py, decode_graph.py) or who serves them.
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

from sam_core.errors import ExportError
from sam_core.onnx.browser_checks import (
    NUM_PROMPTS,
    BrowserDecoder,
    MaskAgreement,
    check_exact,
    made_up_embeddings,
    measure_masks,
    refuse_strays,
    torch_decode,
)
from sam_core.onnx.decode_graph import Activation, build_decode_graph
from sam_core.onnx.decoder_weights import read_decoder_weights
from sam_core.onnx.golden import find_golden_case
from sam_core.onnx.graph_builder import WeightFile
from sam_core.onnx.image_terms import build_prepare_graph, term_shapes
from sam_core.onnx.upscaling import Upscaling
from sam_core.onnx.verify import PromptCase

if TYPE_CHECKING:
    from sam_core.modeling.sam import Sam

MANIFEST_FORMAT = 1
MANIFEST = "manifest.json"
WEIGHTS = "decoder.bin"
GRAPHS = ("prepare", "first", "refine")
ROWS_GRAPHS = ("first_rows", "refine_rows")
UPSCALING = "upscaling.bin"
PIXEL_OFFSET = 0.5
FLOAT_BYTES = 4


def export_browser_decoder(
    sam: Sam, folder: Path, *, model_version: str = "", num_prompts: int = NUM_PROMPTS
) -> dict[str, Any]:
    """Write prepare, first and refine graphs, their weights and manifest.json into folder; return the manifest.

    Where the model's channels allow it, graphs that end before the up-scaling come with them, and its weights: the
    browser's own kernel then computes the masks. The exact graphs must agree with torch to 1e-3 in logits. Of the whole
    ones those ship that have the faster tanh form of GELU in the up-scaling where their masks agree with torch's to an
    IoU of 0.995 over num_prompts prompts, and the exact graphs otherwise.
    Raises ExportError, and leaves the folder as it was, when they do not.
    """
    embeddings = made_up_embeddings(sam)
    with _draft(folder) as draft:
        upscaling = _write_graphs(sam, draft, activation="erf")
        sketches = sam.prompt_encoder.sketches
        difference = check_exact(sam, BrowserDecoder(draft, sketches=sketches), embeddings[0])
        if upscaling is not None:
            in_two_parts = BrowserDecoder(draft, sketches=sketches, upscaling=upscaling)
            difference = max(difference, check_exact(sam, in_two_parts, embeddings[0]))
        agreement, activation = _write_shipped(sam, draft, embeddings, num_prompts)
        manifest = _manifest(sam, draft, upscaling) | {
            "model_version": model_version,
            "golden": _golden(sam),
            "checks": {
                "exact_largest_difference": difference,
                "activation": activation,
                "mean_mask_iou": agreement.mean_iou,
                "smallest_mask_iou": agreement.smallest_iou,
            },
        }
        (draft / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        for file in draft.iterdir():
            file.replace(folder / file.name)
    return manifest


def _write_shipped(
    sam: Sam, draft: Path, embeddings: list[NDArray[np.float16]], num_prompts: int
) -> tuple[MaskAgreement, str]:
    sketches = sam.prompt_encoder.sketches
    _write_graphs(sam, draft, activation="tanh")
    agreement = measure_masks(sam, BrowserDecoder(draft, sketches=sketches), embeddings, num_prompts=num_prompts)
    try:
        refuse_strays(agreement)
    except ExportError:
        _write_graphs(sam, draft, activation="erf")
        agreement = measure_masks(sam, BrowserDecoder(draft, sketches=sketches), embeddings, num_prompts=num_prompts)
        refuse_strays(agreement)
        return agreement, "erf"
    return agreement, "tanh"


def _write_graphs(sam: Sam, folder: Path, *, activation: Activation) -> Upscaling | None:
    weights, file = read_decoder_weights(sam), WeightFile(WEIGHTS)
    models = {
        "prepare": build_prepare_graph(weights, file),
        "first": build_decode_graph(weights, file, with_mask=False, activation=activation),
        "refine": build_decode_graph(weights, file, with_mask=True, activation=activation),
    }
    upscaling = Upscaling.of(weights)
    if upscaling.fits:
        models["first_rows"] = build_decode_graph(weights, file, with_mask=False, activation="none")
        models["refine_rows"] = build_decode_graph(weights, file, with_mask=True, activation="none")
        (folder / UPSCALING).write_bytes(upscaling.to_bytes())
    for name, model in models.items():
        (folder / f"{name}.onnx").write_bytes(model.SerializeToString())
    (folder / WEIGHTS).write_bytes(file.to_bytes())
    return upscaling if upscaling.fits else None


def _manifest(sam: Sam, folder: Path, upscaling: Upscaling | None) -> dict[str, Any]:
    shapes = term_shapes(read_decoder_weights(sam))
    graphs = GRAPHS if upscaling is None else (*GRAPHS, *ROWS_GRAPHS)
    files = [*(f"{graph}.onnx" for graph in graphs), WEIGHTS]
    own = {} if upscaling is None else {"upscaling": {"file": UPSCALING, "eps": upscaling.eps}}
    return {
        "format": MANIFEST_FORMAT,
        "image_size": sam.image_size,
        "mask_side": sam.mask_side,
        "embed_dim": sam.mask_decoder.transformer_dim,
        "grid": sam.embedding_size,
        "sketches": sam.prompt_encoder.sketches,
        "weighs_click": sam.weighs_click,
        "drops_specks": sam.drops_specks,
        "obeys_prompts": sam.obeys_prompts,
        "snaps_to_edges": sam.snaps_to_edges,
        "looks_closer": sam.looks_closer,
        "pixel_offset": PIXEL_OFFSET,
        "graphs": {name: {"file": f"{name}.onnx", "weights": WEIGHTS} for name in graphs},
        **own,
        "terms_bytes": sum(FLOAT_BYTES * int(np.prod(shape)) for shape in shapes.values()),
        "files": [_file_entry(folder / name) for name in (*files, *([UPSCALING] if own else []))],
    }


def _file_entry(file: Path) -> dict[str, Any]:
    data = file.read_bytes()
    return {"name": file.name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _golden(sam: Sam) -> dict[str, Any]:
    def decode(
        embedding: NDArray[np.float16], coords: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        padded = np.concatenate([coords, np.zeros((1, 1, 2), np.float32)], axis=1)
        logits, iou = torch_decode(sam, embedding, PromptCase("golden", padded, np.array([[1, -1]], np.float32), None))
        return logits[0], iou[0]

    case = find_golden_case(
        decode, channels=sam.mask_decoder.transformer_dim, grid=sam.embedding_size, image_size=sam.image_size
    )
    return case.to_manifest()


@contextmanager
def _draft(folder: Path) -> Iterator[Path]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix=".export-") as draft:
            yield Path(draft)
    except OSError as error:
        raise ExportError(f"could not write the browser's decoder into {folder}: {error}") from error
