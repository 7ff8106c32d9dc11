"""Brightness of photos beyond 8 bit: remembered by the project, made anew for its photos, apart from other projects."""

import io
from typing import Any

import numpy as np
import pytest
from django_tasks_db.models import DBTaskResult
from PIL import Image as Pillow

from annotator.accounts.models import User
from annotator.background.old_photos import reread_old_photos
from annotator.images import brightness_job
from annotator.images.brightness import KIND, set_brightness
from annotator.images.brightness_tasks import show_photos_anew
from annotator.images.models import Image, ImageStatus
from annotator.images.services import add_photo, prepare_image, remove_image
from annotator.inference.models import ImageEmbedding, ModelVersion
from annotator.jobs.models import Job, JobStatus
from annotator.jobs.services import pause_job, resume_job
from annotator.photos import store
from annotator.photos.decoding import USED, make_window
from annotator.photos.readings import reading_of, window_from_settings, window_reading
from annotator.projects.bin import bin_project, restore_project
from annotator.projects.models import Project
from annotator.row_pages import read_in_pages
from annotator.sam_answers import MeasuredMask
from tests.annotator.conftest import Api, jpeg, stored_files
from tests.sam_core.picture_files import RIGHT_CORNERS, corners, scene, stored_for, tiff, turned

RAMP = tiff(np.arange(2400, dtype=np.uint16).reshape(40, 60))


def add(project: Project, data: bytes, name: str = "cells.tif") -> Image:
    image = add_photo(project, io.BytesIO(data), name=name, user=None).image
    prepare_image(image.pk)
    image.refresh_from_db()
    return image


def preview(api: Api, image: Image) -> np.ndarray:
    return np.asarray(Pillow.open(io.BytesIO(api.get(f"/images/{image.pk}/preview").body)))


def choose(api: Api, project: Project, run: Any, **window: Any) -> Any:
    with run(execute=True):
        answer = api.client.put(f"/api/v1/projects/{project.pk}/brightness", window, content_type="application/json")
    project.refresh_from_db()
    do_jobs()
    return answer


def do_jobs() -> None:
    """Do what is queued for photos that are to be shown anew."""
    for job in Job.objects.filter(kind=KIND, status=JobStatus.PENDING):
        show_photos_anew.call(job.pk)


@pytest.mark.parametrize(
    ("kind", "low", "high"), [("values", 100, 4000), ("values", -5.5, 1e9), ("percent", 0.5, 99.5), ("values", 0, 1e-3)]
)
def test_a_window_is_found_again_in_the_name_of_a_picture(kind: str, low: float, high: float) -> None:
    window = make_window(kind, low, high)
    name = "a" * 64 + "." + window_reading(window)
    assert "-" not in name
    assert reading_of(name).window == window
    assert window_from_settings({"brightness": {"kind": kind, "low": low, "high": high}}) == window


@pytest.mark.parametrize("stored", [None, 5, {}, {"kind": "x"}, {"kind": "values", "low": 3, "high": 2}, {"low": "a"}])
def test_settings_without_sense_show_the_range_in_use(stored: Any) -> None:
    assert window_from_settings({"brightness": stored}) == USED


def test_a_window_is_remembered_and_photos_are_made_anew(
    as_admin: Api, project: Project, model: ModelVersion, django_capture_on_commit_callbacks: Any
) -> None:
    image, other = add(project, RAMP), add(project, jpeg(), "street.jpg")
    before = as_admin.get(f"/images/{image.pk}").json()
    assert preview(as_admin, image).max() > 120
    answer = choose(as_admin, project, django_capture_on_commit_callbacks, kind="values", low=0, high=24_000)
    assert answer.status_code == 200
    assert as_admin.get(f"/projects/{project.pk}/brightness").json() == {
        "kind": "values", "low": 0, "high": 24_000, "photos": 1,
    }  # fmt: skip
    image.refresh_from_db()
    assert image.status == ImageStatus.NEW
    assert ImageEmbedding.objects.filter(sha256=image.picture).exists()
    assert not ImageEmbedding.objects.filter(sha256=image.sha256).exists()
    prepare_image(image.pk)
    assert preview(as_admin, image).max() < 40
    after = as_admin.get(f"/images/{image.pk}").json()
    assert after["preview"]["url"] != before["preview"]["url"]
    assert after["sha256"] == before["sha256"]
    other.refresh_from_db()
    assert (other.picture, other.status) == (other.sha256, ImageStatus.READY)
    added = add(project, tiff(np.arange(2400, dtype=np.uint16).reshape(60, 40)), "later.tif")
    assert preview(as_admin, added).max() < 40


