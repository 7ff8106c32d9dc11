"""Endpoints of exports and imports. Only admins of a project get at either."""

from http import HTTPStatus
from typing import IO, Annotated, cast

from django.core.files.storage import default_storage
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from ninja import File, Form, Query, Router, Status
from ninja.files import UploadedFile
from pydantic import ValidationError

from annotator.accounts.authentication import user_of
from annotator.accounts.models import User
from annotator.errors import InvalidError, MissingError
from annotator.exchange import links, schemas, tasks
from annotator.exchange.export import events
from annotator.exchange.export import jobs as exports
from annotator.exchange.import_ import uploads
from annotator.exchange.models import ExportFile, ExportLink, ImportRun
from annotator.exchange.options import ExportOptions, ImportOptions
from annotator.http.immutable import as_download
from annotator.http.ranges import send_ranges
from annotator.jobs.models import Job
from annotator.jobs.schemas import JobOut
from annotator.projects.access import Right, get_project, require_right

router = Router(tags=["exports and imports"])
MAX_LINK_HOURS = 24 * 30
CONTENT_TYPES = {".json": "application/json", ".zip": "application/zip", ".tar": "application/x-tar"}


@router.post("/projects/{int:project_id}/exports", response={202: JobOut})
def create_export(request: HttpRequest, project_id: int, body: ExportOptions) -> Status[Job]:
    """Start an export; follow its job, then list the files."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    return Status(202, tasks.start_export(project, body, user=user_of(request)))


@router.post("/projects/{int:project_id}/preflight", response={202: JobOut})
def create_preflight(request: HttpRequest, project_id: int, body: ExportOptions) -> Status[Job]:
    """Look for empty, double, broken and tiny masks and missing labels; the job's report lists them with links."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    return Status(202, tasks.start_preflight(project, body, user=user_of(request)))


@router.get("/projects/{int:project_id}/exports", response=list[schemas.ExportFileOut])
def list_exports(request: HttpRequest, project_id: int, job_id: int | None = None) -> list[schemas.ExportFileOut]:
    """Return the latest 200 files of exports, newest first; `job_id` narrows them to one export."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    rows = ExportFile.objects.filter(project=project)
    return [schemas.ExportFileOut.of(row) for row in (rows.filter(job=job_id) if job_id else rows)[:200]]


@router.delete("/exports/{int:export_id}", response={204: None})
def delete_export(request: HttpRequest, export_id: int) -> Status[None]:
    """Remove a file."""
    exports.delete_export(_get_file(user_of(request), export_id))
    return Status(204, None)


@router.get("/exports/{int:export_id}/download")
def download_export(request: HttpRequest, export_id: int) -> HttpResponseBase:
    """Return the file; a Range header gets a part of it."""
    return _send(request, _get_file(user_of(request), export_id))


@router.post("/exports/{int:export_id}/link", response=schemas.LinkOut)
def create_link(
    request: HttpRequest, export_id: int, hours: Annotated[int, Query(ge=1, le=MAX_LINK_HOURS)] = 24
) -> schemas.LinkOut:
    """Return an address that anybody can download from until it expires."""
    link, token = links.make_link(_get_file(user_of(request), export_id), user_of(request), hours=hours)
    url = request.build_absolute_uri(f"/api/v1/exports/shared/{token}")
    return schemas.LinkOut(**schemas.LinkRowOut.of(link).model_dump(), url=url)


@router.get("/projects/{int:project_id}/export-links", response=list[schemas.LinkRowOut])
def list_links(request: HttpRequest, project_id: int) -> list[schemas.LinkRowOut]:
    """Return the links that work at present, newest first; their addresses were shown when they were made."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    return [schemas.LinkRowOut.of(link) for link in links.living_links(project)]


@router.delete("/export-links/{int:link_id}", response={204: None})
def end_link(request: HttpRequest, link_id: int) -> Status[None]:
    """End a link at once."""
    link = ExportLink.objects.select_related("file__project").filter(pk=link_id).first()
    _check_allowed(user_of(request), link.file if link else None, _("There is no such link."))
    links.end_link(cast(ExportLink, link))
    return Status(204, None)


@router.get("/exports/shared/{token}", auth=None)
def download_shared(request: HttpRequest, token: str) -> HttpResponseBase:
    """Return the file of a link; a Range header gets a part of it."""
    link = links.link_of(token)
    return _send(request, link.file, link=link)


