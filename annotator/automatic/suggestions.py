"""Accept or reject many suggestions at once. Each is an ordinary operation, so history, undo and conflicts hold."""

import uuid

from annotator.accounts.models import User
from annotator.annotations.answers import OperationResult
from annotator.annotations.commands import Operation, OperationFields
from annotator.annotations.models import Annotation, State
from annotator.annotations.services import apply_operations
from annotator.annotations.signals import masks_written
from annotator.images.models import Image


def decide_suggestions(
    image: Image,
    user: User,
    *,
    op_id: uuid.UUID,
    state: str,
    min_predicted_iou: float | None = None,
    min_stability_score: float | None = None,
    annotation_ids: list[uuid.UUID] | None = None,
    label_id: int | None = None,
    override: bool = False,
) -> list[OperationResult]:
    """Accept or reject the open suggestions at or above both thresholds, or the chosen ones; return the results.

    Sending the same op_id again decides nothing new: each mask's operation id follows from it.
    """
    rows = Annotation.objects.filter(image=image, deleted_at=None, state=State.SUGGESTION)
    if min_predicted_iou is not None:
        rows = rows.filter(predicted_iou__gte=min_predicted_iou)
    if min_stability_score is not None:
        rows = rows.filter(stability_score__gte=min_stability_score)
    if annotation_ids is not None:
        rows = rows.filter(pk__in=annotation_ids)
    fields: OperationFields = {"state": State(state)}
    if label_id is not None:
        fields["label_id"] = label_id
    operations = [
        Operation(
            op_id=uuid.uuid5(op_id, str(pk)),
            type="update",
            annotation_id=pk,
            base_revision=revision,
            fields=fields,
            override=override,
        )
        for pk, revision in rows.order_by("z_order", "pk").values_list("pk", "revision")
    ]
    if not operations:
        return []
    results = apply_operations(image, user, operations=operations)
    masks_written.send(None, image_ids=[image.pk])
    return results
