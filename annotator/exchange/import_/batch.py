"""Check a batch of masks from a file and write those that are new: short transactions, ids that make a replay harmless.

Ids are made of the run and the mask's place in the file, so writing a batch twice writes it once; they rise with the
place, so the file's order is kept among masks of one height and the index grows at its end.
"""

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from annotator.annotations.mask_fields import MASK_FIELDS, OBJECT_SIZES, SNAPSHOT_FIELDS
from annotator.annotations.models import Annotation, AnnotationRevision, RevisionAction, State
from annotator.annotations.models import Source as MaskSource
from annotator.exchange.base.reading import FileMask, Problem, number_in
from annotator.exchange.import_.bulk_insert import insert_rows, to_json
from annotator.exchange.import_.label_matching import SKIP
from annotator.exchange.import_.ledger import KnownImage, Ledger, mask_digest
from annotator.exchange.import_.outlines import read_outlines
from annotator.exchange.import_.report import ImportReport
from annotator.exchange.numbers import HIGHEST
from annotator.exchange.orders import Box
from annotator.inference.models import ModelVersion
from annotator.mask_gateway import counts_from_polygons, measure_masks
from annotator.sam_answers import MeasuredMask
from annotator.sam_gateway import MaskRefusedError

# Fields that are taken as the file says them; the other ones depend on the import.
_AS_SAID = tuple(
    (field.name, field.default) for field in MASK_FIELDS if field.name not in {"source", "state", "stage", "provenance"}
)
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
    number: int | None = None


@dataclass
class BatchContext:
    """What all batches of one import share. `labels` maps the file's categories to label ids, None or SKIP.

    takes_boxes: rows that are a box without a mask are kept, for the model to make masks of.
    """

    ledger: Ledger
    labels: dict[str, int | None]
    default_label: int | None
    report: ImportReport
    label_counts: dict[str, int]
    takes_boxes: bool = False


def check_batch(
    batch: Sequence[tuple[int, FileMask | Problem]], context: BatchContext
) -> tuple[list[SoundMask], list[Problem]]:
    """Return the masks to write and the rows not taken; counts what is skipped or there already."""
    problems: list[Problem] = []
    images = context.ledger.find_images(sorted({row.image_key for _, row in batch if isinstance(row, FileMask)}))
    candidates: list[tuple[int, FileMask, KnownImage, int | None]] = []
    for ordinal, row in batch:
        context.report.masks["read"] += 1
        if isinstance(row, Problem):
            problems.append(row)
            continue
        if (problem := _refuse_early(row, images.get(row.image_key), context)) is not None:
            problems.append(problem)
            continue
        label = (
            context.labels.get(row.category_key, context.default_label) if row.category_key else context.default_label
        )
        if row.category_key:
            context.label_counts[row.category_key] = context.label_counts.get(row.category_key, 0) + 1
        if label == SKIP:
            context.report.masks["skipped"] += 1
            continue
        if row.box is not None:
            _keep_box(ordinal, row, images[row.image_key], label, context)
            continue
        candidates.append((ordinal, row, images[row.image_key], label))
    context.report.masks["created"] += sum(row[1].polygons is not None for row in candidates)
    sound = _measure([row for row in candidates if row[1].polygons is None], problems)
    keys = {ordinal: row for ordinal, row, _, _ in candidates}
    fresh = [mask for mask in sound if not _is_stored(mask, context)]
    return [replace(mask, number=_own_number(keys[mask.ordinal], context)) for mask in fresh], problems


def write_batch(masks: Sequence[SoundMask], *, run: "RunFacts", state: str | None, default_stage: str) -> None:
    """Insert masks with the first entry of their history, in short transactions: people save in between."""
    for first in range(0, len(masks), MASKS_PER_TRANSACTION):
        _write_some(masks[first : first + MASKS_PER_TRANSACTION], run=run, state=state, default_stage=default_stage)


def _write_some(masks: Sequence[SoundMask], *, run: "RunFacts", state: str | None, default_stage: str) -> None:
    rows, history = [], []
    for mask in masks:
        pk, values = run.mask_id(mask.ordinal), _values(mask, run=run, state=state, default_stage=default_stage)
        snapshot = to_json({name: values[name] for name in SNAPSHOT_FIELDS})
        for name in OBJECT_SIZES:
            values[name] = to_json(values[name])
        rows.append((pk, mask.image_pk, *values.values(), 1, run.user_pk))
        history.append((pk, 1, run.operation_id(mask.ordinal), RevisionAction.CREATE.value, snapshot, run.user_pk))
    with transaction.atomic():
        insert_rows(Annotation, ("id", "image_id", *values, "revision", "author_id"), rows)
        insert_rows(AnnotationRevision, _HISTORY_COLUMNS, history)


class RunFacts:
    """Who imports, and the ids of what is imported."""

    def __init__(self, run_pk: int, started_at: datetime, user_pk: int | None) -> None:
        self.pk, self.user_pk = run_pk, user_pk
        ms = int(started_at.timestamp() * 1000)
        mix = int.from_bytes(hashlib.blake2b(f"{run_pk} {started_at.isoformat()}".encode(), digest_size=8).digest())
        self._first_id = (ms & (2**48 - 1)) << 80 | 7 << 76 | (mix & 0xFFF) << 64 | 2 << 62
        self._first_id |= ((mix >> 12) & (2**22 - 1)) << 40
        self._versions: dict[str, int | None] = {}

    def mask_id(self, ordinal: int) -> uuid.UUID:
        """Return the id of the mask at this place: a UUID of version 7 that rises with the place."""
        return uuid.UUID(int=self._first_id | ordinal)

    def operation_id(self, ordinal: int) -> uuid.UUID:
        """Return the id of the operation that made it."""
        return uuid.UUID(int=(self._first_id | ordinal) ^ (1 << 120))

    def model_version_pk(self, version: str) -> int | None:
        """Return the model version of that label, if it is known here."""
        if version and version not in self._versions and len(self._versions) < 1000:
            found = ModelVersion.objects.filter(version=version).values_list("pk", flat=True).first()
            self._versions[version] = found
        return self._versions.get(version)


