"""What came of zips, stacks and folders: read for the project's page."""

from datetime import timedelta

from django.utils import timezone

from annotator.intake.answers import Intake
from annotator.jobs.models import OPEN_STATUSES, Job
from annotator.projects.models import Project
from annotator.words.stored import say

INTAKE_KINDS = ("ingest_zip", "ingest_folder", "ingest_pages")
KEEP_ON_PAGE = timedelta(days=3)
MAX_SHOWN = 5
MAX_REFUSALS_SHOWN = 200


def recent_intakes(project: Project) -> list[Intake]:
    """Return the last intakes of many photos, the newest first, with why photos were refused."""
    since = timezone.now() - KEEP_ON_PAGE
    jobs = Job.objects.filter(project=project, kind__in=INTAKE_KINDS, created_at__gte=since).order_by("-pk")
    return [_describe(job) for job in jobs[:MAX_SHOWN]]


def _describe(job: Job) -> Intake:
    report = job.report or {}
    refusals = report.get("refusals", [])
    shown = refusals[:MAX_REFUSALS_SHOWN]
    return {
        "id": job.pk,
        "kind": job.kind,
        "name": job.params.get("name") or job.params.get("folder") or "",
        "status": job.status,
        "is_open": job.status in OPEN_STATUSES,
        "done": job.done,
        "total": job.total,
        "error": say(job.error),
        "added": report.get("added", 0),
        "duplicate": report.get("duplicate", 0),
        "refused": report.get("refused", 0),
        "refusals": [{"name": row["name"], "message": say(row["message"])} for row in shown],
        "unsaid": max(0, report.get("refused", 0) - len(shown)),
    }
