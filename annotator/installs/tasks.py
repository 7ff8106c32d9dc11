"""The background task of this room."""

from django_tasks import task

from annotator.installs.work import do_install
from annotator.jobs import services as jobs


@task(priority=jobs.JOB_PRIORITY)
def install_model(job_id: int) -> str:
    """Install one model."""
    return jobs.do_job(job_id, do_install)
