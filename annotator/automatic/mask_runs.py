"""Masks that the model makes alone: suggestions before an image is handed out, or annotations of a whole project.

One run per image and kind. Its masks, their first revisions and the row that says it was done are written in one
transaction, so a worker that dies leaves all of it or nothing, and two that race leave it once.
Runs in the worker only; reuses the stored embedding.
"""

import hashlib
import json
import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator import mask_gateway, sam_gateway
from annotator.annotations.mask_fields import snapshot_of
from annotator.annotations.models import Annotation, AnnotationRevision, RevisionAction, Source, State
from annotator.annotations.signals import masks_written
from annotator.automatic.models import MaskRun, RunKind, RunStatus
from annotator.automatic.options import AutomaticOptions, automatic_options
from annotator.errors import InvalidError
from annotator.images.models import Image, WorkStatus
from annotator.inference.embedding_requests import request_embedding
from annotator.inference.lacking_models import ModelAwayError
from annotator.inference.model_store import own_folder
from annotator.inference.models import EmbeddingStatus, ImageEmbedding, ModelVersion
from annotator.inference.selectors import model_version_of
from annotator.inference.services import compute_embedding
from annotator.jobs import services as jobs
from annotator.jobs.models import Job
from annotator.live.hints import send_hint
from annotator.photos.originals import load_stored_rgb
from annotator.projects.models import Project, Stage
from annotator.sam_answers import FoundMask

OF_KIND = {
    RunKind.PREFILL: (Source.SUGGESTION, State.SUGGESTION),
    RunKind.AUTOMATIC: (Source.AUTOMATIC, State.ACCEPTED),
}
logger = logging.getLogger(__name__)
BOX_NMS_IOU = 0.7
Beat = Callable[[int, int], None]


class EmbeddingFailedError(Exception):
    """The image has no embedding and gets none; people can still draw by hand."""


