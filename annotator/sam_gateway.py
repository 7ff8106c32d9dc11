"""The only door to sam_core. Heavy parts are imported inside functions, so a web process never holds torch.

Masks (numpy only) may be measured anywhere; encoding, decoding and exporting happen in the worker, in management
commands, or in the decoding subprocess (annotator/inference/server_decoding.py). Knows nothing of Django.
"""

import hashlib
import io
import json
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.sam_answers import DecodeAnswer, DecodeRequest, FoundMask, MeasuredMask

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from sam_core.predictor import ImageEmbedding, Predictor

MODEL_CARD = "model.json"
ENCODER = "encoder.onnx"
DECODER = "decoder.onnx"
CARD_FORMAT = 1
# At a first start somebody waits; 200 prompts, the full check, take a minute and belong to the tests of sam_core.
CHECK_PROMPTS = 16


class MaskRefusedError(ValueError):
    """Counts that are no mask of the given size."""


class PromptRefusedError(ValueError):
    """Prompts that do not fit the image."""


class ModelMissingError(RuntimeError):
    """Weights or graphs that are not there; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What a model folder says of itself; `manifest` is the browser's."""

    name: str
    version: str
    licence: str
    checkpoint: str | None
    weights_sha256: str
    exporter: str
    image_size: int
    embed_dim: int
    manifest: dict[str, Any]
    format: int = CARD_FORMAT


def measure_mask(counts: str, *, size: tuple[int, int]) -> MeasuredMask:
    """Check COCO compressed counts at (height, width) and measure them; raise MaskRefusedError."""
    from sam_core.errors import InvalidMaskError
    from sam_core.masks import rle

    try:
        parsed = rle.parse({"size": list(size), "counts": counts})
    except InvalidMaskError as error:
        raise MaskRefusedError(str(error)) from error
    x, y, w, h = rle.bbox_xywh(parsed)
    return MeasuredMask(counts=parsed["counts"], area=rle.area(parsed), bbox_xywh=(int(x), int(y), int(w), int(h)))


def weights_digest(name: str, checkpoint: str | None = None) -> str:
    """Return the SHA-256 of a model's weights without reading them into a model; raise ModelMissingError."""
    from sam_core.errors import CheckpointError
    from sam_core.registry import find_weights

    try:
        path = find_weights(name, checkpoint)
    except CheckpointError as error:
        raise ModelMissingError(str(error)) from error
    return hashlib.sha256(path.read_bytes() if path else name.encode()).hexdigest()


def exporter_digest() -> str:
    """Return a digest of the code that makes the graphs, so that a change of it is noticed."""
    import sam_core

    root = Path(sam_core.__file__).parent
    digest = hashlib.sha256()
    for file in sorted([*root.glob("onnx/*.py"), *root.glob("modeling/*.py")]):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def version_label(name: str, checkpoint: str | None = None) -> str:
    """Return the label that a model's weights carry."""
    from sam_core.errors import CheckpointError
    from sam_core.registry import model_version

    try:
        return model_version(name, checkpoint)
    except CheckpointError as error:
        raise ModelMissingError(str(error)) from error


