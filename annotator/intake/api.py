"""Endpoints that take photos in."""

from typing import Any

from django.http import HttpRequest
from ninja import File, Router, Schema
from ninja.files import UploadedFile

from annotator.accounts.authentication import user_of
from annotator.engine.schemas import JobOut
from annotator.intake.folders import list_photos, resolve_folder
from annotator.intake.tasks import start_bulk_intake
from annotator.intake.uploads import take_file
from annotator.projects.access import Right, get_project

router = Router(tags=["images"])


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
def upload_images(request: HttpRequest, project_id: int, files: list[UploadedFile] = File(...)) -> list[dict[str, Any]]:
    """Add photos, or zips of photos. The answer is 200 whatever came of each: read the list."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    entries: list[dict[str, Any]] = []
    for upload in files:
        entries += take_file(project, upload.file, name=upload.name or "photo", user=user_of(request))
    return entries


@router.post("/projects/{int:project_id}/images/from-folder", response={202: JobOut})
def ingest_folder(request: HttpRequest, project_id: int, body: FolderIn) -> tuple[int, Any]:
    """Add the photos of a folder on the server, as a job."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    total = len(list_photos(resolve_folder(body.folder)))
    job = start_bulk_intake(
        project, kind="ingest_folder", params={"folder": body.folder}, total=total, user=user_of(request)
    )
    return 202, job
