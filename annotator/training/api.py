"""Endpoints of dataset versions. Only admins of a project get at them, as at its exports."""

from http import HTTPStatus

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from ninja import Query, Router, Status

from annotator.accounts.authentication import user_of
from annotator.accounts.models import User
from annotator.audit.services import record_event
from annotator.audit.verbs import Verb
from annotator.errors import MissingError
from annotator.http.immutable import as_download
from annotator.http.ranges import send_ranges
from annotator.jobs.models import Job
from annotator.jobs.schemas import JobOut
from annotator.projects.access import Right, get_project, require_right
from annotator.training import schemas, snapshots, tasks
from annotator.training.models import DatasetVersion
from annotator.training.snapshots import DatasetFilters

router = Router(tags=["dataset versions"])
SHOWN_VERSIONS = 200


@router.get("/projects/{int:project_id}/datasets", response=list[schemas.DatasetOut])
def list_datasets(request: HttpRequest, project_id: int) -> list[schemas.DatasetOut]:
    """Return the latest 200 dataset versions, newest first."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    rows = DatasetVersion.objects.filter(project=project)[:SHOWN_VERSIONS]
    return [schemas.DatasetOut.of(row) for row in rows]


@router.post("/projects/{int:project_id}/datasets", response={202: JobOut})
def create_dataset(request: HttpRequest, project_id: int, body: schemas.DatasetIn) -> Status[Job]:
    """Start freezing a version; follow its job, whose report names the version by `dataset_id`."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    return Status(202, tasks.start_freeze(project, body.filters, name=body.name, user=user_of(request)))


@router.get("/projects/{int:project_id}/dataset-counts", response=schemas.CountsOut)
def count_dataset(request: HttpRequest, project_id: int, filters: Query[DatasetFilters]) -> schemas.CountsOut:
    """Return what a version made now would hold: by label, person and day, and how its images would divide."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    return schemas.CountsOut.of(snapshots.count(project, filters))


@router.get("/datasets/{int:dataset_id}", response=schemas.DatasetOut)
def get_dataset(request: HttpRequest, dataset_id: int) -> schemas.DatasetOut:
    """Return a dataset version with its counts."""
    return schemas.DatasetOut.of(_get(user_of(request), dataset_id))


@router.get("/datasets/{int:dataset_id}/download")
def download_dataset(request: HttpRequest, dataset_id: int) -> HttpResponseBase:
    """Return the content, the same bytes each time: gzip, one image with its masks a line. Takes a Range header."""
    version = _get(user_of(request), dataset_id)
    file = snapshots.open_content(version)
    answer = send_ranges(
        request, file, size=version.byte_size, etag=version.digest[:32], content_type="application/gzip"
    )
    answer["Cache-Control"] = "private, no-cache"
    if answer.status_code == HTTPStatus.OK:
        told = {"bytes": version.byte_size}
        record_event(Verb.DATASET_DOWNLOADED, version, project=version.project, after=told)
    return as_download(answer, snapshots.file_name(version))


@router.get("/datasets/{int:dataset_id}/compare/{int:earlier_id}", response=schemas.ComparisonOut)
def compare_datasets(request: HttpRequest, dataset_id: int, earlier_id: int) -> schemas.ComparisonOut:
    """Return which masks the version has more, fewer and otherwise than another one of the same project."""
    version = _get(user_of(request), dataset_id)
    earlier = DatasetVersion.objects.filter(project=version.project_id, pk=earlier_id).first()
    if earlier is None:
        raise MissingError(_("There is no such dataset version."))
    return schemas.ComparisonOut.of(snapshots.compare(earlier, version))


@router.delete("/datasets/{int:dataset_id}", response={204: None})
def delete_dataset(request: HttpRequest, dataset_id: int) -> Status[None]:
    """Remove a version and its file. 409 while an improvement refers to it."""
    snapshots.delete_version(_get(user_of(request), dataset_id))
    return Status(204, None)


def _get(user: User, dataset_id: int) -> DatasetVersion:
    row = DatasetVersion.objects.select_related("project").filter(pk=dataset_id).first()
    missing = MissingError(_("There is no such dataset version."))
    if row is None:
        raise missing
    try:
        require_right(user, row.project_id, right=Right.MANAGE)
    except MissingError:
        raise missing from None
    return row