def export_model(name: str, target: Path, *, version: str, checkpoint: str | None = None) -> ModelCard:
    """Write all graphs and the card of a model into `target`, whole or not at all; raise ModelMissingError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=target.parent, prefix=".exporting-"))
    try:
        card = _export_into(draft, name, checkpoint, version=version)
        draft.chmod(0o755)
        shutil.rmtree(target, ignore_errors=True)
        draft.replace(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return card


def _export_into(folder: Path, name: str, checkpoint: str | None, *, version: str) -> ModelCard:
    import torch

    from sam_core.errors import CheckpointError, ExportError
    from sam_core.onnx import export_browser_decoder, export_encoder, export_published_decoder
    from sam_core.registry import MODELS, build_model

    # Threads that wait for each other spin: beside other busy processes two take ten times the time of one.
    torch.set_num_threads(1)
    try:
        sam = build_model(name, checkpoint)
    except CheckpointError as error:
        raise ModelMissingError(str(error)) from error
    manifest = export_browser_decoder(sam, folder, model_version=version, num_prompts=CHECK_PROMPTS)
    export_published_decoder(sam, folder / DECODER)
    try:
        export_encoder(sam, folder / ENCODER)
    except ExportError as error:
        # ViT-H does not fit into one ONNX file; the worker then encodes with torch.
        (folder / "encoder.txt").write_text(f"no encoder graph: {error}\n", encoding="utf-8")
    spec = MODELS[name]
    card = ModelCard(
        name=name,
        version=version,
        licence=getattr(spec.checkpoint, "licence", "") or "Apache-2.0",
        checkpoint=checkpoint,
        weights_sha256=weights_digest(name, checkpoint),
        exporter=exporter_digest(),
        image_size=spec.image_size,
        embed_dim=spec.embed_dim,
        manifest=manifest,
    )
    (folder / MODEL_CARD).write_text(json.dumps(asdict(card), indent=1), encoding="utf-8")
    return card


def read_card(folder: Path) -> ModelCard:
    """Return what is known of the model in a folder; raise ModelMissingError when it was never synced."""
    try:
        return ModelCard(**json.loads((folder / MODEL_CARD).read_text(encoding="utf-8")))
    except (FileNotFoundError, TypeError, ValueError) as error:
        raise ModelMissingError(f"{folder} holds no model; run: python manage.py sync_models") from error


def encode_image(
    image_rgb: "NDArray[np.uint8]",
    folder: Path,
    *,
    crop_box_xyxy: tuple[int, int, int, int] | None = None,
    is_mirrored: bool = False,
    threads: int = 0,
) -> "NDArray[np.float32]":
    """Encode an upright photo (H x W x 3), a crop of it or its mirror image by `folder`'s model: 1 x C x grid x grid.

    On CUDA by torch, else by the ONNX graph, which holds a third of torch's memory. threads 0 lets the runtime choose.
    """
    import numpy as np

    from sam_core.masks.mirrored import mirrored_image
    from sam_core.transforms import crop_image, resize_longest_side

    if _has_gpu() or not (folder / ENCODER).is_file():
        embedding = load_predictor(folder).embed(image_rgb, crop_box_xyxy, is_mirrored=is_mirrored)
        return embedding.array.astype(np.float32)
    card = read_card(folder)
    resized = resize_longest_side(crop_image(image_rgb, crop_box_xyxy), card.image_size)
    if is_mirrored:
        resized = mirrored_image(resized, card.image_size // int(card.manifest["mask_side"]))
    pixels = np.ascontiguousarray(resized.transpose(2, 0, 1)[None].astype(np.float32))
    answer: NDArray[np.float32] = _session(folder / ENCODER, threads).run(None, {"pixels": pixels})[0]
    return answer


def decode_prompt(folder: str, request: DecodeRequest) -> DecodeAnswer:
    """Answer one prompt with the published decoder graph on the CPU; raise PromptRefusedError for a bad prompt."""
    import numpy as np

    from sam_core.errors import InvalidPromptError
    from sam_core.masks.choice import choose_candidates, click_scores
    from sam_core.masks.grid import without_padding
    from sam_core.masks.mirrored import in_mirror
    from sam_core.masks.stability import stability_score
    from sam_core.masks.upsample import MaskGeometry
    from sam_core.transforms import input_size_for

    card = read_card(Path(folder))
    encoded_size = _encoded_size(request)
    try:
        feeds = _decoder_feeds(request, card, encoded_size)
    except InvalidPromptError as error:
        raise PromptRefusedError(str(error)) from error
    geometry = MaskGeometry(card.image_size, input_size_for(encoded_size, card.image_size), encoded_size)
    coords, labels, mask = feeds["point_coords"], feeds["point_labels"], feeds["mask_input"]

    def ask(coords: Any, mask: Any) -> tuple[Any, Any]:
        # The graph's own up-sampling is asked for at its smallest: only the low-res logits are wanted.
        asked = feeds | {"point_coords": coords, "mask_input": mask}
        _, iou, low_res = _session(Path(folder) / DECODER, 1).run(None, asked)
        return low_res, iou

    if request.is_mirrored:
        low_res, iou = in_mirror(ask, coords, labels.astype(np.int64), mask, geometry, mask.shape[-1])
    else:
        low_res, iou = ask(coords, mask)
    scores = iou
    if card.manifest.get("weighs_click"):
        scores = click_scores(iou, low_res, feeds["point_coords"], feeds["point_labels"], geometry)
    return DecodeAnswer(
        logits=np.ascontiguousarray(low_res[0], dtype="<f4").tobytes(),
        side=int(low_res.shape[-1]),
        predicted_iou=[float(value) for value in iou[0]],
        stability_score=[float(value) for value in stability_score(without_padding(low_res[0], geometry))],
        chosen=int(choose_candidates(scores, (feeds["point_labels"] >= 0).sum(axis=1))[0]),
    )


def find_masks(
    image_rgb: "NDArray[np.uint8]",
    folder: Path,
    *,
    embedding: "NDArray[np.floating[Any]]",
    figures: dict[str, Any],
    on_progress: "Callable[[int, int], None] | None" = None,
    threads: int = 0,
) -> list[FoundMask]:
    """Return the masks of an upright photo, best first, from its stored embedding (1 x C x grid x grid).

    figures: fields of sam_core's AutomaticConfig. on_progress(done, total) may raise to stop. threads 0 is half the
    cores: torch's threads spin while they wait, and the web process needs the other half.
    """
    import torch

    from sam_core.automatic import AutomaticConfig, AutomaticMaskGenerator
    from sam_core.masks.edges import photo_cells
    from sam_core.predictor import ImageEmbedding
    from sam_core.transforms import input_size_for, resize_longest_side

    torch.set_num_threads(threads or max(1, (os.cpu_count() or 1) // 2))
    predictor = load_predictor(folder)
    model = predictor.model
    size = (image_rgb.shape[0], image_rgb.shape[1])
    stored = ImageEmbedding(
        array=embedding,
        model_version=predictor.model_version,
        original_size=size,
        input_size=input_size_for(size, model.image_size),
        cells_rgb=photo_cells(resize_longest_side(image_rgb, model.image_size), model.image_size // model.mask_side),
    )
    generator = AutomaticMaskGenerator(_knowing(predictor, stored), AutomaticConfig(**figures))
    return [_found(row) for row in generator.generate(image_rgb, on_progress)]


def _knowing(predictor: "Predictor", stored: "ImageEmbedding") -> "Predictor":
    """Return a predictor that has the whole photo's embedding already and encodes only its crops."""
    from sam_core.predictor import Predictor

    class KnowingPredictor(Predictor):
        def embed(self, image_rgb: Any, crop_box_xyxy: Any = None, *, is_mirrored: bool = False) -> "ImageEmbedding":
            if crop_box_xyxy is None and not is_mirrored:
                return stored
            return super().embed(image_rgb, crop_box_xyxy, is_mirrored=is_mirrored)

    return KnowingPredictor(predictor.model, predictor.model_version, encoder_dtype=predictor.encoder_dtype)


