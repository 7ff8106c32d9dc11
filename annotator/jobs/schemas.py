"""What the endpoints of jobs give; others that start jobs answer with the same."""

from datetime import datetime
from typing import Any

from ninja import Schema

from annotator.jobs.models import Job
from annotator.words.stored import say


class JobOut(Schema):
    """A job and how far it is; without a project it is the server's."""

    id: int
    project_id: int | None
    kind: str
    key: str
    status: str
    total: int
    done: int
    report: dict[str, Any]
    error: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @staticmethod
    def resolve_error(job: Job) -> str:
        """Say why it failed in the caller's language."""
        return say(job.error)

    @staticmethod
    def resolve_report(job: Job) -> dict[str, Any]:
        """Say the findings of a check in the caller's language."""
        report: dict[str, Any] = job.report
        if "findings" not in report:
            return report
        return {**report, "findings": [{**row, "message": say(row["message"])} for row in report["findings"]]}
