"""What the tests of the server share: people, projects, real photos and a data directory of their own."""

import io
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import DEFAULT_DB_ALIAS, connections
from django.test import Client, TransactionTestCase
from django.utils import translation
from PIL import Image as Pillow

from annotator.accounts.models import User
from annotator.images.models import Image
from annotator.images.services import add_photo
from annotator.inference.embedding_requests import request_embedding
from annotator.inference.model_sync import sync_model
from annotator.inference.models import EmbeddingStatus, ImageEmbedding, ModelVersion
from annotator.inference.services import compute_embedding
from annotator.photos import tiles
from annotator.projects.models import Label, Membership, Project, Role
from tests.annotator.inference_steps import TINY_MODEL, put_tiny_model
from tests.annotator.migrated_databases import copy_into_tests_own, empty_tables

USES_ROWS = {"db", "transactional_db"}
# Databases of their own on the server under test, which real processes use.
USES_SERVER = {"home", "place", "places", "product"}

# About files, models, hostile bytes and who gets in: long to run, and nothing in them asks for a kind of database.
ON_SQLITE_ALONE = {
    "test_demo_accounts.py",
    "test_documented_scripts.py",
    "test_every_door.py",
    "test_every_page.py",
    "test_for_real.py",
    "test_full_disk.py",
    "test_heic_exports.py",
    "test_hostile_files.py",
    "test_hostile_new_formats.py",
    "test_installing.py",
    "test_installs.py",
    "test_killed_processes.py",
    "test_model_store.py",
    "test_model_upgrade.py",
    "test_photo_identity.py",
    "test_random_masks.py",
    "test_server_decoding.py",
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL run what uses the tests' own database: the rest is the same as on SQLite, where all of it runs."""
    if settings.DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
        return
    here = Path(__file__).parent
    same = [item for item in items if here in item.path.parents and not _depends_on_database(item)]
    config.hook.pytest_deselected(items=same)
    left_out = set(same)
    items[:] = [item for item in items if item not in left_out]


def _depends_on_database(item: pytest.Item) -> bool:
    if item.path.name in ON_SQLITE_ALONE:
        return False
    names = set(getattr(item, "fixturenames", ()))
    return item.get_closest_marker("django_db") is not None or bool(names & (USES_ROWS | USES_SERVER))


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> Iterator[None]:
    """Begin with a copy of a migrated database, and empty it after tests that commit by what they have written."""

    def empty(_case: TransactionTestCase) -> None:
        empty_tables(connections[DEFAULT_DB_ALIAS])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty)
        held = copy_into_tests_own()
        yield
        if held is not None:
            held.close()


@pytest.fixture(autouse=True)
def in_english() -> None:
    """Speak English, whatever language a page of an earlier test was asked for in."""
    translation.activate("en")


@pytest.fixture(autouse=True)
def own_data_dir(tmp_path: Path, settings: Any) -> Path:
    """Keep every file of a test in its own folder, and passwords cheap to check."""
    settings.DATA_DIR = tmp_path
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.MODELS_DIR = tmp_path / "models"
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "tmp"
    settings.FILE_UPLOAD_TEMP_DIR.mkdir()
    settings.INGEST_ROOT = None
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "annotator.storage.AtomicFileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "media")},
        },
    }
    tiles._read_index.cache_clear()
    return tmp_path


@pytest.fixture
async def sockets_let_go() -> AsyncIterator[None]:
    """Close what a test's sockets leave open: channels.testing holds their connections while it waits for an answer."""
    yield
    await sync_to_async(connections.close_all)()


@pytest.fixture
def make_user(db: None) -> Callable[[str], User]:
    """Make a user; the password is the name."""
    return lambda name: User.objects.create_user(username=name, password=name)


@pytest.fixture
def admin(make_user: Callable[[str], User]) -> User:
    """Admin of `project`."""
    return make_user("ada")


@pytest.fixture
def annotator(make_user: Callable[[str], User], project: Project) -> User:
    """Annotator of `project`."""
    user = make_user("noor")
    Membership.objects.create(project=project, user=user, role=Role.ANNOTATOR)
    return user


@pytest.fixture
def reviewer(make_user: Callable[[str], User], project: Project) -> User:
    """Reviewer of `project`."""
    user = make_user("rui")
    Membership.objects.create(project=project, user=user, role=Role.REVIEWER)
    return user


