"""The brightness of a project's photos beyond 8 bit: remembered by the project, applied to the photos it has.

A photo shown anew is another picture of the same file: preview, tiles and embedding are made again under its name, and
masks stay as they are. Photos of 8 bit are shown as they are.
"""

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from pydantic import ValidationError

from annotator.errors import InvalidError
from annotator.images.models import Image
from annotator.images.schemas import BrightnessIn, BrightnessOut
from annotator.images.tasks import show_photos_anew
from annotator.jobs import services as jobs
from annotator.photos.decoding import make_window
from annotator.photos.errors import PhotoRefusedError
from annotator.photos.readings import window_from_settings, window_reading
from annotator.projects.commands import ProjectChanges
from annotator.projects.models import Project
from annotator.projects.services import update_project

KIND = "brightness"  # of the job
DEEP = 9  # bits a sample, and signed bytes


def deep_photos(project: Project) -> int:
    """Count the photos that a change of brightness would change."""
    return Image.objects.filter(project=project, depth__gte=DEEP).count()


def stale_photos(project: Project) -> QuerySet[Image]:
    """Return the photos that are not shown as the project says now."""
    return Image.objects.filter(project=project, depth__gte=DEEP).exclude(reading=reading_for(project))


def reading_for(project: Project) -> str:
    """Return how the project's deep photos are to be read."""
    return window_reading(window_from_settings(project.settings))


def brightness_of(project: Project) -> BrightnessOut:
    """Return how the project shows its photos, and how many it is about."""
    window = window_from_settings(project.settings)
    return {"kind": window.kind, "low": window.low, "high": window.high, "photos": deep_photos(project)}


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
