"""Background tasks of this room; each does one job."""

from django_tasks import task

from annotator.annotations.label_removal_job import do_label_removal
from annotator.jobs import services as jobs


@task(priority=jobs.JOB_PRIORITY)
def remove_label_of_many(job_id: int) -> str:
    """Delete a label that many masks have."""
    return jobs.do_job(job_id, do_label_removal)
