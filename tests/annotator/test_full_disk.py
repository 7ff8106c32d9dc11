"""A disk that is full or read-only, a database that is damaged: each is called by its name, and work goes on."""

import io
import json
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from annotator.exchange import tasks
from annotator.exchange.models import ExportFile, ImportRun
from annotator.exchange.options import ExportOptions
from annotator.images.models import Image
from annotator.images.processing_requests import request_processing
from annotator.inference.models import EmbeddingStatus, ImageEmbedding, ModelVersion
from annotator.inference.services import compute_embedding
from annotator.jobs.models import Job
from annotator.jobs.services import resume_job
from annotator.projects.models import Project
from tests.annotator.conftest import Api, jpeg, stored_files
from tests.annotator.homes import ROOT
from tests.annotator.inference_steps import work_off
from tests.annotator.running_server import RunningServer
from tests.annotator.small_disks import fill, make_read_only, needs_mount, small_disk

pytestmark = pytest.mark.django_db


@pytest.fixture
def media(own_data_dir: Path) -> Iterator[Path]:
    """Photos, embeddings and uploads lie on a disk of 4 MB."""
    with small_disk(own_data_dir / "media", megabytes=4) as disk:
        yield disk


@needs_mount
def test_a_photo_that_does_not_fit_is_refused_for_that_and_taken_later(
    as_admin: Api, project: Project, media: Path
) -> None:
    ballast = fill(media)
    (row,) = as_admin.upload(project, ("a.jpg", jpeg(400, 300))).json()
    assert (row["status"], row["code"]) == ("refused", "disk_full")
    assert "disk is full" in row["message"]
    assert stored_files() == ["ballast"]
    ballast.unlink()
    assert as_admin.upload(project, ("a.jpg", jpeg(400, 300))).json()[0]["status"] == "added"


@needs_mount
def test_an_embedding_waits_for_space_and_its_tries_are_not_counted(
    photo: Image, model: ModelVersion, own_data_dir: Path
) -> None:
    request_processing(photo, model)
    row = ImageEmbedding.objects.get()
    with small_disk(own_data_dir / "media" / "embeddings", megabytes=1) as disk:
        fill(disk)
        for _ in range(4):
            assert compute_embedding(row.pk) == EmbeddingStatus.PENDING
    row.refresh_from_db()
    assert (row.attempts, row.file.name) == (0, "")
    assert "disk is full" in row.error
    assert compute_embedding(row.pk) == EmbeddingStatus.READY
    row.refresh_from_db()
    assert row.error == ""


@needs_mount
def test_an_import_that_does_not_fit_is_507_and_leaves_no_row(as_admin: Api, project: Project, media: Path) -> None:
    fill(media)
    file = io.BytesIO(b"x" * 100_000)
    file.name = "in.json"
    answer = as_admin.client.post(f"/api/v1/projects/{project.pk}/imports", {"file": file})
    assert (answer.status_code, answer.json()["code"]) == (507, "disk_full")
    assert not ImportRun.objects.exists()
    assert stored_files() == ["ballast"]


@needs_mount
@pytest.mark.django_db(transaction=True)
def test_an_export_says_so_and_goes_on_once_there_is_space(project: Project, image: Image, own_data_dir: Path) -> None:
    with small_disk(own_data_dir / "exchange", megabytes=1) as disk:
        ballast = fill(disk)
        job = tasks.start_export(project, ExportOptions(), user=project.created_by)
        work_off()
        job.refresh_from_db()
        assert job.status == "failed"
        assert "disk is full" in job.error
        assert "resume" in job.error
        ballast.unlink()
        resume_job(job)
        work_off()
        job.refresh_from_db()
        assert (job.status, job.error) == ("done", "")
    assert ExportFile.objects.filter(job=job).exists()


@needs_mount
@pytest.mark.django_db(transaction=True)
def test_a_zip_stops_at_the_photo_that_does_not_fit_and_goes_on_with_it(
    as_admin: Api, project: Project, media: Path
) -> None:
    pack = io.BytesIO()
    with zipfile.ZipFile(pack, "w") as archive:
        for number in range(12):
            archive.writestr(f"{number:02}.jpg", jpeg(200, 150, seed=number))
    assert as_admin.upload(project, ("many.zip", pack.getvalue())).json()[0]["status"] == "queued"
    ballast = fill(media, leave_bytes=100_000)
    work_off()
    job = Job.objects.get()
    assert job.status == "failed"
    assert "disk is full" in job.error
    assert job.report["refused"] == 0
    assert 0 < Image.objects.count() < 12
    ballast.unlink()
    resume_job(job)
    work_off()
    job.refresh_from_db()
    assert (job.status, job.report["added"], Image.objects.count()) == ("done", 12, 12)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RunningServer]:
    """A server whose whole data directory lies on a disk of 24 MB, not started yet."""
    with small_disk(tmp_path / "disk", megabytes=24) as disk:
        one = RunningServer(disk / "data", MIN_FREE_BYTES=str(1 << 20), DATABASE_WAIT_SECONDS="2")
        one.prepare()
        yield one
        one.stop()


