"""Endpoints that take photos in; on the images' own router, as one address has one router for all its methods."""

from typing import IO, Annotated, cast

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import File, Form, Schema, Status
from ninja.files import UploadedFile

from annotator.accounts.authentication import user_of
from annotator.errors import InvalidError
from annotator.images.api import router
from annotator.intake.answers import UploadEntry
from annotator.intake.folders import allowed_root, list_photos, resolve_folder
from annotator.intake.tasks import start_folder_intake
from annotator.intake.uploads import take_file
from annotator.jobs.models import Job
from annotator.jobs.schemas import JobOut
from annotator.projects.access import Right, get_project

__all__ = ["router"]


class FolderIn(Schema):
    """A folder below the server's INGEST_ROOT."""

    folder: str


@router.post("/projects/{int:project_id}/images", response=list[UploadEntry])
def upload_images(
    request: HttpRequest,
    project_id: int,
    files: File[list[UploadedFile]],
    paths: Annotated[list[str] | None, Form()] = None,
) -> list[UploadEntry]:
    """Add photos, or zips of photos. The answer is 200 whatever came of each: read the list.

    `paths`, one for each file and in their order, says where photos lie in the folder that was dropped, as a file's
    own name in a form has no folders; an empty one stands for the file's name.
    """
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    if paths and len(paths) != len(files):
        raise InvalidError(
            _("%(n)s files came with %(n2)s paths.") % {"n": len(files), "n2": len(paths)}, code="bad_paths"
        )
    entries: list[UploadEntry] = []
    for upload, path in zip(files, paths or [""] * len(files), strict=True):
        name = path or upload.name or "photo"
        entries += take_file(project, cast("IO[bytes]", upload.file), name=name, user=user_of(request))
    return entries


@router.post("/projects/{int:project_id}/images/from-folder", response={202: JobOut})
def ingest_folder(request: HttpRequest, project_id: int, body: FolderIn) -> Status[Job]:
    """Add the photos of a folder on the server, as a job."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    folder = resolve_folder(body.folder)
    # The key of the job is the folder's place below the root, however it was written.
    place = str(folder.relative_to(allowed_root()))
    total = len(list_photos(folder))
    return Status(202, start_folder_intake(project, folder=place, total=total, user=user_of(request)))
