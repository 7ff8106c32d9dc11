"""Reviewing: all or a share, accept, mend, send back; the annotator sees returned images first."""

import random
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from annotator.accounts.models import User
from annotator.annotations.models import AnnotationRevision
from annotator.errors import ConflictError, InvalidError
from annotator.images.models import Image, WorkStatus
from annotator.projects.models import Membership, Project
from annotator.projects.services import remove_member
from annotator.queue import next_image, review
from annotator.queue.models import Verdict

ClientOf = Callable[[User], Client]


@pytest.fixture
def submitted(project: Project, annotator: User, add_image: Callable[..., Image]) -> Image:
    image = add_image()
    next_image.take_next_image(project, annotator)
    return review.submit_image(image, annotator)


def share(project: Project, value: float) -> None:
    project.settings = {"review": {"share": value}}
    project.save()


def post(client: Client, image: Image, **body: Any) -> Any:
    return client.post(f"/api/v1/images/{image.pk}/review", body, content_type="application/json")


def test_a_submitted_image_goes_to_a_reviewer_and_is_accepted(
    project: Project, submitted: Image, reviewer: User, client_of: ClientOf
) -> None:
    client = client_of(reviewer)
    body = client.post(f"/api/v1/projects/{project.pk}/review/next").json()
    assert body["image_id"] == submitted.pk
    assert body["lease"]["purpose"] == "review"
    answer = post(client, submitted, verdict="accepted").json()
    assert (answer["work_status"], answer["verdict"]) == ("reviewed", "accepted")
    assert client.post(f"/api/v1/projects/{project.pk}/review/next").json()["image_id"] is None


def test_two_reviewers_get_different_images(
    project: Project, annotator: User, member: Callable[..., User], add_image: Callable[..., Image]
) -> None:
    images = {review.submit_image(add_image(), annotator).pk for _ in range(2)}
    leases = [next_image.take_next_review(project, member(name, "reviewer")) for name in ("r1", "r2", "r3")]
    assert {lease.image_id for lease in leases if lease} == images
    assert leases[2] is None


def test_a_mask_changed_by_the_reviewer_makes_it_mended(
    submitted: Image, reviewer: User, add_mask: Callable[..., Any], client_of: ClientOf
) -> None:
    mask = add_mask(submitted)
    AnnotationRevision.objects.create(
        annotation=mask, revision=2, op_id=uuid.uuid4(), action="update", snapshot={}, author=reviewer
    )
    assert post(client_of(reviewer), submitted, verdict="accepted").json()["verdict"] == "mended"


def test_a_returned_image_comes_first_to_its_annotator_and_to_nobody_else(
    project: Project,
    submitted: Image,
    annotator: User,
    reviewer: User,
    member: Callable[..., User],
    add_image: Callable[..., Image],
    client_of: ClientOf,
) -> None:
    other = member("other")
    waiting = add_image(position=0)
    later = add_image(position=1)
    Image.objects.filter(pk=submitted.pk).update(position=99)
    post(client_of(reviewer), submitted, verdict="returned", comment="The mirror is missing.")
    lease = next_image.take_next_image(project, other)
    assert lease is not None
    assert lease.image_id == waiting.pk
    body = client_of(annotator).post(f"/api/v1/projects/{project.pk}/next").json()
    assert (body["image_id"], body["returned"]) == (submitted.pk, "The mirror is missing.")
    assert submitted.comments.get().body == "The mirror is missing."
    assert later.pk


def test_a_returned_image_of_somebody_who_left_goes_to_others(
    project: Project, submitted: Image, annotator: User, reviewer: User, member: Callable[..., User]
) -> None:
    review.review_image(submitted, reviewer, verdict=Verdict.RETURNED, comment="again")
    other = member("other")
    assert next_image.take_next_image(project, other) is None
    remove_member(Membership.objects.get(user=annotator))
    lease = next_image.take_next_image(project, other)
    assert lease is not None
    assert lease.image_id == submitted.pk


def test_what_was_sent_back_is_looked_at_again_whatever_the_share(
    project: Project, submitted: Image, annotator: User, reviewer: User
) -> None:
    review.review_image(submitted, reviewer, verdict=Verdict.RETURNED, comment="again")
    share(project, 0.0)
    submitted.refresh_from_db()
    submitted.project.refresh_from_db()
    review.submit_image(submitted, annotator)
    assert submitted.submissions.get(is_latest=True).verdict == Verdict.WAITING
    assert submitted.submissions.count() == 2


def test_with_a_share_of_none_nothing_is_reviewed(
    project: Project, annotator: User, reviewer: User, add_image: Callable[..., Image]
) -> None:
    share(project, 0.0)
    image = add_image()
    review.submit_image(image, annotator)
    assert image.submissions.get().verdict == Verdict.NOT_SAMPLED
    assert next_image.take_next_review(project, reviewer) is None


