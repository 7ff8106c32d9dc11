"""Endpoints that take photos in; on the images' own router, as one address has one router for all its methods."""

from typing import IO, Any, cast

from django.http import HttpRequest
from ninja import File, Schema, Status
from ninja.files import UploadedFile

from annotator.accounts.authentication import user_of
from annotator.engine.schemas import JobOut
from annotator.images.api import router
from annotator.intake.folders import allowed_root, list_photos, resolve_folder
from annotator.intake.tasks import start_folder_intake
from annotator.intake.uploads import take_file
from annotator.projects.access import Right, get_project

__all__ = ["router"]


class UploadEntry(Schema):
    """What came of one photo: added, duplicate, refused, or queued (a large zip; follow job_id)."""

    name: str
    status: str
    image_id: int | None
    code: str
    message: str
    job_id: int | None


class FolderIn(Schema):
    """A folder below the server's INGEST_ROOT."""

    folder: str


@router.post("/projects/{int:project_id}/images", response=list[UploadEntry])
def upload_images(request: HttpRequest, project_id: int, files: File[list[UploadedFile]]) -> list[dict[str, Any]]:
    """Add photos, or zips of photos. The answer is 200 whatever came of each: read the list."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    entries: list[dict[str, Any]] = []
    for upload in files:
        entries += take_file(
            project, cast("IO[bytes]", upload.file), name=upload.name or "photo", user=user_of(request)
        )
    return entries


@router.post("/projects/{int:project_id}/images/from-folder", response={202: JobOut})
def ingest_folder(request: HttpRequest, project_id: int, body: FolderIn) -> Status[Any]:
    """Add the photos of a folder on the server, as a job."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    folder = resolve_folder(body.folder)
    # The key of the job is the folder's place below the root, however it was written.
    place = str(folder.relative_to(allowed_root()))
    total = len(list_photos(folder))
    return Status(202, start_folder_intake(project, folder=place, total=total, user=user_of(request)))
