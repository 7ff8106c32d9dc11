"""Embedding with a newly chosen version: asked for with its cost, unmasked photos first, paused, ended, never a lie."""

from typing import Any
from unittest.mock import patch

import pytest
from django.test import Client

from annotator.accounts.models import User
from annotator.automatic import reembedding
from annotator.automatic.embedding_jobs import start_embedding
from annotator.background.reconcile import reconcile_missing
from annotator.images.models import Image, WorkStatus
from annotator.inference.default_model import set_default
from annotator.inference.models import EmbeddingStatus, ImageEmbedding, ModelVersion
from annotator.inference.selectors import measured_speed
from annotator.jobs import services as jobs
from annotator.jobs.models import Job
from annotator.projects.commands import ModelPin, ProjectChanges
from annotator.projects.model_choice import take_back_model
from annotator.projects.models import Project
from annotator.projects.services import update_project


@pytest.fixture
def old(model: ModelVersion) -> ModelVersion:
    """The version of before, with which everything is embedded."""
    row = ModelVersion.objects.create(name="old", version="old-1", image_size=64, embed_dim=32, weights_sha256="0")
    set_default(row.version)
    return row


def embed(image: Image, version: ModelVersion, **fields: Any) -> ImageEmbedding:
    values = {"status": "ready", "file": "embeddings/a.npy", "encode_ms": 1000, **fields}
    return ImageEmbedding.objects.create(sha256=image.picture, model_version=version, **values)


def pin(project: Project, version: ModelVersion | None) -> Project:
    return update_project(project, ProjectChanges(pin=ModelPin(version.version if version else None)))


def step_through(project: Project, admin: User) -> tuple[Job, list[int]]:
    """Start a job and take its steps; return it and the images in the order of their embeddings."""
    job = start_embedding(project, admin)
    order: list[int] = []
    embed_one = reembedding._embed

    def watched(job: Job, version: ModelVersion, image_id: int) -> None:
        order.append(image_id)
        embed_one(job, version, image_id)

    with patch.object(reembedding, "_embed", watched):
        jobs.do_job(job.pk, reembedding.embed_photos)
    job.refresh_from_db()
    return job, order


def test_nothing_begins_before_somebody_asks_and_the_cost_is_told(
    project: Project, model: ModelVersion, old: ModelVersion, admin: User, add_photo: Any, client_of: Any
) -> None:
    images = [add_photo() for _ in range(5)]
    for image in images:
        embed(image, old)
    assert measured_speed(model).measured == 0
    pin(project, model)
    assert not Job.objects.filter(kind="embed").exists()
    assert model.embeddings.count() == reembedding.TIMED, "a few photos tell how fast it is"
    assert reconcile_missing()["requested_embeddings"] == 0
    assert model.embeddings.count() == reembedding.TIMED
    url = f"/api/v1/projects/{project.pk}/model-version"
    cost = client_of(admin).get(url).json()["cost"]
    assert cost == {"photos": 5, "seconds": None, "measured": 0}
    model.embeddings.update(status="ready", encode_ms=2000)
    assert client_of(admin).get(url).json()["cost"] == {"photos": 2, "seconds": 4.0, "measured": 3}


def test_photos_that_have_no_embedding_at_all_are_embedded_without_asking(
    project: Project, model: ModelVersion, old: ModelVersion, add_photo: Any
) -> None:
    kept, broken, fresh = (add_photo() for _ in range(3))
    embed(kept, old)
    embed(broken, old, status="failed", file="")
    Project.objects.update(model_version=model)
    assert reconcile_missing()["requested_embeddings"] == 2
    assert set(model.embeddings.values_list("sha256", flat=True)) == {broken.picture, fresh.picture}


def test_photos_without_masks_come_first_then_the_project_s_order(
    project: Project, model: ModelVersion, old: ModelVersion, admin: User, add_photo: Any, add_mask: Any
) -> None:
    submitted, masked, second, first = (
        add_photo(position=position, work_status=status)
        for position, status in ((1, WorkStatus.SUBMITTED), (2, "new"), (4, "new"), (3, "new"))
    )
    add_mask(masked)
    Project.objects.update(model_version=model)
    job, order = step_through(Project.objects.get(), admin)
    assert order == [first.pk, second.pk, masked.pk, submitted.pk]
    assert (job.status, job.done, job.total, job.report["failed"]) == ("done", 4, 4, 0)
    assert model.embeddings.filter(status="ready").count() == 4


def test_a_pause_in_the_middle_keeps_what_is_made_and_goes_on_with_the_rest(
    project: Project, model: ModelVersion, old: ModelVersion, admin: User, add_photo: Any
) -> None:
    for _ in range(3):
        add_photo()
    Project.objects.update(model_version=model)
    job = start_embedding(Project.objects.get(), admin)
    embed_one = reembedding._embed

    def pausing(job: Job, version: ModelVersion, image_id: int) -> None:
        embed_one(job, version, image_id)
        jobs.pause_job(Job.objects.get(pk=job.pk))

    with patch.object(reembedding, "_embed", pausing):
        assert jobs.do_job(job.pk, reembedding.embed_photos) == "paused"
    assert model.embeddings.filter(status="ready").count() == 1
    assert jobs.do_job(job.pk, reembedding.embed_photos) == "nothing to do"
    jobs.resume_job(Job.objects.get(pk=job.pk))
    assert jobs.do_job(job.pk, reembedding.embed_photos) == "done"
    assert model.embeddings.filter(status="ready").count() == 3


