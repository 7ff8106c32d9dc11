"""Give the masks of a label another one, with an entry in each mask's history, a bounded number at once."""

import uuid

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from annotator.accounts.models import User
from annotator.annotations.mask_fields import snapshot_of
from annotator.annotations.models import Annotation, AnnotationRevision, RevisionAction
from annotator.live.hints import send_hint
from annotator.projects.models import Label

AT_ONCE = 200


def count_masks(label: Label) -> int:
    """Return how many masks and suggestions have a label; deleted ones, which a person may bring back, do not count."""
    return Annotation.objects.filter(label=label, deleted_at=None).count()


@transaction.atomic
def relabel_masks(label: Label, *, to: Label | None, by: User | None, at_most: int = AT_ONCE) -> int:
    """Move the next masks of a label to another one, or to none; return how many rows there were.

    A deleted mask changes without an entry: its last one has to say who deleted it.
    """
    held = Annotation.objects.filter(label=label)
    ids = list(held.order_by().values_list("pk", flat=True)[:at_most])  # sorted, each step would read all of them
    # Locked by primary key, as by whoever saves, so that nobody waits in a circle.
    rows = list(held.select_for_update(of=("self",), no_key=True).filter(pk__in=ids).order_by("pk"))
    now, target = timezone.now(), to.pk if to else None
    chosen = Annotation.objects.filter(pk__in=[row.pk for row in rows])
    living = chosen.filter(deleted_at=None)
    entries = [_entry(row, target, by) for row in rows if row.deleted_at is None]
    living.update(label=target, revision=F("revision") + 1, updated_at=now)
    chosen.exclude(deleted_at=None).update(label=target, updated_at=now)
    AnnotationRevision.objects.bulk_create(entries)
    project_id = label.project_id
    for image_id in sorted({row.image_id for row in rows}):
        send_hint(project_id, "annotations.changed", image_id=image_id, user_id=by.pk if by else None)
    return len(ids)


def _entry(row: Annotation, label_id: int | None, by: User | None) -> AnnotationRevision:
    snapshot = snapshot_of(row) | {"label_id": label_id}
    return AnnotationRevision(
        annotation=row,
        revision=row.revision + 1,
        op_id=uuid.uuid4(),
        action=RevisionAction.UPDATE,
        snapshot=snapshot,
        author=by,
    )
