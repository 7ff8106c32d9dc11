"""Sums that equal the masks, and the dashboard that shows them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotator.accounts.models import User
from annotator.annotations.models import Annotation, Source, State
from annotator.images.models import Image
from annotator.images.services import delete_image
from annotator.jobs import services as jobs
from annotator.projects.models import Label, Project, Stage
from annotator.queue import review
from annotator.queue.models import WorkEvent
from annotator.statistics import counting, figures, mask_counts
from annotator.statistics.dashboard import read_dashboard
from annotator.statistics.dashboard_requests import count_everywhere, fresh_dashboard
from annotator.statistics.mask_sums import Filters
from annotator.statistics.models import FiguresMark, ImageFigures, MaskFigures, ScoreFigures
from annotator.statistics.tasks import count_figures
from annotator.weeks import week_of

ClientOf = Callable[[User], Client]
NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)


def totals(project: Project) -> dict[str, Any]:
    figures.refresh_project(project)
    result: dict[str, Any] = read_dashboard(project)["totals"]
    return result


class TestSums:
    def test_they_equal_the_masks(
        self, project: Project, label: Label, annotator: User, reviewer: User, add_image: Any, add_mask: Any
    ) -> None:
        one, two = add_image(), add_image()
        provenance = {"prompts": [{}, {}, {}], "undos": 1, "brush_pixels": 40, "edits": ["brush"]}
        add_mask(one, author=annotator, label=label, active_ms=10_000, provenance=provenance)
        add_mask(one, author=annotator, active_ms=20_000)
        add_mask(two, author=reviewer, active_ms=0)
        add_mask(two, source=Source.SUGGESTION, state=State.REJECTED, predicted_iou=0.91)
        add_mask(two, deleted_at=timezone.now(), author=annotator)
        row = totals(project)
        assert (row["masks"], row["images_with_masks"], row["masks_per_image"]) == (3, 2, 1.5)
        assert row["seconds_per_mask"] == 15  # untimed masks are not counted as taking no time
        assert (row["clicks"], row["undos"], row["brushed_px"]) == (3, 1, 40)
        assert row["suggestions_rejected"] == 1
        people = {entry["name"]: entry["masks"] for entry in read_dashboard(project)["by_person"]}
        assert people == {"ann": 2, "rey": 1, None: 0}

    def test_changes_deletions_and_lost_images_are_followed(
        self, project: Project, label: Label, annotator: User, add_image: Any, add_mask: Any
    ) -> None:
        image, other = add_image(), add_image()
        masks = [add_mask(image, author=annotator, active_ms=5000) for _ in range(3)]
        add_mask(other, author=annotator)
        assert totals(project)["masks"] == 4
        masks[0].label = label
        masks[0].save()
        masks[1].deleted_at = timezone.now()
        masks[1].save()
        assert totals(project)["masks"] == 3
        assert {row["name"]: row["masks"] for row in read_dashboard(project)["by_label"]} == {"car": 1, None: 2}
        delete_image(image, masks_at_most=None)
        assert totals(project)["masks"] == 1
        assert not MaskFigures.objects.filter(masks__lt=0).exists()

    def test_counting_twice_changes_nothing_and_counting_from_nothing_gives_the_same(
        self, project: Project, annotator: User, add_image: Any, add_mask: Any
    ) -> None:
        for place in range(5):
            image = add_image()
            for _ in range(place):
                add_mask(image, author=annotator, active_ms=1000 * place)
        once = totals(project)
        assert totals(project) == once
        figures.refresh_images(Image.objects.values_list("pk", flat=True))
        assert totals(project) == once
        for model in (ImageFigures, MaskFigures, ScoreFigures, FiguresMark):
            model.objects.all().delete()
        assert totals(project) == once

    def test_a_change_that_commits_late_is_not_missed(
        self, project: Project, annotator: User, add_image: Any, add_mask: Any
    ) -> None:
        image = add_image()
        totals(project)
        late = add_mask(image, author=annotator)
        Annotation.objects.filter(pk=late.pk).update(updated_at=timezone.now() - timedelta(seconds=30))
        assert totals(project)["masks"] == 1

    def test_provenance_that_lies_about_its_types_breaks_nothing(
        self, project: Project, annotator: User, add_image: Any, add_mask: Any
    ) -> None:
        image = add_image()
        odd = [{"prompts": 7, "undos": "many", "brush_pixels": -5, "edits": {}}, {"clicks": 1e300, "undos": True}, []]
        for provenance in odd:
            add_mask(image, author=annotator, provenance=provenance)
        row = totals(project)
        assert (row["masks"], row["clicks"], row["undos"], row["brushed_px"]) == (3, 0, 0, 0)

    def test_other_projects_are_left_alone(self, project: Project, add_image: Any, add_mask: Any) -> None:
        other = Project.objects.create(name="Other")
        add_mask(add_image(of=other))
        assert totals(project)["masks"] == 0
        assert totals(other)["masks"] == 1


class TestDashboard:
    def test_weeks_start_on_monday_and_curves_hold_masks_an_image(
        self, project: Project, annotator: User, add_image: Any, add_mask: Any
    ) -> None:
        image = add_image()
        for _ in range(4):
            add_mask(image, author=annotator, active_ms=14_000)
        Annotation.objects.update(created_at=datetime(2026, 6, 7, 23, tzinfo=UTC))  # a Sunday
        review.submit_image(image, annotator)
        image.submissions.update(week=week_of(datetime(2026, 6, 7, 23, tzinfo=UTC)))
        figures.refresh_images([image.pk])
        (week,) = read_dashboard(project)["by_week"]
        assert week["week"].isoformat() == "2026-06-01"
        assert (week["masks"], week["seconds_per_mask"], week["images"], week["masks_per_image"]) == (4, 14.0, 1, 4.0)

    def test_filters(
        self, project: Project, label: Label, annotator: User, reviewer: User, add_image: Any, add_mask: Any
    ) -> None:
        image = add_image()
        add_mask(image, author=annotator, label=label)
        add_mask(image, author=reviewer)
        add_mask(image, author=reviewer, stage=Stage.SEMI_AUTOMATIC)
        figures.refresh_project(project)

        def masks(**values: Any) -> int:
            return int(read_dashboard(project, Filters(**values))["totals"]["masks"])

        today = timezone.now().date()
        assert masks(author_id=annotator.pk) == 1
        assert masks(label_id=label.pk) == 1
        assert masks(stage=Stage.SEMI_AUTOMATIC) == 1
        assert masks(since=today - timedelta(days=8)) == 3
        assert masks(until=today - timedelta(days=8)) == 0
        assert masks(since=today) == 3, "a day stands for its whole week"
        monday = today - timedelta(days=today.weekday())
        assert masks(since=monday + timedelta(days=7)) == 0
        assert masks(until=monday) == 3
        assert masks(model_version_id=987654) == 0

    def test_acceptance_by_score(self, project: Project, add_image: Any, add_mask: Any) -> None:
        image = add_image()
        for score, state in ((0.91, "accepted"), (0.905, "accepted"), (0.901, "rejected"), (0.95, "suggestion")):
            add_mask(image, source=Source.SUGGESTION, state=state, predicted_iou=score)
        figures.refresh_project(project)
        rows = {row["score_percent"]: row for row in read_dashboard(project)["acceptance"]}
        assert (rows[90]["accepted"], rows[90]["rejected"]) == (2, 1)
        assert rows[90]["rate"] == pytest.approx(2 / 3)
        assert (rows[94]["waiting"], rows[94]["rate"]) == (1, None)

    def test_a_suggestion_mended_by_hand_counts_by_the_score_that_the_model_gave_it(
        self, project: Project, add_image: Any, add_mask: Any
    ) -> None:
        fields = {"source": Source.SUGGESTION, "state": "accepted", "predicted_iou": None}
        add_mask(add_image(), **fields, provenance={"predicted_iou": 0.91, "edits": ["paint"]})
        figures.refresh_project(project)
        (row,) = read_dashboard(project)["acceptance"]
        assert (row["score_percent"], row["accepted"]) == (90, 1)

    def test_the_number_of_queries_does_not_depend_on_the_number_of_images(
        self, project: Project, annotator: User, add_image: Any, add_mask: Any
    ) -> None:
        def queries() -> int:
            with CaptureQueriesContext(
                connection,
            ) as captured:
                fresh_dashboard(project)
            return len(captured)

        add_mask(add_image(), author=annotator)
        fresh_dashboard(project)
        few = queries()
        for _ in range(25):
            image = add_image()
            for _ in range(3):
                add_mask(image, author=annotator)
        fresh_dashboard(project)
        assert queries() <= few + 2

    def test_much_is_counted_in_the_background(
        self,
        project: Project,
        annotator: User,
        add_image: Any,
        add_mask: Any,
        work_off: Any,
        monkeypatch: pytest.MonkeyPatch,
        django_capture_on_commit_callbacks: Any,
    ) -> None:
        monkeypatch.setattr("annotator.statistics.figures.MANY", 5)
        for _ in range(7):
            add_mask(add_image(), author=annotator)
        with django_capture_on_commit_callbacks(execute=True):
            assert fresh_dashboard(project)["images_left"] > 0
        work_off()
        assert read_dashboard(project)["totals"]["masks"] == 7

    def test_a_count_that_was_cut_off_goes_on_where_it_was(
        self, project: Project, annotator: User, add_image: Any, add_mask: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        images = [add_image() for _ in range(5)]
        for image in images:
            add_mask(image, author=annotator)
        monkeypatch.setattr(counting, "FIGURES_AT_ONCE", 2)
        job = jobs.start_job(project, kind="figures", key="project", task=count_figures, params={}, user=None)
        real, chunks = figures.refresh_images, []

        def refresh(ids: list[int]) -> None:
            chunks.append(ids)
            if len(chunks) == 2:
                raise RuntimeError("the disk is full")
            real(ids)

        monkeypatch.setattr(counting, "refresh_images", refresh)
        jobs.do_job(job.pk, counting.count_project)
        assert read_dashboard(project)["totals"]["masks"] == 2
        assert not FiguresMark.objects.exists()
        late = add_mask(images[0], author=annotator)  # an image that was counted already changes meanwhile
        jobs.do_job(job.pk, counting.count_project)
        job.refresh_from_db()
        pks = [image.pk for image in images]
        assert chunks == [pks[:2], pks[2:4], pks[2:4], pks[4:]]
        assert (job.status, job.done, job.total) == ("done", 3, 3)
        assert FiguresMark.objects.get().counted_until < late.updated_at
        assert totals(project)["masks"] == 6

    def test_the_endpoint_and_who_may_see_it(
        self, project: Project, admin: User, annotator: User, outsider: User, client_of: ClientOf
    ) -> None:
        url = f"/api/v1/projects/{project.pk}/dashboard"
        for client, status in ((Client(), 401), (client_of(outsider), 404), (client_of(annotator), 403)):
            assert client.get(url).status_code == status
        body = client_of(admin).get(url).json()
        assert body["paper"] == {"seconds_per_mask": [34, 14], "masks_per_image": [20, 44, 72]}
        assert {"by_week", "by_person", "acceptance", "queue", "embeddings", "jobs", "latency"} <= body.keys()
        assert client_of(admin).post(url).status_code == 405
        assert client_of(admin).get(f"{url}?stage=best").status_code == 422
        assert client_of(admin).get("/api/v1/projects/98765/dashboard").status_code == 404


class TestCounts:
    def test_counted_and_uncounted_projects_and_their_labels(
        self, project: Project, label: Label, annotator: User, add_image: Any, add_mask: Any
    ) -> None:
        other = Project.objects.create(name="Never counted")
        add_mask(add_image(of=other))
        image = add_image()
        for _ in range(2):
            add_mask(image, label=label)
        add_mask(image, label=label, source=Source.SUGGESTION, state=State.REJECTED)
        assert mask_counts.masks_by_label(project) == {label.pk: 2}
        assert mask_counts.masks_by_project([project.pk, other.pk]) == {project.pk: 2, other.pk: 1}
        assert mask_counts.masks_by_label(other) == {}

    def test_the_worker_keeps_the_counts(self, project: Project, add_image: Any, add_mask: Any) -> None:
        assert count_everywhere() == 0
        add_mask(add_image())
        assert count_everywhere() == 0
        assert mask_counts.masks_by_project([project.pk]) == {project.pk: 1}

    def test_the_latest_work_is_the_latest_step_or_photo(
        self, project: Project, annotator: User, add_image: Any
    ) -> None:
        assert mask_counts.latest_work([project.pk]) == {}
        image = add_image()
        assert mask_counts.latest_work([project.pk]) == {project.pk: image.created_at}
        event = WorkEvent.objects.create(project=project, user=annotator, kind="active")
        assert mask_counts.latest_work([project.pk]) == {project.pk: event.created_at}
