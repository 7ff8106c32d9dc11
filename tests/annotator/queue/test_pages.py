"""Pages of the queue, automatic work and statistics: they show what is there, and each button does what it says."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from annotator.accounts.models import User
from annotator.automatic.models import CorrectionSample, MaskRun, RunKind, RunStatus
from annotator.images.models import WorkStatus
from annotator.inference.models import ModelVersion
from annotator.jobs.models import Job
from annotator.projects.models import Membership, Project, Role, Stage
from annotator.queue import review
from annotator.queue.leases import open_lease
from annotator.queue.models import Purpose, Verdict

ClientOf = Callable[[User], Client]


@pytest.mark.parametrize("page", ["queue", "review", "automatic", "dashboard"])
def test_who_may_open_it(
    page: str,
    project: Project,
    admin: User,
    reviewer: User,
    annotator: User,
    outsider: User,
    client_of: ClientOf,
) -> None:
    url = f"/projects/{project.pk}/{page}/"
    assert Client().get(url).status_code == 302
    assert client_of(outsider).get(url).status_code == 404
    assert client_of(admin).get(url).status_code == 200
    assert client_of(reviewer).get(url).status_code == (200 if page in {"queue", "review"} else 403)
    assert client_of(annotator).get(url).status_code == (200 if page == "queue" else 403)


@pytest.mark.parametrize("page", ["queue", "review", "automatic", "dashboard"])
def test_the_number_of_queries_does_not_grow(
    page: str, project: Project, admin: User, annotator: User, add_image: Any, add_mask: Any, client_of: ClientOf
) -> None:
    client = client_of(admin)

    def queries() -> int:
        client.get(f"/projects/{project.pk}/{page}/")
        with CaptureQueriesContext(connection) as captured:
            assert client.get(f"/projects/{project.pk}/{page}/").status_code == 200
        return len(captured)

    def work() -> None:
        image = add_image()
        add_mask(image, author=annotator)
        open_lease(image, annotator, purpose=Purpose.ANNOTATE)
        review.submit_image(image, annotator)
        MaskRun.objects.create(image=image, kind=RunKind.PREFILL, digest="d", status=RunStatus.FAILED, error="no")

    work()
    few = queries()
    for _ in range(12):
        work()
    assert queries() <= few + 1


def test_the_admin_changes_stage_order_and_share(project: Project, admin: User, client_of: ClientOf) -> None:
    url = f"/projects/{project.pk}/queue/"
    body = {"stage": "semi_automatic", "order": "tag", "tag": "night", "share_percent": "25"}
    assert client_of(admin).post(url, body).status_code == 302
    project.refresh_from_db()
    assert project.stage == "semi_automatic"
    assert project.settings["queue"] == {"order": "tag", "tag": "night"}
    assert project.settings["review"] == {"share": 0.25}


@pytest.mark.parametrize(
    "change", [{"stage": "best"}, {"order": "worst"}, {"share_percent": "120"}, {"share_percent": "many"}]
)
def test_settings_that_mean_nothing_change_nothing(
    project: Project, admin: User, client_of: ClientOf, change: dict[str, str]
) -> None:
    body = {"stage": "semi_automatic", "order": "oldest", "tag": "", "share_percent": "25", **change}
    answer = client_of(admin).post(f"/projects/{project.pk}/queue/", body, follow=True)
    assert "Nothing was changed" in answer.content.decode()
    project.refresh_from_db()
    assert (project.stage, project.settings) == ("assisted_manual", {})


def test_an_annotator_changes_no_settings(project: Project, annotator: User, client_of: ClientOf) -> None:
    assert client_of(annotator).post(f"/projects/{project.pk}/queue/", {"stage": "semi_automatic"}).status_code == 403


def test_reviewing_from_the_page(
    project: Project, reviewer: User, annotator: User, add_image: Any, client_of: ClientOf
) -> None:
    accepted, returned = (review.submit_image(add_image(), annotator) for _ in range(2))
    client = client_of(reviewer)
    assert accepted.name in client.get(f"/projects/{project.pk}/review/").content.decode()
    client.post(f"/projects/{project.pk}/review/{accepted.pk}/", {"verdict": "accepted"})
    client.post(f"/projects/{project.pk}/review/{returned.pk}/", {"verdict": "returned", "comment": "The mirror"})
    for image, status in ((accepted, WorkStatus.REVIEWED), (returned, WorkStatus.NEW)):
        image.refresh_from_db()
        assert image.work_status == status
    page = client_of(annotator).get(f"/projects/{project.pk}/queue/").content.decode()
    assert "The mirror" in page
    wordless = review.submit_image(add_image(), annotator)
    answer = client.post(f"/projects/{project.pk}/review/{wordless.pk}/", {"verdict": "returned"}, follow=True)
    assert "Say what is to be done." in answer.content.decode()
    assert wordless.submissions.get().verdict == Verdict.WAITING
    assert client.post(f"/projects/{project.pk}/review/98765/", {"verdict": "accepted"}).status_code == 404


def test_the_next_review_opens_the_workspace(
    project: Project, reviewer: User, annotator: User, add_image: Any, client_of: ClientOf
) -> None:
    client = client_of(reviewer)
    start = f"/projects/{project.pk}/review/start/"
    assert client.post(start).headers["Location"] == f"/projects/{project.pk}/review/"
    image = review.submit_image(add_image(), annotator)
    assert client.post(start).headers["Location"] == f"/projects/{project.pk}/images/{image.pk}/"


class TestAutomaticPage:
    def post(self, client: Client, project: Project, **body: Any) -> str:
        return client.post(f"/projects/{project.pk}/automatic/", body, follow=True).content.decode()

    def test_thresholds(self, project: Project, admin: User, client_of: ClientOf) -> None:
        values = {
            "predicted_iou": "0.9", "stability_score": "0.92", "nms_iou": "0.8", "max_area_ratio": "0.5",
            "min_area_px": "64", "points_per_side": "32", "prefill_points_per_side": "12", "crop_layers": "1",
        }  # fmt: skip
        assert "The thresholds are saved" in self.post(client_of(admin), project, action="save", **values)
        project.refresh_from_db()
        assert project.settings["automatic"]["predicted_iou"] == 0.9
        assert "must lie between" in self.post(client_of(admin), project, action="save", **{**values, "nms_iou": "3"})

    def test_starting_twice_says_so(
        self, project: Project, model: ModelVersion, admin: User, add_image: Any, client_of: ClientOf
    ) -> None:
        add_image()
        client = client_of(admin)
        assert "The model annotates 1 image" in self.post(client, project, action="run")
        assert "This job is waiting for the worker already, at 0 of 1" in self.post(client, project, action="run")
        assert Job.objects.filter(kind="automatic").count() == 1

    def test_a_run_over_chosen_images(
        self, project: Project, model: ModelVersion, admin: User, add_image: Any, client_of: ClientOf
    ) -> None:
        tagged = add_image(tags=["night"])
        add_image(work_status=WorkStatus.REVIEWED)
        client = client_of(admin)
        assert "Name the tag" in self.post(client, project, action="run", scope="tag")
        assert "Choose some images" in self.post(client, project, action="run", scope="best")
        assert "There are no such images" in self.post(client, project, action="run", scope="tag", tag="day")
        assert not Job.objects.exists()
        assert "The model annotates 1 image" in self.post(client, project, action="run", scope="tag", tag="night")
        assert Job.objects.get().params == {"image_ids": [tagged.pk]}
        Job.objects.all().delete()
        self.post(client, project, action="run", scope="untouched")
        assert Job.objects.get().params == {"image_ids": [tagged.pk]}

    def test_without_a_model_it_says_what_to_do(
        self, project: Project, admin: User, add_image: Any, client_of: ClientOf
    ) -> None:
        add_image()
        assert "install_model" in self.post(client_of(admin), project, action="run")

    def test_a_sample(self, project: Project, admin: User, add_image: Any, client_of: ClientOf) -> None:
        client = client_of(admin)
        assert "left to draw from" in self.post(client, project, action="sample", size="5")
        MaskRun.objects.create(image=add_image(), kind=RunKind.AUTOMATIC, digest="d", status=RunStatus.DONE)
        assert "1 image goes to people" in self.post(client, project, action="sample", size="5")
        assert CorrectionSample.objects.count() == 1
        assert "not known here" in self.post(client, project, action="explode")


def test_the_dashboard_shows_figures_and_charts_without_inline_script(
    project: Project, admin: User, annotator: User, label: Any, add_image: Any, add_mask: Any, client_of: ClientOf
) -> None:
    add_mask(add_image(), author=annotator, label=label, active_ms=14_000)
    page = client_of(admin).get(f"/projects/{project.pk}/dashboard/?label={label.pk}&person=x").content.decode()
    assert "14.0" in page
    for chart in ("seconds", "masks", "throughput", "acceptance"):
        assert f'data-chart="{chart}"' in page
    scripts = [part.split(">")[0] for part in page.split("<script")[1:]]
    assert all("src=" in head or 'type="application/json"' in head for head in scripts)


def test_the_dashboard_is_filtered_by_date_and_large_numbers_can_be_read(
    project: Project, admin: User, annotator: User, add_image: Any, add_mask: Any, client_of: ClientOf
) -> None:
    add_mask(add_image(), author=annotator, provenance={"brush_pixels": 1_234_567})
    url = f"/projects/{project.pk}/dashboard/"
    page = client_of(admin).get(f"{url}?since=2020-01-01&until=soon").content.decode()
    assert "1,234,567" in page
    assert 'value="2020-01-01"' in page
    assert "1,234,567" not in client_of(admin).get(f"{url}?until=2020-01-01").content.decode()


def test_images_left_to_the_model_are_nobodys_to_do(
    project: Project, admin: User, annotator: User, add_image: Any, client_of: ClientOf
) -> None:
    sampled, *_ = [add_image() for _ in range(3)]
    run = MaskRun.objects.create(image=sampled, kind=RunKind.AUTOMATIC, digest="d", status=RunStatus.DONE)
    Project.objects.filter(pk=project.pk).update(stage=Stage.FULLY_AUTOMATIC)

    def state() -> list[tuple[str, str]]:
        text = client_of(admin).get(f"/projects/{project.pk}/queue/").content.decode()
        return re.findall(r"<b>(\d+)</b> (to do|in progress|left to the model)", text)

    assert state() == [("0", "to do"), ("3", "left to the model"), ("0", "in progress")]
    start = f"/projects/{project.pk}/start/"
    assert "this stage leaves images to the model" in client_of(annotator).post(start, follow=True).content.decode()
    CorrectionSample.objects.create(image=sampled, run=run)
    assert state() == [("1", "to do"), ("2", "left to the model"), ("0", "in progress")]
    facts = client_of(admin).get(f"/api/v1/projects/{project.pk}/dashboard").json()["queue"]
    assert (facts["new"], facts["left_to_model"]) == (3, 2)
    assert client_of(annotator).post(start)["Location"].endswith(f"/images/{sampled.pk}/")
    assert state() == [("0", "to do"), ("2", "left to the model"), ("1", "in progress")]
    Project.objects.filter(pk=project.pk).update(stage=Stage.ASSISTED_MANUAL)
    assert state() == [("2", "to do"), ("1", "in progress")]


class TestModelVersions:
    @pytest.fixture
    def other(self, model: ModelVersion) -> ModelVersion:
        return ModelVersion.objects.create(
            name="sam_vit_b", version="vit-b", weights_licence="Apache-2.0", image_size=1024, embed_dim=256,
            weights_sha256="0", manifest={"files": [{"name": "a", "bytes": 1000}, {"name": "b", "bytes": 24}]},
        )  # fmt: skip

    def test_the_list(
        self, project: Project, model: ModelVersion, other: ModelVersion, annotator: User, client_of: ClientOf
    ) -> None:
        Project.objects.filter(pk=project.pk).update(model_version=other)
        rows = {row["version"]: row for row in client_of(annotator).get("/api/v1/model-versions").json()}
        assert (rows["vit-b"]["bytes"], rows["vit-b"]["weights_licence"]) == (1024, "Apache-2.0")
        assert rows["vit-b"]["projects"] == [{"id": project.pk, "name": project.name, "is_pinned": True}]
        assert rows[model.version]["is_default"]
        assert rows[model.version]["disk_bytes"] > rows[model.version]["bytes"] > 0
        assert rows["vit-b"]["disk_bytes"] == 0
        page = client_of(annotator).get("/models/").content.decode()
        assert page.count("files missing") == 1
        assert "vit-b" in page
        assert project.name in page
        assert Client().get("/api/v1/model-versions").status_code == 401
        assert client_of(annotator).post("/api/v1/model-versions").status_code == 405

    def test_the_page_names_some_projects_of_a_version_and_counts_the_rest(
        self, model: ModelVersion, admin: User, client_of: ClientOf
    ) -> None:
        made = Project.objects.bulk_create([Project(name=f"Project {number:02}") for number in range(30)])
        Membership.objects.bulk_create([Membership(project=row, user=admin, role=Role.ADMIN) for row in made])
        page = client_of(admin).get("/models/").content.decode()
        assert page.count("/projects/") < 15
        assert "and 23 more" in page  # of 31, with the project that everybody is in