def run_digest(version: ModelVersion, options: AutomaticOptions) -> str:
    """Name a model and its thresholds; equal digests give equal masks."""
    text = json.dumps([version.version, asdict(options)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def current_digest(project: Project) -> str:
    """Return the digest of what a run would use now; raise InvalidError without a model."""
    return run_digest(_version_of(project), automatic_options(project))


def run_image(image: Image, *, kind: RunKind, job: Job | None = None, on_beat: Beat | None = None) -> MaskRun:
    """Make the masks of one image; a run that exists already with the same model and thresholds is returned."""
    version, options = _version_of(image.project), automatic_options(image.project)
    digest = run_digest(version, options)
    done = MaskRun.objects.filter(image=image, kind=kind, digest=digest, status=RunStatus.DONE).first()
    if done is not None:
        return done
    run = MaskRun(
        image=image, kind=kind, digest=digest, model_version=version, settings=asdict(options), job=job
    )  # fmt: skip
    started = time.perf_counter()
    try:
        found = _find_masks(image, version, figures_of(kind, options), on_beat)
    except (jobs.StoppedError, DatabaseError, ModelAwayError):
        raise
    except Exception as error:  # whatever it is, the other images go on, and the row says what it was
        logger.warning("no masks for an image", extra={"image": image.pk, "kind": kind}, exc_info=True)
        run.status, run.error = RunStatus.FAILED, str(error)[:1000] or type(error).__name__
        found = []
    else:
        run.status = RunStatus.DONE
    run.duration_ms = round((time.perf_counter() - started) * 1000)
    return _save_run(run, found, options)


def _find_masks(image: Image, version: ModelVersion, figures: dict[str, Any], on_beat: Beat | None) -> list[FoundMask]:
    embedding_file, pixels = load_embedding(image, version), load_pixels(image)
    folder = own_folder(version)
    threads = settings.INFERENCE_THREADS
    found = sam_gateway.find_masks(
        pixels, folder, embedding_file=embedding_file, figures=figures, on_progress=on_beat, threads=threads
    )
    return [mask for mask in found if mask.area >= figures["min_region_area_px"]]


def figures_of(kind: RunKind, options: AutomaticOptions) -> dict[str, Any]:
    """Return what a run of this kind asks of sam_core's generator."""
    is_prefill = kind == RunKind.PREFILL
    return {
        "points_per_side": options.prefill_points_per_side if is_prefill else options.points_per_side,
        "predicted_iou_threshold": options.predicted_iou,
        "stability_score_threshold": options.stability_score,
        "crop_layers": 0 if is_prefill else options.crop_layers,
        "min_region_area_px": options.min_area_px,
        "max_area_ratio": options.max_area_ratio,
        # The masks' own overlap decides; boxes never drop what it would keep.
        "box_nms_threshold": max(BOX_NMS_IOU, options.nms_iou),
        "mask_nms_threshold": options.nms_iou,
    }


def load_pixels(image: Image) -> Any:
    """Return the upright photo, H x W x 3."""
    import numpy as np

    return np.asarray(load_stored_rgb(image.picture))


def load_embedding(image: Image, version: ModelVersion) -> bytes:
    """Return the file of the image's embedding; computed now where it is missing.

    Raises EmbeddingFailedError.
    """
    row = request_embedding(image.picture, version)
    if row.status != EmbeddingStatus.READY:
        compute_embedding(row.pk)
        row = ImageEmbedding.objects.get(pk=row.pk)
    if row.status != EmbeddingStatus.READY:
        raise EmbeddingFailedError(f"The image has no embedding. {row.error}".strip())
    with default_storage.open(str(row.file.name), "rb") as file:
        return bytes(file.read())


def _save_run(run: MaskRun, found: list[FoundMask], options: AutomaticOptions) -> MaskRun:
    try:
        with transaction.atomic():
            _replace_earlier(run)
            kept = _without_known(run.image, found, threshold=options.nms_iou)
            run.mask_count = len(kept)
            _write_masks(run, kept)
            run.save(force_insert=True)
            _mark_image(run)
    except IntegrityError:  # another worker did the same run at the same time
        return MaskRun.objects.exclude(status=RunStatus.REPLACED).get(image=run.image, kind=run.kind)
    masks_written.send(None, image_ids=[run.image_id])
    send_hint(run.image.project_id, "annotations.changed", image_id=run.image_id)
    return run


def _replace_earlier(run: MaskRun) -> None:
    """Take back what an earlier run made and nobody has touched; what people decided or mended stays.

    A run that failed takes nothing back. An automatic run looks closer than the pre-fill did, and replaces its open
    suggestions as well.
    """
    earlier = MaskRun.objects.select_for_update(no_key=True).filter(image=run.image, kind=run.kind)
    earlier.exclude(status=RunStatus.REPLACED).update(status=RunStatus.REPLACED)
    if run.status == RunStatus.FAILED:
        return
    kinds = [RunKind.PREFILL] if run.kind == RunKind.PREFILL else [RunKind.PREFILL, RunKind.AUTOMATIC]
    now = timezone.now()
    for source, state in (OF_KIND[kind] for kind in kinds):
        untouched = Annotation.objects.filter(image=run.image, source=source, state=state, revision=1, deleted_at=None)
        untouched.update(deleted_at=now, updated_at=now)


def _without_known(image: Image, found: list[FoundMask], *, threshold: float) -> list[FoundMask]:
    """Leave out what is there already: masks of people, and suggestions that people rejected."""
    known = list(Annotation.objects.filter(image=image, deleted_at=None).values_list("counts", flat=True))
    if not known or not found:
        return found
    size = (image.height, image.width)
    matrix = mask_gateway.iou_matrix([mask.counts for mask in found], known, size)
    return [mask for mask, ious in zip(found, matrix, strict=True) if max(ious) <= threshold]


def _write_masks(run: MaskRun, found: list[FoundMask]) -> None:
    highest = Annotation.objects.filter(image=run.image).order_by("-z_order").values_list("z_order", flat=True).first()
    # Small masks lie above large ones, so that each can be clicked.
    ordered = sorted(found, key=lambda mask: -mask.area)
    rows = [_annotation(run, mask, z_order=(highest or 0) + 1 + place) for place, mask in enumerate(ordered)]
    Annotation.objects.bulk_create(rows, batch_size=200)
    AnnotationRevision.objects.bulk_create([_first_revision(row) for row in rows], batch_size=200)


def _annotation(run: MaskRun, mask: FoundMask, *, z_order: int) -> Annotation:
    source, state = OF_KIND[RunKind(run.kind)]
    x, y, w, h = mask.bbox_xywh
    return Annotation(
        id=uuid.uuid4(),
        image=run.image,
        counts=mask.counts,
        bbox_x=x,
        bbox_y=y,
        bbox_w=w,
        bbox_h=h,
        area=mask.area,
        source=source,
        state=state,
        predicted_iou=mask.predicted_iou,
        stability_score=mask.stability_score,
        provenance=_provenance(run, mask),
        z_order=z_order,
        stage=Stage.SEMI_AUTOMATIC if run.kind == RunKind.PREFILL else Stage.FULLY_AUTOMATIC,
        model_version=run.model_version,
    )


def _provenance(run: MaskRun, mask: FoundMask) -> dict[str, Any]:
    x, y = mask.point_xy
    return {
        "prompts": [{"type": "point", "x": x, "y": y, "label": 1}],
        "model_version": run.model_version.version if run.model_version else None,
        "predicted_iou": mask.predicted_iou,
        "stability_score": mask.stability_score,
        "crop_box": list(mask.crop_box_xyxy),
        "made_by": run.kind,
    }


def _first_revision(row: Annotation) -> AnnotationRevision:
    return AnnotationRevision(
        annotation=row,
        revision=1,
        op_id=uuid.uuid4(),
        action=RevisionAction.CREATE,
        snapshot=snapshot_of(row),
    )


def _mark_image(run: MaskRun) -> None:
    if run.kind == RunKind.AUTOMATIC and run.status == RunStatus.DONE:
        untouched = Image.objects.filter(pk=run.image_id, work_status=WorkStatus.NEW)
        untouched.update(stage=Stage.FULLY_AUTOMATIC)


def _version_of(project: Project) -> ModelVersion:
    version = model_version_of(project)
    if version is None:
        raise InvalidError(_("No model is there yet; run: python manage.py install_model sam_lite"), code="no_model")
    return version
