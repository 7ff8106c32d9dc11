"""Read masks, their history and the comments."""

import hashlib
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import Count, F, Max, Q, QuerySet, Sum
from django.utils.translation import gettext as _

from annotator.accounts.models import User
from annotator.annotations.answers import AnnotationOut, AuthorOut, CommentOut, DeletedOut, RevisionOut
from annotator.annotations.mask_fields import values_of
from annotator.annotations.models import Annotation, AnnotationRevision, Comment, RevisionAction, State
from annotator.errors import MissingError
from annotator.images.models import Image
from annotator.projects.access import Right, require_right

MAX_DELETED = 100


def current_annotations(image: Image, *, include_rejected: bool = False) -> QuerySet[Annotation]:
    """Return the masks of an image that are not deleted, lowest first."""
    rows = Annotation.objects.filter(image=image, deleted_at=None).select_related("author")
    return rows if include_rejected else rows.exclude(state=State.REJECTED)


def masks_of(
    *,
    labels: Collection[int] = (),
    authors: Collection[int] = (),
    created_from: datetime | None = None,
    created_before: datetime | None = None,
) -> Q:
    """Return the query of masks that fit; what is empty asks for nothing, and a label of 0 is that of masks without."""
    query = Q()
    if labels:
        query &= Q(label__in=labels) | (Q(label=None) if 0 in labels else Q(pk__in=[]))
    if authors:
        query &= Q(author__in=authors)
    if created_from:
        query &= Q(created_at__gte=created_from)
    if created_before:
        query &= Q(created_at__lt=created_before)
    return query


def deleted_annotations(image: Image) -> list[DeletedOut]:
    """Return the DeletedOut dictionaries of what people deleted last, MAX_DELETED at most, latest first.

    What a machine took back without an entry in the history, such as a suggestion that was replaced, is not among them.
    """
    last = AnnotationRevision.objects.filter(annotation__image=image, revision=F("annotation__revision"))
    rows = last.filter(action=RevisionAction.DELETE).exclude(annotation__deleted_at=None)
    rows = rows.exclude(annotation__state=State.REJECTED).select_related("author", "annotation__author")
    return [
        {
            **describe(row.annotation, height=image.height, width=image.width),
            "deleted_by": describe_author(row.author),
        }
        for row in rows.order_by("-annotation__deleted_at", "-pk")[:MAX_DELETED]
    ]


def tag_of_annotations(image: Image, *, include_rejected: bool = False) -> str:
    """Return an ETag that differs as soon as anything differs in what current_annotations returns.

    Whoever deletes a label or a user takes them from masks without touching the rows' dates; the counts see it.
    """
    rows = Annotation.objects.filter(image=image).order_by()
    state = rows.aggregate(Count("pk"), Count("label"), Count("author"), Sum("revision"), Max("updated_at"))
    text = "|".join([str(include_rejected), *(str(value) for value in state.values())])
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def describe(row: Annotation, *, height: int, width: int) -> AnnotationOut:
    """Return the AnnotationOut dictionary of a row."""
    return {
        "id": row.pk,
        "image_id": row.image_id,
        "label_id": row.label_id,
        "counts": row.counts,
        "size": (height, width),
        "bbox": (row.bbox_x, row.bbox_y, row.bbox_w, row.bbox_h),
        "area": row.area,
        **values_of(row),
        "revision": row.revision,
        "author": describe_author(row.author),
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "deleted_at": row.deleted_at,
    }


def describe_author(user: User | None) -> AuthorOut | None:
    """Return id and shown name."""
    return {"id": user.pk, "name": user.display_name} if user else None


def get_annotation(user: User, annotation_id: UUID, *, right: Right = Right.VIEW) -> Annotation:
    """Return a mask of one of the user's projects, deleted or not."""
    row = Annotation.objects.select_related("image", "author").filter(pk=annotation_id).first()
    if row is None:
        raise MissingError(_("There is no such mask."))
    _require(user, row.image.project_id, right=right, missing=_("There is no such mask."))
    return row


def list_revisions(row: Annotation) -> list[RevisionOut]:
    """Return the history of a mask, oldest first."""
    entries = AnnotationRevision.objects.filter(annotation=row).select_related("author").order_by("revision")
    return [
        {
            "revision": entry.revision,
            "op_id": entry.op_id,
            "action": entry.action,
            "snapshot": entry.snapshot,
            "author": describe_author(entry.author),
            "created_at": entry.created_at,
        }
        for entry in entries
    ]


def list_comments(image: Image) -> list[CommentOut]:
    """Return the comments of an image, oldest first."""
    return [describe_comment(row) for row in Comment.objects.filter(image=image).select_related("author")]


def describe_comment(row: Comment) -> CommentOut:
    """Return the CommentOut dictionary of a row."""
    return {
        "id": row.pk,
        "image_id": row.image_id,
        "annotation_id": row.annotation_id,
        "body": row.body,
        "x": row.x,
        "y": row.y,
        "author": describe_author(row.author),
        "created_at": row.created_at,
        "resolved_at": row.resolved_at,
    }


def get_comment(user: User, comment_id: int) -> Comment:
    """Return a comment in one of the user's projects."""
    row = Comment.objects.select_related("image", "author").filter(pk=comment_id).first()
    if row is None:
        raise MissingError(_("There is no such comment."))
    _require(user, row.image.project_id, right=Right.ANNOTATE, missing=_("There is no such comment."))
    return row


def _require(user: User, project_id: int, *, right: Right, missing: str) -> None:
    try:
        require_right(user, project_id, right=right)
    except MissingError:
        raise MissingError(missing) from None
