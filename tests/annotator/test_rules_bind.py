"""Quality control binds on the server: archived, reviewed, held by others, locked; with a recorded override."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from annotator.accounts.models import User
from annotator.annotations.models import Annotation
from annotator.audit.models import AuditEvent
from annotator.images.models import Image, WorkStatus
from annotator.projects.models import Project
from annotator.queue.leases import open_lease
from annotator.queue.models import Lease, Purpose
from tests.annotator.conftest import Api
from tests.annotator.test_api_annotations import applied, change, counts_of, create, refused, send


def archive(image: Image, holder: User) -> None:
    Project.objects.filter(pk=image.project_id).update(archived_at=timezone.now())


def accept(image: Image, holder: User) -> None:
    Image.objects.filter(pk=image.pk).update(work_status=WorkStatus.REVIEWED)


def hold(image: Image, holder: User) -> None:
    assert open_lease(image, holder, purpose=Purpose.ANNOTATE)


RULES = [(archive, "project_archived"), (accept, "image_reviewed"), (hold, "held_by_other")]


@pytest.fixture
def holder(make_user: Any) -> User:
    user: User = make_user("hana")
    return user


def overridden() -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(verb="image.rule_overridden"))


@pytest.mark.parametrize(("set_up", "code"), RULES)
def test_an_annotator_is_refused_and_has_no_override(
    as_annotator: Api, image: Image, holder: User, set_up: Any, code: str
) -> None:
    row = applied(as_annotator, image, create())
    set_up(image, holder)
    for operation in (create(), change("update", row, counts=counts_of(w=5)), change("delete", row)):
        for override in (False, True):
            result = refused(as_annotator, image, {**operation, "override": override})
            assert (result["status"], result["code"]) == ("rejected", code)
            assert result["message"].endswith(".")
    assert Annotation.objects.get().revision == 1
    assert overridden() == []


@pytest.mark.parametrize(("set_up", "code"), RULES)
@pytest.mark.parametrize("role", ["reviewer", "admin"])
def test_reviewers_and_admins_say_so_and_it_is_recorded(
    request: Any, image: Image, holder: User, set_up: Any, code: str, role: str
) -> None:
    api: Api = request.getfixturevalue(f"as_{role}")
    row = applied(api, image, create())
    set_up(image, holder)
    assert refused(api, image, change("update", row, counts=counts_of(w=5)))["code"] == code
    assert overridden() == []
    operations = [{**change("update", row, counts=counts_of(w=5)), "override": True}, {**create(), "override": True}]
    assert send(api, image, *operations).status_code == 200
    (event,) = overridden()
    assert (event.object_id, event.project_id) == (str(image.pk), image.project_id)
    assert event.changes["rules"] == [None, [code]]
    assert (event.changes["number"], sorted(event.changes["masks"][1])) == (
        [None, 2],
        sorted(operation["annotation_id"] for operation in operations),
    )


def test_an_override_without_a_rule_in_the_way_is_nothing(as_admin: Api, image: Image) -> None:
    applied(as_admin, image, {**create(), "override": True})
    assert overridden() == []


def test_what_was_overridden_but_not_applied_is_not_recorded(as_admin: Api, image: Image, holder: User) -> None:
    row = applied(as_admin, image, create())
    hold(image, holder)
    lost = {**change("update", row, 7, counts=counts_of(w=5)), "override": True}
    assert refused(as_admin, image, lost)["status"] == "conflict"
    assert overridden() == []


def test_ones_own_lease_and_one_that_ran_out_bind_nobody(
    as_annotator: Api, annotator: User, image: Image, holder: User
) -> None:
    hold(image, annotator)
    applied(as_annotator, image, create())
    Lease.objects.all().update(released_at=timezone.now())
    hold(image, holder)
    assert refused(as_annotator, image, create())["code"] == "held_by_other"
    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    applied(as_annotator, image, create())


def test_a_repeated_operation_is_still_known_after_a_rule_stands(as_annotator: Api, image: Image, holder: User) -> None:
    operation = create()
    applied(as_annotator, image, operation)
    accept(image, holder)
    answer = send(as_annotator, image, operation)
    assert answer.json()["results"][0]["status"] == "duplicate"


@pytest.fixture
def locked(as_admin: Api, image: Image) -> dict[str, Any]:
    """A mask that the admin has locked."""
    row = applied(as_admin, image, create())
    return applied(as_admin, image, change("update", row, is_locked=True))


def test_a_locked_mask_binds_annotators(as_annotator: Api, image: Image, locked: dict[str, Any]) -> None:
    tries = [
        change("update", locked, counts=counts_of(w=5)), change("update", locked, label_id=None),
        change("update", locked, is_locked=False), change("delete", locked),
        change("update", locked, is_locked=False, counts=counts_of(w=5)),
    ]  # fmt: skip
    for operation in tries:
        for override in (False, True):
            assert refused(as_annotator, image, {**operation, "override": override})["code"] == "mask_locked"
    applied(as_annotator, image, change("update", locked, active_ms=5))


def test_a_reviewer_needs_the_override_for_a_locked_mask(
    as_reviewer: Api, image: Image, locked: dict[str, Any]
) -> None:
    operation = change("update", locked, counts=counts_of(w=5))
    assert refused(as_reviewer, image, operation)["code"] == "mask_locked"
    row = applied(as_reviewer, image, {**operation, "override": True})
    assert row["is_locked"]
    assert overridden()[0].changes["rules"] == [None, ["mask_locked"]]
    assert overridden()[0].actor_name == "rui"


def test_whoever_locked_a_mask_unlocks_it(as_annotator: Api, as_reviewer: Api, image: Image) -> None:
    row = applied(as_annotator, image, create())
    row = applied(as_annotator, image, change("update", row, is_locked=True))
    assert refused(as_annotator, image, change("update", row, counts=counts_of(w=5)))["code"] == "mask_locked"
    row = applied(as_annotator, image, change("update", row, active_ms=3))
    row = applied(as_annotator, image, change("update", row, is_locked=False, counts=counts_of(w=5)))
    assert not row["is_locked"]
    applied(as_annotator, image, change("update", row, counts=counts_of(w=6)))


def test_each_operation_stands_alone(as_annotator: Api, image: Image, locked: dict[str, Any]) -> None:
    answer = send(as_annotator, image, change("delete", locked), create())
    assert [row["status"] for row in answer.json()["extra"]["results"]] == ["rejected", "applied"]


def test_suggestions_of_a_reviewed_image_are_bound_too(
    as_annotator: Api, as_reviewer: Api, image: Image, holder: User
) -> None:
    row = applied(as_annotator, image, create(state="suggestion", source="suggestion"))
    accept(image, holder)
    body = {"op_id": "6f0c2d0e-5a53-4a6c-8f8b-111111111111", "state": "accepted", "annotation_ids": [row["id"]]}
    answer = as_annotator.post(f"/images/{image.pk}/suggestions", body)
    assert answer.json()["results"][0]["code"] == "image_reviewed"
    done = as_reviewer.post(f"/images/{image.pk}/suggestions", {**body, "override": True})
    assert done.json()["decided"] == 1
    assert len(overridden()) == 1
