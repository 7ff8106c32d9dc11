"""The brightness of a project's photos beyond 8 bit: remembered by the project, applied to the photos it has.

A photo shown anew is another picture of the same file: preview, tiles and embedding are made again under its name, and
masks stay as they are. Photos of 8 bit are shown as they are.
"""

from django.db import transaction
from django.utils.translation import gettext as _
from pydantic import ValidationError

from annotator.errors import InvalidError
from annotator.images.brightness_tasks import show_photos_anew
from annotator.images.deep_photos import count_deep_photos, stale_photos
from annotator.images.schemas import BrightnessIn, BrightnessOut
from annotator.jobs import services as jobs
from annotator.photos.decoding import make_window
from annotator.photos.errors import PhotoRefusedError
from annotator.photos.readings import window_from_settings
from annotator.projects.commands import ProjectChanges
from annotator.projects.models import Project
from annotator.projects.services import update_project

KIND = "brightness"  # of the job


def brightness_of(project: Project) -> BrightnessOut:
    """Return how the project shows its photos, and how many it is about."""
    window = window_from_settings(project.settings)
    return {"kind": window.kind, "low": window.low, "high": window.high, "photos": count_deep_photos(project)}


def set_brightness(project: Project, *, kind: str, low: float, high: float) -> Project:
    """Remember a window and show the photos anew; raise InvalidError for a window without sense."""
    try:
        window = make_window(kind, low, high)
    except PhotoRefusedError as error:
        raise InvalidError(_(error.message), code=error.code) from error
    chosen = None if window.kind == "used" else {"kind": window.kind, "low": window.low, "high": window.high}
    with transaction.atomic():
        project = update_project(project, ProjectChanges(settings={"brightness": chosen}))
        start_showing_anew(project)
    return project


def start_showing_anew(project: Project) -> None:
    """Start the job that makes deep photos anew where any has to change; one for an earlier window ends."""
    jobs.cancel_open_jobs(project, kind=KIND)
    if total := stale_photos(project).count():
        jobs.start_job(project, kind=KIND, task=show_photos_anew, params={}, total=total, user=None)


def wish_brightness(project: Project, wish: object) -> Project:
    """Do the same for a wish of unknown shape: {kind, low, high}, or None for the range in use."""
    fields = {"kind": "used", "low": 0.0, "high": 0.0} if wish is None else wish
    try:
        window = BrightnessIn.model_validate(fields)
    except ValidationError as error:
        raise InvalidError(_("The brightness is not {kind, low, high}."), code="bad_brightness") from error
    return set_brightness(project, **window.dict())
