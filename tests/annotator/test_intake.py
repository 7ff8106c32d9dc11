"""Photos from folders and large zips, as jobs; the demo project; the first admin."""

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from PIL import Image as Pillow

from annotator.accounts.models import User
from annotator.images.models import Image
from annotator.intake import uploads
from annotator.intake.bulk import remove_spent_zips
from annotator.intake.tasks import bulk_intake
from annotator.jobs.models import Job, JobStatus
from annotator.jobs.services import resume_job
from annotator.projects.models import Project
from tests.annotator.conftest import Api, jpeg
from tests.sam_core.picture_files import tiff


@pytest.fixture
def root(tmp_path: Path, settings: Any) -> Path:
    """The folder that the server allows, with photos, noise, and ways out of it."""
    folder = tmp_path / "photos"
    (folder / "street" / "deep").mkdir(parents=True)
    (folder / "street" / "b.jpg").write_bytes(jpeg(seed=1))
    (folder / "street" / "deep" / "a.JPG").write_bytes(jpeg(seed=2))
    (folder / "street" / "bad.png").write_bytes(b"nonsense")
    (folder / "street" / "notes.txt").write_text("not a photo")
    (folder / "street" / ".hidden.jpg").write_bytes(jpeg(seed=3))
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "s.jpg").write_bytes(jpeg(seed=4))
    (folder / "street" / "link.jpg").symlink_to(tmp_path / "secret" / "s.jpg")
    (folder / "way-out").symlink_to(tmp_path / "secret")
    settings.INGEST_ROOT = folder
    return folder


def start(api: Api, project: Project, folder: str, run: Any) -> Any:
    """Ask for a folder and let the job's task run, as the worker would."""
    with run(execute=True):
        return api.post(f"/projects/{project.pk}/images/from-folder", {"folder": folder})


def run_job(job_id: int) -> Job:
    bulk_intake.call(job_id)
    return Job.objects.get(pk=job_id)


def test_a_folder_of_which_nothing_is_a_photo_has_failed_and_is_looked_at_again(
    as_admin: Api, project: Project, root: Path, django_capture_on_commit_callbacks: Any
) -> None:
    for file in sorted(root.rglob("*")):
        if file.is_file():
            file.write_bytes(b"no photo")
    job = run_job(start(as_admin, project, "street", django_capture_on_commit_callbacks).json()["id"])
    assert (job.status, job.report["refused"]) == (JobStatus.FAILED, 3)
    assert job.error.startswith("No photo was added. ")
    (root / "street" / "b.jpg").write_bytes(jpeg())
    job = run_job(resume_job(job).pk)
    assert (job.status, job.report["added"], job.report["refused"]) == (JobStatus.DONE, 1, 2)


def test_a_folder_is_taken_in_as_a_job(
    as_admin: Api, project: Project, root: Path, django_capture_on_commit_callbacks: Any
) -> None:
    answer = start(as_admin, project, "street", django_capture_on_commit_callbacks)
    assert answer.status_code == 202
    job = run_job(answer.json()["id"])
    assert (job.status, job.done, job.total) == (JobStatus.DONE, 3, 3)
    assert (job.report["added"], job.report["refused"]) == (2, 1)
    (refused,) = job.report["refusals"]
    assert (refused["name"], refused["code"]) == ("bad.png", "not_an_image")
    assert "HEIC" in refused["message"]
    assert sorted(Image.objects.values_list("name", flat=True)) == ["b.jpg", "deep/a.JPG"]
    assert as_admin.get(f"/jobs/{job.pk}").json()["report"]["added"] == 2


@pytest.mark.parametrize("folder", ["../secret", "/../secret", "way-out", "street/../../secret"])
def test_nothing_outside_the_root_is_read(as_admin: Api, project: Project, root: Path, folder: str) -> None:
    answer = as_admin.post(f"/projects/{project.pk}/images/from-folder", {"folder": folder})
    assert (answer.status_code, answer.json()["code"]) == (422, "outside_root")
    assert Job.objects.count() == 0


def test_absolute_names_are_taken_below_the_root(as_admin: Api, project: Project, root: Path) -> None:
    answer = as_admin.post(f"/projects/{project.pk}/images/from-folder", {"folder": "/etc"})
    assert (answer.status_code, answer.json()["code"]) == (404, "no_such_folder")


def test_without_a_root_folders_are_off(as_admin: Api, project: Project) -> None:
    answer = as_admin.post(f"/projects/{project.pk}/images/from-folder", {"folder": "x"})
    assert (answer.status_code, answer.json()["code"]) == (403, "no_ingest_root")


