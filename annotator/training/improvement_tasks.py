"""The background task of improvements. It has a queue of its own, for a process apart from embeddings and pre-fill."""

from django_tasks import task

from annotator.jobs import services as jobs
from annotator.training import runs

TRAIN_QUEUE = "train"


@task(priority=jobs.JOB_PRIORITY, queue_name=TRAIN_QUEUE)
def improve_model(job_id: int) -> str:
    """Improve the model of one project."""
    return runs.run_here(job_id)
