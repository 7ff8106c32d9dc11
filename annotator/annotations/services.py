"""Apply the operations of a client: idempotent by op_id, guarded by the revision it saw, never silent.

One transaction per batch, one savepoint per operation: whatever becomes of one leaves the others standing.
"""

import logging
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.accounts.models import User
from annotator.annotations.answers import OperationResult, Outcome
from annotator.annotations.commands import Operation
from annotator.annotations.fields import Columns, OperationRejectedError, checked_fields
from annotator.annotations.mask_fields import snapshot_of
from annotator.annotations.models import Annotation, AnnotationRevision, Comment, RevisionAction, State
from annotator.annotations.payloads import digest_of, require_storable
from annotator.annotations.rules import Binding, bind
from annotator.annotations.selectors import describe
from annotator.annotations.signals import Before, operation_applied
from annotator.errors import InvalidError, MissingError
from annotator.faults import explain_fault
from annotator.images.models import Image
from annotator.live.hints import send_hint
from annotator.projects.models import Label
from annotator.races import once_more_after_race

logger = logging.getLogger(__name__)


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
    binding: Binding


@once_more_after_race
def apply_operations(image: Image, user: User, *, operations: list[Operation], tab: str = "") -> list[OperationResult]:
    """Apply operations in order and return one OperationResult dictionary for each.

    `tab` names the page that sent them, so that the hint does not make it read its own work.
    """
    labels = Label.objects.filter(project=image.project_id).values_list("pk", flat=True)
    with transaction.atomic():
        _lock_masks(image, operations)
        batch = Batch(image=image, user=user, label_ids=frozenset(labels), binding=bind(image, user))
        results = [_apply(batch, operation) for operation in operations]
        batch.binding.record()
    if any(result["status"] == "applied" for result in results):
        send_hint(image.project_id, "annotations.changed", image_id=image.pk, user_id=user.pk, tab=tab)
    return results


def _lock_masks(image: Image, operations: list[Operation]) -> None:
    """Lock what the batch will change, by primary key: in their own orders two batches could wait in a circle."""
    changed = {operation.annotation_id for operation in operations if operation.type != "create"}
    if len(changed) > 1:
        rows = Annotation.objects.select_for_update(no_key=True).filter(pk__in=changed, image=image)
        list(rows.order_by("pk").values_list("pk"))


def _apply(batch: Batch, operation: Operation) -> OperationResult:
    try:
        return _try(batch, operation)
    except OperationRejectedError as error:
        return _result(batch, operation, "rejected", code=error.code, message=error.message)
    except _ConflictError as error:
        return _result(batch, operation, "conflict", row=error.row, code=error.code, message=error.message)
    except (OperationalError, InterfaceError):
        raise  # no answer of the database is no answer to any of them
    except Exception as error:
        if not isinstance(explain_fault(error), MissingError | type(None)):
            raise  # a full disk or a broken database is no fault of this one operation
        logger.exception("an operation failed", extra={"op_id": str(operation.op_id), "image_id": batch.image.pk})
        message = _("The server failed on this change and stored nothing of it.")
        return _result(batch, operation, "failed", code="server_error", message=message)


def _try(batch: Batch, operation: Operation) -> OperationResult:
    require_storable(operation.fields)
    earlier = _find_earlier(batch, operation)
    if earlier is not None:
        return _duplicate(batch, operation, earlier)
    batch.binding.check_image(operation)
    try:
        with transaction.atomic():
            row = _STEPS[operation.type](batch, operation)
            batch.binding.note_applied()
            return _result(batch, operation, "applied", row=row, revision=row.revision)
    except IntegrityError as error:
        return _after_race(batch, operation, error)


def _after_race(batch: Batch, operation: Operation, error: IntegrityError) -> OperationResult:
    """Find out who was faster: the same operation, sent twice at once, or somebody else; nobody: raise the error."""
    earlier = _find_earlier(batch, operation)
    if earlier is not None:
        return _duplicate(batch, operation, earlier)
    row = Annotation.objects.select_related("author").filter(pk=operation.annotation_id, image=batch.image).first()
    if row is None or row.revision == operation.base_revision:
        raise error
    raise _ConflictError("raced", _("Somebody else was faster."), row) from error


def _find_earlier(batch: Batch, operation: Operation) -> AnnotationRevision | None:
    rows = AnnotationRevision.objects.select_related("annotation__author")
    entry = rows.filter(op_id=operation.op_id).first()
    if entry is None:
        return None
    is_same_place = entry.annotation_id == operation.annotation_id and entry.annotation.image_id == batch.image.pk
    is_same_payload = entry.payload_digest in ("", digest_of(operation)) and entry.action == operation.type
    if not (is_same_place and is_same_payload):
        raise OperationRejectedError("op_id_reused", _("The operation's id belongs to another operation."))
    return entry


def _duplicate(batch: Batch, operation: Operation, entry: AnnotationRevision) -> OperationResult:
    return _result(batch, operation, "duplicate", row=entry.annotation, revision=entry.revision)


