"""Add, prepare and remove images. One bad file never stops another, and nothing half-written stays."""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO

from django.conf import settings
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Max, Q, QuerySet
from django.utils.translation import gettext as _

from annotator.accounts.models import User
from annotator.audit.services import record_event
from annotator.audit.verbs import Verb
from annotator.contents.services import claim_picture, release_picture
from annotator.errors import ConflictError, InvalidError
from annotator.images.holdings import count_holdings
from annotator.images.models import Image, ImageStatus
from annotator.images.unused_files import remove_unused_files
from annotator.live.hints import send_hint
from annotator.live.payloads import HintKind
from annotator.photos import store
from annotator.photos.decoding import PhotoFacts
from annotator.photos.derivatives import inspect_photo, make_derivatives, make_preview_now
from annotator.photos.errors import PhotoRefusedError
from annotator.photos.naming import numbered_path, photo_path, stem_of
from annotator.photos.picture_names import picture_name, split_picture
from annotator.photos.readings import window_from_settings, window_reading
from annotator.projects.models import Project

logger = logging.getLogger(__name__)
HASH_CHUNK_BYTES = 1 << 20
DELETED_AT_ONCE = 200  # images whose files one request can remove


@dataclass(frozen=True)
class Added:
    """What came of one photo: the row, whether it is new, and the path of another photo with the same content."""

    image: Image
    is_new: bool
    same_content_as: str = ""


def add_photo(project: Project, file: IO[bytes], *, name: str, user: User | None, longer_name: str = "") -> Added:
    """Check and store one photo under its path; raise PhotoRefusedError, and then nothing of it stays.

    The same content under the same path is there already; it is recognised before it is decoded. Where another photo
    has the path, this one is kept under `longer_name`, or under the next free number, "a (2).png".
    """
    file.seek(0)
    sha256, byte_size = hash_photo(file)
    path = photo_path(name)
    twins = list(Image.objects.filter(project=project, sha256=sha256))
    if Image.objects.filter(project=project, name=path).exclude(sha256=sha256).exists():
        path = photo_path(longer_name or name)
    existing = _find_known(project, twins, path)
    if existing:
        return Added(existing, is_new=False)
    file.seek(0)
    window = window_from_settings(project.settings)
    facts, thumbnail = inspect_photo(file, window)
    reading = window_reading(window) if facts.has_brightness else ""
    picture = picture_name(sha256, reading)
    try:
        with claim_picture(picture):
            _store_files(picture, file, thumbnail)
            image = _add_row(project, facts, sha256=sha256, reading=reading, byte_size=byte_size, path=path, user=user)
    except BaseException:
        with suppress(DatabaseError):  # the claim stays then, and the worker follows it
            remove_unused_files(picture)
        raise
    if image is None:  # the same photo arrived twice at the same time
        return Added(Image.objects.get(project=project, name=path), is_new=False)
    return Added(image, is_new=True, same_content_as=twins[0].name if twins else "")


def prepare_image(image_id: int) -> str:
    """Make preview and tiles, and set the status; a photo that proves damaged is marked failed with its reason."""
    image = Image.objects.filter(pk=image_id).first()
    if image is None:
        return "gone"
    try:
        with _work_on(image):
            make_derivatives(image.picture)
    except (PhotoRefusedError, FileNotFoundError) as error:
        message = error.message if isinstance(error, PhotoRefusedError) else _("The photo's file is missing.")
        _set_status(image, ImageStatus.FAILED, error=message)
        return ImageStatus.FAILED
    _set_status(image, ImageStatus.READY, error="")
    return ImageStatus.READY


def make_preview(image: Image) -> bytes:
    """Make the preview in the web process and return it; raise PhotoRefusedError or FileNotFoundError."""
    with _work_on(image):
        return make_preview_now(image.picture)


@contextmanager
def _work_on(image: Image) -> Iterator[None]:
    """Claim what is made of an image; when the image was deleted meanwhile, nothing that was made stays."""
    try:
        with claim_picture(image.picture):
            yield
    finally:
        if not Image.objects.filter(picture=image.picture).exists():
            remove_unused_files(image.picture)


def delete_image(image: Image, *, masks_at_most: int | None = 0) -> int:
    """Remove an image with all that it holds, and record it; return how many accepted masks went.

    Raises ConflictError (`image_has_masks`, extra as of count_holdings) where it holds more accepted masks than
    `masks_at_most`; None is any number.
    """
    with transaction.atomic():
        # Saves lock the row as well, so no mask arrives between the count and the end.
        Image.objects.select_for_update(no_key=True).only("pk").filter(pk=image.pk).first()
        held = count_holdings([image.pk])
        if masks_at_most is not None and held["masks"] > masks_at_most:
            message = _("The image holds masks. Say that they are to be deleted with it.")
            raise ConflictError(message, code="image_has_masks", extra=dict(held))
        told = {"sha256": image.sha256, "work_status": str(image.work_status)}
        counts = {"masks": held["masks"], "comments": held["comments"]}
        record_event(Verb.IMAGE_DELETED, image, project=image.project, before={**counts, **told})
        picture = _delete_row(image)
    remove_unused_files(picture)
    return held["masks"]


