"""How good are automatic masks? A random sample goes to people, and what they changed is measured.

Source: Segment Anything (arXiv 2304.02643), section 5: 500 sampled images, 94 % of the pairs of automatic and corrected
mask have an IoU above 90 %, 97 % above 75 %.
"""

import random
from typing import Any

from django.db import transaction
from django.db.models import Count, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator import mask_gateway
from annotator.annotations.models import Annotation, AnnotationRevision, Source, State
from annotator.automatic.models import CorrectionSample, MaskRun, RunKind, RunStatus
from annotator.errors import InvalidError
from annotator.images.models import Image, WorkStatus
from annotator.live.hints import send_hint
from annotator.projects.models import Project

PAPER_SHARE_OVER_90 = 0.94
PAPER_SHARE_OVER_75 = 0.97


def draw_sample(project: Project, *, size: int) -> list[CorrectionSample]:
    """Send a random sample of automatically annotated images to people; return the new rows.

    Raises InvalidError when there is nothing left to draw from.
    """
    with transaction.atomic():
        runs = MaskRun.objects.select_for_update(of=("self",), no_key=True).filter(
            image__project=project,
            kind=RunKind.AUTOMATIC,
            status=RunStatus.DONE,
            image__correction_sample=None,
            image__work_status=WorkStatus.NEW,
        )
        ids = list(runs.order_by("pk").values_list("pk", flat=True))
        if not ids:
            raise InvalidError(_("No automatically annotated image is left to draw from."), code="nothing_to_sample")
        chosen = MaskRun.objects.in_bulk(random.sample(ids, min(size, len(ids))))
        rows = [CorrectionSample(image_id=run.image_id, run=run) for run in chosen.values()]
        made = CorrectionSample.objects.bulk_create(rows)
    send_hint(project.pk, "image.changed", what="sample")
    return made


def measure_sample(image: Image) -> CorrectionSample | None:
    """Compare the automatic masks of a sampled image with what people made of them; None when it is no sample."""
    sample = CorrectionSample.objects.filter(image=image).first()
    if sample is None:
        return None
    first = _automatic_counts(image)
    current = {row.pk: row for row in Annotation.objects.filter(image=image, deleted_at=None, state=State.ACCEPTED)}
    size = (image.height, image.width)
    kept = [pk for pk in first if pk in current]
    ious = [mask_gateway.iou_of(first[pk], current[pk].counts, size) for pk in kept]
    sample.pairs, sample.removed = len(kept), len(first) - len(kept)
    sample.added = sum(1 for pk in current if pk not in first)
    sample.over_90, sample.over_75 = sum(iou > 0.90 for iou in ious), sum(iou > 0.75 for iou in ious)
    sample.mean_iou = sum(ious) / len(ious) if ious else None
    sample.measured_at = timezone.now()
    sample.save()
    return sample


def correction_figures(project: Project) -> dict[str, Any]:
    """Return the shares over all measured images, beside the paper's."""
    rows = CorrectionSample.objects.filter(image__project=project)
    names = ("pairs", "over_90", "over_75", "removed", "added")
    counts = {"sampled": Count("pk"), "measured": Count("measured_at")}  # what is not measured adds nothing
    found = rows.aggregate(**counts, **{f"sum_{name}": Sum(name, default=0) for name in names})
    sums = {name: found[f"sum_{name}"] for name in names}
    pairs, with_removed = sums["pairs"], sums["pairs"] + sums["removed"]
    return {
        "images_sampled": found["sampled"],
        "images_measured": found["measured"],
        **sums,
        "share_over_90": sums["over_90"] / pairs if pairs else None,
        "share_over_75": sums["over_75"] / pairs if pairs else None,
        "share_over_90_with_removed": sums["over_90"] / with_removed if with_removed else None,
        "share_over_75_with_removed": sums["over_75"] / with_removed if with_removed else None,
        "paper_share_over_90": PAPER_SHARE_OVER_90,
        "paper_share_over_75": PAPER_SHARE_OVER_75,
    }


def _automatic_counts(image: Image) -> dict[Any, str]:
    """Return the counts of each automatic mask as the model made it: its first revision."""
    rows = AnnotationRevision.objects.filter(
        annotation__image=image, annotation__source=Source.AUTOMATIC, revision=1, author=None
    )
    return {row.annotation_id: row.snapshot["counts"] for row in rows}
