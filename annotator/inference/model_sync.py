"""Bring a model into the product: export its graphs once, and keep a row of each version."""

import json
import logging
from pathlib import Path

from django.conf import settings

from annotator import sam_gateway
from annotator.inference.models import ModelVersion
from annotator.inference.selectors import model_folder

logger = logging.getLogger(__name__)


def sync_model(name: str, *, checkpoint: str | None = None, is_forced: bool = False) -> tuple[ModelVersion, bool]:
    """Return the row of a model's weights and whether its graphs were exported anew.

    Nothing is imported or exported when the folder was made from the same weights by the same code.
    Raises ModelMissingError when the weights are not there.
    """
    digest = sam_gateway.weights_digest(name, checkpoint)
    card = None if is_forced else _find_card(name, digest)
    if card is not None:
        return _keep_row(card), False
    version = _free_version(sam_gateway.version_label(name, checkpoint), digest)
    card = sam_gateway.export_model(name, model_folder(version), version=version, checkpoint=checkpoint)
    return _keep_row(card), True


def _find_card(name: str, digest: str) -> sam_gateway.ModelCard | None:
    exporter = sam_gateway.exporter_digest()
    for file in sorted(Path(settings.MODELS_DIR).glob(f"*/{sam_gateway.MODEL_CARD}")):
        try:
            card = sam_gateway.read_card(file.parent)
        except sam_gateway.ModelMissingError:
            continue
        if (card.name, card.weights_sha256, card.exporter) == (name, digest, exporter) and _is_whole(file.parent, card):
            return card
    return None


def _is_whole(folder: Path, card: sam_gateway.ModelCard) -> bool:
    files = card.manifest.get("files", [])
    return all(
        (folder / row["name"]).is_file() and (folder / row["name"]).stat().st_size == row["bytes"] for row in files
    )


def _free_version(label: str, digest: str) -> str:
    # Embeddings are addressed by version, so other weights under the same label need a label of their own.
    row = ModelVersion.objects.filter(version=label).first()
    return label if row is None or row.weights_sha256 == digest else f"{label}-{digest[:8]}"


def _keep_row(card: sam_gateway.ModelCard) -> ModelVersion:
    row, is_new = ModelVersion.objects.update_or_create(
        version=card.version,
        defaults={
            "name": card.name,
            "licence": card.licence,
            "image_size": card.image_size,
            "embed_dim": card.embed_dim,
            "weights_sha256": card.weights_sha256,
            "manifest": json.loads(json.dumps(card.manifest)),
        },
    )
    if is_new:
        logger.info("model version added", extra={"version": card.version})
    return row
