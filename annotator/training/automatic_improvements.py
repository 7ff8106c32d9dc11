"""What the reconciler does for this room: improvements that are due by a project's setting, folders of ended runs."""

import logging
import shutil
from contextlib import suppress
from datetime import timedelta

from django.utils import timezone

from annotator.errors import AppError
from annotator.jobs import services as jobs
from annotator.jobs.models import JobStatus
from annotator.projects.models import Project
from annotator.training import snapshots
from annotator.training.improvement_options import ImprovementOptions, improvement_options
from annotator.training.improvements import ImprovementOrder, start_improvement
from annotator.training.models import Improvement
from annotator.training.run_folder import RunFolder, left_runs
from annotator.training.run_process import end_earlier
from annotator.training.snapshot_filters import chosen_masks

logger = logging.getLogger(__name__)
FAILED_STAY = timedelta(days=7)  # one that failed can be gone on with until then


def start_due_improvements() -> int:
    """Start the improvements of projects that have as many new masks as their setting asks for; return how many."""
    rows = Project.objects.filter(**{f"settings__{ImprovementOptions.group}__after_masks__gt": 0})
    started = 0
    for project in rows.filter(archived_at=None, deleted_at=None).select_related("model_version"):
        options = improvement_options(project)
        if options.after_masks and new_masks(project) >= options.after_masks:
            with suppress(AppError):  # one is under way, or there is no model: the next look asks again
                start_improvement(project, ImprovementOrder(minutes=options.minutes), user=None, is_automatic=True)
                started += 1
    return started


def new_masks(project: Project) -> int:
    """Return how many more masks there are to learn from than when the project's model was last to be improved."""
    latest = Improvement.objects.filter(project=project).values_list("masks", flat=True).first()
    now = chosen_masks(project, snapshots.DatasetFilters()).count()
    return max(now - (latest or 0), 0)


def remove_ended_runs() -> int:
    """Remove the folders of runs that nobody goes on with; return how many. A process that is left there is ended."""
    removed = 0
    for improvement_id, path in left_runs():
        if _is_over(improvement_id):
            end_earlier(RunFolder(improvement_id))
            shutil.rmtree(path, ignore_errors=True)
            removed += 1
    return removed


def _is_over(improvement_id: int) -> bool:
    row = Improvement.objects.select_related("job").filter(pk=improvement_id).first()
    job = row.job if row else None
    if job is None:
        return True
    if job.status in jobs.OPEN_STATUSES:
        return False
    if job.status != JobStatus.FAILED or job.finished_at is None:
        return True
    return job.finished_at < timezone.now() - FAILED_STAY
