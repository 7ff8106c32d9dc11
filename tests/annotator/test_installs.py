"""Models > Install: server admins ask, a worker does it, and the page says how far it is and what went wrong."""

import io
import json
import threading
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from annotator import sam_gateway
from annotator.accounts.models import User
from annotator.errors import ConflictError
from annotator.inference.installing import InstallOrder, downloads
from annotator.inference.model_store import blob_name
from annotator.inference.models import ModelVersion
from annotator.installs import work
from annotator.installs.services import keep_upload, remove_spent_uploads, start_install
from annotator.installs.tasks import install_model
from annotator.jobs import beating
from annotator.jobs import services as jobs
from annotator.jobs.models import Job
from annotator.projects.models import Project
from tests.annotator.conftest import Api
from tests.annotator.inference_steps import TINY_MODEL
from tests.annotator.installing_steps import copy_export
from tests.sam_core.weight_server import Server
from tests.seeded_weights import VERSION, digest_of, tiny_weights, weight_server

ADDRESS = f"/models/install/{TINY_MODEL}/"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sam_gateway, "export_model", copy_export)


@pytest.fixture
def server() -> Iterator[Server]:
    with weight_server() as running:
        yield running


@pytest.fixture
def sue(make_user: Any) -> User:
    """A server admin."""
    user: User = make_user("sue")
    user.is_superuser = True
    user.save()
    return user


@pytest.fixture
def page(sue: User) -> Client:
    client = Client()
    client.force_login(sue)
    return client


def do_waiting() -> None:
    """Do the waiting installs as the worker does."""
    for job in Job.objects.filter(status="pending", kind="install_model", params__order__name=TINY_MODEL):
        install_model.func(job.pk)


def mirror(server: Server) -> dict[str, str]:
    return {"source": "mirror", "mirror": server.url, "sha256": digest_of(tiny_weights()).upper()}


def order_from(server: Server) -> InstallOrder:
    return InstallOrder(name=TINY_MODEL, mirror=server.url, sha256=digest_of(tiny_weights()))


def text_of(page: Client, address: str = "/models/install/") -> str:
    return page.get(address).content.decode()


def test_size_licence_and_purpose_are_said_before(page: Client, model: ModelVersion) -> None:
    models = text_of(page)
    assert "375" not in models or "357.7" in models
    for words in (
        "sam_vit_b",
        "357.7",
        "Apache-2.0",
        "SA-1B: research only",
        "seconds an image without a graphics card",
    ):
        assert words in models
    assert TINY_MODEL not in models.split("<table")[1], "nobody is offered the model of the tests"
    form = text_of(page, "/models/install/sam_vit_b/")
    for words in ("357.7", "Apache-2.0", "Trained on", "SA-1B: research only", "https://dl.fbaipublicfiles.com"):
        assert words in form
    assert page.get("/models/install/sam_of_tomorrow/").status_code == 404


def test_a_model_is_installed_from_a_mirror_that_breaks_off(page: Client, server: Server, sue: User) -> None:
    server.cuts = [50_000]
    answer = page.post(ADDRESS, mirror(server))
    assert (answer.status_code, answer["Location"]) == (302, "/models/install/")
    assert "Waiting for the worker" in text_of(page)
    do_waiting()
    job = Job.objects.get()
    assert (job.status, job.done, job.total, job.created_by) == ("done", 1000, 1000, sue)
    assert f"Installed as {VERSION}." in text_of(page)
    assert ModelVersion.objects.get().version == VERSION
    assert server.ranges[-1] == "bytes=50000-"


def test_a_model_is_installed_from_an_uploaded_file(page: Client) -> None:
    upload = SimpleUploadedFile("mine.pt", tiny_weights())
    assert page.post(ADDRESS, {"source": "file", "file": upload}).status_code == 302
    do_waiting()
    row = ModelVersion.objects.get()
    assert (Job.objects.get().status, row.version) == ("done", VERSION)
    assert [file["sha256"] for file in row.files if file["name"] == "weights.pt"] == [digest_of(tiny_weights())]


def test_a_sign_of_life_that_is_lost_does_not_end_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    beats: list[int] = []
    enough = threading.Event()

    def beat(job: Job) -> bool:
        beats.append(job.pk)
        if len(beats) == 1:
            raise OperationalError("database is locked")
        enough.set()
        return True

    monkeypatch.setattr(beating, "BEAT_EVERY_SECONDS", 0.001)
    monkeypatch.setattr(jobs, "beat", beat)
    with beating.keep_beating(Job(pk=7)):
        assert enough.wait(60)
    assert beats[:2] == [7, 7]