def test_the_same_folder_is_taken_in_by_one_job_at_a_time(as_admin: Api, project: Project, root: Path) -> None:
    assert as_admin.post(f"/projects/{project.pk}/images/from-folder", {"folder": "street"}).status_code == 202
    answer = as_admin.post(f"/projects/{project.pk}/images/from-folder", {"folder": "./street/"})
    assert (answer.status_code, answer.json()["code"]) == (409, "job_running")


def test_folders_have_a_limit(as_admin: Api, project: Project, root: Path, settings: Any) -> None:
    settings.MAX_FOLDER_FILES = 1
    answer = as_admin.post(f"/projects/{project.pk}/images/from-folder", {"folder": "street"})
    assert answer.json()["code"] == "too_many"


def test_only_admins_read_folders(
    as_annotator: Api, as_outsider: Api, signed_out: Api, project: Project, root: Path
) -> None:
    path, body = f"/projects/{project.pk}/images/from-folder", {"folder": "street"}
    assert as_annotator.post(path, body).status_code == 403
    assert as_outsider.post(path, body).status_code == 404
    assert signed_out.post(path, body).status_code == 401
    assert as_annotator.post(path, {}).status_code == 422
    assert as_annotator.get(path).status_code == 405


def test_a_crashed_job_goes_on_where_it_was(as_admin: Api, project: Project, root: Path) -> None:
    job_id = as_admin.post(f"/projects/{project.pk}/images/from-folder", {"folder": "street"}).json()["id"]
    Job.objects.filter(pk=job_id).update(
        done=1, report={"added": 1, "duplicate": 0, "refused": 0, "refusals": []}, status=JobStatus.RUNNING
    )
    job = run_job(job_id)
    assert (job.status, job.done, job.report["added"] + job.report["refused"]) == (JobStatus.DONE, 3, 3)