def test_per_cent_and_back_to_the_range_in_use(
    as_admin: Api, project: Project, django_capture_on_commit_callbacks: Any
) -> None:
    image = add(project, RAMP)
    choose(as_admin, project, django_capture_on_commit_callbacks, kind="percent", low=40, high=60)
    prepare_image(image.pk)
    pixels = preview(as_admin, image)
    assert (pixels[0].max(), pixels[-1].min()) == (0, 255)
    choose(as_admin, project, django_capture_on_commit_callbacks, kind="used")
    image.refresh_from_db()
    assert image.picture == image.sha256
    assert "brightness" not in Project.objects.get().settings
    assert len([path for path in stored_files() if path.endswith("original")]) == 1


def test_two_projects_show_one_file_each_in_their_way_and_files_go_with_the_last(
    as_admin: Api, project: Project, django_capture_on_commit_callbacks: Any
) -> None:
    other = Project.objects.get(pk=as_admin.post("/projects", {"name": "Other"}).json()["id"])
    own, theirs = add(project, RAMP), add(other, RAMP)
    choose(as_admin, project, django_capture_on_commit_callbacks, kind="values", low=0, high=24_000)
    prepare_image(own.pk)
    assert preview(as_admin, own).max() < 40
    assert preview(as_admin, theirs).max() > 120
    as_admin.delete(f"/images/{theirs.pk}")
    assert as_admin.get(f"/images/{own.pk}/original").status_code == 200
    as_admin.delete(f"/images/{own.pk}")
    assert stored_files() == []


@pytest.mark.parametrize(
    "body", [{"kind": "values", "low": 5, "high": 5}, {"kind": "percent", "low": 0, "high": 101}, {"kind": "x"}, {}]
)
def test_windows_without_sense_are_refused(as_admin: Api, project: Project, body: dict[str, Any]) -> None:
    answer = as_admin.client.put(f"/api/v1/projects/{project.pk}/brightness", body, content_type="application/json")
    assert answer.status_code == 422
    assert answer.json()["message"]
    assert Project.objects.get().settings == {}


def test_only_admins_choose(
    as_annotator: Api, as_outsider: Api, signed_out: Api, project: Project, admin: User
) -> None:
    path = f"/projects/{project.pk}/brightness"
    for api, status in ((as_annotator, 403), (as_outsider, 404), (signed_out, 401)):
        answer = api.client.put(f"/api/v1{path}", {"kind": "used"}, content_type="application/json")
        assert answer.status_code == status
    assert as_annotator.get(path).status_code == 200
    assert as_outsider.get(path).status_code == 404


def test_the_settings_page_offers_it_where_there_are_such_photos(
    as_admin: Api, as_annotator: Api, project: Project
) -> None:
    address = f"/projects/{project.pk}/settings/"
    add(project, jpeg(), "street.jpg")
    assert "1 photo holds more" not in as_admin.client.get(address).content.decode()
    add(project, RAMP)
    assert "1 photo holds more" in as_admin.client.get(address).content.decode()
    target = f"/projects/{project.pk}/brightness/"
    refused = as_admin.client.post(target, {"kind": "values", "low": "9", "high": "3"})
    assert "must be smaller" in refused.content.decode()
    assert as_admin.client.post(target, {"kind": "percent", "low": "1", "high": "99"}).status_code == 302
    assert Project.objects.get().settings["brightness"] == {"kind": "percent", "low": 1.0, "high": 99.0}
    assert as_annotator.client.post(target, {"kind": "used"}).status_code == 403


def as_before(image: Image, **facts: Any) -> Image:
    """Let a photo look as one from before the depth of photos was kept."""
    Image.objects.filter(pk=image.pk).update(depth=0, **facts)
    return Image.objects.get(pk=image.pk)


