"""Which image comes next for whom. Choosing and claiming happen in one transaction, so nobody gets another's image.

On SQLite the transaction is the only writer; on PostgreSQL rows that others are choosing are skipped (skip locked).
"""

from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from annotator.accounts.models import User
from annotator.automatic.models import CorrectionSample, RunKind
from annotator.automatic.selectors import runs_of_image
from annotator.errors import ConflictError
from annotator.images.models import Image, ImageStatus, WorkStatus
from annotator.images.selectors import has_masks
from annotator.images.tags import has_tag
from annotator.projects.models import Membership, Project, Role, Stage
from annotator.queue.leases import extend_lease, find_lease, open_lease, release_expired
from annotator.queue.models import Lease, Purpose, Submission, Verdict, WorkEvent
from annotator.queue.options import Order, queue_options

TRIES = 100


def take_next_image(project: Project, user: User) -> Lease | None:
    """Return the caller's lease on the next image: the one already held, else a new one, else None."""
    return _take(project, user, purpose=Purpose.ANNOTATE)


def take_next_review(project: Project, user: User) -> Lease | None:
    """Return the reviewer's lease on the next submitted image, oldest first, else None."""
    return _take(project, user, purpose=Purpose.REVIEW)


def waiting_images(project: Project, user: User) -> QuerySet[Image]:
    """Return the images that the annotator may get, the next one first."""
    mine = Submission.objects.filter(image=OuterRef("pk"), is_latest=True, verdict=Verdict.RETURNED, user=user)
    others = _returned_to_others(user)
    skipped = WorkEvent.objects.filter(image=OuterRef("pk"), user=user, kind="skipped")
    rows = Image.objects.filter(project=project, work_status__in=(WorkStatus.NEW, WorkStatus.IN_PROGRESS))
    rows = rows.exclude(status=ImageStatus.FAILED).annotate(is_returned_to_me=Exists(mine))
    rows = rows.filter(~Exists(others), Q(is_returned_to_me=True) | ~Exists(skipped), ~Exists(_living_leases()))
    ordered: QuerySet[Image] = _in_order(_of_stage(rows, project), project)
    return ordered


def waiting_reviews(project: Project, user: User) -> QuerySet[Image]:
    """Return the submitted images that the reviewer may get; the own ones only where nobody else could."""
    waiting = Submission.objects.filter(image=OuterRef("pk"), is_latest=True, verdict=Verdict.WAITING)
    if Membership.objects.filter(project=project, role__in=(Role.ADMIN, Role.REVIEWER)).exclude(user=user).exists():
        waiting = waiting.exclude(user=user)
    rows = Image.objects.filter(project=project, work_status=WorkStatus.SUBMITTED)
    return rows.filter(Exists(waiting), ~Exists(_living_leases())).order_by("position", "pk")


def count_begun(project: Project) -> int:
    """Return how many waiting images hold masks already; 0 in the stage that leaves images to the model."""
    if project.stage == Stage.FULLY_AUTOMATIC:
        return 0
    return Image.objects.filter(has_masks(), project=project, work_status=WorkStatus.NEW).count()


def count_left_to_model(project: Project) -> int:
    """Return how many images to do nobody is handed, because the stage leaves them to the model; 0 in other stages."""
    if project.stage != Stage.FULLY_AUTOMATIC:
        return 0
    sampled = CorrectionSample.objects.filter(image=OuterRef("pk"), measured_at=None)
    returned = Submission.objects.filter(image=OuterRef("pk"), is_latest=True, verdict=Verdict.RETURNED)
    rows = Image.objects.filter(project=project, work_status=WorkStatus.NEW)
    return rows.filter(~Exists(sampled), ~Exists(returned)).count()


def _take(project: Project, user: User, *, purpose: Purpose) -> Lease | None:
    release_expired(project)
    for _ in range(TRIES):
        with transaction.atomic():
            # One claim a person at a time, even when two tabs ask at once.
            User.objects.select_for_update(no_key=True).get(pk=user.pk)
            held = find_lease(user, project, purpose=purpose)
            if held is not None:
                return _keep(held)
            rows = waiting_images(project, user) if purpose == Purpose.ANNOTATE else waiting_reviews(project, user)
            image = (
                rows.select_for_update(of=("self",), skip_locked=True, no_key=True).select_related("project").first()
            )
            if image is None:
                return None
            lease = open_lease(image, user, purpose=purpose)
            if lease is not None:
                return lease
    return None


def _keep(held: Lease) -> Lease | None:
    try:
        return extend_lease(held)
    except ConflictError:
        return None


def _of_stage(rows: Any, project: Project) -> Any:
    if project.stage == Stage.SEMI_AUTOMATIC:
        return rows.filter(Q(is_returned_to_me=True) | Exists(runs_of_image(RunKind.PREFILL)))
    if project.stage == Stage.FULLY_AUTOMATIC:
        sampled = CorrectionSample.objects.filter(image=OuterRef("pk"), measured_at=None)
        return rows.filter(Q(is_returned_to_me=True) | Exists(sampled))
    return rows


def _in_order(rows: Any, project: Project) -> Any:
    options = queue_options(project)
    fixed = ["position", "pk"]
    if options.order == Order.RANDOM:
        fixed = ["?"]
    elif options.order == Order.UNCERTAIN:
        rows, fixed = rows.annotate(score=F("figures__mean_predicted_iou")), []
        return rows.order_by("-is_returned_to_me", F("score").asc(nulls_last=True), "position", "pk")
    elif options.order == Order.FEWEST_MASKS:
        rows = rows.annotate(masks=F("figures__mask_count"))
        return rows.order_by("-is_returned_to_me", F("masks").asc(nulls_first=True), "position", "pk")
    elif options.order == Order.TAG and options.tag:
        rows = rows.annotate(is_tagged=has_tag(options.tag))
        fixed = ["-is_tagged", "position", "pk"]
    return rows.order_by("-is_returned_to_me", *fixed)


def _living_leases() -> QuerySet[Lease]:
    return Lease.objects.living().filter(image=OuterRef("pk"))


def _returned_to_others(user: User) -> QuerySet[Submission]:
    """Returned images belong to whoever made them, for as long as that person is a member."""
    members = Membership.objects.filter(project=OuterRef("image__project"), user=OuterRef("user"))
    rows = Submission.objects.filter(image=OuterRef("pk"), is_latest=True, verdict=Verdict.RETURNED)
    return rows.exclude(user=user).filter(Exists(members))