def test_a_job_that_fails_says_what_to_do_and_can_be_tried_again(page: Client, server: Server, sue: User) -> None:
    server.cuts = [60_000, *[0] * 5]
    page.post(ADDRESS, mirror(server))
    do_waiting()
    job = Job.objects.get()
    assert job.status == "failed"
    shown = text_of(page)
    assert "The download stopped: " in shown
    assert "What has come is kept: try again, or name another address." in shown
    assert "Try the install of sam_tiny_test again" in shown
    assert Api(sue).post(f"/jobs/{job.pk}/resume").status_code == 200
    do_waiting()
    job.refresh_from_db()
    assert (job.status, server.ranges[-1]) == ("done", "bytes=60000-")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "Choose where the weights come from"),
        ({"source": "mirror"}, "Give the address"),
        ({"source": "mirror", "mirror": "ftp://x/y", "sha256": "0" * 64}, "begins with https"),
        ({"source": "mirror", "mirror": "http://x/y"}, "give the SHA-256"),
        ({"source": "mirror", "mirror": "http://x/y", "sha256": "12"}, "64 digits"),
        ({"source": "file"}, "Choose a weight file"),
        ({"source": "file", "file": ""}, "Choose a weight file"),
    ],
)
def test_a_form_that_cannot_be_done_says_why_and_keeps_what_was_typed(
    page: Client, body: dict[str, str], said: str
) -> None:
    answer = page.post(ADDRESS, body)
    assert answer.status_code == 200
    shown = answer.content.decode()
    assert said in shown
    assert body.get("mirror", "") in shown
    assert not Job.objects.exists()


def test_one_install_of_a_model_at_a_time(page: Client, server: Server, sue: User) -> None:
    page.post(ADDRESS, mirror(server))
    assert (
        "is being installed already: its progress is on the page before"
        in page.post(ADDRESS, mirror(server)).content.decode()
    )
    with pytest.raises(ConflictError):
        start_install(order_from(server), sue)
    start_install(InstallOrder(name="sam_vit_b"), sue)  # of another model
    assert Job.objects.count() == 2


def test_a_download_stops_at_once_when_it_is_cancelled_and_what_came_is_kept(
    server: Server, sue: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = start_install(order_from(server), sue)
    monkeypatch.setattr(work, "TELL_EVERY_SECONDS", 0)
    monkeypatch.setattr("sam_core.fetching.BLOCK_BYTES", 4096)
    record = jobs.record_progress

    def cancelled(own: Job, **progress: Any) -> bool:
        if progress["done"] > 100:
            jobs.cancel_job(Job.objects.get(pk=job.pk))
        return record(own, **progress)

    monkeypatch.setattr(jobs, "record_progress", cancelled)
    do_waiting()
    job.refresh_from_db()
    assert (job.status, ModelVersion.objects.exists()) == ("cancelled", False)
    (part,) = downloads().iterdir()
    assert 0 < part.stat().st_size < len(tiny_weights())


def test_jobs_of_the_server_are_its_admins_alone(
    server: Server, sue: User, as_admin: Api, as_outsider: Api, signed_out: Api, project: Project
) -> None:
    job = start_install(order_from(server), sue)
    for method, path in (("get", ""), ("post", "/pause"), ("post", "/resume"), ("post", "/cancel")):
        for other in (as_admin, as_outsider):
            assert getattr(other, method)(f"/jobs/{job.pk}{path}").status_code == 404
        assert getattr(signed_out, method)(f"/jobs/{job.pk}{path}").status_code == 401
    answer = Api(sue).get(f"/jobs/{job.pk}").json()
    assert (answer["project_id"], answer["status"]) == (None, "pending")
    assert as_admin.get(f"/projects/{project.pk}/jobs").json() == []
    assert Api(sue).post(f"/jobs/{job.pk}/cancel").json()["status"] == "cancelled"


def test_the_page_says_how_far_a_download_is(page: Client, sue: User, server: Server) -> None:
    job = start_install(order_from(server), sue)
    report = {"phase": "download", "done_bytes": 3 << 20, "total_bytes": 4 << 20}
    Job.objects.filter(pk=job.pk).update(status="running", done=375, report=report)
    shown = text_of(page)
    assert "Downloading: 3.0\xa0MB of 4.0\xa0MB" in shown
    assert 'max="1000" value="375"' in shown


def test_what_was_uploaded_in_vain_goes_after_a_day(sue: User, db: None) -> None:
    order = keep_upload(TINY_MODEL, io.BytesIO(b"no weights"), size=10)
    job = start_install(order, sue)
    do_waiting()
    job.refresh_from_db()
    assert "These weights cannot be used" in job.error
    assert remove_spent_uploads() == 0
    assert default_storage.exists(blob_name(order.upload))
    Job.objects.update(finished_at=timezone.now() - timedelta(days=2))
    assert (remove_spent_uploads(), remove_spent_uploads()) == (1, 0)
    assert not default_storage.exists(blob_name(order.upload))
    jobs.resume_job(Job.objects.get())
    do_waiting()
    job.refresh_from_db()
    assert job.error == "The uploaded file is gone: upload it again."


def test_an_upload_that_was_installed_stays_whatever_came_before(sue: User, db: None) -> None:
    order = keep_upload(TINY_MODEL, io.BytesIO(tiny_weights()), size=len(tiny_weights()))
    earlier = Job.objects.create(kind="install_model", params={"order": asdict(order)}, status="failed")
    Job.objects.filter(pk=earlier.pk).update(finished_at=timezone.now() - timedelta(days=2))
    start_install(order, sue)
    do_waiting()
    assert json.dumps(ModelVersion.objects.get().files).count(order.upload) == 1
    remove_spent_uploads()
    assert default_storage.exists(blob_name(order.upload))
