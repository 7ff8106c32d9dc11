"""Bring a model into the product: export its graphs once, and keep a row of each version."""

import json
import logging
from pathlib import Path

from django.conf import settings

from annotator import sam_gateway
from annotator.inference.default_model import decide_first
from annotator.inference.models import ModelVersion
from annotator.inference.selectors import model_folder

logger = logging.getLogger(__name__)


def sync_model(name: str, *, checkpoint: str | None = None, is_forced: bool = False) -> tuple[ModelVersion, bool]:
    """Return the row of a model's weights and whether its graphs were exported anew.

    Nothing is imported or exported when the folder was made from the same weights in the same export format.
    Raises ModelMissingError when the weights are not there.
    """
    digest = sam_gateway.weights_digest(name, checkpoint)
    card = None if is_forced else _find_card(name, digest)
    if card is not None:
        return keep_row(card), False
    version = _free_version(sam_gateway.version_label(name, checkpoint), digest)
    card = sam_gateway.export_model(name, model_folder(version), version=version, checkpoint=checkpoint)
    return keep_row(card), True


def _find_card(name: str, digest: str) -> sam_gateway.ModelCard | None:
    wanted = (name, digest, sam_gateway.export_format())
    for file in sorted(Path(settings.MODELS_DIR).glob(f"*/{sam_gateway.MODEL_CARD}")):
        try:
            card = sam_gateway.read_card(file.parent)
        except sam_gateway.ModelMissingError:
            continue
        if (card.name, card.weights_sha256, card.format) == wanted and _is_whole(file.parent, card):
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


def keep_row(card: sam_gateway.ModelCard) -> ModelVersion:
    """Write what a card says into the row of its version, and return it.

    The first version of DEFAULT_MODEL on a server becomes its default; later ones wait for somebody's decision.
    """
    said = {
        "name": card.name,
        "image_size": card.image_size,
        "embed_dim": card.embed_dim,
        "weights_sha256": card.weights_sha256,
        "manifest": json.loads(json.dumps(card.manifest)),
    }
    row, is_new = ModelVersion.objects.get_or_create(version=card.version, defaults={**said, **_facts(card)})
    if is_new:
        logger.info("model version added", extra={"version": card.version})
    else:
        ModelVersion.objects.filter(pk=row.pk).update(**said)
        row.refresh_from_db()
    if card.name == settings.DEFAULT_MODEL:
        decide_first(row)
    return row


def _facts(card: sam_gateway.ModelCard) -> dict[str, object]:
    """Return where a new version comes from: nothing where its weights have gone already."""
    try:
        origin = sam_gateway.origin_of(card.name, card.checkpoint)
    except sam_gateway.ModelMissingError:
        return {}
    return {
        "training": origin.training,
        "parent": ModelVersion.objects.filter(version=origin.parent).first() if origin.parent else None,
        "weights_licence": origin.weights_licence,
        "data_licence": origin.data_licence,
        "figures": dict(origin.figures),
    }
