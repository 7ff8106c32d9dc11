"""Endpoints of images and their pictures."""

import io
from typing import Any

import pytest
from PIL import Image as Pillow

from annotator.accounts.models import User
from annotator.images.models import Image, ImageStatus, WorkStatus
from annotator.images.services import add_photo, prepare_image
from annotator.inference.default_model import set_default
from annotator.inference.models import EmbeddingStatus, ImageEmbedding, ModelVersion
from annotator.photos import store
from annotator.photos.tiles import has_tile
from annotator.projects.models import Project
from tests.annotator.conftest import Api, jpeg


@pytest.fixture
def version(db: None) -> ModelVersion:
    ModelVersion.objects.create(
        name="sam_lite", version="sam_lite-1", image_size=64, embed_dim=8, weights_sha256="0" * 64
    )
    return set_default("sam_lite-1")


@pytest.fixture
def large(project: Project) -> Image:
    """A prepared photo with tiles: 2300 x 1200 pixels."""
    image = add_photo(project, io.BytesIO(jpeg(2300, 1200, seed=5)), name="wide.jpg", user=None).image
    assert prepare_image(image.pk) == ImageStatus.READY
    image.refresh_from_db()
    return image


def test_detail_of_a_small_image(as_admin: Api, image: Image, version: ModelVersion) -> None:
    body = as_admin.get(f"/images/{image.pk}").json()
    assert (body["width"], body["height"], body["status"], body["work_status"]) == (64, 48, "new", "new")
    assert body["preview"] == {
        "url": f"/api/v1/images/{image.pk}/preview?v={image.sha256[:12]}",
        "width": 64,
        "height": 48,
    }
    assert body["tiles"] is None
    assert body["embedding"] == {
        "status": "missing",
        "url": None,
        "key": None,
        "error": "",
        "model_version": "sam_lite-1",
        "tiles": [],
    }
    assert (body["previous_id"], body["next_id"], body["position"], body["total"]) == (None, None, 1, 1)


def test_detail_of_a_large_image_has_tiles(as_admin: Api, large: Image) -> None:
    body = as_admin.get(f"/images/{large.pk}").json()
    assert body["preview"]["width"] == 2048
    assert body["tiles"]["levels"] == [{"level": 0, "width": 2300, "height": 1200}]
    url = body["tiles"]["url_template"].replace("{level}", "0").replace("{x}", "4").replace("{y}", "2")
    tile = Pillow.open(io.BytesIO(as_admin.get(url.removeprefix("/api/v1")).body))
    assert tile.size == (2300 - 4 * 512, 1200 - 2 * 512)


def test_tiles_show_the_photo(as_admin: Api, large: Image) -> None:
    import numpy as np

    with store.open_part(large.sha256, store.ORIGINAL) as file:
        original = np.asarray(Pillow.open(file).convert("RGB")).astype(int)
    tile = np.asarray(Pillow.open(io.BytesIO(as_admin.get(f"/images/{large.pk}/tiles/0/1/1").body))).astype(int)
    assert np.abs(tile - original[512:1024, 512:1024]).mean() < 6


@pytest.mark.parametrize("place", ["0/5/0", "0/0/3", "1/0/0", "9/9/9"])
def test_missing_tiles_are_404(as_admin: Api, large: Image, place: str) -> None:
    assert as_admin.get(f"/images/{large.pk}/tiles/{place}").status_code == 404


def test_tiles_that_are_being_made_are_503(as_admin: Api, image: Image) -> None:
    Image.objects.filter(pk=image.pk).update(width=4000, height=3000)
    assert as_admin.get(f"/images/{image.pk}/tiles/0/0/0").json()["code"] == "preparing"


