"""Take photos in, each on its own: whatever is wrong with one is said beside its name."""

import logging
from typing import IO, Any

from django.db import DatabaseError

from annotator.accounts.models import User
from annotator.images.processing_requests import request_processing
from annotator.images.services import add_photo
from annotator.inference.selectors import model_version_of
from annotator.intake.zips import extract_entry, looks_like_zip
from annotator.photos.errors import PhotoRefusedError
from annotator.photos.naming import display_name
from annotator.projects.models import Project

logger = logging.getLogger(__name__)


def take_photo(project: Project, file: IO[bytes], *, name: str, user: User | None) -> dict[str, Any]:
    """Take one photo and return {name, status, image_id, code, message}; never raises for a bad photo."""
    try:
        added = add_photo(project, file, name=name, user=user)
    except PhotoRefusedError as error:
        return refusal(name, error)
    except (DatabaseError, OSError):
        logger.exception("a photo could not be stored")
        message = "The server could not store the photo; try again."
        return entry(name, "refused", code="not_stored", message=message)
    if not added.is_new:
        message = f"The project has this photo already, as {added.image.name}."
        return entry(name, "duplicate", image_id=added.image.pk, code="duplicate", message=message)
    request_processing(added.image, model_version_of(project))
    return entry(name, "added", image_id=added.image.pk)


def refusal(name: str, error: PhotoRefusedError) -> dict[str, Any]:
    """Return the entry of a photo that was refused."""
    return entry(name, "refused", code=error.code, message=error.message)


def take_zip_entry(project: Project, archive: Any, member: Any, *, user: User | None) -> dict[str, Any]:
    """Take one photo out of an open zip."""
    try:
        with extract_entry(archive, member) as file:
            if looks_like_zip(file):
                raise PhotoRefusedError("zip_in_zip", "A zip inside a zip is not opened.")
            return take_photo(project, file, name=member.filename, user=user)
    except PhotoRefusedError as error:
        return refusal(member.filename, error)


def entry(name: str, status: str, *, image_id: int | None = None, code: str = "", message: str = "") -> dict[str, Any]:
    """Return one line of an upload's answer."""
    return {
        "name": display_name(name),
        "status": status,
        "image_id": image_id,
        "code": code,
        "message": message,
        "job_id": None,
    }
