"""Background tasks of this room; each does one job."""

from django_tasks import task

from annotator.jobs import services as jobs
from annotator.statistics import counting


@task(priority=jobs.NEXT_IMAGES_PRIORITY)
def count_figures(job_id: int) -> str:
    """Count the masks of a project whose figures are far behind."""
    return jobs.do_job(job_id, counting.count_project)
