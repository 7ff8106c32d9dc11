"""Endpoints of the queue and of reviews."""

from typing import Any

from django.http import HttpRequest
from ninja import Router

from annotator.accounts.authentication import user_of
from annotator.automatic.prefill_requests import ask_for_suggestions
from annotator.images.models import Image
from annotator.images.selectors import get_image
from annotator.projects.access import Right, get_project
from annotator.queue import leases, next_image, review, schemas
from annotator.queue.models import Lease, Submission, Verdict

router = Router(tags=["queue"])


@router.post("/projects/{int:project_id}/next", response=schemas.NextOut)
def take_next_image(request: HttpRequest, project_id: int) -> dict[str, Any]:
    """Take the next image of the queue under a lease; asking again returns the same one until it is done."""
    project = get_project(user_of(request), project_id, right=Right.ANNOTATE)
    lease = next_image.take_next_image(project, user_of(request))
    return {**_next(lease), "unprepared": ask_for_suggestions(project)}


@router.post("/projects/{int:project_id}/review/next", response=schemas.NextOut)
def take_next_review(request: HttpRequest, project_id: int) -> dict[str, Any]:
    """Take the next submitted image under a lease, for review."""
    project = get_project(user_of(request), project_id, right=Right.REVIEW)
    return _next(next_image.take_next_review(project, user_of(request)))


@router.post("/images/{int:image_id}/lease", response=schemas.LeaseOut)
def hold_image(request: HttpRequest, image_id: int) -> Lease:
    """Claim an image that was opened by hand; 409 `held_by_other` when somebody else has it."""
    return leases.hold_image(get_image(user_of(request), image_id, right=Right.ANNOTATE), user_of(request))


@router.post("/images/{int:image_id}/heartbeat", response=schemas.LeaseOut)
def beat_lease(request: HttpRequest, image_id: int) -> Lease:
    """Keep the claim alive; 409 `lease_lost` when it is over (what was saved is kept)."""
    return leases.beat_lease(get_image(user_of(request), image_id, right=Right.ANNOTATE), user_of(request))


@router.post("/images/{int:image_id}/release", response=schemas.WorkOut)
def release_image(request: HttpRequest, image_id: int) -> dict[str, Any]:
    """Give the image back without skipping it."""
    image = get_image(user_of(request), image_id, right=Right.ANNOTATE)
    review.release_image(image, user_of(request))
    image.refresh_from_db(fields=["work_status"])
    return _work(image)


@router.post("/images/{int:image_id}/submit", response=schemas.WorkOut)
def submit_image(request: HttpRequest, image_id: int) -> dict[str, Any]:
    """Say that the image is annotated."""
    image = get_image(user_of(request), image_id, right=Right.ANNOTATE)
    return _work(review.submit_image(image, user_of(request)))


@router.post("/images/{int:image_id}/skip", response=schemas.WorkOut)
def skip_image(request: HttpRequest, image_id: int, body: schemas.SkipIn) -> dict[str, Any]:
    """Give the image back, with a reason."""
    image = get_image(user_of(request), image_id, right=Right.ANNOTATE)
    return _work(review.skip_image(image, user_of(request), reason=body.reason))


@router.post("/images/{int:image_id}/review", response=schemas.ReviewOut)
def review_image(request: HttpRequest, image_id: int, body: schemas.ReviewIn) -> dict[str, Any]:
    """Accept a submitted image or send it back to whoever submitted it."""
    image = get_image(user_of(request), image_id, right=Right.REVIEW)
    row = review.review_image(image, user_of(request), verdict=body.verdict, comment=body.comment)
    image.refresh_from_db(fields=["work_status"])
    return {**_work(image), "verdict": row.verdict, "comment": row.comment}


@router.post("/images/{int:image_id}/reopen", response=schemas.WorkOut)
def reopen_image(request: HttpRequest, image_id: int) -> dict[str, Any]:
    """Put a submitted or reviewed image back into the queue."""
    return _work(review.reopen_image(get_image(user_of(request), image_id, right=Right.MANAGE)))


@router.get("/images/{int:image_id}/submissions", response=list[schemas.SubmissionOut])
def list_submissions(request: HttpRequest, image_id: int) -> list[Submission]:
    """Return who submitted the image and what reviewers said, newest first."""
    image = get_image(user_of(request), image_id)
    return list(Submission.objects.filter(image=image).select_related("user", "reviewer"))


def _next(lease: Lease | None) -> dict[str, Any]:
    if lease is None:
        return {"image_id": None, "lease": None}
    returned = Submission.objects.filter(image=lease.image_id, is_latest=True, verdict=Verdict.RETURNED).first()
    return {"image_id": lease.image_id, "lease": lease, "returned": returned.comment if returned else ""}


def _work(image: Image) -> dict[str, Any]:
    return {"image_id": image.pk, "work_status": image.work_status}
