"""What the export and import endpoints give; what they take is in options.py."""

from datetime import datetime
from typing import Annotated, Any

from ninja import Schema
from pydantic import Field

from annotator.engine.schemas import JobOut
from annotator.exchange.options import ImportOptions


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


class LinkOut(Schema):
    """An address that works without signing in until it expires."""

    url: str
    expires_at: datetime


class ImportOut(Schema):
    """An uploaded file, what an import would do, and its latest job."""

    id: int
    project_id: int
    name: str
    folder: str
    format: str
    options: dict[str, Any]
    preview: dict[str, Any]
    started_at: datetime | None
    created_at: datetime
    job: JobOut | None
    rows_url: str | None


class FolderImportIn(Schema):
    """A folder or a file that lies on the server already, below its INGEST_ROOT, and how to read it."""

    folder: Annotated[str, Field(min_length=1, max_length=1000)]
    options: ImportOptions = Field(default_factory=ImportOptions)


class ImportStart(Schema):
    """Start a preview or the import itself, with options."""

    options: ImportOptions
