"""A folder with all graphs of one model and a card that names it: write it once, then open predictors from it.

Numpy, torch and the exporters are imported inside functions: reading a card needs none of them, decoding with
onnxruntime no torch.
Must not know: photos, HTTP, settings.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sam_core.checkpoints import sha256_of
from sam_core.errors import CheckpointError, ExportError
from sam_core.export_format import EXPORT_FORMAT
from sam_core.registry import MODELS, build_model, find_weights

if TYPE_CHECKING:
    from sam_core.backends.torch_backend import TorchPredictor
    from sam_core.embedding import TensorSpec
    from sam_core.geometry import Geometry
    from sam_core.predictor import Predictor

MODEL_CARD = "model.json"
ENCODER = "encoder.onnx"
DECODER = "decoder.onnx"
WEIGHTS = "weights.pt"
EXPORTING = ".exporting-"  # how the name of a folder begins whose export has not ended
STEPS = ("weights", "browser", "decoder", "encoder", "check")

Runtime = Literal["torch", "onnxruntime"]
OnStep = Callable[[str], object]


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What a model folder says of itself; `manifest` is the browser's.

    `checkpoint` is the weight file's name in the folder. Folders of older versions name a path, or none where the
    weights were shipped or fetched.
    """

    name: str
    version: str
    licence: str
    checkpoint: str | None
    weights_sha256: str
    image_size: int
    embed_dim: int
    manifest: dict[str, Any]
    format: int


def weights_digest(name: str, checkpoint: str | None = None) -> str:
    """Return the SHA-256 of a model's weights without reading them into a model; raise CheckpointError."""
    path = find_weights(name, checkpoint)
    return sha256_of(path) if path else hashlib.sha256(name.encode()).hexdigest()


def weights_of(folder: Path, card: ModelCard) -> str | None:
    """Return the path of the weight file that a card names, None where it names none."""
    return None if card.checkpoint is None else str(folder / card.checkpoint)


def read_card(folder: Path) -> ModelCard:
    """Return what is known of the model in a folder; raise CheckpointError when nothing was exported there."""
    try:
        return ModelCard(**json.loads((folder / MODEL_CARD).read_text(encoding="utf-8")))
    except (FileNotFoundError, TypeError, ValueError) as error:
        raise CheckpointError(f"{folder.name} holds no model; {_install_again('NAME')}") from error


def export_model(
    name: str, target: Path, *, version: str, checkpoint: str | None = None, on_step: OnStep = lambda _: None
) -> ModelCard:
    """Write weights, all graphs and the card of a model into `target`, checked, whole or not at all.

    on_step is called with the name of each of STEPS before it is done, and may raise to stop. Raises CheckpointError,
    ExportError.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=target.parent, prefix=EXPORTING))
    try:
        card = _export_into(draft, name, checkpoint, version=version, on_step=on_step)
        draft.chmod(0o700)
        shutil.rmtree(target, ignore_errors=True)
        draft.replace(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return card


def _export_into(folder: Path, name: str, checkpoint: str | None, *, version: str, on_step: OnStep) -> ModelCard:
    from sam_core.onnx import export_browser_decoder, export_encoder, export_published_decoder
    from sam_core.self_check import check_folder

    use_threads(1)  # threads that wait for each other spin: beside other busy processes two take ten times as long
    on_step("weights")
    own = _keep_weights(folder, name, checkpoint)
    sam = build_model(name, own)
    on_step("browser")
    manifest = export_browser_decoder(sam, folder, model_version=version)
    on_step("decoder")
    export_published_decoder(sam, folder / DECODER)
    on_step("encoder")
    try:
        export_encoder(sam, folder / ENCODER)
    except ExportError as error:
        # ViT-H does not fit into one ONNX file; torch encodes then
        (folder / "encoder.txt").write_text(f"no encoder graph: {error}\n", encoding="utf-8")
    card = _describe(name, own, manifest, version=version)
    (folder / MODEL_CARD).write_text(json.dumps(asdict(card), indent=1), encoding="utf-8")
    on_step("check")
    check_folder(folder, sam)
    return card


def _keep_weights(folder: Path, name: str, checkpoint: str | None) -> Path | None:
    """Copy a model's weights into its folder, which then needs no other place; None for a model without any."""
    source = find_weights(name, checkpoint)
    return None if source is None else Path(shutil.copyfile(source, folder / WEIGHTS))


def _describe(name: str, weights: Path | None, manifest: dict[str, Any], *, version: str) -> ModelCard:
    spec = MODELS[name]
    return ModelCard(
        name=name,
        version=version,
        licence=getattr(spec.checkpoint, "licence", "") or "Apache-2.0",
        checkpoint=None if weights is None else weights.name,
        weights_sha256=weights_digest(name, None if weights is None else str(weights)),
        image_size=spec.image_size,
        embed_dim=spec.embed_dim,
        manifest=manifest,
        format=EXPORT_FORMAT,
    )


