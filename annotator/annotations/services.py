"""Apply the operations of a client: idempotent by op_id, guarded by the revision it saw, never silent.

One transaction per batch, one savepoint per operation: a refused operation leaves the others standing.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from annotator.accounts.models import User
from annotator.annotations.fields import OperationRejectedError, checked_fields
from annotator.annotations.models import Annotation, AnnotationRevision, Comment, RevisionAction, State
from annotator.annotations.selectors import describe
from annotator.annotations.signals import operation_applied
from annotator.errors import InvalidError
from annotator.images.models import Image
from annotator.live.hints import send_hint
from annotator.projects.models import Label

SNAPSHOT_FIELDS = (
    "label_id", "counts", "bbox_x", "bbox_y", "bbox_w", "bbox_h", "area", "source", "state", "predicted_iou",
    "stability_score", "provenance", "attributes", "z_order", "is_locked", "stage", "active_ms",
)  # fmt: skip


class _ConflictError(Exception):
    def __init__(self, code: str, message: str, row: Annotation) -> None:
        super().__init__(message)
        self.code, self.message, self.row = code, message, row


@dataclass(frozen=True)
class Batch:
    """What all operations of one request share."""

    image: Image
    user: User
    label_ids: frozenset[int]


def apply_operations(image: Image, user: User, *, operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Apply operations in order and return one OperationResult dictionary for each."""
    labels = Label.objects.filter(project=image.project_id).values_list("pk", flat=True)
    with transaction.atomic():
        batch = Batch(image=image, user=user, label_ids=frozenset(labels))
        results = [_apply(batch, operation) for operation in operations]
    if any(result["status"] == "applied" for result in results):
        send_hint(image.project_id, "annotations.changed", image_id=image.pk, user_id=user.pk)
    return results


def _apply(batch: Batch, operation: dict[str, Any]) -> dict[str, Any]:
    try:
        earlier = _find_earlier(batch, operation)
        if earlier is not None:
            return _result(batch, operation, "duplicate", row=earlier)
        with transaction.atomic():
            return _result(batch, operation, "applied", row=_STEPS[operation["type"]](batch, operation))
    except OperationRejectedError as error:
        return _result(batch, operation, "rejected", code=error.code, message=error.message)
    except _ConflictError as error:
        return _result(batch, operation, "conflict", row=error.row, code=error.code, message=error.message)
    except IntegrityError:
        # Another request made the same id or revision between our look and our write.
        row = Annotation.objects.filter(pk=operation["annotation_id"], image=batch.image).first()
        return _result(batch, operation, "conflict", row=row, code="raced", message="Somebody else was faster.")


def _find_earlier(batch: Batch, operation: dict[str, Any]) -> Annotation | None:
    entry = AnnotationRevision.objects.select_related("annotation__author").filter(op_id=operation["op_id"]).first()
    if entry is None:
        return None
    if entry.annotation_id != operation["annotation_id"] or entry.annotation.image_id != batch.image.pk:
        raise OperationRejectedError("op_id_reused", "The operation's id belongs to another operation.")
    return entry.annotation


def _create(batch: Batch, operation: dict[str, Any]) -> Annotation:
    existing = Annotation.objects.select_related("author").filter(pk=operation["annotation_id"]).first()
    if existing is not None:
        if existing.image_id != batch.image.pk:
            raise OperationRejectedError("id_taken", "The mask's id belongs to another image.")
        raise _ConflictError("exists", "The mask exists already.", existing)
    if not operation["fields"].get("counts"):
        raise OperationRejectedError("no_counts", "A new mask needs its counts.")
    fields = _check(batch, operation)
    # The image's stage is the one it was handed out in; the project's may have been switched meanwhile.
    stage = batch.image.stage or batch.image.project.stage
    row = Annotation(id=operation["annotation_id"], image=batch.image, author=batch.user, stage=stage, **fields)
    row.save(force_insert=True)
    return _record(batch, operation, row, before=None)


def _update(batch: Batch, operation: dict[str, Any]) -> Annotation:
    row = _current(batch, operation)
    if row.deleted_at is not None:
        raise _ConflictError("deleted", "The mask was deleted meanwhile.", row)
    changes = _check(batch, operation)
    if row.state == State.SUGGESTION and "counts" in changes:
        changes.setdefault("state", State.ACCEPTED)  # who mends a suggestion stands behind it
    was, becomes = row.state == State.SUGGESTION, changes.get("state", row.state) == State.SUGGESTION
    if was and not becomes:
        changes |= {"author": batch.user, "decided_at": timezone.now()}
    if becomes and not was:  # the decision is undone
        changes |= {"author": None, "decided_at": None}
    before = _before(row)
    for name, value in changes.items():
        setattr(row, name, value)
    return _save_next(batch, operation, row, changed=list(changes), before=before)


