"""Add, prepare and remove images. One bad file never stops another, and nothing half-written stays."""

import hashlib
import logging
from dataclasses import dataclass
from typing import IO

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max

from annotator.accounts.models import User
from annotator.images.models import Image, ImageStatus
from annotator.inference.models import ImageEmbedding
from annotator.live.hints import send_hint
from annotator.photos import store
from annotator.photos.decoding import PhotoFacts
from annotator.photos.derivatives import inspect_photo, make_derivatives
from annotator.photos.errors import PhotoRefusedError
from annotator.photos.naming import display_name
from annotator.projects.models import Project

logger = logging.getLogger(__name__)
HASH_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Added:
    """What came of one photo: the row, and whether it is new."""

    image: Image
    is_new: bool


def add_photo(project: Project, file: IO[bytes], *, name: str, user: User | None) -> Added:
    """Check and store one photo; raise PhotoRefusedError, and then nothing of it stays.

    A content that the project has already is recognised before it is decoded.
    """
    sha256, byte_size = _hash(file)
    existing = Image.objects.filter(project=project, sha256=sha256).first()
    if existing:
        return Added(existing, is_new=False)
    file.seek(0)
    facts, thumbnail = inspect_photo(file)
    try:
        _store_files(sha256, file, thumbnail)
        return _add_row(project, facts, sha256=sha256, byte_size=byte_size, name=display_name(name), user=user)
    except BaseException:
        delete_unused_files(sha256)
        raise


def prepare_image(image_id: int) -> str:
    """Make preview and tiles, and set the status; a photo that proves damaged is marked failed with its reason."""
    image = Image.objects.filter(pk=image_id).first()
    if image is None:
        return "gone"
    try:
        make_derivatives(image.sha256)
    except (PhotoRefusedError, FileNotFoundError) as error:
        message = error.message if isinstance(error, PhotoRefusedError) else "The photo's file is missing."
        _set_status(image, ImageStatus.FAILED, error=message)
        return ImageStatus.FAILED
    _set_status(image, ImageStatus.READY, error="")
    return ImageStatus.READY


def delete_image(image: Image) -> None:
    """Remove an image with its masks; its files go when no other project has the same photo."""
    sha256, project_id, image_id = image.sha256, image.project_id, image.pk
    image.delete()
    delete_unused_files(sha256)
    send_hint(project_id, "image.changed", image_id=image_id)


def delete_unused_files(sha256: str) -> None:
    """Remove the files of a photo that no row uses any more, embeddings included."""
    if Image.objects.filter(sha256=sha256).exists():
        return
    for embedding in ImageEmbedding.objects.filter(sha256=sha256):
        if embedding.file:
            embedding.file.delete(save=False)
        embedding.delete()
    store.delete_all(sha256)


def _hash(file: IO[bytes]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    file.seek(0)
    while chunk := file.read(HASH_CHUNK_BYTES):
        size += len(chunk)
        if size > settings.MAX_IMAGE_BYTES:
            raise PhotoRefusedError("too_many_bytes", f"The file has more than {settings.MAX_IMAGE_BYTES >> 20} MB.")
        digest.update(chunk)
    if size == 0:
        raise PhotoRefusedError("empty", "The file is empty.")
    return digest.hexdigest(), size


def _store_files(sha256: str, file: IO[bytes], thumbnail: bytes | None) -> None:
    if not store.has(sha256, store.ORIGINAL):
        file.seek(0)
        store.save(sha256, store.ORIGINAL, file)
    if thumbnail is not None:
        store.save(sha256, store.THUMBNAIL, thumbnail)


def _add_row(
    project: Project, facts: PhotoFacts, *, sha256: str, byte_size: int, name: str, user: User | None
) -> Added:
    try:
        with transaction.atomic():
            last = Image.objects.filter(project=project).aggregate(last=Max("position"))["last"]
            image = Image.objects.create(
                project=project,
                name=name,
                sha256=sha256,
                width=facts.width,
                height=facts.height,
                byte_size=byte_size,
                format=facts.format,
                exif_orientation=facts.exif_orientation,
                file=store.name_of(sha256, store.ORIGINAL),
                position=0 if last is None else last + 1,
                uploaded_by=user,
            )
    except IntegrityError:  # the same photo arrived twice at the same time
        return Added(Image.objects.get(project=project, sha256=sha256), is_new=False)
    return Added(image, is_new=True)


def _set_status(image: Image, status: ImageStatus, *, error: str) -> None:
    if (image.status, image.error) == (status, error):
        return
    Image.objects.filter(pk=image.pk).update(status=status, error=error)
    kind = "image.ready" if status == ImageStatus.READY else "image.changed"
    send_hint(image.project_id, kind, image_id=image.pk)
