"""Take photos in, each on its own: whatever is wrong with one is said beside its name."""

import logging
from typing import IO, Literal

from django.db import DatabaseError
from django.utils.translation import gettext as _

from annotator.accounts.models import User
from annotator.full_disk import DiskFullError, explain_full_disk, is_disk_full
from annotator.images.processing_requests import request_processing
from annotator.images.services import Added, add_photo
from annotator.inference.selectors import model_version_of
from annotator.intake.answers import UploadEntry
from annotator.photos.errors import PhotoRefusedError
from annotator.photos.naming import photo_path
from annotator.projects.models import Project
from annotator.words.stored import say

logger = logging.getLogger(__name__)


def take_photo(
    project: Project, file: IO[bytes], *, name: str, user: User | None, longer_name: str = ""
) -> UploadEntry:
    """Take one photo and return {name, status, image_id, code, message}; never raises for a bad photo.

    `name` is its path; `longer_name` the path to take where another photo has that one.
    """
    try:
        added = add_photo(project, file, name=name, user=user, longer_name=longer_name)
    except PhotoRefusedError as error:
        return refusal(name, error)
    except (DatabaseError, OSError) as error:
        logger.exception("a photo could not be stored")
        if is_disk_full(error):
            return entry(name, "refused", code=DiskFullError.code, message=explain_full_disk())
        message = _("The server could not store the photo; try again.")
        return entry(name, "refused", code="not_stored", message=message)
    if not added.is_new:
        message = _("The project has this photo already, as %(name)s.") % {"name": added.image.name}
        return entry(name, "duplicate", image_id=added.image.pk, code="duplicate", message=message)
    request_processing(added.image, model_version_of(project))
    code, message = _remark(name, added)
    return entry(added.image.name, "added", image_id=added.image.pk, code=code, message=message)


def _remark(name: str, added: Added) -> tuple[str, str]:
    """Return code and message where more is to be said of a photo than that it was added."""
    if added.image.name != photo_path(name):
        sentence = _("Another photo is called %(name)s; this one is kept as %(kept)s.")
        return "renamed", sentence % {"name": photo_path(name), "kept": added.image.name}
    if added.same_content_as:
        return "same_content", _("It is the same picture as %(name)s; both are kept.") % {"name": added.same_content_as}
    return "", ""


def refusal(name: str, error: PhotoRefusedError) -> UploadEntry:
    """Return the entry of a photo that was refused."""
    return entry(name, "refused", code=error.code, message=say(error.message))


def entry(
    name: str,
    status: Literal["added", "duplicate", "refused", "queued"],
    *,
    image_id: int | None = None,
    code: str = "",
    message: str = "",
) -> UploadEntry:
    """Return one line of an upload's answer."""
    return {
        "name": photo_path(name),
        "status": status,
        "image_id": image_id,
        "code": code,
        "message": message,
        "job_id": None,
    }