def _refuse_early(mask: FileMask, image: KnownImage | None, context: BatchContext) -> Problem | None:
    if image is None:
        return Problem(mask.place, "no_such_image", _("Its image is not in the file."))
    if image.problem:
        reason = _("Its image is not taken: %(reason)s.") % {"reason": image.problem}
        return Problem(mask.place, "image_not_taken", reason[:300])
    if mask.category_key is not None and mask.category_key not in context.labels:
        return Problem(mask.place, "no_such_category", _("Its category is not in the file."))
    if mask.box is not None:
        context.report.boxes += 1
        return None if context.takes_boxes else Problem(mask.place, "only_a_box", _("It is a box without a mask."))
    if mask.polygons is not None:
        return _fill(mask, image, context)
    if not _is_size(mask.size, image) and image.height:
        said, wanted = str(mask.size)[:60], [image.height, image.width]
        return Problem(
            mask.place,
            "wrong_size",
            _("The mask says %(said)s, its photo is %(wanted)s (height, width).") % {"said": said, "wanted": wanted},
        )
    return None


def _fill(mask: FileMask, image: KnownImage, context: BatchContext) -> Problem | None:
    if not image.height:  # a photo that would be added: its size is known when it is
        return None
    size = (image.height, image.width)
    outlines = read_outlines(mask.polygons, size)
    if not outlines.parts:
        reason = outlines.problems[0] if outlines.problems else _("nothing of it lies on the photo")
        return Problem(mask.place, "bad_polygon" if outlines.problems else "off_the_photo", reason[:300])
    for problem in outlines.problems:
        context.report.note("parts_left_out", f"{mask.place}: {problem}")
    if outlines.is_cut:
        context.report.note("outlines_cut", mask.place)
    try:
        mask.counts = counts_from_polygons(outlines.parts, size)
    except MaskRefusedError as error:
        return Problem(mask.place, "bad_polygon", str(error)[:300])
    mask.polygons = None
    return None


def _is_size(size: object, image: KnownImage) -> bool:
    return isinstance(size, list | tuple) and list(size) == [image.height, image.width]


def _keep_box(ordinal: int, mask: FileMask, image: KnownImage, label: int | None, context: BatchContext) -> None:
    """Note a box for the model, within its photo; one that is known to be off the photo makes no mask there."""
    if image.pk is not None and mask.box is not None:
        box = Box(ordinal, image.pk, label, mask.box, mask.fields.get("attributes", {}))
        context.ledger.add_box(ordinal, image.pk, json.dumps(box.to_json()))


def _own_number(mask: FileMask, context: BatchContext) -> int | None:
    """Return the number that the mask came in with, if no other mask has it; the others get a new one later."""
    if mask.key is None:
        return None
    number = number_in(mask.key)
    if number is not None and 0 < number <= HIGHEST and context.ledger.see(number):
        return number
    context.report.note("mask_numbers_changed", mask.place)
    return None


def _measure(
    candidates: Sequence[tuple[int, FileMask, KnownImage, int | None]],
    problems: list[Problem],
) -> list[SoundMask]:
    sizes = [(image.height, image.width) if image.height else _said(mask.size) for _, mask, image, _ in candidates]
    measured = measure_masks([mask.counts for _, mask, _, _ in candidates], sizes)
    sound = []
    for (ordinal, mask, image, label), result in zip(candidates, measured, strict=True):
        if not isinstance(result, MeasuredMask):
            problems.append(Problem(mask.place, "bad_counts", str(result)[:300]))
        elif result.area == 0:
            problems.append(Problem(mask.place, "empty_mask", _("The mask has no pixels.")))
        else:
            sound.append(SoundMask(ordinal, image.pk, label, result, mask.fields))
    return sound


def _said(size: object) -> tuple[int, int]:
    if isinstance(size, list | tuple) and len(size) == 2 and all(isinstance(side, int) for side in size):
        return size[0], size[1]
    return 0, 0


def _is_stored(mask: SoundMask, context: BatchContext) -> bool:
    if mask.image_pk is not None:
        digest = mask_digest(mask.image_pk, mask.label_pk, mask.measured.counts)
        if context.ledger.use_stored(digest):
            context.report.masks["unchanged"] += 1
            return True
    context.report.masks["created"] += 1
    return False


def _values(mask: SoundMask, *, run: RunFacts, state: str | None, default_stage: str) -> dict[str, Any]:
    """Return the values of a new row by column, of every mask in the same order."""
    fields, measured = mask.fields, mask.measured
    provenance = fields.get("provenance", {})
    imported = {**provenance.get("imported", {}), "run": run.pk}
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
        "state": state or fields.get("state") or State.ACCEPTED.value,
        "stage": fields.get("stage") or default_stage,
        "provenance": {**provenance, "imported": imported},
        "model_version_id": run.model_version_pk(imported.get("model_version", "")),
        **{name: fields.get(name, default) for name, default in _AS_SAID},
    }