def zip_of(count: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for n in range(count):
            archive.writestr(f"{n}.jpg", jpeg(seed=n))
        archive.writestr("bad.jpg", b"nonsense")
    return buffer.getvalue()


def test_a_large_zip_becomes_a_job_and_its_file_goes_afterwards(as_admin: Api, project: Project) -> None:
    row = as_admin.upload(project, ("many.zip", zip_of(uploads.ZIP_AT_ONCE_ENTRIES))).json()[0]
    assert (row["status"], row["image_id"]) == ("queued", None)
    job = run_job(row["job_id"])
    assert (job.status, job.report["added"], job.report["refused"]) == (JobStatus.DONE, 8, 1)
    assert Image.objects.count() == 8
    assert default_storage.exists(job.params["file"])
    assert remove_spent_zips() == 1
    assert not default_storage.exists(job.params["file"])
    assert remove_spent_zips() == 0


def test_zips_of_jobs_under_way_stay(as_admin: Api, project: Project) -> None:
    row = as_admin.upload(project, ("many.zip", zip_of(9))).json()[0]
    assert remove_spent_zips() == 0
    assert default_storage.exists(Job.objects.get(pk=row["job_id"]).params["file"])


def test_ensure_admin_makes_a_random_password_once(
    db: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEMO_PASSWORD", raising=False)
    call_command("ensure_admin")
    password = capsys.readouterr().out.strip().rsplit(" ", 1)[-1]
    assert len(password) >= 16
    assert User.objects.get(username="admin").check_password(password)
    call_command("ensure_admin")
    assert capsys.readouterr().out.strip() == "admin exists"
    monkeypatch.setenv("DEMO_PASSWORD", "for-scripts-only")
    call_command("ensure_admin")
    assert User.objects.get(username="admin").check_password("for-scripts-only")


def test_load_demo_twice_changes_nothing(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match="ensure_admin"):
        call_command("load_demo")
    User.objects.create_superuser(username="root", password="x")
    call_command("load_demo")
    project = Project.objects.get()
    count = Image.objects.filter(project=project).count()
    assert count >= 8
    assert project.labels.count() >= 5
    call_command("load_demo")
    assert (Project.objects.count(), Image.objects.count()) == (1, count)
    assert f"0 photos added, {count} were there" in capsys.readouterr().out


def stack(pages: int, **tags: Any) -> bytes:
    return tiff(*[np.full((20, 30), 3000 * n + 100, np.uint16) for n in range(pages)], **tags)


def test_the_pages_of_a_tiff_become_images_named_after_their_place(as_admin: Api, project: Project) -> None:
    rows = as_admin.upload(project, ("cells.tif", stack(3))).json()
    assert [row["status"] for row in rows] == ["added"] * 3
    names = [f"cells-page-000{n}.tif" for n in (1, 2, 3)]
    assert [row["name"] for row in rows] == names
    assert list(Image.objects.order_by("pk").values_list("name", "width", "height")) == [(n, 30, 20) for n in names]
    for number, image in enumerate(Image.objects.order_by("pk")):
        with Pillow.open(io.BytesIO(as_admin.get(f"/images/{image.pk}/original").body)) as page:
            assert page.mode == "I;16"
            assert page.getpixel((3, 3)) == 3000 * number + 100


def test_many_pages_become_a_job(as_admin: Api, project: Project) -> None:
    (row,) = as_admin.upload(project, ("cells.tif", stack(12))).json()
    assert row["status"] == "queued"
    assert "12 pages" in row["message"]
    job = run_job(row["job_id"])
    assert (job.status, job.done, job.report["added"]) == (JobStatus.DONE, 12, 12)
    assert Image.objects.filter(name="cells-page-0012.tif").exists()
    assert remove_spent_zips() == 1


def test_a_smaller_copy_inside_a_tiff_is_no_page(as_admin: Api, project: Project) -> None:
    pages = [np.zeros((20, 30), np.uint8), np.zeros((5, 5), np.uint8)]
    (row,) = as_admin.upload(project, ("pyramid.tif", tiff(*pages, subfiles=[0, 1]))).json()
    assert (row["status"], row["name"]) == ("added", "pyramid.tif")


def test_pages_in_a_zip_and_in_a_folder_are_counted(as_admin: Api, project: Project, root: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("day1/cells.tif", stack(2))
    rows = as_admin.upload(project, ("x.zip", packed.getvalue())).json()
    assert [row["name"] for row in rows] == ["day1/cells-page-0001.tif", "day1/cells-page-0002.tif"]
    (root / "stacks").mkdir()
    (root / "stacks" / "other.tif").write_bytes(stack(3, orientation=3))
    job = run_job(as_admin.post(f"/projects/{project.pk}/images/from-folder", {"folder": "stacks"}).json()["id"])
    assert (job.done, job.report["added"]) == (1, 3)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_stack_that_lies_about_its_pixels_is_refused_page_by_page(as_admin: Api, project: Project) -> None:
    data = bytearray(stack(2))
    size = (20 * 30 * 2).to_bytes(4, "little")
    place = data.rindex(size)
    data[place : place + 4] = (2**31).to_bytes(4, "little")
    rows = as_admin.upload(project, ("cells.tif", bytes(data))).json()
    assert [row["code"] or row["status"] for row in rows] == ["added", "damaged"]


def test_pages_without_end_are_refused(as_admin: Api, project: Project) -> None:
    endless = bytearray(stack(1))
    (first,) = struct.unpack_from("<I", endless, 4)
    count = struct.unpack_from("<H", endless, first)[0]
    struct.pack_into("<I", endless, first + 2 + 12 * count, first)  # the next page is this one again
    assert as_admin.upload(project, ("loop.tif", bytes(endless))).json()[0]["status"] == "added"
    (row,) = as_admin.upload(project, ("many.tif", tiff(*[np.zeros((1, 1), np.uint8)] * 1001))).json()
    assert row["code"] == "too_many_pages"


def test_what_came_of_zips_and_folders_is_on_the_page(as_admin: Api, project: Project, root: Path, admin: User) -> None:
    row = as_admin.upload(project, ("trip.zip", zip_of(9))).json()[0]
    page = page_of(as_admin, project)
    assert f'data-open-job="{row["job_id"]}"' in page
    run_job(row["job_id"])
    run_job(as_admin.post(f"/projects/{project.pk}/images/from-folder", {"folder": "street"}).json()["id"])
    page = page_of(as_admin, project)
    assert "data-open-job" not in page
    for text in ("trip.zip", "street", "9 images added", "1 not added", "bad.jpg", "bad.png", "AVIF are taken"):
        assert text in page
    again = as_admin.upload(project, ("again.zip", zip_of(9))).json()[0]
    run_job(again["job_id"])
    assert "9 already here" in page_of(as_admin, project)


def test_only_admins_see_what_was_refused(as_admin: Api, as_annotator: Api, project: Project) -> None:
    run_job(as_admin.upload(project, ("trip.zip", zip_of(9))).json()[0]["job_id"])
    assert "bad.jpg" not in page_of(as_annotator, project)


def page_of(api: Api, project: Project) -> str:
    return api.client.get(f"/projects/{project.pk}", follow=True).content.decode()