def _found(row: dict[str, Any]) -> FoundMask:
    x, y, w, h = (round(side) for side in row["bbox"])
    cx, cy, cw, ch = (round(side) for side in row["crop_box"])
    px, py = row["point_coords"][0]
    return FoundMask(
        counts=row["segmentation"]["counts"],
        area=int(row["area"]),
        bbox_xywh=(x, y, w, h),
        predicted_iou=float(row["predicted_iou"]),
        stability_score=float(row["stability_score"]),
        point_xy=(float(px), float(py)),
        crop_box_xyxy=(cx, cy, cx + cw, cy + ch),
    )


def load_predictor(folder: Path) -> "Predictor":
    """Return the torch predictor of a model folder, on CUDA where there is one; kept for the next call."""
    return _predictor(folder, (folder / MODEL_CARD).stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _predictor(folder: Path, _written_ns: int) -> "Predictor":
    import torch

    from sam_core.predictor import Predictor
    from sam_core.registry import build_model

    card = read_card(folder)
    if weights_digest(card.name, card.checkpoint) != card.weights_sha256:
        raise ModelMissingError(f"the weights of {card.version} were replaced; run: python manage.py sync_models")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return Predictor(build_model(card.name, card.checkpoint).to(device), card.version)


def _encoded_size(request: DecodeRequest) -> tuple[int, int]:
    if request.crop_box_xyxy is None:
        return request.original_size
    x0, y0, x1, y1 = request.crop_box_xyxy
    return y1 - y0, x1 - x0


def _decoder_feeds(request: DecodeRequest, card: ModelCard, encoded_size: tuple[int, int]) -> dict[str, Any]:
    import numpy as np

    from sam_core.prompts import Prompts

    side = int(card.manifest["mask_side"])
    mask = None
    if request.mask_input is not None:
        mask = np.frombuffer(request.mask_input, dtype="<f4").reshape(side, side)
    prompts = Prompts(
        point_coords=np.array(request.points_xy, np.float64) if request.points_xy else None,
        point_labels=np.array(request.point_labels, np.int64) if request.points_xy else None,
        boxes_xyxy=None if request.box_xyxy is None else np.array(request.box_xyxy, np.float64),
        mask_input=mask,
    )
    prompts.check_fits(request.original_size, side)
    coords, labels = prompts.to_tokens(encoded_size, card.image_size, crop_box_xyxy=request.crop_box_xyxy)
    return {
        "image_embeddings": np.load(io.BytesIO(request.embedding_npy), allow_pickle=False).astype(np.float32),
        "point_coords": coords,
        "point_labels": labels.astype(np.float32),
        "mask_input": np.zeros((1, 1, side, side), np.float32) if mask is None else mask[None, None],
        "has_mask_input": np.array([mask is not None], np.float32),
        "orig_im_size": np.array([8, 8], np.float32),
    }


def _session(file: Path, threads: int) -> Any:
    return _open_session(str(file), file.stat().st_mtime_ns, threads)


@lru_cache(maxsize=3)
def _open_session(file: str, _written_ns: int, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leaves idle cores to the web process
    options.enable_cpu_mem_arena = False  # photos differ in shape; an arena would keep the largest of each
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


@lru_cache(maxsize=1)
def _has_gpu() -> bool:
    # Importing torch takes seconds and 300 MB, so it is asked only where a driver is present.
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "" or not Path("/dev/nvidiactl").exists():
        return False
    import torch

    return torch.cuda.is_available()