def test_an_old_turned_tiff_without_masks_is_put_upright(as_admin: Api, project: Project) -> None:
    image = as_before(add(project, turned("TIFF", 6), "scan.tif"), width=40, height=60)
    store.delete_made(image.picture)
    store.save(image.picture, store.PREVIEW, b"the preview as it was")
    assert reread_old_photos() == 1
    assert reread_old_photos() == 0
    image.refresh_from_db()
    assert (image.width, image.height, image.depth, image.status) == (60, 40, 8, ImageStatus.NEW)
    assert np.abs(np.subtract(corners(preview(as_admin, image)), RIGHT_CORNERS)).max() < 12


@pytest.mark.parametrize("orientation", [3, 6])
def test_an_old_turned_tiff_with_masks_stays_as_it_was_under_them(
    as_admin: Api, project: Project, orientation: int
) -> None:
    image = add(project, turned("TIFF", orientation), "scan.tif")
    size = (image.width, image.height) if orientation < 5 else (image.height, image.width)
    image = as_before(image, width=size[0], height=size[1])
    mask_of(image)
    assert reread_old_photos() == 1
    image.refresh_from_db()
    assert (image.width, image.height) == size
    prepare_image(image.pk)
    stored = stored_for(scene(), orientation)
    quarter = {3: 2, 6: 3}[orientation]  # Pillow turned it once, and the server a second time
    assert np.abs(np.subtract(corners(preview(as_admin, image)), corners(np.rot90(stored, 2 * quarter)))).max() < 12
    other = Project.objects.get(pk=as_admin.post("/projects", {"name": "Other"}).json()["id"])
    fresh = add(other, turned("TIFF", orientation), "scan.tif")
    assert (fresh.width, fresh.height) == (60, 40)
    assert np.abs(np.subtract(corners(preview(as_admin, fresh)), RIGHT_CORNERS)).max() < 12


def test_an_old_deep_photo_is_made_anew_and_an_ordinary_one_is_left_alone(as_admin: Api, project: Project) -> None:
    deep = as_before(add(project, RAMP))
    plain = as_before(add(project, jpeg(), "street.jpg"))
    assert reread_old_photos() == 1
    deep.refresh_from_db()
    plain.refresh_from_db()
    assert (deep.depth, deep.status) == (16, ImageStatus.NEW)
    assert (plain.depth, plain.status) == (8, ImageStatus.READY)


def mask_of(image: Image) -> None:
    from annotator.annotations.models import Annotation
    from annotator.mask_gateway import encode, measure_masks

    pixels = np.zeros((image.height, image.width), bool)
    pixels[2:9, 3:9] = True
    (measured,) = measure_masks([encode(pixels)], [(image.height, image.width)])
    assert isinstance(measured, MeasuredMask)
    x, y, w, h = measured.bbox_xywh
    Annotation.objects.create(
        id="0" * 32, image=image, counts=measured.counts, area=measured.area, bbox_x=x, bbox_y=y, bbox_w=w, bbox_h=h,
        source="manual", state="accepted",
    )  # fmt: skip


def test_a_projects_settings_show_photos_anew_as_the_own_address_does(
    as_admin: Api, project: Project, model: ModelVersion, django_capture_on_commit_callbacks: Any
) -> None:
    image = add(project, RAMP)
    before = preview(as_admin, image)
    wish = {"kind": "values", "low": 0, "high": 300}
    with django_capture_on_commit_callbacks(execute=True):
        answer = as_admin.patch(f"/projects/{project.pk}", {"settings": {"brightness": wish}, "name": "Cells"})
    assert (answer.status_code, answer.json()["name"]) == (200, "Cells")
    assert DBTaskResult.objects.filter(task_path__endswith="show_photos_anew").count() == 1
    do_jobs()
    image.refresh_from_db()
    prepare_image(image.pk)
    assert not np.array_equal(preview(as_admin, image), before)
    for wrong in (5, {}, {"kind": "values", "low": 3, "high": 2}, {"kind": "x", "low": 0, "high": 1}):
        body = {"settings": {"brightness": wrong}, "name": "Half"}
        assert as_admin.patch(f"/projects/{project.pk}", body).status_code == 422
    project.refresh_from_db()
    assert (project.name, project.settings["brightness"]) == ("Cells", wish)
    assert as_admin.patch(f"/projects/{project.pk}", {"settings": {"brightness": None}}).status_code == 200
    assert "brightness" not in Project.objects.get(pk=project.pk).settings


