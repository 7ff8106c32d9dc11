"""Check a batch of masks from a file and write those that are new: short transactions, ids that make a replay harmless.

Ids are made of the run and the mask's place in the file, so writing a batch twice writes it once; they rise with the
place, so the file's order is kept among masks of one height and the index grows at its end.
"""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from annotator.annotations.models import Annotation, AnnotationRevision, RevisionAction, State
from annotator.annotations.models import Source as MaskSource
from annotator.annotations.services import SNAPSHOT_FIELDS
from annotator.exchange.bulk_insert import insert_rows, to_json
from annotator.exchange.import_report import ImportReport
from annotator.exchange.importers.base import FileMask, Problem
from annotator.exchange.importers.ledger import KnownImage, Ledger, mask_digest
from annotator.exchange.matching import SKIP
from annotator.inference.models import ModelVersion
from annotator.mask_gateway import counts_from_polygons, measure_masks
from annotator.projects.models import Stage
from annotator.sam_answers import MeasuredMask
from annotator.sam_gateway import MaskRefusedError

_STATES, _STAGES = frozenset(State.values), frozenset(Stage.values)
_VALUE_COLUMNS = (
    "label_id", "counts", "bbox_x", "bbox_y", "bbox_w", "bbox_h", "area", "source", "state", "predicted_iou",
    "stability_score", "provenance", "attributes", "z_order", "is_locked", "stage", "active_ms", "model_version_id",
)  # fmt: skip
MASKS_PER_TRANSACTION = 100  # a transaction keeps all other writers out of SQLite for some 10 ms
_HISTORY_COLUMNS = ("annotation_id", "revision", "op_id", "action", "snapshot", "author_id")


@dataclass(frozen=True, slots=True)
class SoundMask:
    """A mask that passed every check."""

    ordinal: int
    image_pk: int | None
    label_pk: int | None
    measured: MeasuredMask
    fields: dict[str, Any]


@dataclass
class BatchContext:
    """What all batches of one import share. `labels` maps the file's categories to label ids, None or SKIP."""

    ledger: Ledger
    labels: dict[str, int | None]
    default_label: int | None
    report: ImportReport
    label_counts: dict[str, int]


def check_batch(
    batch: Sequence[tuple[int, FileMask | Problem]], context: BatchContext
) -> tuple[list[SoundMask], list[Problem]]:
    """Return the masks to write and the rows not taken; counts what is skipped or there already."""
    problems: list[Problem] = []
    images = context.ledger.find_images(sorted({row.image_key for _, row in batch if isinstance(row, FileMask)}))
    candidates: list[tuple[int, FileMask, KnownImage, int | None]] = []
    for ordinal, row in batch:
        context.report.masks["read"] += 1
        problem = row if isinstance(row, Problem) else _refuse_early(row, images.get(row.image_key), context)
        if isinstance(row, Problem) or problem is not None:
            problems.append(row if isinstance(row, Problem) else problem)  # type: ignore[arg-type]
            continue
        label = (
            context.labels.get(row.category_key, context.default_label) if row.category_key else context.default_label
        )
        if row.category_key:
            context.label_counts[row.category_key] = context.label_counts.get(row.category_key, 0) + 1
        if label == SKIP:
            context.report.masks["skipped"] += 1
            continue
        candidates.append((ordinal, row, images[row.image_key], label))
    context.report.masks["created"] += sum(row[1].polygons is not None for row in candidates)
    sound = _measure([row for row in candidates if row[1].polygons is None], problems)
    fresh = [mask for mask in sound if not _is_stored(mask, context)]
    return fresh, problems


def write_batch(masks: Sequence[SoundMask], *, run: "RunFacts", state: str | None, default_stage: str) -> None:
    """Insert masks with the first entry of their history, in short transactions: people save in between."""
    for first in range(0, len(masks), MASKS_PER_TRANSACTION):
        _write_some(masks[first : first + MASKS_PER_TRANSACTION], run=run, state=state, default_stage=default_stage)


def _write_some(masks: Sequence[SoundMask], *, run: "RunFacts", state: str | None, default_stage: str) -> None:
    rows, history = [], []
    for mask in masks:
        pk, values = run.mask_id(mask.ordinal), _values(mask, run=run, state=state, default_stage=default_stage)
        snapshot = to_json({name: values[name] for name in SNAPSHOT_FIELDS})
        values["provenance"], values["attributes"] = to_json(values["provenance"]), to_json(values["attributes"])
        rows.append((pk, mask.image_pk, *values.values(), 1, run.user_pk))
        history.append((pk, 1, run.operation_id(mask.ordinal), RevisionAction.CREATE.value, snapshot, run.user_pk))
    with transaction.atomic():
        insert_rows(Annotation, ("id", "image_id", *_VALUE_COLUMNS, "revision", "author_id"), rows)
        insert_rows(AnnotationRevision, _HISTORY_COLUMNS, history)