def post_project(server: RunningServer, name: str) -> tuple[int, dict[str, Any]]:
    """Make a project as ada."""
    body = json.dumps({"name": name, "guidelines": "g" * 50_000}).encode()
    head = f"POST /api/v1/projects HTTP/1.1\nContent-Type: application/json\nContent-Length: {len(body)}"
    status, told = server.ask(head, body, name="ada")
    return status, json.loads(told)


@needs_mount
def test_a_full_database_is_told_by_the_api_the_pages_and_readiness(own_server: RunningServer) -> None:
    own_server.start()
    assert post_project(own_server, "Before")[0] == 201
    ballast = fill(own_server.data_dir)
    statuses = {post_project(own_server, f"During {number}")[0] for number in range(4)}
    status, told = post_project(own_server, "During")
    assert (status, told["code"]) == (507, "disk_full")
    assert statuses <= {201, 507}  # the log that SQLite writes to may have had room for one or two
    ready, checks = own_server.ask("GET /health/ready HTTP/1.1")
    assert ready == 503
    assert "disk is full" in json.loads(checks)["checks"]["disk"]
    page, text = own_server.ask("GET /login/ HTTP/1.1")
    assert page == 200, text
    ballast.unlink()
    assert post_project(own_server, "After")[0] == 201
    assert "ok" in json.loads(own_server.ask("GET /health/ready HTTP/1.1")[1])["checks"]["disk"]


@needs_mount
def test_a_read_only_data_directory_is_one_sentence_at_the_start(own_server: RunningServer, tmp_path: Path) -> None:
    make_read_only(tmp_path / "disk")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    environment = {**own_server.home.environment, "PORT": port}
    commands = [
        ["-m", "uvicorn", "annotator.asgi:application", "--port", port, "--log-level", "error"],
        ["-m", "annotator.launcher", "run"],
    ]
    for command in commands:
        done = subprocess.run(
            [sys.executable, *command], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
        said = [line for line in done.stderr.splitlines() if "DATA_DIR" in line]
        assert len(said) == 1
        assert str(own_server.data_dir) in said[0]


@needs_mount
def test_commands_name_a_read_only_data_directory(own_server: RunningServer, tmp_path: Path) -> None:
    (own_server.data_dir / "secret_key").unlink()
    make_read_only(tmp_path / "disk")
    for command in ("check", "run_worker"):
        done = subprocess.run(
            [sys.executable, "manage.py", command],
            env=own_server.home.environment, cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode != 0
        assert "maskwright.E002" in done.stderr
        assert "read-only" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_damaged_database_is_told_apart_from_a_busy_one(tmp_path: Path) -> None:
    server = RunningServer(tmp_path / "data", DATABASE_WAIT_SECONDS="2")
    server.prepare()
    for path in server.data_dir.glob("maskwright.sqlite3*"):
        path.write_bytes(path.read_bytes()[:100] + b"\x5a" * path.stat().st_size)
    server.start()
    try:
        status, told = post_project(server, "During")
        assert (status, json.loads(json.dumps(told))["code"]) == (503, "database_broken")
        ready, checks = server.ask("GET /health/ready HTTP/1.1")
        assert (ready, "damaged" in json.loads(checks)["checks"]["database"]) == (503, True)
        status, page = server.ask("GET /projects/ HTTP/1.1\nCookie: sessionid=abcdefghabcdefghabcdefghabcdefgh")
        assert status == 503
        assert b"The database cannot be used" in page
    finally:
        server.stop()


def test_a_database_out_of_reach_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens there
        address = f"postgres://postgres@127.0.0.1:{taken.getsockname()[1]}/nothing"
        server = RunningServer(tmp_path / "data", address, DATABASE_WAIT_SECONDS="1")
        server.tokens = {"ada": "ada" * 12}
        server.start()
        try:
            status, told = post_project(server, "During")
            assert (status, told["code"]) == (503, "database_broken")
            checks = json.loads(server.ask("GET /health/ready HTTP/1.1")[1])["checks"]
            assert "out of reach" in checks["database"]
        finally:
            server.stop()
