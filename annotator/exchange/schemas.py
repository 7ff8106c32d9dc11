"""What the export and import endpoints give; what they take is in options.py."""

from datetime import datetime
from typing import Annotated

from ninja import Schema
from pydantic import Field

from annotator.exchange.models import ExportFile, ExportLink, ImportRun
from annotator.exchange.options import ImportOptions
from annotator.jobs.schemas import JobOut


class ExportFileOut(Schema):
    """A file of an export."""

    id: int
    project_id: int
    job_id: int | None
    format: str
    name: str
    byte_size: int
    sha256: str
    created_at: datetime
    download_url: str

    @classmethod
    def of(cls, row: ExportFile) -> "ExportFileOut":
        """Return what is said of a file."""
        return cls(
            id=row.pk,
            project_id=row.project_id,
            job_id=row.job_id,
            format=row.format,
            name=row.name,
            byte_size=row.byte_size,
            sha256=row.sha256,
            created_at=row.created_at,
            download_url=f"/api/v1/exports/{row.pk}/download",
        )


class LinkRowOut(Schema):
    """A link that works without signing in until it expires, without its address."""

    id: int
    file_id: int
    file_name: str
    made_by: str
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, link: ExportLink) -> "LinkRowOut":
        """Return what is said of a link."""
        return cls(
            id=link.pk,
            file_id=link.file_id,
            file_name=link.file.name,
            made_by=link.created_by.display_name,
            created_at=link.created_at,
            expires_at=link.expires_at,
        )


class LinkOut(LinkRowOut):
    """A new link; `url` is shown this once."""

    url: str


class ImportOut(Schema):
    """An uploaded file, what an import would do, and its latest job."""

    id: int
    project_id: int
    name: str
    folder: str
    format: str
    options: dict[str, object]
    preview: dict[str, object]
    started_at: datetime | None
    created_at: datetime
    job: JobOut | None
    rows_url: str | None

    @classmethod
    def of(cls, row: ImportRun) -> "ImportOut":
        """Return what is said of an import."""
        return cls(
            id=row.pk,
            project_id=row.project_id,
            name=row.name,
            folder=row.folder,
            format=row.format,
            options=row.options,
            preview=row.preview,
            started_at=row.started_at,
            created_at=row.created_at,
            job=JobOut.from_orm(row.job) if row.job else None,
            rows_url=f"/api/v1/imports/{row.pk}/rows" if row.rows_file else None,
        )


class FolderImportIn(Schema):
    """A folder or a file that lies on the server already, below its INGEST_ROOT, and how to read it."""

    folder: Annotated[str, Field(min_length=1, max_length=1000)]
    options: ImportOptions = Field(default_factory=ImportOptions)


class ImportStart(Schema):
    """Start a preview or the import itself, with options."""

    options: ImportOptions
