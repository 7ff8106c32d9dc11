"""Two projects with one photo: deleting it here while it comes in there loses nothing, and nothing is left over.

Real threads on a real database file, or on PostgreSQL where DATABASE_URL names one.
"""

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from annotator import sam_gateway
from annotator.contents.models import Content, ContentClaim, ReleasedPicture
from annotator.contents.services import CLAIM_HOLDS, claim_picture, release_picture
from annotator.images.models import Image
from annotator.images.services import add_photo, delete_image, prepare_image
from annotator.images.unused_files import remove_left_behind
from annotator.inference import services as inference
from annotator.inference.embedding_requests import request_embedding
from annotator.inference.models import EmbeddingStatus, ImageEmbedding, ModelVersion
from annotator.photos import store
from annotator.projects.models import Project
from tests.annotator.conftest import jpeg, stored_files
from tests.annotator.homes import Home, make_home

ROUNDS = 25

RACE = """
import io, json, threading
from django.db import connections
from annotator.images.models import Image
from annotator.images.services import add_photo, delete_image
from annotator.photos import store
from annotator.projects.models import Project
from tests.annotator.conftest import jpeg
here, there = Project.objects.create(name="here"), Project.objects.create(name="there")
errors, lost, kept = [], 0, 0

def guarded(work):
    def run():
        start.wait()
        try:
            work()
        except BaseException as error:
            errors.append(repr(error))
        finally:
            connections.close_all()
    return run

for number in range(ROUNDS):
    data = jpeg(640, 480, seed=number)
    image = add_photo(here, io.BytesIO(data), name="a.jpg", user=None).image
    start = threading.Barrier(3)
    works = [
        lambda: delete_image(image),
        lambda: add_photo(there, io.BytesIO(data), name=f"{number}.jpg", user=None),
        lambda: add_photo(here, io.BytesIO(data), name=f"again-{number}.jpg", user=None),
    ]
    threads = [threading.Thread(target=guarded(work)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for row in Image.objects.filter(sha256=image.sha256):
        whole = store.has(row.sha256, store.ORIGINAL) and store.has(row.picture, store.THUMBNAIL)
        kept, lost = kept + whole, lost + (not whole)
    for row in Image.objects.all():
        delete_image(row)
from annotator.contents.models import Content, ContentClaim, ReleasedPicture
left = [model.objects.count() for model in (Content, ContentClaim, ReleasedPicture)]
print(json.dumps({"errors": errors, "lost": lost, "kept": kept, "left": left}))
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A database of its own."""
    with make_home(tmp_path, "shared") as made:
        yield made


def test_no_photo_is_lost_and_nothing_is_left(home: Home, tmp_path: Path) -> None:
    home.environment["DATABASE_WAIT_SECONDS"] = "120"  # this is about what is lost, not about who waits how long
    said = json.loads(home.run(f"ROUNDS = {ROUNDS}\n{RACE}").splitlines()[-1])
    assert said["errors"] == []
    assert said == {"errors": [], "lost": 0, "kept": 2 * ROUNDS, "left": [0, 0, 0]}
    assert [path for path in (tmp_path / "media").rglob("*") if path.is_file()] == []


@pytest.fixture
def other(project: Project) -> Project:
    """Another project."""
    return Project.objects.create(name="Other")


PHOTO = jpeg(64, 48, seed=5)


def add(project: Project, name: str = "a.jpg") -> Image:
    """Add the photo."""
    return add_photo(project, io.BytesIO(PHOTO), name=name, user=None).image


@pytest.mark.django_db
def test_a_claim_keeps_the_files_and_the_worker_removes_them_afterwards(project: Project) -> None:
    image = add(project)
    with claim_picture(image.picture):
        delete_image(image)
        assert store.has(image.sha256, store.ORIGINAL)
    ReleasedPicture.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    assert remove_left_behind() == 1
    assert stored_files() == []
    assert [model.objects.count() for model in (Content, ContentClaim, ReleasedPicture)] == [0, 0, 0]


@pytest.mark.django_db
def test_whoever_was_killed_after_deleting_the_row_is_followed(project: Project) -> None:
    image = add(project)
    with transaction.atomic():
        image.delete()
        release_picture(image.picture)
    assert remove_left_behind() == 0  # it may be under way
    ReleasedPicture.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    assert remove_left_behind() == 1
    assert stored_files() == []


@pytest.mark.django_db
def test_whoever_was_killed_before_making_the_row_is_followed(project: Project) -> None:
    image = add(project)
    ContentClaim.objects.create(content_id=image.sha256, picture=image.picture)
    Image.objects.filter(pk=image.pk).delete()
    assert remove_left_behind() == 0
    assert stored_files() != []
    ContentClaim.objects.update(created_at=timezone.now() - 2 * CLAIM_HOLDS)
    assert remove_left_behind() == 1
    assert stored_files() == []


@pytest.mark.django_db
def test_a_shared_photo_stays_until_the_last_project_lets_it_go(project: Project, other: Project) -> None:
    first, second = add(project), add(other)
    delete_image(first)
    assert store.has(second.sha256, store.ORIGINAL)
    delete_image(second)
    assert stored_files() == []


@pytest.mark.django_db
def test_what_is_made_while_the_image_is_deleted_does_not_stay(
    photo: Image, model: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    from annotator.images import services

    def make(picture: str) -> None:
        delete_image(Image.objects.get(pk=photo.pk))
        store.save(picture, store.PREVIEW, b"made too late")

    monkeypatch.setattr(services, "make_derivatives", make)
    prepare_image(photo.pk)
    assert stored_files() == []


@pytest.mark.django_db
def test_an_embedding_of_a_photo_that_is_deleted_meanwhile_does_not_stay(
    photo: Image, model: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = request_embedding(photo.picture, model)
    encode = sam_gateway.encode_image

    def encode_and_delete(*args: Any, **kwargs: Any) -> Any:
        array = encode(*args, **kwargs)
        delete_image(photo)
        return array

    monkeypatch.setattr(sam_gateway, "encode_image", encode_and_delete)
    assert inference.compute_embedding(row.pk) == EmbeddingStatus.READY
    assert not ImageEmbedding.objects.exists()
    assert stored_files() == []