class RunFacts:
    """Who imports, and the ids of what is imported."""

    def __init__(self, run_pk: int, started_at: datetime, user_pk: int | None) -> None:
        self.pk, self.user_pk = run_pk, user_pk
        self._ms = int(started_at.timestamp() * 1000)
        self._mix = hashlib.blake2b(f"{run_pk} {started_at.isoformat()}".encode(), digest_size=8).digest()
        self._versions: dict[str, int | None] = {}

    def mask_id(self, ordinal: int) -> uuid.UUID:
        """Return the id of the mask at this place: a UUID of version 7 that rises with the place."""
        mix = int.from_bytes(self._mix)
        value = (self._ms & (2**48 - 1)) << 80 | 7 << 76 | (mix & 0xFFF) << 64 | 2 << 62
        return uuid.UUID(int=value | ((mix >> 12) & (2**22 - 1)) << 40 | ordinal)

    def operation_id(self, ordinal: int) -> uuid.UUID:
        """Return the id of the operation that made it."""
        return uuid.UUID(int=self.mask_id(ordinal).int ^ (1 << 120))

    def model_version_pk(self, version: str) -> int | None:
        """Return the model version of that label, if it is known here."""
        if version and version not in self._versions and len(self._versions) < 1000:
            found = ModelVersion.objects.filter(version=version).values_list("pk", flat=True).first()
            self._versions[version] = found
        return self._versions.get(version)


def _refuse_early(mask: FileMask, image: KnownImage | None, context: BatchContext) -> Problem | None:
    if image is None:
        return Problem(mask.place, "no_such_image", "Its image is not in the file.")
    if image.problem:
        return Problem(mask.place, "image_not_taken", f"Its image is not taken: {image.problem}."[:300])
    if mask.key is not None and not context.ledger.see(mask.key):
        return Problem(mask.place, "double_id", "Its id is in the file more than once.")
    if mask.category_key is not None and mask.category_key not in context.labels:
        return Problem(mask.place, "no_such_category", "Its category is not in the file.")
    if mask.polygons is not None:
        return _fill(mask, image)
    if not _is_size(mask.size, image) and image.height:
        said, wanted = str(mask.size)[:60], [image.height, image.width]
        return Problem(mask.place, "wrong_size", f"The mask says {said}, its photo is {wanted} (height, width).")
    return None


def _fill(mask: FileMask, image: KnownImage) -> Problem | None:
    if not image.height:  # a photo that would be added: its size is known when it is
        return None
    try:
        mask.counts = counts_from_polygons(mask.polygons, (image.height, image.width))
    except MaskRefusedError as error:
        return Problem(mask.place, "bad_polygon", str(error)[:300])
    mask.polygons = None
    return None


def _is_size(size: Any, image: KnownImage) -> bool:
    return isinstance(size, list | tuple) and list(size) == [image.height, image.width]


def _measure(
    candidates: Sequence[tuple[int, FileMask, KnownImage, int | None]], problems: list[Problem]
) -> list[SoundMask]:
    sizes = [(image.height, image.width) if image.height else _said(mask.size) for _, mask, image, _ in candidates]
    measured = measure_masks([mask.counts for _, mask, _, _ in candidates], sizes)
    sound = []
    for (ordinal, mask, image, label), result in zip(candidates, measured, strict=True):
        if not isinstance(result, MeasuredMask):
            problems.append(Problem(mask.place, "bad_counts", str(result)[:300]))
        elif result.area == 0:
            problems.append(Problem(mask.place, "empty_mask", "The mask has no pixels."))
        else:
            sound.append(SoundMask(ordinal, image.pk, label, result, mask.fields))
    return sound


def _said(size: Any) -> tuple[int, int]:
    fine = isinstance(size, list | tuple) and len(size) == 2 and all(isinstance(side, int) for side in size)
    return (size[0], size[1]) if fine else (0, 0)


def _is_stored(mask: SoundMask, context: BatchContext) -> bool:
    if mask.image_pk is not None:
        digest = mask_digest(mask.image_pk, mask.label_pk, mask.measured.counts)
        if context.ledger.use_stored(digest):
            context.report.masks["unchanged"] += 1
            return True
    context.report.masks["created"] += 1
    return False


def _values(mask: SoundMask, *, run: RunFacts, state: str | None, default_stage: str) -> dict[str, Any]:
    """Return the values of _VALUE_COLUMNS, in that order."""
    fields, measured = mask.fields, mask.measured
    provenance = fields.get("provenance", {})
    imported = {**provenance.get("imported", {}), "run": run.pk}
    stage, said_state = fields.get("stage", ""), fields.get("state", "")
    x, y, width, height = measured.bbox_xywh
    return {
        "label_id": mask.label_pk,
        "counts": measured.counts,
        "bbox_x": x,
        "bbox_y": y,
        "bbox_w": width,
        "bbox_h": height,
        "area": measured.area,
        "source": MaskSource.IMPORT.value,
        "state": state or (said_state if said_state in _STATES else State.ACCEPTED.value),
        "predicted_iou": fields.get("predicted_iou"),
        "stability_score": fields.get("stability_score"),
        "provenance": {**provenance, "imported": imported},
        "attributes": fields.get("attributes", {}),
        "z_order": fields.get("z_order", 0),
        "is_locked": fields.get("is_locked", False),
        "stage": stage if stage in _STAGES else default_stage,
        "active_ms": fields.get("active_ms", 0),
        "model_version_id": run.model_version_pk(imported.get("model_version", "")),
    }