@pytest.mark.parametrize(
    ("part", "kind"), [("thumbnail", "image/webp"), ("preview", "image/jpeg"), ("original", "image/jpeg")]
)
def test_pictures_are_private_immutable_and_inert(as_admin: Api, image: Image, part: str, kind: str) -> None:
    answer = as_admin.get(f"/images/{image.pk}/{part}?v={image.sha256[:12]}")
    assert (answer.status_code, answer["Content-Type"]) == (200, kind)
    assert answer["Cache-Control"] == "private, max-age=31536000, immutable"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert Pillow.open(io.BytesIO(answer.body)).size == (64, 48)
    again = as_admin.get(f"/images/{image.pk}/{part}", **{"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.body) == (304, b"")
    assert as_admin.get(f"/images/{image.pk}/{part}")["Cache-Control"] == "private, no-cache"


def test_the_original_is_byte_for_byte_what_was_sent(as_admin: Api, image: Image) -> None:
    assert as_admin.get(f"/images/{image.pk}/original").body == jpeg()


def test_pictures_never_carry_what_was_hidden_in_the_file(as_admin: Api, project: Project) -> None:
    as_admin.upload(project, ("a.jpg", jpeg(seed=3) + b"<script>alert(1)</script>"))
    image = Image.objects.get()
    for part in ("thumbnail", "preview"):
        assert b"script" not in as_admin.get(f"/images/{image.pk}/{part}").body


def test_a_missing_file_is_404(as_admin: Api, image: Image) -> None:
    store.delete_made(image.sha256)
    store.remove_for_good(store.set_aside([store.name_of(image.sha256, store.ORIGINAL)]))
    assert as_admin.get(f"/images/{image.pk}/original").status_code == 404
    assert as_admin.get(f"/images/{image.pk}/preview").status_code == 404


@pytest.fixture
def many(project: Project) -> list[Image]:
    return [add_photo(project, io.BytesIO(jpeg(seed=n)), name=f"photo-{n}.jpg", user=None).image for n in range(5)]


def test_the_list_pages_filters_and_searches(
    as_admin: Api, project: Project, many: list[Image], version: ModelVersion
) -> None:
    Image.objects.filter(pk=many[0].pk).update(work_status=WorkStatus.SUBMITTED, tags=["night"])
    ImageEmbedding.objects.create(sha256=many[1].sha256, model_version=version, status=EmbeddingStatus.READY)
    ImageEmbedding.objects.create(sha256=many[2].sha256, model_version=version, status=EmbeddingStatus.FAILED)

    def names(query: str) -> list[str]:
        return [row["name"][6] for row in as_admin.get(f"/projects/{project.pk}/images?{query}").json()["items"]]

    assert names("page_size=2") == ["0", "1"]
    assert names("page_size=2&page=3") == ["4"]
    assert names("page=99") == []
    assert names("status=submitted") == ["0"]
    assert names("status=failed") == ["2"]
    assert names("status=waiting") == ["0", "2", "3", "4"]
    assert names("search=PHOTO-3") == ["3"]
    assert names("tag=night") == ["0"]
    body = as_admin.get(f"/projects/{project.pk}/images").json()
    assert body["total"] == 5
    assert [row["embedding_status"] for row in body["items"]] == ["missing", "ready", "failed", "missing", "missing"]
    assert as_admin.get(f"/projects/{project.pk}/images?page=x").status_code == 422


def test_neighbours(as_admin: Api, many: list[Image]) -> None:
    body = as_admin.get(f"/images/{many[2].pk}").json()
    assert (body["previous_id"], body["next_id"], body["position"], body["total"]) == (many[1].pk, many[3].pk, 3, 5)


def test_tags_and_split_can_be_changed(as_admin: Api, as_annotator: Api, image: Image) -> None:
    assert as_admin.patch(f"/images/{image.pk}", {"tags": ["a", "b"], "split": "val"}).json()["tags"] == ["a", "b"]
    assert as_admin.patch(f"/images/{image.pk}", {"tags": [""]}).status_code == 422
    assert as_annotator.patch(f"/images/{image.pk}", {"tags": []}).status_code == 403


def test_retry_asks_again_for_a_failed_embedding(as_annotator: Api, image: Image, version: ModelVersion) -> None:
    row = ImageEmbedding.objects.create(
        sha256=image.sha256, model_version=version, status=EmbeddingStatus.FAILED, attempts=3, error="broken"
    )
    answer = as_annotator.post(f"/images/{image.pk}/retry")
    assert answer.json()["embedding"]["status"] == "pending"
    row.refresh_from_db()
    assert (row.attempts, row.error) == (0, "")


def test_retry_without_a_model_is_503(as_annotator: Api, image: Image) -> None:
    assert as_annotator.post(f"/images/{image.pk}/retry").json()["code"] == "no_model"


def test_crop_embeddings_are_asked_for_once(as_annotator: Api, image: Image, version: ModelVersion) -> None:
    bodies = [
        as_annotator.post(f"/images/{image.pk}/crop-embeddings", {"crop_box_xyxy": [0, 0, 40, 40]}).json() for _ in "ab"
    ]
    assert (
        bodies[0] == bodies[1] == {"key": f"{image.sha256}-sam_lite-1-0_0_40_40-f16", "status": "pending", "url": None}
    )
    assert ImageEmbedding.objects.count() == 1


def test_the_flipped_image_has_an_embedding_of_its_own(as_annotator: Api, image: Image, version: ModelVersion) -> None:
    body = {"crop_box_xyxy": [0, 0, 64, 48]}
    keys = [
        as_annotator.post(f"/images/{image.pk}/crop-embeddings", body | more).json()["key"]
        for more in ({}, {"is_flipped": True})
    ]
    assert keys == [f"{image.sha256}-sam_lite-1-0_0_64_48{suffix}-f16" for suffix in ("", "_flipped")]


@pytest.mark.parametrize("box", [[0, 0, 65, 40], [0, 0, 40, 49], [-1, 0, 40, 40], [40, 40, 0, 0], [0, 0, 10, 10]])
def test_bad_crop_boxes(as_annotator: Api, image: Image, version: ModelVersion, box: list[int]) -> None:
    answer = as_annotator.post(f"/images/{image.pk}/crop-embeddings", {"crop_box_xyxy": box})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_crop_box")


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 20), (31, 32), (32, 32)])
def test_all_of_a_photo_can_be_asked_for_however_small(
    as_annotator: Api, project: Project, admin: User, version: ModelVersion, size: tuple[int, int]
) -> None:
    small = add_photo(project, io.BytesIO(jpeg(*size)), name="small.jpg", user=admin).image
    path, (width, height) = f"/images/{small.pk}/crop-embeddings", size
    flipped = as_annotator.post(path, {"crop_box_xyxy": [0, 0, width, height], "is_flipped": True})
    assert (flipped.status_code, flipped.json()["status"]) == (200, "pending")
    for box in ([0, 0, width + 1, height], [0, 0, width, height + 1], [0, 0, 0, 0], [-1, 0, width, height]):
        assert as_annotator.post(path, {"crop_box_xyxy": box}).status_code == 422


