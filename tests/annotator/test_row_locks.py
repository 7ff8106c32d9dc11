"""Two people who change the same rows at once: both are served, nobody is told to try again.

On PostgreSQL two transactions that wait for each other are a deadlock. SQLite has one writer at a time.
"""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Any, cast

import pytest
from django.db import connection
from django.utils import timezone

from annotator.accounts.models import User
from annotator.annotations.commands import Operation, OperationFields
from annotator.annotations.label_removal import remove_label
from annotator.annotations.models import Annotation
from annotator.annotations.services import apply_operations
from annotator.annotations.signals import operation_applied
from annotator.images.models import Image, WorkStatus
from annotator.projects.commands import ProjectChanges
from annotator.projects.models import Label, Project
from annotator.projects.services import remove_member, update_project
from annotator.queue import leases, review
from annotator.queue.models import Lease
from tests.annotator.test_api_annotations import counts_of
from tests.annotator.test_postgresql import only_postgresql

pytestmark = pytest.mark.django_db(transaction=True)
MEETING_SECONDS = 1.0


def together(*steps: Any) -> list[Any]:
    """Run steps in threads with a connection each; return what came of each, or raise the first error."""

    def run(step: Any) -> Any:
        with closing(connection):
            return step()

    with ThreadPoolExecutor(len(steps)) as threads:
        futures = [threads.submit(run, step) for step in steps]
    return [future.result() for future in futures]


class Meeting:
    """Holds each thread after its first applied operation until the other one is there too, if it can come."""

    def __init__(self) -> None:
        self._gate = threading.Barrier(2)
        self._met: set[int] = set()

    def __call__(self, **kwargs: Any) -> None:
        if threading.get_ident() not in self._met:
            self._met.add(threading.get_ident())
            with suppress(threading.BrokenBarrierError):
                self._gate.wait(MEETING_SECONDS)


@pytest.fixture
def meeting() -> Any:
    made = Meeting()
    operation_applied.connect(made, weak=False)
    yield made
    operation_applied.disconnect(made)


def make_mask(image: Image, user: User, number: int, label: Label | None = None) -> Annotation:
    box = {"bbox_x": 10, "bbox_y": 5, "bbox_w": 20, "bbox_h": 12, "area": 240}
    pk = uuid.UUID(int=number)
    return Annotation.objects.create(id=pk, image=image, author=user, counts=counts_of(), stage="s", label=label, **box)


def change(pk: uuid.UUID, **fields: Any) -> Operation:
    given = cast("OperationFields", fields)
    return Operation(op_id=uuid.uuid4(), type="update", annotation_id=pk, base_revision=1, fields=given)


def create(label: Label) -> Operation:
    fields: OperationFields = {"counts": counts_of(), "label_id": label.pk}
    return Operation(op_id=uuid.uuid4(), type="create", annotation_id=uuid.uuid4(), fields=fields)


@only_postgresql
def test_two_batches_change_the_same_masks_in_opposite_order(
    image: Image, admin: User, annotator: User, meeting: Meeting
) -> None:
    first, second = make_mask(image, admin, 1).pk, make_mask(image, admin, 2).pk
    there, back = [change(first, z_order=1), change(second, z_order=2)], [change(second), change(first)]
    answers = together(
        lambda: apply_operations(image, admin, operations=there),
        lambda: apply_operations(image, annotator, operations=back),
    )
    statuses = sorted(row["status"] for answer in answers for row in answer)
    assert statuses == ["applied", "applied", "conflict", "conflict"]


@only_postgresql
def test_a_label_goes_while_masks_that_have_it_are_saved(
    image: Image, project: Project, admin: User, annotator: User, meeting: Meeting
) -> None:
    label = project.labels.get()
    masks = [make_mask(image, admin, number, label).pk for number in (1, 2, 3)]
    there = [change(pk, z_order=7) for pk in reversed(masks)]
    answers = together(
        lambda: apply_operations(image, annotator, operations=there),
        lambda: remove_label(label, admin, masks="keep"),
    )
    assert answers[1] is None
    assert {row["status"] for row in answers[0]} <= {"applied", "conflict"}
    assert set(Annotation.objects.values_list("label", flat=True)) == {None}


@only_postgresql
def test_a_label_goes_while_a_new_mask_with_it_is_saved(
    image: Image, project: Project, admin: User, annotator: User, meeting: Meeting
) -> None:
    """Whoever is second finds it gone, or finds a mask more; neither is a failure of the server."""
    label = project.labels.get()
    make_mask(image, admin, 1, label)
    answers = together(
        lambda: apply_operations(image, annotator, operations=[create(label), create(label)]),
        lambda: remove_label(label, admin, masks="keep"),
    )
    assert answers[1] is None
    outcomes = {(row["status"], row["code"]) for row in answers[0]}
    assert outcomes in ({("applied", "")}, {("rejected", "no_such_label")})
    assert not Label.objects.filter(pk=label.pk).exists()
    assert not Annotation.objects.exclude(label=None).exists()


@only_postgresql
def test_settings_change_while_masks_are_saved(
    image: Image, project: Project, admin: User, annotator: User, meeting: Meeting
) -> None:
    label = project.labels.get()
    answers = together(
        lambda: apply_operations(image, annotator, operations=[create(label), create(label)]),
        lambda: update_project(project, ProjectChanges(settings={"overlap": "allow"}, name="Renamed")),
    )
    assert [row["status"] for row in answers[0]] == ["applied", "applied"]
    assert answers[1].name == "Renamed"


@only_postgresql
def test_somebody_is_removed_while_submitting(
    image: Image, project: Project, annotator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both touch the image and its lease; each holds one of them when it asks for the other."""
    leases.hold_image(image, annotator)
    member = project.memberships.get(user=annotator)
    gate = threading.Barrier(2)
    lock = leases._lock

    def meet(locked: Image) -> None:
        lock(locked)
        with suppress(threading.BrokenBarrierError):
            gate.wait(MEETING_SECONDS)

    put_back = leases._put_back

    def meet_then_put_back(*arguments: Any) -> None:
        with suppress(threading.BrokenBarrierError):
            gate.wait(MEETING_SECONDS)
        put_back(*arguments)

    monkeypatch.setattr(leases, "_lock", meet)
    monkeypatch.setattr(leases, "_put_back", meet_then_put_back)
    together(lambda: review.submit_image(image, annotator), lambda: remove_member(member))
    assert not Lease.objects.filter(released_at=None).exists()
    assert Image.objects.get(pk=image.pk).work_status == WorkStatus.SUBMITTED


def test_asking_for_an_image_writes_nothing_where_nothing_lapsed(
    image: Image, project: Project, django_assert_num_queries: Any
) -> None:
    """It is asked with each image that is handed out; on SQLite each write waits for all other writers."""
    with django_assert_num_queries(2) as seen:
        assert leases.release_expired(project) == 0
    assert all(query["sql"].startswith("SELECT") for query in seen.captured_queries)


def test_what_lapsed_goes_back(image: Image, project: Project, annotator: User) -> None:
    lease = leases.hold_image(image, annotator)
    Lease.objects.filter(pk=lease.pk).update(expires_at=timezone.now())
    assert leases.release_expired(project) == 1
    assert Image.objects.get(pk=image.pk).work_status == WorkStatus.NEW
