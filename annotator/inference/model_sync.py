"""Bring a model into the product: export its graphs once, and keep a row of each version."""

import json
import logging
from pathlib import Path

from django.conf import settings

from annotator import sam_gateway
from annotator.audit.models import AuditEvent
from annotator.audit.services import record_event
from annotator.audit.verbs import Verb
from annotator.inference.models import ModelVersion
from annotator.inference.selectors import default_model_version, model_folder

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
    """Write what a card says into the row of its version, and return it."""
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
    _note_default(row)
    if is_new:
        logger.info("model version added", extra={"version": card.version})
    return row


def _note_default(row: ModelVersion) -> None:
    """Record in the audit log when projects that pin no model get another one from now on."""
    now = default_model_version()
    last = AuditEvent.objects.filter(verb=Verb.MODEL_DEFAULT.value).first()
    if now is None or now.pk != row.pk or (last is not None and last.object_name == now.version):
        return
    before = {"version": last.object_name if last else None}
    record_event(Verb.MODEL_DEFAULT, now, name=now.version, before=before, after={"version": now.version})
