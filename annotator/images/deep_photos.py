"""Photos beyond 8 bit: which a project has, how it reads them, and which are still shown otherwise."""

from django.db.models import QuerySet

from annotator.images.models import Image
from annotator.photos.readings import window_from_settings, window_reading
from annotator.projects.models import Project

DEEP = 9  # bits a sample, and signed bytes


def count_deep_photos(project: Project) -> int:
    """Count the photos that a change of brightness would change."""
    return Image.objects.filter(project=project, depth__gte=DEEP).count()


def stale_photos(project: Project) -> QuerySet[Image]:
    """Return the photos that are not shown as the project says now."""
    return Image.objects.filter(project=project, depth__gte=DEEP).exclude(reading=reading_for(project))


def reading_for(project: Project) -> str:
    """Return how the project's deep photos are to be read."""
    return window_reading(window_from_settings(project.settings))