def _delete(batch: Batch, operation: dict[str, Any]) -> Annotation:
    row = _current(batch, operation)
    if row.deleted_at is not None:
        raise _ConflictError("deleted", "The mask was deleted meanwhile.", row)
    row.deleted_at = timezone.now()
    return _save_next(batch, operation, row, changed=["deleted_at"], before=_before(row))


def _restore(batch: Batch, operation: dict[str, Any]) -> Annotation:
    row = _current(batch, operation)
    if row.deleted_at is None:
        raise _ConflictError("not_deleted", "The mask is there already.", row)
    row.deleted_at = None
    return _save_next(batch, operation, row, changed=["deleted_at"], before=_before(row))


_STEPS = {"create": _create, "update": _update, "delete": _delete, "restore": _restore}


def _current(batch: Batch, operation: dict[str, Any]) -> Annotation:
    rows = Annotation.objects.select_for_update(of=("self",)).select_related("author")
    row = rows.filter(pk=operation["annotation_id"], image=batch.image).first()
    if row is None:
        raise OperationRejectedError("not_found", "There is no such mask on this image.")
    if row.revision != operation["base_revision"]:
        raise _ConflictError("revision", "The mask was changed by somebody else meanwhile.", row)
    return row


def _check(batch: Batch, operation: dict[str, Any]) -> dict[str, Any]:
    size = (batch.image.height, batch.image.width)
    return checked_fields(operation["fields"], size=size, label_ids=batch.label_ids)


def _before(row: Annotation) -> dict[str, Any]:
    return {"state": row.state, "active_ms": row.active_ms}


def _save_next(
    batch: Batch, operation: dict[str, Any], row: Annotation, *, changed: list[str], before: dict[str, Any]
) -> Annotation:
    row.revision += 1
    row.save(update_fields=[*changed, "revision", "updated_at"])
    return _record(batch, operation, row, before=before)


def _record(batch: Batch, operation: dict[str, Any], row: Annotation, *, before: dict[str, Any] | None) -> Annotation:
    action = RevisionAction(operation["type"])
    AnnotationRevision.objects.create(
        annotation=row,
        revision=row.revision,
        op_id=operation["op_id"],
        action=action,
        snapshot={name: getattr(row, name) for name in SNAPSHOT_FIELDS},
        author=batch.user,
    )
    operation_applied.send(sender=Annotation, image=batch.image, user=batch.user, row=row, action=action, before=before)
    return row


def _result(
    batch: Batch,
    operation: dict[str, Any],
    status: str,
    *,
    row: Annotation | None = None,
    code: str = "",
    message: str = "",
) -> dict[str, Any]:
    image = batch.image
    annotation = describe(row, height=image.height, width=image.width) if row is not None else None
    return {"op_id": operation["op_id"], "status": status, "annotation": annotation, "code": code, "message": message}


def add_comment(
    image: Image, user: User, *, body: str, annotation_id: UUID | None, x: float | None, y: float | None
) -> Comment:
    """Add a remark; raise InvalidError when its mask or place is not on the image."""
    if annotation_id and not Annotation.objects.filter(pk=annotation_id, image=image).exists():
        raise InvalidError("The mask is not on this image.", code="no_such_mask")
    if (x is None) != (y is None) or (x is not None and y is not None and (x > image.width or y > image.height)):
        raise InvalidError("The place is not on the image.", code="bad_place")
    row = Comment.objects.create(image=image, author=user, body=body, annotation_id=annotation_id, x=x, y=y)
    send_hint(image.project_id, "image.changed", image_id=image.pk, what="comments")
    return row


def resolve_comment(row: Comment, user: User, *, is_resolved: bool) -> Comment:
    """Mark a remark as done, or open it again."""
    row.resolved_at, row.resolved_by = (timezone.now(), user) if is_resolved else (None, None)
    row.save(update_fields=["resolved_at", "resolved_by"])
    send_hint(row.image.project_id, "image.changed", image_id=row.image_id, what="comments")
    return row
