"""Background tasks of this room, and how they are started.

The queue's rows name a task by its dotted path: one that moves leaves those behind that wait.
"""

from django.utils.translation import gettext as _
from django_tasks import task

from annotator.accounts.models import User
from annotator.errors import ConflictError
from annotator.jobs import services as jobs
from annotator.jobs.models import Job
from annotator.projects.models import Project
from annotator.training import snapshot_jobs
from annotator.training.snapshot_filters import DatasetFilters
from annotator.training.snapshots import check_order


@task(priority=jobs.JOB_PRIORITY)
def run_freeze(job_id: int) -> str:
    """Freeze a dataset version, or go on with it."""
    return jobs.do_job(job_id, snapshot_jobs.do_freeze)


def start_freeze(project: Project, filters: DatasetFilters, *, name: str, user: User | None) -> Job:
    """Make and enqueue the job of a dataset version; without a name it is called by its day.

    Raises InvalidError where nothing would be frozen, and ConflictError for a name that is taken (`name_taken`) and
    while another version of the project is being made (`job_running`).
    """
    name = check_order(project, filters, name=name)
    params = snapshot_jobs.order_params(filters, name=name)
    kind, key = snapshot_jobs.FREEZE_KIND, snapshot_jobs.ONE_AT_A_TIME
    try:
        return jobs.start_job(project, kind=kind, task=run_freeze, params=params, user=user, key=key)
    except ConflictError as error:
        message = _("Another dataset version of this project is being made. Wait for it, or cancel it, and try again.")
        raise ConflictError(message, code=error.code, extra=error.extra) from error