def delete_images(project: Project, image_ids: list[int], *, masks: int) -> int:
    """Delete images of a project, each by itself, with the `masks` accepted masks that they hold; return how many went.

    Raises InvalidError for none or too many, and ConflictError (`image_has_masks`) where more masks arrived meanwhile;
    the images with them stay.
    """
    if not 1 <= len(image_ids) <= DELETED_AT_ONCE:
        message = _("Choose 1 to %(max_images_at_once)s images.") % {"max_images_at_once": DELETED_AT_ONCE}
        raise InvalidError(message, code="bad_choice")
    images = list(Image.objects.select_related("project").filter(project=project, pk__in=image_ids).order_by("pk"))
    for image in images:
        masks -= delete_image(image, masks_at_most=masks)
    return len(images)


def remove_image(image: Image) -> None:
    """Remove an image with its masks, as part of something larger that is recorded as a whole."""
    with transaction.atomic():
        picture = _delete_row(image)
    remove_unused_files(picture)


def _delete_row(image: Image) -> str:
    """Delete an image and return its picture, whose files go once no other image has it."""
    picture, project_id, image_id = image.picture, image.project_id, image.pk
    image.delete()
    release_picture(picture)
    send_hint(project_id, "image.changed", image_id=image_id)
    return picture


def hash_photo(file: IO[bytes]) -> tuple[str, int]:
    """Return the SHA-256 and the length of what is left of a photo's file.

    Raises PhotoRefusedError for one that is too large or empty.
    """
    digest, size = hashlib.sha256(), 0
    while chunk := file.read(HASH_CHUNK_BYTES):
        size += len(chunk)
        if size > settings.MAX_IMAGE_BYTES:
            raise PhotoRefusedError(
                "too_many_bytes", _("The file has more than %(n)s MB.") % {"n": settings.MAX_IMAGE_BYTES >> 20}
            )
        digest.update(chunk)
    if size == 0:
        raise PhotoRefusedError("empty", _("The file is empty."))
    return digest.hexdigest(), size


def _store_files(picture: str, file: IO[bytes], thumbnail: bytes | None) -> None:
    sha256, _reading = split_picture(picture)
    if not store.has(sha256, store.ORIGINAL):
        file.seek(0)
        store.save(sha256, store.ORIGINAL, file)
    if thumbnail is not None:
        store.save(picture, store.THUMBNAIL, thumbnail)


def _find_known(project: Project, twins: list[Image], path: str) -> Image | None:
    """Return which of the photos of one content was sent under this path; it has a number if another has the path."""
    exact = next((twin for twin in twins if twin.name == path), None)
    if exact or not twins or not Image.objects.filter(project=project, name=path).exists():
        return exact
    return next((twin for twin in twins if _is_numbered(twin.name, path)), None)


def _is_numbered(name: str, path: str) -> bool:
    stem, own = stem_of(path), stem_of(name)
    number = own[len(stem) :]
    is_number = number.startswith(" (") and number.endswith(")") and number[2:-1].isdecimal()
    return own.startswith(stem) and is_number and name[len(own) :] == path[len(stem) :]


def _add_row(
    project: Project, facts: PhotoFacts, *, sha256: str, reading: str, byte_size: int, path: str, user: User | None
) -> Image | None:
    """Make the row under the path or the next free one; None where the same photo has taken the path meanwhile."""
    while True:
        taken = set(_paths_like(project, path))
        fields = {
            "name": numbered_path(path, taken),
            "sha256": sha256,
            "reading": reading,
            "depth": facts.depth,
            "width": facts.width,
            "height": facts.height,
            "byte_size": byte_size,
            "format": facts.format,
            "exif_orientation": facts.exif_orientation,
            "file": store.name_of(sha256, store.ORIGINAL),
            "uploaded_by": user,
        }
        try:
            with transaction.atomic():
                last = Image.objects.filter(project=project).aggregate(last=Max("position"))["last"]
                return Image.objects.create(project=project, position=0 if last is None else last + 1, **fields)
        except IntegrityError:
            if Image.objects.filter(project=project, name=path, sha256=sha256).exists():
                return None
            if not Image.objects.filter(project=project, name=fields["name"]).exists():
                raise  # not about the path


def _paths_like(project: Project, path: str) -> QuerySet[Image, str]:
    stem = stem_of(path)
    rows = Image.objects.filter(Q(name=path) | Q(name__startswith=f"{stem} ("), project=project)
    return rows.order_by().values_list("name", flat=True)


def _set_status(image: Image, status: ImageStatus, *, error: str) -> None:
    if (image.status, image.error) == (status, error):
        return
    Image.objects.filter(pk=image.pk).update(status=status, error=error)
    kind: HintKind = "image.ready" if status == ImageStatus.READY else "image.changed"
    send_hint(image.project_id, kind, image_id=image.pk)
