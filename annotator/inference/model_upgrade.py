"""Export again, from the weights that are still there, the registered models of an older export format.

A new version of the product reads one format alone: browsers refuse older folders until they are exported anew. Models
of a version that kept no files in the storage are exported as well, and their weights kept from then on.
"""

import json
import time
from collections.abc import Callable

from annotator import sam_gateway
from annotator.inference.model_store import own_folder
from annotator.inference.model_sync import export_model, keep_row
from annotator.inference.models import ModelVersion
from annotator.inference.selectors import default_model_version, model_folder


def export_outdated_models(*, say: Callable[[str], object]) -> list[str]:
    """Export each model of an older format anew, the default one first; return a sentence for each that is missed.

    `say` gets a line before and after each, because an export may take minutes, and for each that cannot be exported.
    Only those are returned that projects use: weights that a newer version replaced stay registered for ever.
    """
    rows, default = [row for row in ModelVersion.objects.all() if _is_outdated(row)], default_model_version()
    failures = []
    for row in sorted(rows, key=lambda row: default is None or row.pk != default.pk):
        say(f"Exporting model {row.version} anew, in the format of this version ...")
        started = time.monotonic()
        try:
            _export_again(row)
        except Exception as error:  # noqa: BLE001 (whatever is wrong with one model, the others and the start go on)
            sentence = f"Model {row.version} could not be exported anew, so browsers cannot use it: {error}"
            say(sentence)
            failures += [sentence] if _is_used(row) else []
        else:
            say(f"{row.version}: exported in {time.monotonic() - started:.1f} s")
    return failures


def _is_outdated(row: ModelVersion) -> bool:
    return not row.files or bool(row.manifest.get("format") != sam_gateway.export_format())


def _is_used(row: ModelVersion) -> bool:
    default = default_model_version()
    return row.project_set.exists() or (default is not None and default.pk == row.pk)


def _export_again(row: ModelVersion) -> None:
    """Write a model's folder anew under the version that its embeddings name; raise ModelMissingError."""
    try:
        checkpoint = _checkpoint_of(row)
        if sam_gateway.weights_digest(row.name, checkpoint) != row.weights_sha256:
            raise sam_gateway.ModelMissingError("its weights were replaced by others")
    except sam_gateway.ModelMissingError:
        if not _keep_graphs(row):
            raise
    else:
        keep_row(export_model(row.name, row.version, checkpoint=checkpoint))


def _keep_graphs(row: ModelVersion) -> bool:
    """Keep the graphs of a folder whose weights are gone, if they are of the present format; say whether they were."""
    try:
        card = sam_gateway.read_card(model_folder(row.version))
    except sam_gateway.ModelMissingError:
        return False
    is_usable = card.format == sam_gateway.export_format() and card.weights_sha256 == row.weights_sha256
    if is_usable:
        keep_row(card)
    return is_usable


def _checkpoint_of(row: ModelVersion) -> str | None:
    """Return the weight file that the folder's card names; the cards of older formats have other fields as well."""
    folder = own_folder(row)
    try:
        card = json.loads((folder / sam_gateway.MODEL_CARD).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    checkpoint = card.get("checkpoint") if isinstance(card, dict) else None
    return str(folder / checkpoint) if isinstance(checkpoint, str) else None
