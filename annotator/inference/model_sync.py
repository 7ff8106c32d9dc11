"""Bring a model into the product: export its graphs once, keep all of its files, and a row of each version."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from annotator import sam_gateway
from annotator.inference.default_model import decide_first
from annotator.inference.model_store import StoredFile, drop_unnamed, is_stored, keep_folder
from annotator.inference.models import ModelVersion, Training
from annotator.inference.selectors import model_folder

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class TrainedHere:
    """A version that was trained on masks of this server: its label, what it started from, and its figures (0..1)."""

    version: str
    parent: ModelVersion
    data_licence: str
    figures: Mapping[str, float]

    def facts(self) -> dict[str, object]:
        """Return the fields of the row that tell where it comes from; whoever may use the parent may use it."""
        return {
            "training": Training.PROJECT,
            "parent": self.parent,
            "weights_licence": self.parent.weights_licence,
            "data_licence": self.data_licence,
            "figures": dict(self.figures),
        }


def sync_model(
    name: str,
    *,
    checkpoint: str | None = None,
    is_forced: bool = False,
    on_step: Callable[[str], object] = lambda _: None,
) -> tuple[ModelVersion, bool]:
    """Return the row of a model's weights and whether its graphs were exported now.

    Nothing is imported or exported when the same weights are there in the same export format. Whatever was exported is
    in the storage before its row is written. on_step may raise to stop. Raises ModelMissingError, ExportRefusedError.
    """
    digest = sam_gateway.weights_digest(name, checkpoint)
    row = None if is_forced else _find_row(name, digest)
    if row is not None:
        return row, False
    card = None if is_forced else _find_card(name, digest)
    if card is not None:
        return keep_row(card), False
    version = _free_version(sam_gateway.version_label(name, checkpoint), digest)
    return keep_row(export_model(name, version, checkpoint=checkpoint, on_step=on_step)), True


def sync_trained(
    trained: TrainedHere, checkpoint: Path, *, on_step: Callable[[str], object] = lambda _: None
) -> ModelVersion:
    """Make a version of weights that were trained here; the same weights twice are one. It never becomes the default.

    on_step may raise to stop. Raises ModelMissingError, ExportRefusedError.
    """
    name, digest = trained.parent.name, sam_gateway.weights_digest(trained.parent.name, str(checkpoint))
    row = _find_row(name, digest)
    if row is not None:
        return row
    card = _find_card(name, digest)
    if card is None:
        version = _free_version(trained.version, digest)
        card = export_model(name, version, checkpoint=str(checkpoint), on_step=on_step)
    return keep_row(card, trained=trained)


def prepare_default_model() -> None:
    """See that there is a version of DEFAULT_MODEL; raise ModelMissingError where its weights are not at hand.

    Weights that come with the product, and are newer than the last, become a version. One that was installed is there.
    """
    name = settings.DEFAULT_MODEL
    is_installed = ModelVersion.objects.filter(name=name).exclude(files=[]).exists()
    if not (is_installed and sam_gateway.is_fetched(name)):
        sync_model(name)


def export_model(
    name: str, version: str, *, checkpoint: str | None, on_step: Callable[[str], object] = lambda _: None
) -> sam_gateway.ModelCard:
    """Export a model into this machine's folder of a version."""
    folder = model_folder(version)
    return sam_gateway.export_model(name, folder, version=version, checkpoint=checkpoint, on_step=on_step)


def _find_row(name: str, digest: str) -> ModelVersion | None:
    """Return the version of these weights if it is in the present format and the storage has all of its files."""
    for row in ModelVersion.objects.filter(name=name, weights_sha256=digest):
        is_current = row.manifest.get("format") == sam_gateway.export_format()
        if is_current and row.files and all(is_stored(file["sha256"], file["bytes"]) for file in row.files):
            return row
    return None


def _find_card(name: str, digest: str) -> sam_gateway.ModelCard | None:
    """Return the card of a folder of this machine that holds these weights, whole and in the present format."""
    wanted = (name, digest, sam_gateway.export_format())
    for file in sorted(Path(settings.MODELS_DIR).glob(f"*/{sam_gateway.MODEL_CARD}")):
        try:
            card = sam_gateway.read_card(file.parent)
        except sam_gateway.ModelMissingError:
            continue
        is_same = (card.name, card.weights_sha256, card.format) == wanted
        if is_same and _owns_weights(file.parent, card) and _is_whole(file.parent, card):
            return card
    return None


def _owns_weights(folder: Path, card: sam_gateway.ModelCard) -> bool:
    """Say whether a folder holds its weights itself, or is of the model without any; older ones name other places."""
    if card.checkpoint is None:
        return sam_gateway.has_no_weights(card.name)
    return (folder / card.checkpoint).parent == folder and (folder / card.checkpoint).is_file()


def _is_whole(folder: Path, card: sam_gateway.ModelCard) -> bool:
    files = card.manifest.get("files", [])
    return all(
        (folder / row["name"]).is_file() and (folder / row["name"]).stat().st_size == row["bytes"] for row in files
    )


def _free_version(label: str, digest: str) -> str:
    # Embeddings are addressed by version, so other weights under the same label need a label of their own.
    row = ModelVersion.objects.filter(version=label).first()
    return label if row is None or row.weights_sha256 == digest else f"{label}-{digest[:8]}"


def keep_row(card: sam_gateway.ModelCard, *, trained: TrainedHere | None = None) -> ModelVersion:
    """Copy the folder of a card's version into the storage, write what the card says into the row, and return it.

    The first version of DEFAULT_MODEL on a server becomes its default, unless it was trained here; later ones wait for
    somebody's decision.
    """
    before = ModelVersion.objects.filter(version=card.version).values_list("files", flat=True).first() or []
    files = keep_folder(model_folder(card.version))
    row = _write_row(card, files, trained)
    drop_unnamed([file["sha256"] for file in before])
    return row


def _write_row(card: sam_gateway.ModelCard, files: list[StoredFile], trained: TrainedHere | None) -> ModelVersion:
    said = {
        "name": card.name,
        "image_size": card.image_size,
        "embed_dim": card.embed_dim,
        "weights_sha256": card.weights_sha256,
        "manifest": json.loads(json.dumps(card.manifest)),
        "files": files,
    }
    origin = _facts(card) if trained is None else trained.facts()
    row, is_new = ModelVersion.objects.get_or_create(version=card.version, defaults={**said, **origin})
    if is_new:
        logger.info("model version added", extra={"version": card.version})
    else:
        ModelVersion.objects.filter(pk=row.pk).update(**said)
        row.refresh_from_db()
    if card.name == settings.DEFAULT_MODEL and row.training != Training.PROJECT:
        decide_first(row)
    return row


def _facts(card: sam_gateway.ModelCard) -> dict[str, object]:
    """Return where a new version comes from: nothing where its weights have gone already."""
    try:
        origin = sam_gateway.origin_of(card.name, sam_gateway.weights_of(model_folder(card.version), card))
    except sam_gateway.ModelMissingError:
        return {}
    return {
        "training": origin.training,
        "parent": ModelVersion.objects.filter(version=origin.parent).first() if origin.parent else None,
        "weights_licence": origin.weights_licence,
        "data_licence": origin.data_licence,
        "figures": dict(origin.figures),
    }