def _create(batch: Batch, operation: Operation) -> Annotation:
    existing = Annotation.objects.select_related("author").filter(pk=operation.annotation_id).first()
    if existing is not None:
        if existing.image_id != batch.image.pk:
            raise OperationRejectedError("id_taken", _("The mask's id belongs to another image."))
        raise _ConflictError("exists", _("The mask exists already."), existing)
    if not operation.fields.get("counts"):
        raise OperationRejectedError("no_counts", _("A new mask needs its counts."))
    fields = _check(batch, operation)
    # The image's stage is the one it was handed out in; the project's may have been switched meanwhile.
    stage = batch.image.stage or batch.image.project.stage
    row = Annotation(id=operation.annotation_id, image=batch.image, author=batch.user, stage=stage, **fields)
    row.save(force_insert=True)
    return _record(batch, operation, row, before=None)


def _update(batch: Batch, operation: Operation) -> Annotation:
    row = _current(batch, operation)
    if row.deleted_at is not None:
        raise _ConflictError("deleted", _("The mask was deleted meanwhile."), row)
    batch.binding.check_mask(operation, row)
    changes = _check(batch, operation)
    if row.state == State.SUGGESTION and "counts" in changes:
        changes.setdefault("state", State.ACCEPTED)  # who mends a suggestion stands behind it
    was, becomes = row.state == State.SUGGESTION, changes.get("state", row.state) == State.SUGGESTION
    if was and not becomes:
        changes["author"], changes["decided_at"] = batch.user, timezone.now()
    if becomes and not was:  # the decision is undone
        changes["author"], changes["decided_at"] = None, None
    before = _before(row)
    for name, value in changes.items():
        setattr(row, name, value)
    return _save_next(batch, operation, row, changed=list(changes), before=before)


def _delete(batch: Batch, operation: Operation) -> Annotation:
    row = _current(batch, operation)
    if row.deleted_at is not None:
        raise _ConflictError("deleted", _("The mask was deleted meanwhile."), row)
    batch.binding.check_mask(operation, row)
    row.deleted_at = timezone.now()
    return _save_next(batch, operation, row, changed=["deleted_at"], before=_before(row))


def _restore(batch: Batch, operation: Operation) -> Annotation:
    row = _current(batch, operation)
    if row.deleted_at is None:
        raise _ConflictError("not_deleted", _("The mask is there already."), row)
    row.deleted_at = None
    return _save_next(batch, operation, row, changed=["deleted_at"], before=_before(row))


_STEPS = {"create": _create, "update": _update, "delete": _delete, "restore": _restore}


def _current(batch: Batch, operation: Operation) -> Annotation:
    rows = Annotation.objects.select_for_update(of=("self",), no_key=True).select_related("author")
    row = rows.filter(pk=operation.annotation_id, image=batch.image).first()
    if row is None:
        raise OperationRejectedError("not_found", _("There is no such mask on this image."))
    if row.revision != operation.base_revision:
        raise _ConflictError("revision", _("The mask was changed by somebody else meanwhile."), row)
    return row


def _check(batch: Batch, operation: Operation) -> Columns:
    size = (batch.image.height, batch.image.width)
    return checked_fields(operation.fields, size=size, label_ids=batch.label_ids)


def _before(row: Annotation) -> Before:
    return {"state": row.state, "active_ms": row.active_ms}


def _save_next(
    batch: Batch, operation: Operation, row: Annotation, *, changed: list[str], before: Before
) -> Annotation:
    row.revision += 1
    row.save(update_fields=[*changed, "revision", "updated_at"])
    return _record(batch, operation, row, before=before)


def _record(batch: Batch, operation: Operation, row: Annotation, *, before: Before | None) -> Annotation:
    action = RevisionAction(operation.type)
    AnnotationRevision.objects.create(
        annotation=row,
        revision=row.revision,
        op_id=operation.op_id,
        payload_digest=digest_of(operation),
        action=action,
        snapshot=snapshot_of(row),
        author=batch.user,
    )
    operation_applied.send(sender=Annotation, image=batch.image, user=batch.user, row=row, action=action, before=before)
    return row


def _result(
    batch: Batch,
    operation: Operation,
    status: Outcome,
    *,
    row: Annotation | None = None,
    revision: int | None = None,
    code: str = "",
    message: str = "",
) -> OperationResult:
    image = batch.image
    return {
        "op_id": operation.op_id,
        "status": status,
        "revision": revision,
        "annotation": describe(row, height=image.height, width=image.width) if row is not None else None,
        "code": code,
        "message": message,
    }


def add_comment(
    image: Image, user: User, *, body: str, annotation_id: UUID | None, x: float | None, y: float | None
) -> Comment:
    """Add a remark; raise InvalidError when its mask or place is not on the image."""
    if annotation_id and not Annotation.objects.filter(pk=annotation_id, image=image).exists():
        raise InvalidError(_("The mask is not on this image."), code="no_such_mask")
    if (x is None) != (y is None) or (x is not None and y is not None and (x > image.width or y > image.height)):
        raise InvalidError(_("The place is not on the image."), code="bad_place")
    row = Comment.objects.create(image=image, author=user, body=body, annotation_id=annotation_id, x=x, y=y)
    send_hint(image.project_id, "image.changed", image_id=image.pk, what="comments")
    return row


def resolve_comment(row: Comment, user: User, *, is_resolved: bool) -> Comment:
    """Mark a remark as done, or open it again."""
    row.resolved_at, row.resolved_by = (timezone.now(), user) if is_resolved else (None, None)
    row.save(update_fields=["resolved_at", "resolved_by"])
    send_hint(row.image.project_id, "image.changed", image_id=row.image_id, what="comments")
    return row