def test_a_share_samples(
    project: Project, annotator: User, add_image: Callable[..., Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    share(project, 0.3)
    drawn = iter([0.1, 0.29, 0.31, 0.9])
    monkeypatch.setattr(random, "random", lambda: next(drawn))
    verdicts = []
    for _ in range(4):
        image = add_image()
        review.submit_image(image, annotator)
        verdicts.append(image.submissions.get().verdict)
    assert verdicts == ["waiting", "waiting", "not_sampled", "not_sampled"]


def test_reviewers_do_not_review_themselves_unless_they_are_alone(
    project: Project, reviewer: User, member: Callable[..., User], add_image: Callable[..., Image]
) -> None:
    image = add_image()
    review.submit_image(image, reviewer)
    assert next_image.take_next_review(project, reviewer) is not None
    review.release_image(image, reviewer)
    member("second", "reviewer")
    assert next_image.take_next_review(project, reviewer) is None


def test_sending_back_needs_words(submitted: Image, reviewer: User, client_of: ClientOf) -> None:
    answer = post(client_of(reviewer), submitted, verdict="returned", comment="  ")
    assert (answer.status_code, answer.json()["code"]) == (422, "comment_missing")
    with pytest.raises(InvalidError):
        review.review_image(submitted, reviewer, verdict=Verdict.RETURNED)


def test_a_second_verdict_is_refused(submitted: Image, reviewer: User) -> None:
    review.review_image(submitted, reviewer, verdict=Verdict.ACCEPTED)
    with pytest.raises(ConflictError) as refused:
        review.review_image(submitted, reviewer, verdict=Verdict.ACCEPTED)
    assert refused.value.code == "not_waiting"


def test_annotators_do_not_review(project: Project, submitted: Image, annotator: User, client_of: ClientOf) -> None:
    client = client_of(annotator)
    assert post(client, submitted, verdict="accepted").status_code == 403
    assert client.post(f"/api/v1/projects/{project.pk}/review/next").status_code == 403


def test_an_unknown_verdict_is_refused(submitted: Image, reviewer: User, client_of: ClientOf) -> None:
    assert post(client_of(reviewer), submitted, verdict="perfect").status_code == 422


def test_an_admin_reopens_and_a_reviewer_does_not(
    project: Project, submitted: Image, admin: User, reviewer: User, annotator: User, client_of: ClientOf
) -> None:
    url = f"/api/v1/images/{submitted.pk}/reopen"
    assert client_of(reviewer).post(url).status_code == 403
    assert client_of(admin).post(url).json()["work_status"] == WorkStatus.NEW
    lease = next_image.take_next_image(project, annotator)
    assert lease is not None
    assert lease.image_id == submitted.pk


def test_the_history_of_submissions_can_be_read(
    submitted: Image, reviewer: User, annotator: User, outsider: User, client_of: ClientOf
) -> None:
    review.review_image(submitted, reviewer, verdict=Verdict.RETURNED, comment="again")
    url = f"/api/v1/images/{submitted.pk}/submissions"
    row = client_of(annotator).get(url).json()[0]
    assert (row["verdict"], row["comment"], row["reviewer_id"]) == ("returned", "again", reviewer.pk)
    assert client_of(outsider).get(url).status_code == 404
    assert Client().get(url).status_code == 401


def test_the_history_names_people_newest_first(
    submitted: Image, annotator: User, reviewer: User, client_of: ClientOf
) -> None:
    review.review_image(submitted, reviewer, verdict=Verdict.RETURNED, comment="A wheel is missing.")
    review.submit_image(submitted, annotator)
    newest, oldest = client_of(annotator).get(f"/api/v1/images/{submitted.pk}/submissions").json()
    assert (newest["verdict"], newest["is_latest"], newest["reviewer_name"]) == ("waiting", True, "")
    assert (oldest["is_latest"], oldest["comment"]) == (False, "A wheel is missing.")
    assert (oldest["user_name"], oldest["reviewer_name"]) == (annotator.display_name, reviewer.display_name)


def test_an_image_that_a_reviewer_opens_by_hand_is_held_for_review_and_never_handed_out_to_annotate(
    project: Project, submitted: Image, reviewer: User, client_of: ClientOf
) -> None:
    answer = client_of(reviewer).post(f"/api/v1/images/{submitted.pk}/lease")
    assert answer.json()["purpose"] == "review"
    assert next_image.take_next_image(project, reviewer) is None
    held = next_image.take_next_review(project, reviewer)
    assert held is not None
    assert held.image_id == submitted.pk
    assert review.review_image(submitted, reviewer, verdict=Verdict.ACCEPTED).verdict == Verdict.ACCEPTED
