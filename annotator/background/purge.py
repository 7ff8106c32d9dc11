"""Delete for good what has lain in the bin for long enough, a bounded part at once, and free its space.

Safe to call at any time: what is gone is gone, and the next call goes on with the rest.
"""

import time
from collections.abc import Iterator

from django.core.files.storage import default_storage
from django.utils import timezone

from annotator.exchange.models import ExportFile, ImportRun
from annotator.images.models import Image
from annotator.images.services import remove_image
from annotator.projects.models import Project
from annotator.training.models import DatasetVersion, Improvement
from annotator.training.run_result import picture_name

SECONDS_AT_ONCE = 10.0
IMAGES_AT_ONCE = 50


def purge_binned_projects(*, seconds: float = SECONDS_AT_ONCE) -> int:
    """Go on deleting projects whose time in the bin is over; return how many went for good."""
    until, gone = time.monotonic() + seconds, 0
    for project in Project.objects.filter(purge_at__lte=timezone.now()).order_by("purge_at"):
        for _step in _steps(project):
            if time.monotonic() >= until:
                return gone
        project.delete()
        gone += 1
    return gone


def _steps(project: Project) -> Iterator[None]:
    """Delete images with their masks one by one, then the files of exports, imports and datasets; yield after each."""
    while images := list(Image.objects.filter(project=project).order_by("pk")[:IMAGES_AT_ONCE]):
        for image in images:
            remove_image(image)
            yield
    for export in ExportFile.objects.filter(project=project):
        _delete_with_files(export, export.file.name)
        yield
    for improvement in Improvement.objects.filter(project=project):
        _delete_with_pictures(improvement)
        yield
    for row in ImportRun.objects.filter(project=project):
        _delete_with_files(row, row.file.name, row.rows_file.name)
        yield
    for version in DatasetVersion.objects.filter(project=project):
        default_storage.delete(str(version.file.name))  # its row goes with the project: improvements refer to it
        yield


def _delete_with_pictures(improvement: Improvement) -> None:
    number = improvement.pk
    improvement.delete()
    for picture in improvement.result.get("pictures", []):
        default_storage.delete(picture_name(number, picture["file"]))


def _delete_with_files(row: ExportFile | ImportRun, *names: str | None) -> None:
    row.delete()
    for name in names:
        if name:
            default_storage.delete(name)
