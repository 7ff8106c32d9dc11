"""Jobs of the model's own work: started, paused, resumed, cancelled, and never doubled."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django_tasks_db.models import DBTaskResult
from PIL import Image as Picture

from annotator import sam_gateway
from annotator.accounts.models import User
from annotator.annotations.models import Annotation, Source, State
from annotator.automatic import mask_jobs, prefill_requests
from annotator.automatic.models import MaskRun, RunStatus
from annotator.errors import ConflictError, InvalidError
from annotator.exchange.base.writing import CheckedMask
from annotator.exchange.export.selection import Selection
from annotator.exchange.formats.sa1b.write import describe_sa1b
from annotator.exchange.options import ExportOptions
from annotator.inference.models import ModelVersion
from annotator.jobs import services as jobs
from annotator.jobs.models import Job, JobStatus
from annotator.photos import store
from annotator.projects.models import Project, Stage
from tests.annotator.automatic.automatic_steps import of, suggestions, take_everything

ClientOf = Callable[[User], Client]


@pytest.fixture
def project(project: Project, model: ModelVersion) -> Project:
    return take_everything(project)


class TestJobs:
    def start(self, callback: Any, *args: Any, **options: Any) -> Job:
        with callback(execute=True):
            return prefill_requests.start_automatic(*args, **options)

    def test_an_automatic_run_annotates_every_image_once(
        self, project: Project, admin: User, add_photo: Any, work_off: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        images = [add_photo() for _ in range(3)]
        job = self.start(django_capture_on_commit_callbacks, project, admin, image_ids=None)
        work_off()
        job.refresh_from_db()
        assert (job.status, job.done, job.total) == (JobStatus.DONE, 3, 3)
        rows = Annotation.objects.filter(source=Source.AUTOMATIC, state=State.ACCEPTED)
        assert job.report["masks"] == rows.count() > 0
        assert set(rows.values_list("image", flat=True)) == {image.pk for image in images}
        assert {of(image).stage for image in images} == {Stage.FULLY_AUTOMATIC}

    def test_masks_of_crops_are_exported_with_the_crop_they_were_found_in(
        self, project: Project, admin: User, add_photo: Any, work_off: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        take_everything(project, crop_layers=1, points_per_side=8, nms_iou=1.0)
        image = add_photo(Picture.effect_noise((360, 300), 60).convert("RGB"))
        self.start(django_capture_on_commit_callbacks, project, admin, image_ids=None)
        work_off()
        size, crops = (image.height, image.width), set()
        selection = Selection(project, ExportOptions())
        for _, row in selection.iterate_masks(selection.load_images([image.pk])):
            x0, y0, x1, y1 = Annotation.objects.get(pk=row.pk).provenance["crop_box"]
            measured = sam_gateway.measure_mask(row.counts, size=size)
            written = describe_sa1b(CheckedMask(row, measured), 1, size, size)
            assert written["crop_box"] == [x0, y0, x1 - x0, y1 - y0]
            ((x, y),) = written["point_coords"]
            assert x0 <= x <= x1
            assert y0 <= y <= y1
            crops.add((x0, y0, x1, y1))
        assert len(crops) > 1  # a crop's masks and the whole photo's

    def test_chosen_images_only(
        self, project: Project, admin: User, add_photo: Any, work_off: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        chosen, other = add_photo(), add_photo()
        self.start(django_capture_on_commit_callbacks, project, admin, image_ids=[chosen.pk])
        work_off()
        assert list(MaskRun.objects.values_list("image", flat=True)) == [chosen.pk]
        assert other.pk != chosen.pk

    def test_paused_in_the_middle_and_resumed_nothing_is_doubled(
        self,
        project: Project,
        admin: User,
        add_photo: Any,
        work_off: Any,
        monkeypatch: pytest.MonkeyPatch,
        django_capture_on_commit_callbacks: Any,
    ) -> None:
        for _ in range(3):
            add_photo()
        job = self.start(django_capture_on_commit_callbacks, project, admin, image_ids=None)
        real, calls = sam_gateway.find_masks, []

        def pausing(*args: Any, **kwargs: Any) -> Any:
            calls.append(1)
            if len(calls) == 2:
                jobs.pause_job(Job.objects.get(pk=job.pk))
            return real(*args, **kwargs)

        monkeypatch.setattr(sam_gateway, "find_masks", pausing)
        work_off()
        job.refresh_from_db()
        assert (job.status, job.done) == (JobStatus.PAUSED, 1)
        assert MaskRun.objects.count() == 1  # the image that was being looked at is not half written
        with django_capture_on_commit_callbacks(execute=True):
            jobs.resume_job(job)
        work_off()
        job.refresh_from_db()
        assert (job.status, job.done, MaskRun.objects.count()) == (JobStatus.DONE, 3, 3)
        assert Annotation.objects.count() == job.report["masks"]

    def test_two_admins_cannot_start_it_twice(self, project: Project, admin: User, add_photo: Any) -> None:
        add_photo()
        prefill_requests.start_automatic(project, admin, image_ids=None)
        with pytest.raises(ConflictError) as refused:
            prefill_requests.start_automatic(project, admin, image_ids=None)
        assert refused.value.code == "job_running"

    def test_one_broken_image_does_not_stop_the_others(
        self, project: Project, admin: User, add_photo: Any, work_off: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        broken, whole = add_photo(), add_photo()
        store.delete_made(broken.sha256)
        store.remove_for_good(store.set_aside([store.name_of(broken.sha256, store.ORIGINAL)]))
        job = self.start(django_capture_on_commit_callbacks, project, admin, image_ids=None)
        work_off()
        job.refresh_from_db()
        assert (job.status, job.report["failed"]) == (JobStatus.DONE, 1)
        assert job.report["failures"][0]["image_id"] == broken.pk
        assert MaskRun.objects.get(image=whole).status == RunStatus.DONE

    def test_nothing_to_annotate(self, project: Project, admin: User) -> None:
        with pytest.raises(InvalidError):
            prefill_requests.start_automatic(project, admin, image_ids=[12345])

    def test_asking_for_the_next_image_starts_pre_filling_once(
        self, project: Project, annotator: User, add_photo: Any, work_off: Any, client_of: ClientOf
    ) -> None:
        image = add_photo()
        client = client_of(annotator)
        for _ in range(2):
            body = client.post(f"/api/v1/projects/{project.pk}/next").json()
            assert (body["image_id"], body["unprepared"]) == (None, 1)
        assert Job.objects.filter(kind="prefill").count() == 1
        assert DBTaskResult.objects.count() <= 1
        jobs.do_job(Job.objects.get().pk, mask_jobs.prefill_project)
        assert client.post(f"/api/v1/projects/{project.pk}/next").json()["image_id"] == image.pk
        assert suggestions(image)


class TestEndpoints:
    @pytest.mark.parametrize("what", ["prefill", "automatic"])
    def test_starting(
        self, what: str, project: Project, admin: User, annotator: User, outsider: User, add_photo: Any, client_of: Any
    ) -> None:
        add_photo()
        url = f"/api/v1/projects/{project.pk}/{what}"
        for client, status in ((Client(), 401), (client_of(outsider), 404), (client_of(annotator), 403)):
            assert client.post(url, {}, content_type="application/json").status_code == status
        client = client_of(admin)
        assert client.get(url).status_code == 405
        answer = client.post(url, {}, content_type="application/json")
        assert (answer.status_code, answer.json()["status"], answer.json()["total"]) == (201, "pending", 1)
        again = client.post(url, {}, content_type="application/json")
        assert (again.status_code, again.json()["code"]) == (409, "job_running")
        assert client.post(f"/api/v1/projects/98765/{what}", {}, content_type="application/json").status_code == 404

    def test_steering_a_job(
        self, project: Project, admin: User, annotator: User, outsider: User, add_photo: Any, client_of: ClientOf
    ) -> None:
        add_photo()
        job = prefill_requests.start_automatic(project, admin, image_ids=None)
        client = client_of(admin)
        for action, status in (("pause", "paused"), ("resume", "pending"), ("cancel", "cancelled")):
            url = f"/api/v1/jobs/{job.pk}/{action}"
            assert client_of(annotator).post(url).status_code == 403
            assert client_of(outsider).post(url).status_code == 404
            assert Client().post(url).status_code == 401
            assert client.get(url).status_code == 405
            assert client.post(url).json()["status"] == status
        assert client.post(f"/api/v1/jobs/{job.pk}/resume").status_code == 409
        assert client.post("/api/v1/jobs/98765/pause").status_code == 404
        assert client_of(annotator).get(f"/api/v1/jobs/{job.pk}").json()["status"] == "cancelled"
        assert client_of(annotator).get(f"/api/v1/projects/{project.pk}/jobs?kind=automatic").json()[0]["id"] == job.pk

    def test_settings(self, project: Project, admin: User, annotator: User, client_of: ClientOf) -> None:
        url = f"/api/v1/projects/{project.pk}/engine-settings"
        assert client_of(annotator).get(url).json()["queue"]["order"] == "oldest"
        body = {"queue": {"order": "random"}, "automatic": {"predicted_iou": 0.9}}
        assert client_of(annotator).patch(url, body, content_type="application/json").status_code == 403
        answer = client_of(admin).patch(url, body, content_type="application/json").json()
        assert (answer["queue"]["order"], answer["automatic"]["predicted_iou"]) == ("random", 0.9)
        assert answer["automatic"]["points_per_side"] == 3  # what was not named stays

    @pytest.mark.parametrize(
        "body",
        [
            {"queue": {"order": "best"}},
            {"queue": {"colour": "red"}},
            {"review": {"share": 1.5}},
            {"automatic": {"predicted_iou": "high"}},
            {"automatic": {"points_per_side": 10_000}},
            {"automatic": {"crop_layers": True}},
        ],
    )
    def test_settings_that_mean_nothing(
        self, project: Project, admin: User, client_of: ClientOf, body: dict[str, Any]
    ) -> None:
        url = f"/api/v1/projects/{project.pk}/engine-settings"
        answer = client_of(admin).patch(url, body, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_setting")