def three_photos(project: Project) -> list[Image]:
    return [add(project, tiff(np.full((40, 60), n, np.uint16)), f"{n}.tif") for n in (300, 400, 500)]


def windows_of(project: Project) -> set[str]:
    return set(Image.objects.filter(project=project).values_list("reading", flat=True))


def test_it_is_a_job_that_can_be_paused_and_goes_on_where_it_was(
    project: Project, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    three_photos(project)
    set_brightness(project, kind="values", low=0, high=24_000)
    job = Job.objects.get(kind=KIND)
    assert (job.status, job.done, job.total) == (JobStatus.PENDING, 0, 3)
    show_one = brightness_job._show

    def show_and_pause(*arguments: Any) -> None:
        show_one(*arguments)
        pause_job(Job.objects.get(pk=job.pk))

    monkeypatch.setattr(brightness_job, "_show", show_and_pause)
    assert show_photos_anew.call(job.pk) == JobStatus.PAUSED
    assert len(windows_of(project)) == 2
    monkeypatch.undo()
    resume_job(Job.objects.get(pk=job.pk))
    assert show_photos_anew.call(job.pk) == JobStatus.DONE
    job.refresh_from_db()
    assert (job.done, job.total, len(windows_of(project))) == (job.total, job.total, 1)


def test_a_newer_window_ends_the_job_of_an_earlier_one_and_is_what_all_photos_have(project: Project) -> None:
    three_photos(project)
    for high in (24_000, 12_000):
        set_brightness(Project.objects.get(pk=project.pk), kind="values", low=0, high=high)
    statuses = Job.objects.filter(kind=KIND).order_by("pk").values_list("status", flat=True)
    assert list(statuses) == [JobStatus.CANCELLED, JobStatus.PENDING]
    do_jobs()
    assert windows_of(project) == {window_reading(make_window("values", 0, 12_000))}
    set_brightness(Project.objects.get(pk=project.pk), kind="values", low=0, high=12_000)
    assert Job.objects.filter(kind=KIND).count() == 2, "nothing has to change"


def test_a_window_that_comes_while_the_job_is_under_way_is_not_undone_by_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    three_photos(project)
    set_brightness(project, kind="values", low=0, high=24_000)
    job = Job.objects.get(kind=KIND)
    newer = {"kind": "values", "low": 0, "high": 12_000}
    list_photos = read_in_pages

    def list_then_change(*arguments: Any, **sizes: Any) -> Any:
        photos = list(list_photos(*arguments, **sizes))
        Project.objects.filter(pk=project.pk).update(settings={"brightness": newer})
        return photos

    monkeypatch.setattr(brightness_job, "read_in_pages", list_then_change)
    assert show_photos_anew.call(job.pk) == JobStatus.DONE
    assert windows_of(project) == {window_reading(make_window("values", 0, 12_000))}


def test_photos_deleted_meanwhile_do_not_end_the_job(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = three_photos(project)
    set_brightness(project, kind="values", low=0, high=24_000)
    list_photos = read_in_pages

    def list_then_delete(*arguments: Any, **sizes: Any) -> Any:
        listed = list(list_photos(*arguments, **sizes))
        remove_image(photos[1])
        return listed

    monkeypatch.setattr(brightness_job, "read_in_pages", list_then_delete)
    assert show_photos_anew.call(Job.objects.get(kind=KIND).pk) == JobStatus.DONE
    assert (Image.objects.count(), len(windows_of(project))) == (2, 1)


def test_the_bin_ends_it_and_a_restored_project_goes_on(project: Project, admin: User) -> None:
    three_photos(project)
    set_brightness(project, kind="values", low=0, high=24_000)
    bin_project(project, admin)
    assert Job.objects.get(kind=KIND).status == JobStatus.CANCELLED
    restore_project(Project.objects.get(pk=project.pk), admin)
    do_jobs()
    assert len(windows_of(project)) == 1
    assert Job.objects.filter(kind=KIND, status=JobStatus.DONE).count() == 1