def embedding_of(manifest: dict[str, Any]) -> tuple[TensorSpec, ...]:
    """Return the tensors that a manifest names for one image's embedding; manifests before format 4 name none."""
    from sam_core.embedding import IMAGE_EMBEDDINGS, TensorSpec

    if "embedding" not in manifest:
        grid = int(manifest["grid"])
        return (TensorSpec(IMAGE_EMBEDDINGS, (1, int(manifest["embed_dim"]), grid, grid)),)
    return tuple(TensorSpec.from_manifest(one) for one in manifest["embedding"])


def geometry_of(manifest: dict[str, Any]) -> Geometry:
    """Return the geometry of a manifest's model; before format 5 there was one alone, so none is named."""
    from sam_core.geometry import LongestSide, read_geometry

    return read_geometry(manifest.get("geometry", LongestSide.name), int(manifest["image_size"]))


def open_predictor(folder: Path, *, runtime: Runtime | None = None, threads: int = 0) -> Predictor:
    """Return a predictor of the model in a folder, kept for the next call.

    runtime None: torch on CUDA or MPS, or where the folder has no encoder graph; else onnxruntime, in a third of
    torch's memory. threads: of onnxruntime, 0 lets it choose. A folder of an older export format works with the
    published policy until it is exported anew. Raises CheckpointError.
    """
    if runtime is None:
        runtime = "torch" if device_kind() != "cpu" or not (folder / ENCODER).is_file() else "onnxruntime"
    if runtime == "torch":
        return open_torch_predictor(folder)
    return _kept_onnx_predictor(folder, _written_ns(folder), threads)


def open_torch_predictor(folder: Path) -> TorchPredictor:
    """Return the torch predictor of a model folder, on the fastest device; kept for the next call."""
    return _torch_predictor(folder, _written_ns(folder))


def use_threads(threads: int) -> None:
    """Bound torch's threads; 0 is half the cores: they spin while they wait, and other processes need the rest."""
    import torch

    torch.set_num_threads(threads or max(1, (os.cpu_count() or 1) // 2))


def _written_ns(folder: Path) -> int:
    try:
        return (folder / MODEL_CARD).stat().st_mtime_ns
    except FileNotFoundError:
        return 0  # read_card says what is missing


@lru_cache(maxsize=3)
def _kept_onnx_predictor(folder: Path, _written: int, threads: int) -> Predictor:
    return open_onnx_predictor(folder, threads=threads)


def open_onnx_predictor(folder: Path, *, threads: int = 0) -> Predictor:
    """Return a predictor of the graphs in a folder; raise CheckpointError."""
    from sam_core.backends import ExportedModel
    from sam_core.backends.onnx_backend import OnnxDecoder, OnnxEncoder
    from sam_core.masks.policy import PUBLISHED, MaskPolicy
    from sam_core.predictor import Predictor

    card = read_card(folder)
    facts = ExportedModel(
        geometry=geometry_of(card.manifest),
        mask_side=int(card.manifest["mask_side"]),
        embedding=embedding_of(card.manifest),
        policy=MaskPolicy.from_manifest(card.manifest["policy"]) if card.format == EXPORT_FORMAT else PUBLISHED,
    )
    encoder = OnnxEncoder(folder / ENCODER, threads=threads)
    return Predictor(facts, card.version, encoder=encoder, decoder=OnnxDecoder(folder / DECODER, threads=threads))


@lru_cache(maxsize=1)
def _torch_predictor(folder: Path, _written: int) -> TorchPredictor:
    from sam_core.backends.torch_backend import TorchPredictor, choose_device

    card = read_card(folder)
    weights = weights_of(folder, card)
    if weights_digest(card.name, weights) != card.weights_sha256:
        raise CheckpointError(f"the weights of {card.version} were replaced; {_install_again(card.name)}")
    return TorchPredictor(build_model(card.name, weights).to(choose_device(None)), card.version)


def _install_again(name: str) -> str:
    return f"run: python manage.py install_model {name}"


@lru_cache(maxsize=1)
def device_kind() -> str:
    """Return where models run on this machine: cuda, mps or cpu."""
    # Importing torch takes seconds and 300 MB, so it is asked only where there may be something to find.
    has_driver = os.environ.get("CUDA_VISIBLE_DEVICES") != "" and Path("/dev/nvidiactl").exists()
    if not has_driver and sys.platform != "darwin":
        return "cpu"
    from sam_core.backends.torch_backend import choose_device

    return choose_device(None).type
