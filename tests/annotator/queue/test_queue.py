"""The queue: one image, one person; nothing handed out twice, nothing lost."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from annotator.accounts.models import User
from annotator.automatic.models import MaskRun, RunKind, RunStatus
from annotator.automatic.selectors import count_unprepared
from annotator.images.models import Image, ImageStatus, WorkStatus
from annotator.projects.models import Membership, Project, Stage
from annotator.projects.services import remove_member
from annotator.queue import leases, next_image
from annotator.queue.models import Lease
from annotator.statistics.figures import refresh_images

ClientOf = Callable[[User], Client]
AddImage = Callable[..., Image]


def take(project: Project, user: User) -> Image | None:
    lease = next_image.take_next_image(project, user)
    return lease.image if lease else None


def settings_of(project: Project, **queue_settings: Any) -> None:
    project.settings = {"queue": queue_settings}
    project.save()


def expire(user: User) -> None:
    Lease.objects.filter(user=user).update(expires_at=timezone.now() - timedelta(seconds=1))


def test_images_come_in_order_and_asking_again_gives_the_same(
    project: Project, annotator: User, add_image: AddImage
) -> None:
    first, second = add_image(), add_image()
    assert take(project, annotator) == first
    assert take(project, annotator) == first
    first.refresh_from_db()
    assert first.work_status == WorkStatus.IN_PROGRESS
    Lease.objects.update(released_at=timezone.now())
    Image.objects.filter(pk=first.pk).update(work_status=WorkStatus.SUBMITTED)
    assert take(project, annotator) == second


def test_two_people_never_get_the_same_image(
    project: Project, member: Callable[..., User], add_image: AddImage
) -> None:
    images = {add_image().pk for _ in range(3)}
    got = [take(project, member(f"p{number}")) for number in range(4)]
    assert {image.pk for image in got[:3] if image} == images
    assert got[3] is None


def test_an_expired_lease_returns_its_image(project: Project, member: Callable[..., User], add_image: AddImage) -> None:
    image = add_image()
    ann, bob = member("a"), member("b")
    assert take(project, ann) == image
    assert take(project, bob) is None
    expire(ann)
    assert take(project, bob) == image


def test_a_removed_member_loses_the_image_to_the_next(
    project: Project, member: Callable[..., User], add_image: AddImage, admin: User
) -> None:
    image = add_image()
    ann, bob = member("a"), member("b")
    assert take(project, ann) == image
    remove_member(Membership.objects.get(user=ann))
    assert take(project, bob) == image


def test_failed_photos_are_not_handed_out_but_failed_embeddings_are(
    project: Project, annotator: User, add_image: AddImage
) -> None:
    add_image(status=ImageStatus.FAILED)
    without_embedding = add_image()
    assert take(project, annotator) == without_embedding


@pytest.mark.parametrize(
    ("order", "expected"),
    [("oldest", [0, 1, 2]), ("fewest_masks", [2, 0, 1]), ("uncertain", [1, 0, 2]), ("tag", [2, 0, 1])],
)
def test_the_admin_chooses_the_order(
    project: Project,
    member: Callable[..., User],
    add_image: AddImage,
    add_mask: Callable[..., Any],
    order: str,
    expected: list[int],
) -> None:
    images = [add_image(), add_image(), add_image(tags=["night"])]
    for image, scores in zip(images, ([0.9], [0.5, 0.6], []), strict=True):
        for score in scores:
            add_mask(image, predicted_iou=score)
    refresh_images([image.pk for image in images])
    settings_of(project, order=order, tag="night")
    got = [take(project, member(f"p{number}")) for number in range(3)]
    assert got == [images[index] for index in expected]


def test_random_order_hands_out_everything_once(
    project: Project, member: Callable[..., User], add_image: AddImage
) -> None:
    images = {add_image().pk for _ in range(6)}
    settings_of(project, order="random")
    got = [take(project, member(f"p{number}")) for number in range(6)]
    assert {image.pk for image in got if image} == images


def test_an_unusable_setting_falls_back_to_oldest(project: Project, annotator: User, add_image: AddImage) -> None:
    first = add_image()
    add_image()
    settings_of(project, order={"drop": "table"}, tag=7)
    assert take(project, annotator) == first


def test_semi_automatic_images_are_handed_out_when_prepared(
    project: Project, annotator: User, add_image: AddImage
) -> None:
    raw, ready, failed = add_image(), add_image(), add_image()
    project.stage = Stage.SEMI_AUTOMATIC
    project.save()
    MaskRun.objects.create(image=ready, kind=RunKind.PREFILL, digest="d", status=RunStatus.DONE)
    MaskRun.objects.create(image=failed, kind=RunKind.PREFILL, digest="d", status=RunStatus.FAILED)
    assert take(project, annotator) == ready
    assert count_unprepared(project) == 1
    Image.objects.filter(pk=ready.pk).update(work_status=WorkStatus.SUBMITTED)
    Lease.objects.update(released_at=timezone.now())
    assert take(project, annotator) == failed  # people can still draw by hand
    assert raw.pk != failed.pk


def test_the_stage_of_an_image_is_the_one_it_was_handed_out_in(
    project: Project, annotator: User, add_image: AddImage, client_of: ClientOf, counts_of: Callable[..., str]
) -> None:
    image = add_image()
    take(project, annotator)
    Project.objects.update(stage=Stage.FULLY_AUTOMATIC)
    client = client_of(annotator)
    operation = {
        "op_id": str(uuid.uuid4()),
        "type": "create",
        "annotation_id": str(uuid.uuid4()),
        "fields": {"counts": counts_of(image, 2, 2, 9, 9)},
    }
    image.refresh_from_db()
    assert image.stage == Stage.ASSISTED_MANUAL
    answer = client.post(
        f"/api/v1/images/{image.pk}/operations", {"operations": [operation]}, content_type="application/json"
    )
    assert answer.json()["results"][0]["annotation"]["stage"] == Stage.ASSISTED_MANUAL
    client.post(f"/api/v1/images/{image.pk}/submit")
    image.refresh_from_db()
    assert image.stage == Stage.ASSISTED_MANUAL


class TestNextEndpoint:
    def url(self, project: Project) -> str:
        return f"/api/v1/projects/{project.pk}/next"

    def test_works(self, project: Project, annotator: User, add_image: AddImage, client_of: ClientOf) -> None:
        image = add_image()
        answer = client_of(annotator).post(self.url(project))
        assert answer.status_code == 200
        body = answer.json()
        assert body["image_id"] == image.pk
        assert body["lease"]["image_id"] == image.pk
        assert body["lease"]["stage"] == Stage.ASSISTED_MANUAL

    def test_nothing_left(self, project: Project, annotator: User, client_of: ClientOf) -> None:
        answer = client_of(annotator).post(self.url(project))
        assert answer.json() == {"image_id": None, "lease": None, "unprepared": 0, "returned": ""}

    def test_wrong_method(self, project: Project, annotator: User, client_of: ClientOf) -> None:
        assert client_of(annotator).get(self.url(project)).status_code == 405

    def test_signed_out(self, project: Project) -> None:
        assert Client().post(self.url(project)).status_code == 401

    def test_outsider(self, project: Project, outsider: User, client_of: ClientOf) -> None:
        assert client_of(outsider).post(self.url(project)).status_code == 404

    def test_missing(self, annotator: User, client_of: ClientOf) -> None:
        assert client_of(annotator).post("/api/v1/projects/987654/next").status_code == 404


class TestLeaseEndpoints:
    def test_the_heartbeat_keeps_the_claim(
        self, project: Project, annotator: User, add_image: AddImage, client_of: ClientOf, settings: Any
    ) -> None:
        image = add_image()
        take(project, annotator)
        soon = timezone.now() + timedelta(seconds=5)
        Lease.objects.update(expires_at=soon)
        answer = client_of(annotator).post(f"/api/v1/images/{image.pk}/heartbeat")
        assert answer.status_code == 200
        assert Lease.objects.get().expires_at > soon

    def test_saving_a_mask_keeps_the_claim_too(
        self, project: Project, annotator: User, add_image: AddImage, client_of: ClientOf, counts_of: Any
    ) -> None:
        image = add_image()
        take(project, annotator)
        soon = timezone.now() + timedelta(seconds=5)
        Lease.objects.update(expires_at=soon)
        operation = {
            "op_id": str(uuid.uuid4()),
            "type": "create",
            "annotation_id": str(uuid.uuid4()),
            "fields": {"counts": counts_of(image, 2, 2, 9, 9)},
        }
        url = f"/api/v1/images/{image.pk}/operations"
        client_of(annotator).post(url, {"operations": [operation]}, content_type="application/json")
        assert Lease.objects.get().expires_at > soon

    def test_a_heartbeat_after_the_end_says_so(
        self, project: Project, annotator: User, add_image: AddImage, client_of: ClientOf
    ) -> None:
        image = add_image()
        take(project, annotator)
        expire(annotator)
        answer = client_of(annotator).post(f"/api/v1/images/{image.pk}/heartbeat")
        assert (answer.status_code, answer.json()["code"]) == (409, "lease_lost")

    def test_an_image_opened_by_hand_is_held(
        self, project: Project, member: Callable[..., User], add_image: AddImage, client_of: ClientOf
    ) -> None:
        image = add_image()
        ann, bob = member("a"), member("b")
        assert client_of(ann).post(f"/api/v1/images/{image.pk}/lease").status_code == 200
        assert client_of(ann).post(f"/api/v1/images/{image.pk}/lease").status_code == 200
        refused = client_of(bob).post(f"/api/v1/images/{image.pk}/lease")
        assert (refused.status_code, refused.json()["code"]) == (409, "held_by_other")
        assert refused.json()["extra"]["user_id"] == ann.pk
        holder = leases.holder_of(image)
        assert holder is not None
        assert holder["name"] == "a"

    def test_release_gives_it_back(
        self, project: Project, member: Callable[..., User], add_image: AddImage, client_of: ClientOf
    ) -> None:
        image = add_image()
        ann, bob = member("a"), member("b")
        take(project, ann)
        assert client_of(ann).post(f"/api/v1/images/{image.pk}/release").json()["work_status"] == "new"
        assert take(project, bob) == image
        assert leases.holder_of(image) is not None

    @pytest.mark.parametrize("action", ["lease", "heartbeat", "release", "submit", "skip", "review", "reopen"])
    def test_who_may_not(
        self, action: str, project: Project, annotator: User, outsider: User, add_image: AddImage, client_of: ClientOf
    ) -> None:
        image = add_image()
        body = {"verdict": "accepted"} if action == "review" else {}
        for client, status in ((Client(), 401), (client_of(outsider), 404)):
            answer = client.post(f"/api/v1/images/{image.pk}/{action}", body, content_type="application/json")
            assert answer.status_code == status
        assert client_of(annotator).get(f"/api/v1/images/{image.pk}/{action}").status_code == 405
        missing = client_of(annotator).post(f"/api/v1/images/9876/{action}", body, content_type="application/json")
        assert missing.status_code == 404


class TestSubmitAndSkip:
    def test_submitting_ends_the_lease(
        self, project: Project, annotator: User, add_image: AddImage, client_of: ClientOf
    ) -> None:
        image, following = add_image(), add_image()
        client = client_of(annotator)
        client.post(f"/api/v1/projects/{project.pk}/next")
        assert client.post(f"/api/v1/images/{image.pk}/submit").json()["work_status"] == "submitted"
        assert client.post(f"/api/v1/images/{image.pk}/submit").status_code == 200  # a retry changes nothing
        assert image.submissions.count() == 1
        assert client.post(f"/api/v1/projects/{project.pk}/next").json()["image_id"] == following.pk

    def test_nobody_submits_what_another_holds(
        self, project: Project, member: Callable[..., User], add_image: AddImage, client_of: ClientOf
    ) -> None:
        image = add_image()
        ann, bob = member("a"), member("b")
        take(project, ann)
        answer = client_of(bob).post(f"/api/v1/images/{image.pk}/submit")
        assert (answer.status_code, answer.json()["code"]) == (409, "held_by_other")
        image.refresh_from_db()
        assert image.work_status == WorkStatus.IN_PROGRESS

    def test_work_after_the_lease_is_over_can_still_be_submitted(
        self, project: Project, annotator: User, add_image: AddImage, client_of: ClientOf
    ) -> None:
        image = add_image()
        take(project, annotator)
        expire(annotator)
        assert client_of(annotator).post(f"/api/v1/images/{image.pk}/submit").json()["work_status"] == "submitted"

    def test_a_reviewed_image_is_not_submitted_again(
        self, annotator: User, add_image: AddImage, client_of: ClientOf
    ) -> None:
        image = add_image(work_status=WorkStatus.REVIEWED)
        answer = client_of(annotator).post(f"/api/v1/images/{image.pk}/submit")
        assert (answer.status_code, answer.json()["code"]) == (409, "work_status")

    def test_a_skipped_image_goes_to_others(
        self, project: Project, member: Callable[..., User], add_image: AddImage, client_of: ClientOf
    ) -> None:
        image = add_image()
        ann, bob = member("a"), member("b")
        take(project, ann)
        body = {"reason": "too dark"}
        client_of(ann).post(f"/api/v1/images/{image.pk}/skip", body, content_type="application/json")
        assert take(project, ann) is None
        assert take(project, bob) == image
        assert image.work_events.get(kind="skipped").data == {"reason": "too dark"}

    def test_a_reason_has_a_bound(self, annotator: User, add_image: AddImage, client_of: ClientOf) -> None:
        body = {"reason": "x" * 501}
        url = f"/api/v1/images/{add_image().pk}/skip"
        assert client_of(annotator).post(url, body, content_type="application/json").status_code == 422
