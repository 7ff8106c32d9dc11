"""What the tests of jobs, queue, automatic work and statistics build on: real rows, photos on disk, a worker loop."""

import hashlib
import io
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.test import Client
from PIL import Image as Picture

from annotator import mask_gateway
from annotator.accounts.models import User
from annotator.annotations.models import Annotation
from annotator.images.models import Image, ImageStatus
from annotator.photos import store
from annotator.projects.models import Label, Membership, Project, Role

__all__ = [
    "add_image",
    "add_mask",
    "add_photo",
    "admin",
    "annotator",
    "client_of",
    "counts_of",
    "label",
    "member",
    "outsider",
    "project",
    "reviewer",
    "work_off",
]


@pytest.fixture
def project(db: Any) -> Project:
    return Project.objects.create(name="Street")


@pytest.fixture
def label(project: Project) -> Label:
    return Label.objects.create(project=project, name="car", color="#E69F00", key="1")


@pytest.fixture
def member(project: Project) -> Callable[..., User]:
    def make(name: str, role: str = Role.ANNOTATOR, of: Project | None = None) -> User:
        user = User.objects.create_user(username=name, password="correct horse battery")
        Membership.objects.create(project=of or project, user=user, role=role)
        return user

    return make


@pytest.fixture
def admin(member: Callable[..., User]) -> User:
    return member("ada", Role.ADMIN)


@pytest.fixture
def reviewer(member: Callable[..., User]) -> User:
    return member("rey", Role.REVIEWER)


@pytest.fixture
def annotator(member: Callable[..., User]) -> User:
    return member("ann", Role.ANNOTATOR)


@pytest.fixture
def outsider(db: Any) -> User:
    return User.objects.create_user(username="otto", password="correct horse battery")


@pytest.fixture
def client_of() -> Callable[[User], Client]:
    def make(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def add_image(project: Project) -> Callable[..., Image]:
    """Rows without files: for the queue and the figures."""

    def make(of: Project | None = None, **fields: Any) -> Image:
        number = Image.objects.count()
        values = {
            "name": f"{number:05}.jpg",
            "sha256": hashlib.sha256(str(uuid.uuid4()).encode()).hexdigest(),
            "width": 64,
            "height": 48,
            "byte_size": 1000,
            "format": "JPEG",
            "status": ImageStatus.READY,
            "position": number,
        }
        return Image.objects.create(project=of or project, **{**values, **fields})

    return make


@pytest.fixture
def add_photo(add_image: Callable[..., Image]) -> Callable[..., Image]:
    """Rows with a photo on disk: two discs on a ground, or any picture given."""

    def make(picture: Picture.Image | None = None, **fields: Any) -> Image:
        if picture is None:
            picture = Picture.radial_gradient("L").resize((64, 48)).convert("RGB")
            picture.putpixel((0, 0), (Image.objects.count() % 256, 7, 7))
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        data = buffer.getvalue()
        sha256 = hashlib.sha256(data).hexdigest()
        store.save(sha256, store.ORIGINAL, data)
        return add_image(
            sha256=sha256, width=picture.width, height=picture.height, byte_size=len(data), format="PNG", **fields
        )

    return make


def rectangle(image: Image, x: int, y: int, w: int, h: int) -> str:
    """Counts of a rectangle of the image."""
    mask = np.zeros((image.height, image.width), bool)
    mask[y : y + h, x : x + w] = True
    return mask_gateway.encode(mask)


@pytest.fixture
def add_mask() -> Callable[..., Annotation]:
    def make(image: Image, box: tuple[int, int, int, int] = (1, 1, 4, 3), **fields: Any) -> Annotation:
        x, y, w, h = box
        values = {
            "id": uuid.uuid4(),
            "counts": rectangle(image, x, y, w, h),
            "bbox_x": x,
            "bbox_y": y,
            "bbox_w": w,
            "bbox_h": h,
            "area": w * h,
            "stage": image.project.stage,
        }
        return Annotation.objects.create(image=image, **{**values, **fields})

    return make


@pytest.fixture
def counts_of() -> Callable[..., str]:
    return rectangle


@pytest.fixture
def work_off(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Run the real background worker until nothing is left to do, within the test's transaction."""
    # Between tasks the worker closes connections that are not in autocommit, and a test's never is.
    monkeypatch.setattr("django_tasks_db.management.commands.db_worker.close_old_connections", lambda: None)

    def run() -> None:
        call_command(
            "db_worker", queue_name="*", batch=True, interval=0, startup_delay=False, reload=False, verbosity=0
        )

    return run