@pytest.mark.parametrize("is_of_default", [False, True])
def test_another_choice_ends_the_job_of_the_one_before(
    is_of_default: bool, project: Project, model: ModelVersion, old: ModelVersion, admin: User, add_photo: Any
) -> None:
    add_photo()
    if is_of_default:
        set_default(model.version)
    else:
        project = pin(project, model)
    job = start_embedding(Project.objects.get(), admin)
    if is_of_default:
        set_default(old.version)
    else:
        take_back_model(project)
    job.refresh_from_db()
    assert job.status == "cancelled"


def test_a_job_of_a_version_that_is_chosen_no_more_does_nothing(
    project: Project, model: ModelVersion, old: ModelVersion, admin: User, add_photo: Any
) -> None:
    add_photo()
    Project.objects.update(model_version=model)
    job = start_embedding(Project.objects.get(), admin)
    Project.objects.update(model_version=old)  # behind its back
    assert jobs.do_job(job.pk, reembedding.embed_photos) == "cancelled"
    assert not ImageEmbedding.objects.exists()


def test_a_job_whose_every_photo_failed_has_failed_with_the_reason_and_can_be_gone_on_with(
    project: Project, old: ModelVersion, admin: User, add_photo: Any, settings: Any
) -> None:
    photos = [add_photo() for _ in range(2)]
    job, _order = step_through(project, admin)  # the version "old" has no graphs here
    assert job.status == "failed"
    assert job.error.startswith("All 2 images failed: ")
    assert "old-1" in job.error
    jobs.resume_job(job)
    with patch.object(reembedding, "compute_embedding", _succeed):
        assert jobs.do_job(job.pk, reembedding.embed_photos) == "done"
    job.refresh_from_db()
    assert (job.report["images"], job.report["failed"], job.error) == (2, 0, "")
    assert old.embeddings.filter(status="ready").count() == len(photos)


def test_one_that_failed_in_part_is_done_and_says_how_many(
    project: Project, model: ModelVersion, admin: User, add_photo: Any, add_image: Any
) -> None:
    add_photo()
    add_image()  # its photo's file is missing
    job, _order = step_through(project, admin)
    assert (job.status, job.report["failed"]) == ("done", 1)
    assert job.error.startswith("1 of 2 images failed, the first because: ")


def test_failures_of_a_first_slice_are_not_forgotten_by_the_next(
    project: Project, old: ModelVersion, admin: User, add_photo: Any
) -> None:
    for _ in range(3):
        add_photo()
    job = start_embedding(project, admin)
    with patch.dict(jobs.run_steps.__kwdefaults__, {"slice_seconds": 0.0}):
        for _slice in range(3):
            assert jobs.do_job(job.pk, reembedding.embed_photos) == "running"
        assert jobs.do_job(job.pk, reembedding.embed_photos) == "failed"
    job.refresh_from_db()
    assert job.report["images"] == 3


def _succeed(pk: int) -> None:
    ImageEmbedding.objects.filter(pk=pk).update(status=EmbeddingStatus.READY, error="")


def test_all_projects_that_follow_the_default_are_embedded_paused_and_resumed_at_once(
    project: Project,
    model: ModelVersion,
    old: ModelVersion,
    admin: User,
    annotator: User,
    add_photo: Any,
    client_of: Any,
) -> None:
    User.objects.filter(pk=admin.pk).update(is_superuser=True)
    client: Client = client_of(User.objects.get(pk=admin.pk))
    own = Project.objects.create(name="Its own", model_version=model)
    more = Project.objects.create(name="Follows too")
    for of in (project, project, more, own):
        embed(add_photo(of=of), old)
    url = "/api/v1/default-model"
    assert client_of(annotator).post(f"{url}/embeddings").status_code == 403
    client.post(url, {"model_version": model.version}, content_type="application/json")
    assert client.get(url).json()["cost"]["photos"] == 3
    answer = client.post(f"{url}/embeddings")
    assert answer.status_code == 201
    assert answer.json()["progress"] == {"jobs": 2, "running": 2, "paused": 0, "done": 0, "total": 3}
    assert client.post(f"{url}/embeddings").json()["progress"]["jobs"] == 2, "asked for twice is once"
    assert client.post(f"{url}/embeddings/pause").json()["progress"]["paused"] == 2
    assert client.post(f"{url}/embeddings/resume").json()["progress"]["running"] == 2
    page = client.get("/models/default/").content.decode()
    assert "3 photos are not embedded with" in page
    assert "Follows too" in page


def test_the_settings_page_tells_asks_and_takes_back(
    project: Project,
    model: ModelVersion,
    old: ModelVersion,
    admin: User,
    annotator: User,
    add_photo: Any,
    client_of: Any,
) -> None:
    embed(add_photo(), old)
    client, url = client_of(admin), f"/projects/{project.pk}/settings/"
    pin(project, model)
    model.embeddings.update(status="failed", error="no")
    page = client.get(url).content.decode()
    assert "1 photo is not embedded with" in page
    assert "is being measured" in page
    assert client_of(annotator).post(f"/projects/{project.pk}/model/", {"action": "embed"}).status_code == 403
    said = client.post(f"/projects/{project.pk}/model/", {"action": "embed"}, follow=True).content.decode()
    assert "Embedding 1 image in the background." in said
    assert Job.objects.get(kind="embed").status == "pending"
    assert model.embeddings.get().status == "pending", "what had failed waits again"
    said = client.post(f"/projects/{project.pk}/model/", {"action": "take_back"}, follow=True).content.decode()
    assert "follows the server" in said
    assert Job.objects.get(kind="embed").status == "cancelled"
