"""Submitting, skipping, reviewing: what people decide about whole images."""

import random
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.accounts.models import User
from annotator.annotations.models import Annotation, AnnotationRevision, Comment, State
from annotator.automatic.corrections import measure_sample
from annotator.errors import ConflictError, InvalidError
from annotator.images.models import Image, WorkStatus
from annotator.live.hints import send_hint
from annotator.queue.leases import close_lease
from annotator.queue.models import Lease, Purpose, Submission, Verdict, WorkEvent
from annotator.queue.options import review_options
from annotator.races import once_more_after_race

EDITABLE = (WorkStatus.NEW, WorkStatus.IN_PROGRESS)


@once_more_after_race
def submit_image(image: Image, user: User) -> Image:
    """Call an image done and end the lease; sending it again changes nothing.

    Raises ConflictError when somebody else holds it (`held_by_other`) or it was reviewed already (`work_status`).
    """
    with transaction.atomic():
        lease = close_lease(image, user)
        stage = (lease.stage if lease else "") or image.stage or image.project.stage
        changed = Image.objects.filter(pk=image.pk, work_status__in=EDITABLE).update(
            work_status=WorkStatus.SUBMITTED, stage=stage
        )
        if changed:
            _add_submission(image, user, stage=stage)
            measure_sample(image)
    image.refresh_from_db(fields=["work_status", "stage"])
    if not changed and image.work_status != WorkStatus.SUBMITTED:
        raise ConflictError(_("The image cannot be submitted: a reviewer has accepted it already."), code="work_status")
    send_hint(image.project_id, "image.changed", image_id=image.pk)
    return image


@once_more_after_race
def skip_image(image: Image, user: User, *, reason: str) -> Image:
    """Give an image back; it is not handed to the same person again."""
    with transaction.atomic():
        close_lease(image, user)
        Image.objects.filter(pk=image.pk, work_status=WorkStatus.IN_PROGRESS).update(work_status=WorkStatus.NEW)
        _note(image, user, "skipped", reason=reason)
    send_hint(image.project_id, "image.changed", image_id=image.pk)
    image.refresh_from_db(fields=["work_status"])
    return image


@once_more_after_race
def review_image(image: Image, user: User, *, verdict: str, comment: str = "") -> Submission:
    """Accept a submitted image or send it back with a comment.

    Accepting after the reviewer changed a mask is recorded as mended. Raises ConflictError when the image is not
    waiting for review any more, InvalidError when it is sent back without a word.
    """
    if verdict == Verdict.RETURNED and not comment.strip():
        raise InvalidError(_("Say what is to be done."), code="comment_missing")
    with transaction.atomic():
        lease = close_lease(image, user)
        submission = _waiting_submission(image)
        if verdict == Verdict.ACCEPTED and _has_mended(image, user, since=submission.created_at):
            verdict = Verdict.MENDED
        status = WorkStatus.NEW if verdict == Verdict.RETURNED else WorkStatus.REVIEWED
        _close_submission(submission, user, verdict=verdict, comment=comment)
        Image.objects.filter(pk=image.pk).update(work_status=status)
        took_ms = _lease_ms(lease)
        _note(image, user, "reviewed", verdict=str(verdict), held_ms=took_ms)
        if comment.strip():
            Comment.objects.create(image=image, author=user, body=comment.strip())
    send_hint(image.project_id, "image.changed", image_id=image.pk)
    return submission


@once_more_after_race
def release_image(image: Image, user: User) -> None:
    """Give an image back without a word: it was only looked at."""
    with transaction.atomic():
        close_lease(image, user)
        Image.objects.filter(pk=image.pk, work_status=WorkStatus.IN_PROGRESS).update(work_status=WorkStatus.NEW)
    send_hint(image.project_id, "image.changed", image_id=image.pk)


@once_more_after_race
def reopen_image(image: Image) -> Image:
    """An admin puts a submitted or reviewed image back into the queue; its masks stay."""
    with transaction.atomic():
        Image.objects.filter(pk=image.pk).exclude(work_status__in=EDITABLE).update(work_status=WorkStatus.NEW)
        Submission.objects.filter(image=image, is_latest=True).update(is_latest=False)
    send_hint(image.project_id, "image.changed", image_id=image.pk)
    image.refresh_from_db(fields=["work_status"])
    return image


def _add_submission(image: Image, user: User, *, stage: str) -> None:
    earlier = Submission.objects.filter(image=image, is_latest=True)
    was_returned = earlier.filter(verdict=Verdict.RETURNED).exists()
    earlier.update(is_latest=False)
    # What was sent back once is always looked at again.
    share = review_options(image.project).share
    is_sampled = was_returned or random.random() < share  # noqa: S311  (a sample, not a secret)
    masks = Annotation.objects.filter(image=image, deleted_at=None, state=State.ACCEPTED).count()
    Submission.objects.create(
        project_id=image.project_id,
        image=image,
        user=user,
        stage=stage,
        masks=masks,
        verdict=Verdict.WAITING if is_sampled else Verdict.NOT_SAMPLED,
    )
    _note(image, user, "submitted", masks=masks, stage=stage)


def _waiting_submission(image: Image) -> Submission:
    rows = Submission.objects.select_for_update(no_key=True).filter(
        image=image, is_latest=True, verdict=Verdict.WAITING
    )
    submission = rows.first()
    if submission is None:
        raise ConflictError(_("The image is not waiting for review."), code="not_waiting")
    return submission


def _close_submission(submission: Submission, user: User, *, verdict: str, comment: str) -> None:
    submission.verdict, submission.reviewer = verdict, user
    submission.comment, submission.reviewed_at = comment.strip(), timezone.now()
    submission.save(update_fields=["verdict", "reviewer", "comment", "reviewed_at"])


def _has_mended(image: Image, user: User, *, since: Any) -> bool:
    return AnnotationRevision.objects.filter(annotation__image=image, author=user, created_at__gt=since).exists()


def _lease_ms(lease: Lease | None) -> int:
    if lease is None or lease.purpose != Purpose.REVIEW:
        return 0
    return round((timezone.now() - lease.created_at).total_seconds() * 1000)


def _note(image: Image, user: User, kind: str, **data: Any) -> None:
    WorkEvent.objects.create(project_id=image.project_id, image=image, user=user, kind=kind, data=data)
