"""POST /projects/{id}/images: good photos, and every kind of bad one beside good ones."""

import io
import stat
import zipfile
from typing import Any

import numpy as np
import pytest
from django_tasks_db.models import DBTaskResult
from PIL import Image as Pillow

from annotator.accounts.models import User
from annotator.images.models import Image
from annotator.photos import store
from annotator.projects.models import Project
from tests.annotator.conftest import Api, encode, jpeg, noisy_picture, stored_files
from tests.sam_core.picture_files import HEIC, RIGHT_CORNERS, corners, scene, tiff, turned

GOOD = ("good.jpg", jpeg(seed=99))


def png_bomb(width: int, height: int) -> bytes:
    """Return a small, valid PNG of one colour that unpacks to width x height pixels."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    row = b"\0" * ((width + 7) // 8 + 1)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def animated_gif() -> bytes:
    frames = [noisy_picture(32, 32, seed=n).quantize(8) for n in range(3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def with_orientation(value: int) -> bytes:
    picture = Pillow.new("RGB", (60, 40), "blue")
    picture.paste("red", (0, 0, 20, 40))
    exif = Pillow.Exif()
    exif[0x0112] = value
    return encode(picture, "JPEG", exif=exif, quality=95)


def zip_of(*entries: tuple[Any, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return buffer.getvalue()


def by_name(answer: Any) -> dict[str, dict[str, Any]]:
    assert answer.status_code == 200, answer.content
    return {row["name"]: row for row in answer.json()}


def test_a_photo_is_stored_with_its_thumbnail_and_its_work_is_asked_for(as_admin: Api, project: Project) -> None:
    rows = by_name(as_admin.upload(project, ("street.jpg", jpeg(400, 300))))
    assert rows["street.jpg"]["status"] == "added"
    image = Image.objects.get(pk=rows["street.jpg"]["image_id"])
    assert (image.width, image.height, image.format, image.status) == (400, 300, "JPEG", "new")
    assert store.has(image.sha256, store.ORIGINAL)
    assert store.has(image.sha256, store.THUMBNAIL)
    assert DBTaskResult.objects.filter(task_path="annotator.images.tasks.prepare_image").count() == 1


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("notes.txt", b"dear diary", "not_an_image"),
        ("page.jpg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_an_image"),
        ("empty.jpg", b"", "empty"),
        ("cut.jpg", jpeg(300, 200)[:4000], "damaged"),
        ("cut.png", encode(noisy_picture(200, 200), "PNG")[:9000], "damaged"),
        ("bomb.png", png_bomb(40_000, 40_000), "too_many_pixels"),
        ("film.gif", animated_gif(), "animated"),
        ("double.tiff", tiff(np.ones((8, 8))), "unsupported_mode"),
    ],
)
def test_a_bad_file_is_refused_by_name_and_the_rest_goes_on(
    as_admin: Api, project: Project, name: str, data: bytes, code: str
) -> None:
    rows = by_name(as_admin.upload(project, (name, data), GOOD))
    assert (rows[name]["status"], rows[name]["code"], rows[name]["image_id"]) == ("refused", code, None)
    assert rows[name]["message"]
    assert rows["good.jpg"]["status"] == "added"
    assert [image.name for image in Image.objects.all()] == ["good.jpg"]
    sha256 = Image.objects.get().sha256
    assert all(sha256 in path for path in stored_files())


@pytest.mark.parametrize(
    ("name", "picture", "kind"),
    [
        ("cmyk.jpg", noisy_picture(40, 30, mode="CMYK"), "JPEG"),
        ("grey.png", noisy_picture(40, 30, mode="L"), "PNG"),
        ("bits.png", noisy_picture(40, 30, mode="1"), "PNG"),
        ("alpha.png", noisy_picture(40, 30, mode="RGBA"), "PNG"),
        ("sixteen.png", Pillow.fromarray(np.full((30, 40), 40_000, np.uint16)), "PNG"),
        ("photo.webp", noisy_picture(40, 30), "WEBP"),
        ("scan.tiff", noisy_picture(40, 30), "TIFF"),
        ("old.bmp", noisy_picture(40, 30), "BMP"),
        ("still.gif", noisy_picture(40, 30).quantize(8), "GIF"),
        ("new.avif", noisy_picture(40, 30), "AVIF"),
    ],
)
def test_unusual_photos_are_taken(as_admin: Api, project: Project, name: str, picture: Pillow.Image, kind: str) -> None:
    rows = by_name(as_admin.upload(project, (name, encode(picture, kind))))
    assert rows[name]["status"] == "added"
    image = Image.objects.get()
    preview = Pillow.open(io.BytesIO(as_admin.get(f"/images/{image.pk}/preview").body))
    assert (preview.mode, preview.size) == ("RGB", (40, 30))


def test_16_bit_keeps_its_brightness_and_transparency_shows_white(as_admin: Api, project: Project) -> None:
    sixteen = encode(Pillow.fromarray(np.full((30, 40), 40_000, np.uint16)), "PNG")
    palette = Pillow.new("P", (20, 20), 0)
    palette.putpalette([255, 0, 0] * 256)
    clear = encode(palette, "PNG", transparency=0)
    as_admin.upload(project, ("sixteen.png", sixteen), ("clear.png", clear))
    seen = {}
    for image in Image.objects.all():
        data = as_admin.get(f"/images/{image.pk}/preview").body
        seen[image.name] = np.asarray(Pillow.open(io.BytesIO(data))).mean()
    assert abs(seen["sixteen.png"] - 40_000 / 256) < 2
    assert seen["clear.png"] > 252


@pytest.mark.parametrize("orientation", range(1, 9))
def test_phone_photos_stand_upright(as_admin: Api, project: Project, orientation: int) -> None:
    as_admin.upload(project, ("phone.jpg", with_orientation(orientation)))
    image = Image.objects.get()
    assert (image.width, image.height) == ((60, 40) if orientation < 5 else (40, 60))
    assert image.exif_orientation == orientation
    pixels = np.asarray(Pillow.open(io.BytesIO(as_admin.get(f"/images/{image.pk}/preview").body)))
    reds = pixels[..., 0].astype(int) > 128
    # Where the red bar (left in the file) has to appear: rows 5..8 of the EXIF table turn it by a quarter.
    side = {1: "left", 2: "right", 3: "right", 4: "left", 5: "top", 6: "top", 7: "bottom", 8: "bottom"}[orientation]
    bar = {"left": reds[:, :15], "right": reds[:, -15:], "top": reds[:15], "bottom": reds[-15:]}[side]
    assert bar.mean() > 0.95
    assert 0.28 < reds.mean() < 0.39


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["TIFF", "PNG", "WEBP", "AVIF"])
def test_every_other_format_stands_upright_too(as_admin: Api, project: Project, kind: str, orientation: int) -> None:
    as_admin.upload(project, (f"scan.{kind.lower()}", turned(kind, orientation)))
    image = Image.objects.get()
    assert (image.width, image.height) == (60, 40)
    pixels = np.asarray(Pillow.open(io.BytesIO(as_admin.get(f"/images/{image.pk}/preview").body)))
    assert pixels.shape == (40, 60, 3)
    assert np.abs(np.subtract(corners(pixels), RIGHT_CORNERS)).max() < 16


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_disc_of_twelve_bits_is_seen(as_admin: Api, project: Project, kind: str) -> None:
    rows, columns = np.mgrid[:200, :300]
    values = np.where((rows - 100) ** 2 + (columns - 150) ** 2 < 60**2, 3500, 600).astype(np.uint16)
    as_admin.upload(project, ("cells", encode(Pillow.fromarray(values), kind)))
    image = Image.objects.get()
    for part in ("preview", "thumbnail"):
        pixels = np.asarray(Pillow.open(io.BytesIO(as_admin.get(f"/images/{image.pk}/{part}").body)).convert("L"))
        assert int(pixels[100, 150]) - int(pixels[10, 10]) > 60


def test_heic_is_taken_and_four_bands_are_not_transparent(as_admin: Api, project: Project) -> None:
    bands = np.dstack([scene(), np.full((40, 60), 80, np.uint8)]).astype(np.uint16) * 257
    rows = by_name(as_admin.upload(project, ("IMG_0001.HEIC", HEIC), ("bands.tif", tiff(bands))))
    assert {row["status"] for row in rows.values()} == {"added"}
    phone, other = Image.objects.order_by("pk")
    assert (phone.format, phone.width, phone.height) == ("HEIF", 64, 48)
    assert as_admin.get(f"/images/{phone.pk}/original")["Content-Type"] == "image/heif"
    pixels = np.asarray(Pillow.open(io.BytesIO(as_admin.get(f"/images/{other.pk}/preview").body)))
    assert np.abs(np.subtract(corners(pixels), RIGHT_CORNERS)).max() < 8


def test_a_refusal_names_the_kinds_that_are_taken(as_admin: Api, project: Project) -> None:
    message = as_admin.upload(project, ("film.mp4", b"\0\0\0\x18ftypmp42")).json()[0]["message"]
    assert all(kind in message for kind in ("JPEG", "PNG", "WebP", "TIFF", "BMP", "GIF", "HEIC", "AVIF"))


def test_the_same_photo_twice_is_recognised_by_path_and_content(as_admin: Api, project: Project) -> None:
    rows = as_admin.upload(project, ("a.jpg", jpeg()), ("a.jpg", jpeg())).json()
    assert [row["status"] for row in rows] == ["added", "duplicate"]
    assert rows[1]["image_id"] == rows[0]["image_id"]
    assert "a.jpg" in rows[1]["message"]
    assert as_admin.upload(project, ("a.jpg", jpeg())).json()[0]["status"] == "duplicate"
    assert Image.objects.count() == 1


def test_the_same_content_under_two_names_is_two_images_that_share_one_file(as_admin: Api, project: Project) -> None:
    rows = as_admin.upload(project, ("a.jpg", jpeg()), ("b.jpg", jpeg())).json()
    assert [(row["status"], row["code"]) for row in rows] == [("added", ""), ("added", "same_content")]
    assert "a.jpg" in rows[1]["message"]
    files = stored_files()
    first, second = Image.objects.order_by("position")
    assert (first.name, second.name, first.sha256) == ("a.jpg", "b.jpg", second.sha256)
    assert as_admin.delete(f"/images/{first.pk}").status_code == 204
    assert stored_files() == files
    assert as_admin.get(f"/images/{second.pk}/thumbnail").status_code == 200


def test_another_photo_of_a_taken_path_gets_a_number_and_a_word(as_admin: Api, project: Project) -> None:
    as_admin.upload(project, ("a.jpg", jpeg(seed=1)))
    for _ in range(2):
        row = as_admin.upload(project, ("a.jpg", jpeg(seed=2))).json()[0]
    assert (row["status"], Image.objects.count()) == ("duplicate", 2)
    third = as_admin.upload(project, ("a.jpg", jpeg(seed=3))).json()[0]
    assert (third["status"], third["name"], third["code"]) == ("added", "a (3).jpg", "renamed")
    assert sorted(Image.objects.values_list("name", flat=True)) == ["a (2).jpg", "a (3).jpg", "a.jpg"]


def test_a_photo_that_really_is_called_so_is_no_duplicate_of_the_one_without_a_number(
    as_admin: Api, project: Project
) -> None:
    rows = as_admin.upload(project, ("a (2).jpg", jpeg()), ("a.jpg", jpeg())).json()
    assert [row["status"] for row in rows] == ["added", "added"]


def test_dropped_folders_keep_their_paths(as_admin: Api, project: Project) -> None:
    files = [io.BytesIO(jpeg(seed=n)) for n in range(2)]
    for file in files:
        file.name = "001.jpg"
    url = f"/api/v1/projects/{project.pk}/images"
    paths = ["trip/day1/001.jpg", "trip\\day2\\001.jpg"]
    rows = as_admin.client.post(url, {"files": files, "paths": paths}).json()
    assert [row["name"] for row in rows] == ["trip/day1/001.jpg", "trip/day2/001.jpg"]
    found = as_admin.get(f"/projects/{project.pk}/images?search=day2").json()["items"]
    assert [row["name"] for row in found] == ["trip/day2/001.jpg"]
    assert 'filename="001.jpg"' in as_admin.get(f"/images/{rows[0]['image_id']}/original")["Content-Disposition"]
    for file in files:
        file.seek(0)
    refused = as_admin.client.post(url, {"files": files, "paths": ["one"]})
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_paths")


def test_two_folders_of_a_zip_keep_their_photos_apart(as_admin: Api, project: Project) -> None:
    data = zip_of(("day1/001.jpg", jpeg(seed=1)), ("day2/001.jpg", jpeg(seed=2)), ("day2/001.JPG", jpeg(seed=3)))
    rows = as_admin.upload(project, ("x.zip", data)).json()
    assert [row["name"] for row in rows] == ["day1/001.jpg", "day2/001.jpg", "day2/001.JPG"]
    assert Image.objects.count() == 3


def test_two_projects_share_the_files_and_deleting_one_leaves_the_other(as_admin: Api, project: Project) -> None:
    other = Project.objects.get(pk=as_admin.post("/projects", {"name": "Other"}).json()["id"])
    as_admin.upload(project, ("a.jpg", jpeg()))
    as_admin.upload(other, ("b.jpg", jpeg()))
    first, second = Image.objects.order_by("pk")
    assert as_admin.delete(f"/images/{first.pk}").status_code == 204
    assert as_admin.get(f"/images/{second.pk}/thumbnail").status_code == 200
    as_admin.delete(f"/images/{second.pk}")
    assert stored_files() == []


@pytest.mark.parametrize("name", ["고양이.jpg", "🦊 fox.jpg", "ünïcode.jpeg"])
def test_names_in_any_script_are_kept(as_admin: Api, project: Project, name: str) -> None:
    assert as_admin.upload(project, (name, jpeg())).json()[0]["name"] == name
    assert Image.objects.get().name == name
    disposition = as_admin.get(f"/images/{Image.objects.get().pk}/original")["Content-Disposition"]
    assert disposition.startswith("attachment; filename=")
    assert disposition.isascii()


def test_hostile_names_are_for_the_eye_only(as_admin: Api, project: Project) -> None:
    data = zip_of(
        ("../../etc/evil.jpg", jpeg(seed=1)), ("C:\\temp\\w.jpg", jpeg(seed=2)), ("a/\u202egpj.jpg", jpeg(seed=3))
    )
    names = {row["name"] for row in as_admin.upload(project, ("x.zip", data)).json()}
    assert names == {"etc/evil.jpg", "temp/w.jpg", "a/gpj.jpg"}
    assert all(path.startswith("photos/") for path in stored_files())


def test_a_zip_is_read_entry_by_entry(as_admin: Api, project: Project) -> None:
    link = zipfile.ZipInfo("link.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    data = zip_of(
        ("ok.jpg", jpeg(seed=1)),
        ("bad.jpg", b"nonsense"),
        (link, b"/etc/passwd"),
        ("inner.zip", zip_of(("x.jpg", jpeg(seed=2)))),
        ("__MACOSX/._ok.jpg", b"junk"),
    )
    rows = by_name(as_admin.upload(project, ("photos.bin", data)))
    assert {name: row["code"] or row["status"] for name, row in rows.items()} == {
        "ok.jpg": "added",
        "bad.jpg": "not_an_image",
        "link.jpg": "link",
        "inner.zip": "zip_in_zip",
    }


def test_an_entry_with_a_password_is_refused_and_the_others_are_taken(as_admin: Api, project: Project) -> None:
    data = bytearray(zip_of(("locked.jpg", jpeg(seed=1)), ("open.jpg", jpeg(seed=2))))
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the first entry's flag in the list of entries: it is encrypted
    rows = by_name(as_admin.upload(project, ("x.zip", bytes(data))))
    assert {name: row["code"] or row["status"] for name, row in rows.items()} == {
        "locked.jpg": "encrypted",
        "open.jpg": "added",
    }


@pytest.mark.parametrize(
    "data",
    [
        zip_of(("zeros.png", b"\0" * 30_000_000)),
        b"PK\x03\x04" + b"\0" * 100,
        zip_of(),
    ],
    ids=["bomb", "damaged", "empty"],
)
def test_bad_zips_are_refused_whole(as_admin: Api, project: Project, data: bytes) -> None:
    rows = by_name(as_admin.upload(project, ("x.zip", data), GOOD))
    assert rows["x.zip"]["status"] == "refused"
    assert rows["good.jpg"]["status"] == "added"


def test_a_zip_with_too_many_entries_is_refused(as_admin: Api, project: Project, settings: Any) -> None:
    settings.MAX_ZIP_ENTRIES = 2
    data = zip_of(*[(f"{n}.jpg", jpeg(seed=n)) for n in range(3)])
    assert as_admin.upload(project, ("x.zip", data)).json()[0]["code"] == "zip_too_large"


def test_a_zip_entry_that_lies_about_its_size_is_cut(as_admin: Api, project: Project) -> None:
    data = bytearray(zip_of(("a.jpg", jpeg(300, 200))))
    size = len(jpeg(300, 200))
    for place in [n for n in range(len(data) - 4) if data[n : n + 4] == size.to_bytes(4, "little")]:
        data[place : place + 4] = (100).to_bytes(4, "little")
    assert as_admin.upload(project, ("x.zip", bytes(data))).json()[0]["status"] == "refused"
    assert stored_files() == []


def test_limits_of_bytes_and_pixels_are_settings(as_admin: Api, project: Project, settings: Any) -> None:
    settings.MAX_IMAGE_BYTES = 100
    assert as_admin.upload(project, ("a.jpg", jpeg())).json()[0]["code"] == "too_many_bytes"


def test_100_megapixels_are_taken_and_left_to_the_worker(as_admin: Api, project: Project) -> None:
    rows = as_admin.upload(project, ("wide.png", png_bomb(12_500, 8_000)), ("more.png", png_bomb(12_500, 8_001))).json()
    assert [row["code"] or row["status"] for row in rows] == ["added", "too_many_pixels"]
    answer = as_admin.get(f"/images/{rows[0]['image_id']}/preview")
    assert (answer.status_code, answer.json()["code"]) == (503, "preparing")


def test_a_database_error_leaves_no_file(as_admin: Api, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    def fail(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(Image.objects, "create", fail)
        row = as_admin.upload(project, ("a.jpg", jpeg())).json()[0]
    assert row["code"] == "not_stored"
    assert stored_files() == []


def test_no_files_and_no_multipart_are_422(as_admin: Api, project: Project) -> None:
    assert as_admin.post(f"/projects/{project.pk}/images", {"files": []}).status_code == 422
    assert as_admin.client.post(f"/api/v1/projects/{project.pk}/images", {}).status_code == 422


def test_a_broken_multipart_body_is_400(as_admin: Api, project: Project) -> None:
    answer = as_admin.client.post(
        f"/api/v1/projects/{project.pk}/images", data=b"xx", content_type="multipart/form-data; boundary="
    )
    assert answer.status_code == 400


def test_too_many_files_are_400(as_admin: Api, project: Project, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 1
    assert as_admin.upload(project, ("a.jpg", jpeg()), ("b.jpg", jpeg(seed=1))).status_code == 400


def test_only_admins_add_photos(
    as_annotator: Api, as_reviewer: Api, as_outsider: Api, signed_out: Api, project: Project
) -> None:
    assert as_annotator.upload(project, GOOD).status_code == 403
    assert as_reviewer.upload(project, GOOD).status_code == 403
    assert as_outsider.upload(project, GOOD).status_code == 404
    assert signed_out.upload(project, GOOD).status_code == 401
    assert Image.objects.count() == 0


def test_the_uploader_is_remembered(as_admin: Api, admin: User, project: Project) -> None:
    as_admin.upload(project, GOOD)
    assert Image.objects.get().uploaded_by == admin