@pytest.fixture
def outsider(make_user: Callable[[str], User]) -> User:
    """Signed in, but a member of nothing."""
    return make_user("otto")


@pytest.fixture
def project(admin: User) -> Project:
    """A project with one admin and one label."""
    row = Project.objects.create(name="Street", created_by=admin)
    Membership.objects.create(project=row, user=admin, role=Role.ADMIN)
    Label.objects.create(project=row, name="Car", color="#E69F00", key="1")
    return row


def body_of(answer: Any) -> bytes:
    """Return all bytes of an answer, streamed or not."""
    body: bytes = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return body


class Api:
    """A browser's view of the API: JSON in, JSON out."""

    def __init__(self, user: User | None, **options: Any) -> None:
        self.client = Client(**options)
        if user is not None:
            self.client.force_login(user)

    def get(self, path: str, **headers: str) -> Any:
        """Get; `body` of the answer holds all bytes, streamed or not."""
        answer: Any = self.client.get(f"/api/v1{path}", headers=headers)
        answer.body = body_of(answer)
        return answer

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        call = getattr(self.client, method)
        data = body if isinstance(body, (str, bytes)) else json.dumps(body if body is not None else {})
        return call(f"/api/v1{path}", data=data, content_type="application/json", headers=headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("post", path, body, **headers)

    def patch(self, path: str, body: Any = None) -> Any:
        return self.send("patch", path, body)

    def delete(self, path: str) -> Any:
        return self.send("delete", path)

    def upload(self, project: Project, *files: tuple[str, bytes]) -> Any:
        parts = []
        for name, data in files:
            part = io.BytesIO(data)
            part.name = name
            parts.append(part)
        return self.client.post(f"/api/v1/projects/{project.pk}/images", {"files": parts})


@pytest.fixture
def as_admin(admin: User) -> Api:
    return Api(admin)


@pytest.fixture
def as_annotator(annotator: User) -> Api:
    return Api(annotator)


@pytest.fixture
def as_reviewer(reviewer: User) -> Api:
    return Api(reviewer)


@pytest.fixture
def as_outsider(outsider: User) -> Api:
    return Api(outsider)


@pytest.fixture
def signed_out(db: None) -> Api:
    return Api(None)


def noisy_picture(width: int, height: int, *, seed: int = 0, mode: str = "RGB") -> Pillow.Image:
    """Return a picture with structure and noise, so that it compresses like a photo."""
    random = np.random.default_rng(seed)
    rows = np.linspace(0, 255, height)[:, None, None]
    values = rows * 0.5 + random.normal(60, 25, (height, width, 3))
    return Pillow.fromarray(values.clip(0, 255).astype(np.uint8)).convert(mode)


def encode(picture: Pillow.Image, kind: str, **options: Any) -> bytes:
    """Return a picture as a file."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg(width: int = 64, height: int = 48, *, seed: int = 0, **options: Any) -> bytes:
    """Return a small real JPEG."""
    return encode(noisy_picture(width, height, seed=seed), "JPEG", **options)


@pytest.fixture
def image(project: Project, admin: User) -> Image:
    """A stored photo of 64 x 48 pixels."""
    return add_photo(project, io.BytesIO(jpeg()), name="street.jpg", user=admin).image


def storage_folder() -> Path:
    """Return the folder of the test's storage."""
    assert isinstance(default_storage, FileSystemStorage)
    return Path(default_storage.location)


def stored_files() -> list[str]:
    """Return every file of the test's storage but those of its model."""
    root = storage_folder()
    names = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    return [name for name in names if not name.startswith("models/")]


@pytest.fixture
def model(db: None, settings: Any) -> ModelVersion:
    """The tiny model as the product's default."""
    settings.DEFAULT_MODEL = TINY_MODEL
    put_tiny_model(Path(settings.MODELS_DIR))
    row, is_new = sync_model(TINY_MODEL)
    assert not is_new
    return row


@pytest.fixture
def photo(project: Project) -> Image:
    """A stored photo of 96 x 64 pixels, without any work asked for."""
    return add_photo(project, io.BytesIO(jpeg(96, 64, seed=11)), name="photo.jpg", user=None).image


@pytest.fixture
def embedded(photo: Image, model: ModelVersion) -> ImageEmbedding:
    """The photo's embedding by the tiny model, computed."""
    row = request_embedding(photo.sha256, model)
    assert compute_embedding(row.pk) == EmbeddingStatus.READY
    row.refresh_from_db()
    return row
