"""A clock that jumps: what it wrote while it was ahead holds nothing back, and nothing is forgotten for its sake."""

import time
from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.db.models import QuerySet
from django.test import RequestFactory
from django.utils import timezone
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from annotator import clock
from annotator.accounts.models import User
from annotator.accounts.sign_in_guard import is_address_locked
from annotator.annotations import presence
from annotator.annotations.models import ImageVisit
from annotator.audit.models import AuditEvent
from annotator.background.pulse import living_workers
from annotator.background.reconcile import reconcile_missing
from annotator.clock import EvenClock
from annotator.contents.models import ContentClaim
from annotator.contents.services import claim_picture, pictures_left_behind
from annotator.images.models import Image
from annotator.inference.models import EmbeddingStatus, ImageEmbedding, ModelVersion, WorkerPulse
from annotator.jobs import services as jobs
from annotator.jobs.models import Job
from annotator.projects.models import Project
from annotator.queue.leases import hold_image
from annotator.queue.models import Lease
from tests.annotator.conftest import Api

AHEAD = timedelta(days=3650)


def test_a_lease_from_a_clock_that_was_ahead_is_over(
    image: Image, annotator: User, reviewer: User, as_reviewer: Api
) -> None:
    hold_image(image, annotator)
    assert as_reviewer.post(f"/images/{image.pk}/lease").status_code == 409
    Lease.objects.update(expires_at=timezone.now() + AHEAD)
    assert as_reviewer.post(f"/images/{image.pk}/lease").status_code == 200
    reconcile_missing()
    assert Lease.objects.living().get().user == reviewer


def test_a_worker_that_was_ahead_is_not_alive_and_its_work_is_done_again(
    model: ModelVersion, photo: Image, signed_out: Api
) -> None:
    ahead = timezone.now() + AHEAD
    WorkerPulse.objects.create(worker_id="gone", beat_at=ahead)
    assert living_workers() == set()
    assert signed_out.client.get("/health/ready").json()["checks"]["worker"] == "no worker is running"
    embedding = ImageEmbedding.objects.create(
        sha256=photo.picture, model_version=model, status=EmbeddingStatus.RUNNING, attempts=1
    )
    ImageEmbedding.objects.update(updated_at=ahead)
    task = DBTaskResult.objects.create(
        status=TaskResultStatus.RUNNING, task_path="annotator.inference.tasks.embed_image", backend_name="default",
        args_kwargs={"args": [embedding.pk], "kwargs": {}}, started_at=ahead, worker_ids=["gone"],
    )  # fmt: skip
    reconcile_missing()
    task.refresh_from_db()
    embedding.refresh_from_db()
    assert (task.status, embedding.status) == (TaskResultStatus.READY, EmbeddingStatus.PENDING)


def test_a_job_that_was_begun_ahead_goes_on(project: Project) -> None:
    ahead = timezone.now() + AHEAD
    fields = {"project": project, "task": "annotator.exchange.tasks.export", "status": "running"}
    held = Job.objects.create(kind="export", key="1", runner="elsewhere:1:abc", beat_at=ahead, **fields)
    lost = Job.objects.create(kind="export", key="2", runner="", enqueued_at=ahead, **fields)
    assert jobs.requeue_lost_jobs() == 2
    held.refresh_from_db()
    lost.refresh_from_db()
    assert held.runner == ""
    assert lost.enqueued_at is not None
    assert lost.enqueued_at < ahead


@pytest.mark.django_db
def test_a_failed_sign_in_ahead_locks_nobody_out(rf: RequestFactory) -> None:
    ahead = timezone.now() + AHEAD
    row = AccessAttempt.objects.create(
        username="ada", ip_address="127.0.0.1", failures_since_start=99, user_agent="", path_info="/login/"
    )
    request = rf.get("/login/")
    assert is_address_locked(request)
    AccessAttempt.objects.filter(pk=row.pk).update(attempt_time=ahead)
    assert not is_address_locked(request)
    reconcile_missing()
    assert not AccessAttempt.objects.exists()


def test_presence_and_claims_ahead_hold_nothing(image: Image, annotator: User, reviewer: User) -> None:
    presence.note_visit(image, annotator)
    assert len(presence.note_visit(image, reviewer)) == 1
    ImageVisit.objects.filter(user=annotator).update(seen_at=timezone.now() + AHEAD)
    assert presence.note_visit(image, reviewer) == []
    with claim_picture(image.picture):
        assert pictures_left_behind() == []
        ContentClaim.objects.update(created_at=timezone.now() + AHEAD)
        assert pictures_left_behind() == [image.picture]


@pytest.mark.django_db
def test_nothing_is_forgotten_until_the_clock_has_run_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    wall, steady = [1e9], [50.0]
    monkeypatch.setattr(time, "time", lambda: wall[0])
    monkeypatch.setattr(time, "monotonic", lambda: steady[0])

    def pass_time(seconds: float) -> None:
        wall[0], steady[0] = wall[0] + seconds, steady[0] + seconds

    even = EvenClock()
    assert not even.is_even()
    pass_time(clock.EVEN_FOR_SECONDS)
    assert even.is_even()
    wall[0] += AHEAD.total_seconds()
    assert not even.is_even()
    pass_time(clock.EVEN_FOR_SECONDS - 1)
    assert not even.is_even()
    pass_time(1)
    assert even.is_even()
    wall[0] -= 3600
    assert not even.is_even()


@pytest.mark.django_db
def test_old_events_wait_for_such_a_clock() -> None:
    event = AuditEvent.objects.create(verb="label.added")
    QuerySet(AuditEvent).filter(pk=event.pk).update(at=timezone.now() - AHEAD)  # past the door that refuses
    reconcile_missing(may_forget=False)
    assert AuditEvent.objects.exists()
    reconcile_missing()
    assert not AuditEvent.objects.exists()
