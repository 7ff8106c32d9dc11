"""Active time that is believed, the day of a person, and the latency that browsers report."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from annotator.accounts.models import User
from annotator.annotations.models import Annotation
from annotator.images.models import Image
from annotator.projects.models import Project
from annotator.queue.models import WorkEvent
from annotator.statistics import activity
from annotator.statistics.latency import percentile
from annotator.statistics.models import ActivityClock, LatencySample

ClientOf = Callable[[User], Client]
NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)


def operate(client: Client, image: Image, kind: str, mask: str, revision: int = 0, **fields: Any) -> Any:
    operation = {
        "op_id": str(uuid.uuid4()),
        "type": kind,
        "annotation_id": mask,
        "base_revision": revision,
        "fields": fields,
    }
    url = f"/api/v1/images/{image.pk}/operations"
    answer = client.post(url, {"operations": [operation]}, content_type="application/json")
    return answer.json()["results"][0]["annotation"]


class TestCheckedTime:
    def spend(self, user: User, seconds: float, *, at: float) -> float:
        now = NOON + timedelta(seconds=at)
        return activity.credit_time(user, round(seconds * 1000), now=now) / 1000

    def test_what_passed_is_believed(self, annotator: User) -> None:
        assert self.spend(annotator, 8, at=0) == 8
        assert self.spend(annotator, 10, at=20) == 10

    def test_more_than_passed_is_cut(self, annotator: User) -> None:
        ActivityClock.objects.create(user=annotator, credited_until=NOON)
        assert self.spend(annotator, 3600, at=10) == 12  # ten seconds and the slack
        assert self.spend(annotator, 3600, at=11) <= 3

    def test_time_is_spent_once(self, annotator: User) -> None:
        ActivityClock.objects.create(user=annotator, credited_until=NOON)
        total = sum(self.spend(annotator, 30, at=60) for _ in range(10))
        assert total <= 60 + 2 * 10
        assert self.spend(annotator, 30, at=60) <= 2

    def test_ten_minutes_offline_arrive_late_and_whole(self, annotator: User) -> None:
        ActivityClock.objects.create(user=annotator, credited_until=NOON)
        assert [self.spend(annotator, 12, at=600) for _ in range(50)] == [12] * 50

    def test_a_night_is_no_work(self, annotator: User) -> None:
        ActivityClock.objects.create(user=annotator, credited_until=NOON)
        eight_hours = 8 * 3600
        assert self.spend(annotator, eight_hours, at=eight_hours) <= 30 * 60 + 2

    def test_the_clock_of_the_client_plays_no_part(self, annotator: User, add_image: Any, client_of: ClientOf) -> None:
        url = f"/api/v1/images/{add_image().pk}/activity"
        body = {"active_ms": 5000, "counts": {"undos": 2}}
        answer = client_of(annotator).post(url, body, content_type="application/json", headers={"date": "1999-01-01"})
        assert answer.json() == {"credited_ms": 5000}
        assert WorkEvent.objects.get(kind="active").data == {"undos": 2, "credited_ms": 5000, "claimed_ms": 5000}

    def test_a_claim_in_an_operation_is_cut_in_the_row(
        self, annotator: User, add_image: Any, client_of: ClientOf, counts_of: Any
    ) -> None:
        image, mask = add_image(), str(uuid.uuid4())
        ActivityClock.objects.create(user=annotator, credited_until=timezone.now())
        row = operate(
            client_of(annotator), image, "create", mask, counts=counts_of(image, 1, 1, 5, 5), active_ms=600_000
        )  # fmt: skip
        assert row["active_ms"] < 10_000
        event = WorkEvent.objects.get(kind="mask_create")
        assert event.data["claimed_ms"] == 600_000
        assert event.data["credited_ms"] == row["active_ms"] == Annotation.objects.get().active_ms

    def test_later_operations_add_only_what_they_add(
        self, annotator: User, add_image: Any, client_of: ClientOf, counts_of: Any
    ) -> None:
        image, mask, client = add_image(), str(uuid.uuid4()), client_of(annotator)
        operate(client, image, "create", mask, counts=counts_of(image, 1, 1, 5, 5), active_ms=4000)
        operate(client, image, "update", mask, 1, active_ms=9000)
        assert Annotation.objects.get().active_ms == 9000
        credited = [event.data["credited_ms"] for event in WorkEvent.objects.order_by("pk")]
        assert credited == [4000, 5000]


class TestOwnDay:
    def test_the_persons_own_day(
        self, project: Project, annotator: User, outsider: User, add_image: Any, client_of: ClientOf, counts_of: Any
    ) -> None:
        image, client = add_image(), client_of(annotator)
        for _ in range(2):
            operate(client, image, "create", str(uuid.uuid4()), counts=counts_of(image, 1, 1, 5, 5), active_ms=7000)
        url = f"/api/v1/projects/{project.pk}/today"
        assert client.get(url).json() == {"masks": 2, "active_seconds": 14.0, "seconds_per_mask": 7.0}
        assert client_of(outsider).get(url).status_code == 404
        assert Client().get(url).status_code == 401


class TestActivityEndpoint:
    @pytest.mark.parametrize(
        "body", [{}, {"active_ms": -1}, {"active_ms": 10**9}, {"active_ms": 1, "counts": {"A b": 1}}, "[]"]
    )
    def test_bad_bodies(self, body: Any, annotator: User, add_image: Any, client_of: ClientOf) -> None:
        url = f"/api/v1/images/{add_image().pk}/activity"
        assert client_of(annotator).post(url, body, content_type="application/json").status_code == 422

    def test_who_may_not(self, annotator: User, outsider: User, add_image: Any, client_of: ClientOf) -> None:
        url, body = f"/api/v1/images/{add_image().pk}/activity", {"active_ms": 1}
        assert client_of(outsider).post(url, body, content_type="application/json").status_code == 404
        assert Client().post(url, body, content_type="application/json").status_code == 401
        assert client_of(annotator).get(url).status_code == 405


class TestLatency:
    def send(self, client: Client, project: Project, **sample: Any) -> Any:
        body = {"project_id": project.pk, "samples": [{"kind": "decode", "value_ms": 10.0, **sample}]}
        return client.post("/api/v1/latency", body, content_type="application/json")

    def test_by_browser_and_engine(self, project: Project, admin: User, annotator: User, client_of: ClientOf) -> None:
        client = client_of(annotator)
        for value in range(1, 101):
            assert self.send(client, project, value_ms=value, browser="Firefox", engine="wasm-2").status_code == 200
        self.send(client, project, value_ms=3, browser="Chrome", engine="webgpu")
        rows = client_of(admin).get(f"/api/v1/projects/{project.pk}/dashboard").json()["latency"]
        by_engine = {row["engine"]: (row["samples"], row["p50_ms"], row["p95_ms"]) for row in rows}
        assert by_engine == {"wasm-2": (100, 50.0, 95.0), "webgpu": (1, 3.0, 3.0)}

    @pytest.mark.parametrize("sample", [{"value_ms": -1}, {"value_ms": "fast"}, {"kind": ""}, {"value_ms": 1e9}])
    def test_bad_samples(self, sample: dict[str, Any], project: Project, annotator: User, client_of: ClientOf) -> None:
        assert self.send(client_of(annotator), project, **sample).status_code == 422
        assert not LatencySample.objects.exists()

    def test_who_may_not(self, project: Project, outsider: User, annotator: User, client_of: ClientOf) -> None:
        assert self.send(client_of(outsider), project).status_code == 404
        assert self.send(Client(), project).status_code == 401
        assert client_of(annotator).get("/api/v1/latency").status_code == 405

    def test_percentiles_are_ranks(self) -> None:
        assert percentile([5.0], 0.95) == 5.0
        assert percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.0
        assert percentile([float(n) for n in range(1, 21)], 0.95) == 19.0
