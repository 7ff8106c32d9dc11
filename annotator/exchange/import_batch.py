"""Check a batch of masks from a file and write those that are new: short transactions, ids that make a replay harmless.

Ids are made of the run and the mask's place in the file, so writing a batch twice writes it once; they rise with the
place, so the file's order is kept among masks of one height and the index grows at its end.
"""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.db import transaction

from annotator.annotations.models import Annotation, AnnotationRevision, RevisionAction, State
from annotator.annotations.models import Source as MaskSource
from annotator.annotations.services import SNAPSHOT_FIELDS
from annotator.exchange.import_report import ImportReport
from annotator.exchange.importers.base import FileMask, Problem
from annotator.exchange.importers.ledger import KnownImage, Ledger, mask_digest
from annotator.exchange.matching import SKIP
from annotator.inference.models import ModelVersion
from annotator.mask_gateway import counts_from_polygons, measure_masks
from annotator.projects.models import Stage
from annotator.sam_gateway import MaskRefusedError, MeasuredMask


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
    """Insert masks with the first entry of their history, in one short transaction."""
    rows = [_annotation(mask, run=run, state=state, default_stage=default_stage) for mask in masks]
    history = [
        AnnotationRevision(
            annotation_id=row.pk,
            revision=1,
            op_id=run.operation_id(mask.ordinal),
            action=RevisionAction.CREATE,
            snapshot={name: getattr(row, name) for name in SNAPSHOT_FIELDS},
            author_id=run.user_pk,
        )
        for mask, row in zip(masks, rows, strict=True)
    ]
    with transaction.atomic():
        Annotation.objects.bulk_create(rows, ignore_conflicts=True)
        AnnotationRevision.objects.bulk_create(history, ignore_conflicts=True)


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


def _annotation(mask: SoundMask, *, run: RunFacts, state: str | None, default_stage: str) -> Annotation:
    fields, measured = mask.fields, mask.measured
    x, y, width, height = measured.bbox_xywh
    provenance = dict(fields.get("provenance", {}))
    imported = {**provenance.get("imported", {}), "run": run.pk}
    stage, said_state = fields.get("stage", ""), fields.get("state", "")
    return Annotation(
        id=run.mask_id(mask.ordinal),
        image_id=cast(int, mask.image_pk),  # only a preview has photos that are not there yet
        label_id=mask.label_pk,
        counts=measured.counts,
        bbox_x=x,
        bbox_y=y,
        bbox_w=width,
        bbox_h=height,
        area=measured.area,
        source=MaskSource.IMPORT,
        state=state or (said_state if said_state in State.values else State.ACCEPTED),
        predicted_iou=fields.get("predicted_iou"),
        stability_score=fields.get("stability_score"),
        provenance={**provenance, "imported": imported},
        attributes=fields.get("attributes", {}),
        z_order=fields.get("z_order", 0),
        is_locked=fields.get("is_locked", False),
        author_id=run.user_pk,
        stage=stage if stage in Stage.values else default_stage,
        model_version_id=run.model_version_pk(imported.get("model_version", "")),
        active_ms=fields.get("active_ms", 0),
    )
