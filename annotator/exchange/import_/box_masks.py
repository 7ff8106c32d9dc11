"""Masks made of boxes: what an import brought as a box alone, the model draws, and people decide on as suggestions.

A job goes photo by photo; ids are made of the import and the box's place in the file, so that a step which is done
again writes nothing twice. Must not know: formats.
"""

import json
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from itertools import groupby, islice

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.translation import gettext as _

from annotator.annotations.mask_fields import snapshot_of
from annotator.annotations.models import Annotation, AnnotationRevision, RevisionAction, State
from annotator.annotations.models import Source as MaskSource
from annotator.automatic.mask_runs import load_embedding, load_pixels
from annotator.box_gateway import masks_in_boxes
from annotator.exchange.orders import Box, BoxesOrder
from annotator.images.models import Image
from annotator.inference.lacking_models import ModelAwayError
from annotator.inference.model_store import own_folder
from annotator.inference.models import ModelVersion
from annotator.inference.selectors import model_version_of
from annotator.jobs import outcomes
from annotator.jobs import services as jobs
from annotator.jobs.models import Job
from annotator.live.hints import send_hint
from annotator.mask_gateway import measure_masks
from annotator.projects.models import Label
from annotator.sam_answers import BoxMask, MeasuredMask
from annotator.statistics.figures import refresh_images

KIND = "masks_from_boxes"
_NAMES = uuid.UUID("6f7f2f5e-7c0f-5c3e-9f0f-6d61736b7772")
Corners = tuple[float, float, float, float]  # x0, y0, x1, y1


def do_box_masks(job: Job) -> None:
    """Make the masks of the boxes that are left."""
    version = model_version_of(job.project)
    if version is None:
        jobs.fail_job(job, _("There is no model to draw masks with yet."))
        return
    order = BoxesOrder.from_params(job.params)
    outcomes.begin_count(job, masks=0, boxes=0)
    if jobs.run_steps(job, _steps(job, order, version)):
        if not outcomes.has_failed_wholly(job):  # else the job may be gone on with, and reads the boxes again
            default_storage.delete(order.file)
        outcomes.end_counted(job)


def _steps(job: Job, order: BoxesOrder, version: ModelVersion) -> Iterator[Callable[[], None]]:
    with default_storage.open(order.file, "rb") as file:
        boxes = (Box.from_json(json.loads(line)) for line in file)
        groups = groupby(boxes, key=lambda box: box.image)
        for image_pk, group in islice(groups, job.done, None):
            yield partial(_draw, job, order, version, image_pk, list(group))


def _draw(job: Job, order: BoxesOrder, version: ModelVersion, image_pk: int, boxes: list[Box]) -> None:
    """Draw the masks of one photo; whatever goes wrong is noted, and the other photos go on."""
    image = Image.objects.select_related("project").filter(pk=image_pk).first()
    if image is None:
        return
    job.report["boxes"] += len(boxes)
    placed = [(box, corners) for box in boxes if (corners := _on_photo(box, image))]
    try:
        made = _masks(image, version, [corners for _box, corners in placed])
    except ModelAwayError:
        raise
    except Exception as error:  # noqa: BLE001  (a photo that cannot be drawn on must not stop the others)
        outcomes.count_item(job, problem=str(error)[:300], image_id=image.pk, name=image.name)
        return
    outcomes.count_item(job)
    job.report["masks"] += _write(order, image, version, placed, made)
    refresh_images([image.pk])
    send_hint(image.project_id, "annotations.changed", image_id=image.pk)


def _on_photo(box: Box, image: Image) -> Corners | None:
    """Return x0, y0, x1, y1 within the photo; None for a box that lies outside."""
    x, y, width, height = box.box_xywh
    x0, x1 = max(x, 0.0), min(x + width, float(image.width))
    y0, y1 = max(y, 0.0), min(y + height, float(image.height))
    return (x0, y0, x1, y1) if x1 - x0 > 0 and y1 - y0 > 0 else None


def _masks(image: Image, version: ModelVersion, boxes: list[Corners]) -> list[BoxMask]:
    if not boxes:
        return []
    embedding_file, pixels = load_embedding(image, version), load_pixels(image)
    folder, threads = own_folder(version), settings.INFERENCE_THREADS
    return masks_in_boxes(pixels, folder, embedding_file=embedding_file, boxes_xyxy=boxes, threads=threads)


@transaction.atomic
def _write(
    order: BoxesOrder, image: Image, version: ModelVersion, placed: list[tuple[Box, Corners]], made: list[BoxMask]
) -> int:
    """Write the masks that have pixels, as suggestions with the box's label; return how many."""
    measured = measure_masks([mask.counts for mask in made], [(image.height, image.width)] * len(made))
    labels = set(Label.objects.filter(project=image.project_id).values_list("pk", flat=True))
    rows = [
        _annotation(order, image, version, box, corners, mask, found, labels)
        for (box, corners), mask, found in zip(placed, made, measured, strict=True)
        if isinstance(found, MeasuredMask) and found.area
    ]
    known = set(Annotation.objects.filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True))
    fresh = [row for row in rows if row.pk not in known]
    Annotation.objects.bulk_create(fresh, batch_size=200)
    AnnotationRevision.objects.bulk_create([_first_revision(row) for row in fresh], batch_size=200)
    return len(fresh)


def _annotation(
    order: BoxesOrder,
    image: Image,
    version: ModelVersion,
    box: Box,
    corners: Corners,
    mask: BoxMask,
    measured: MeasuredMask,
    labels: set[int],
) -> Annotation:
    x, y, width, height = measured.bbox_xywh
    x0, y0, x1, y1 = corners
    return Annotation(
        id=uuid.uuid5(_NAMES, f"{order.import_id} {order.started_at} {box.place}"),
        image=image,
        label_id=box.label if box.label in labels else None,
        counts=measured.counts,
        bbox_x=x,
        bbox_y=y,
        bbox_w=width,
        bbox_h=height,
        area=measured.area,
        source=MaskSource.SUGGESTION,
        state=State.SUGGESTION,
        predicted_iou=mask.predicted_iou,
        stability_score=mask.stability_score,
        provenance={
            "prompts": [{"type": "box", "x0": x0, "y0": y0, "x1": x1, "y1": y1}],
            "model_version": version.version,
            "made_by": KIND,
        },
        attributes=box.attributes,
        stage=image.project.stage,
        model_version=version,
    )


def _first_revision(row: Annotation) -> AnnotationRevision:
    return AnnotationRevision(
        annotation=row,
        revision=1,
        op_id=uuid.uuid5(_NAMES, f"create {row.pk}"),
        action=RevisionAction.CREATE,
        snapshot=snapshot_of(row),
    )