def test_deleting_takes_files_and_embeddings_along(as_admin: Api, image: Image, version: ModelVersion) -> None:
    ImageEmbedding.objects.create(sha256=image.sha256, model_version=version)
    assert as_admin.delete(f"/images/{image.pk}").status_code == 204
    assert ImageEmbedding.objects.count() == 0
    assert not store.has(image.sha256, store.ORIGINAL)


GETS = ["", "/thumbnail", "/preview", "/tiles/0/0/0", "/original"]


@pytest.mark.parametrize("part", GETS)
def test_looking_needs_membership(
    as_annotator: Api, as_outsider: Api, signed_out: Api, image: Image, part: str
) -> None:
    Image.objects.filter(pk=image.pk).update(width=4000, height=3000)  # so that it has tiles, which are being made
    assert as_annotator.get(f"/images/{image.pk}{part}").status_code in {200, 503}
    assert as_outsider.get(f"/images/{image.pk}{part}").status_code == 404
    assert as_outsider.get(f"/images/999999{part}").json() == as_outsider.get(f"/images/{image.pk}{part}").json()
    assert signed_out.get(f"/images/{image.pk}{part}").status_code == 401
    assert as_annotator.send("put", f"/images/{image.pk}{part}").status_code == 405


@pytest.mark.parametrize(
    ("method", "part", "body"),
    [
        ("delete", "", None),
        ("patch", "", {}),
        ("post", "/retry", None),
        ("post", "/crop-embeddings", {"crop_box_xyxy": [0, 0, 40, 40]}),
    ],
)
def test_changing_needs_membership(
    as_outsider: Api, signed_out: Api, image: Image, method: str, part: str, body: Any
) -> None:
    assert as_outsider.send(method, f"/images/{image.pk}{part}", body).status_code == 404
    assert signed_out.send(method, f"/images/{image.pk}{part}", body).status_code == 401


def test_outsiders_do_not_see_the_list(as_outsider: Api, signed_out: Api, project: Project) -> None:
    assert as_outsider.get(f"/projects/{project.pk}/images").status_code == 404
    assert signed_out.get(f"/projects/{project.pk}/images").status_code == 401


def test_a_damaged_large_photo_fails_with_its_reason(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from annotator.photos import derivatives

    with monkeypatch.context() as patch:
        patch.setattr(derivatives, "DECODE_AT_ONCE_MEGAPIXELS", 0)
        image = add_photo(project, io.BytesIO(jpeg(300, 200)[:5000]), name="cut.jpg", user=None).image
    assert prepare_image(image.pk) == ImageStatus.FAILED
    image.refresh_from_db()
    assert image.error == "The image is cut off or damaged."


@pytest.mark.parametrize("place", ["0/0/0", "1/1/1", "0/9999999999999999999999/0"])
def test_a_small_photo_has_no_tiles_now_or_later(as_admin: Api, image: Image, place: str) -> None:
    """It was told that they were being made, for ever."""
    assert as_admin.get(f"/images/{image.pk}/tiles/{place}").status_code == 404


@pytest.mark.parametrize(
    ("level", "x", "y", "is_there"),
    [(0, 0, 0, True), (0, 7, 5, True), (0, 8, 0, False), (0, 0, 6, False), (1, 0, 0, False)],
)
def test_which_tiles_a_photo_has(level: int, x: int, y: int, is_there: bool) -> None:
    assert has_tile(4000, 3000, level=level, x=x, y=y) is is_there