@router.post("/projects/{int:project_id}/imports", response={201: schemas.ImportOut})
def create_import(
    request: HttpRequest, project_id: int, file: Annotated[UploadedFile, File()], options: Annotated[str, Form()] = "{}"
) -> Status[schemas.ImportOut]:
    """Upload a file (`options` is ImportOptions as JSON) and start its preview; nothing is imported yet."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    checked = _read_options(options)
    row = uploads.keep_upload(
        project, cast("IO[bytes]", file.file), name=file.name or "import", options=checked, user=user_of(request)
    )
    tasks.start_preview(row, checked, user=user_of(request))
    return Status(201, schemas.ImportOut.of(row))


@router.post("/projects/{int:project_id}/imports/from-folder", response={201: schemas.ImportOut})
def create_folder_import(
    request: HttpRequest, project_id: int, body: schemas.FolderImportIn
) -> Status[schemas.ImportOut]:
    """Start the preview of a folder or file that lies below the server's INGEST_ROOT; nothing is imported yet."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    row = uploads.note_folder(project, body.folder, options=body.options, user=user_of(request))
    tasks.start_preview(row, body.options, user=user_of(request))
    return Status(201, schemas.ImportOut.of(row))


@router.get("/projects/{int:project_id}/imports", response=list[schemas.ImportOut])
def list_imports(request: HttpRequest, project_id: int) -> list[schemas.ImportOut]:
    """Return the latest 50 imports, newest first."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    rows = ImportRun.objects.filter(project=project).select_related("job")
    return [schemas.ImportOut.of(row) for row in rows[:50]]


@router.get("/imports/{int:import_id}", response=schemas.ImportOut)
def get_import(request: HttpRequest, import_id: int) -> schemas.ImportOut:
    """Return an import with its preview and its job."""
    return schemas.ImportOut.of(_get_import(user_of(request), import_id))


@router.delete("/imports/{int:import_id}", response={204: None})
def delete_import(request: HttpRequest, import_id: int) -> Status[None]:
    """Forget an import and its file; the masks that it brought stay. 409 while it is under way."""
    uploads.delete_import(_get_import(user_of(request), import_id))
    return Status(204, None)


@router.post("/imports/{int:import_id}/preview", response={202: JobOut})
def preview_import(request: HttpRequest, import_id: int, body: schemas.ImportStart) -> Status[Job]:
    """Look again, with other options."""
    return Status(
        202, tasks.start_preview(_get_import(user_of(request), import_id), body.options, user=user_of(request))
    )


@router.post("/imports/{int:import_id}/start", response={202: JobOut})
def start_import(request: HttpRequest, import_id: int, body: schemas.ImportStart) -> Status[Job]:
    """Import. What is in the project already is left as it is, so doing it twice changes nothing."""
    return Status(
        202, tasks.start_import(_get_import(user_of(request), import_id), body.options, user=user_of(request))
    )


@router.get("/imports/{int:import_id}/rows")
def download_rows(request: HttpRequest, import_id: int) -> HttpResponseBase:
    """Return the table of every row not taken, as CSV."""
    row = _get_import(user_of(request), import_id)
    if not row.rows_file:
        raise MissingError(_("The import has no table of rows yet."))
    name = str(row.rows_file.name)
    answer = send_ranges(
        request, default_storage.open(name, "rb"), size=default_storage.size(name), etag=f"rows-{row.pk}",
        content_type="text/csv; charset=utf-8",
    )  # fmt: skip
    return as_download(answer, f"import-{row.pk}-rows-not-taken.csv")


def _send(request: HttpRequest, row: ExportFile, *, link: ExportLink | None = None) -> HttpResponseBase:
    try:
        file = default_storage.open(str(row.file.name), "rb")
    except FileNotFoundError:
        raise MissingError(_("The file is gone.")) from None
    ending = row.name[row.name.rfind(".") :]
    answer = send_ranges(
        request, file, size=row.byte_size, etag=row.sha256[:32] or f"export-{row.pk}",
        content_type=CONTENT_TYPES.get(ending, "application/octet-stream"),
    )  # fmt: skip
    answer["Cache-Control"] = "private, no-cache"
    events.note_download(row, is_partial=answer.status_code != HTTPStatus.OK, link=link)
    return as_download(answer, row.name)


def _get_file(user: User, export_id: int) -> ExportFile:
    row = ExportFile.objects.filter(pk=export_id).first()
    _check_allowed(user, row, _("There is no such file."))
    return cast(ExportFile, row)


def _get_import(user: User, import_id: int) -> ImportRun:
    row = ImportRun.objects.select_related("project", "job").filter(pk=import_id).first()
    _check_allowed(user, row, _("There is no such import."))
    return cast(ImportRun, row)


def _check_allowed(user: User, row: ExportFile | ImportRun | None, missing: str) -> None:
    if row is None:
        raise MissingError(missing)
    try:
        require_right(user, row.project_id, right=Right.MANAGE)
    except MissingError:
        raise MissingError(missing) from None


def _read_options(text: str) -> ImportOptions:
    try:
        return ImportOptions.model_validate_json(text)
    except ValidationError as error:
        places = [{"place": list(e["loc"]), "message": e["msg"]} for e in error.errors()]
        raise InvalidError(_("The options do not fit their schema."), extra={"errors": places}) from error
