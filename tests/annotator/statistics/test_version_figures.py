"""Figures of model versions: of a bounded number of measurements, and of the projects that one sees."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotator.accounts.models import User
from annotator.inference.models import ModelVersion
from annotator.projects.models import Project
from annotator.statistics import activity, latency, version_figures
from annotator.statistics.figures import refresh_project
from annotator.statistics.models import LatencySample


def click(user: User, version: str, *values: float, engine: str = "wasm-threads", kind: str = "decode_click") -> None:
    LatencySample.objects.bulk_create(
        LatencySample(user=user, model_version=version, kind=kind, engine=engine, browser="x", value_ms=value)
        for value in values
    )


def row_of(client: Client, version: str) -> Any:
    rows = client.get("/api/v1/model-versions").json()
    return next(row for row in rows if row["version"] == version)


def test_clicks_are_those_of_browsers_the_latest_and_no_more_of_one_person_than_of_others(
    model: ModelVersion, annotator: User, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(version_figures, "MOST_OF_ONE_PERSON", 3)
    assert version_figures.decode_figures("m-1") == {"clicks": 0, "people": 0, "p50_ms": None, "p95_ms": None}
    click(annotator, "m-1", *range(10, 20))  # the latest three count: 17, 18, 19
    click(admin, "m-1", 100)
    click(admin, "m-1", 9000, engine="server")
    click(admin, "m-1", 9000, kind="decode_hover")
    click(admin, "m-2", 9000)
    assert version_figures.decode_figures("m-1") == {"clicks": 4, "people": 2, "p50_ms": 18.0, "p95_ms": 100.0}
    monkeypatch.setattr(version_figures, "LATEST_CLICKS", 2)
    assert version_figures.decode_figures("m-1") == {"clicks": 2, "people": 2, "p50_ms": 19.0, "p95_ms": 100.0}


def test_a_person_tells_a_bounded_number_an_hour_and_old_ones_go(
    project: Project, annotator: User, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "MOST_AN_HOUR", 4)
    sample = {"kind": "decode_click", "engine": "wasm", "browser": "x", "model_version": "m", "value_ms": 3.0}

    def tell(user: User, number: int) -> int:
        return activity.record_latency(project, user, samples=[sample] * number)

    assert [tell(annotator, 3), tell(annotator, 3), tell(annotator, 3), tell(admin, 1)] == [3, 3, 0, 1]
    assert latency.forget_old_samples() == 0
    LatencySample.objects.filter(user=annotator).update(
        created_at=timezone.now() - latency.KEPT_FOR - timedelta(days=1)
    )
    assert tell(annotator, 1) == 1
    assert latency.forget_old_samples() == 6
    assert LatencySample.objects.count() == 2


def test_masks_acceptance_and_time_are_of_the_projects_that_one_sees(
    project: Project,
    model: ModelVersion,
    annotator: User,
    outsider: User,
    add_image: Any,
    add_mask: Any,
    client_of: Any,
) -> None:
    image = add_image()
    add_mask(image, model_version=model, active_ms=4000, source="manual")
    for state in ("accepted", "accepted", "rejected", "suggestion"):
        add_mask(image, model_version=model, source="suggestion", state=state, active_ms=1000)
    hidden = Project.objects.create(name="Hidden")
    add_mask(add_image(of=hidden), model_version=model, active_ms=9000)
    for one in (project, hidden):
        refresh_project(one)
    row = row_of(client_of(annotator), model.version)
    assert (row["masks"], row["acceptance_rate"], row["seconds_per_mask"]) == (3, 2 / 3, 2.0)
    assert row_of(client_of(outsider), model.version)["masks"] == 0
    User.objects.filter(pk=outsider.pk).update(is_superuser=True)
    assert row_of(client_of(User.objects.get(pk=outsider.pk)), model.version)["masks"] == 4
    page = client_of(annotator).get("/models/").content.decode()
    assert "67 %" in page
    assert "2.0 s" in page


def test_the_page_asks_the_same_number_of_questions_however_much_was_done(
    project: Project, model: ModelVersion, annotator: User, add_image: Any, client_of: Any
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            version_figures.describe_versions(annotator)
        return len(asked)

    before = queries()
    for _ in range(5):
        model.embeddings.create(sha256=add_image().picture, status="ready", encode_ms=7)
    click(annotator, model.version, *range(50))
    assert queries() == before


def test_counts_of_embedded_photos_end_at_a_bound(
    model: ModelVersion, annotator: User, add_image: Any, client_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(version_figures, "EMBEDDED_COUNTED", 2)
    for _ in range(3):
        model.embeddings.create(sha256=add_image().picture, status="ready", encode_ms=7)
    row = row_of(client_of(annotator), model.version)
    assert (row["embedded"], row["encode_ms"]) == (2, 7)
