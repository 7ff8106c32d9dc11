"""Background tasks of this room; each does one job."""

from django_tasks import task

from annotator.engine import jobs, mask_jobs

# Ahead of embeddings that nobody waits for: it makes those that the next images need, in the queue's order.
PREFILL_PRIORITY = 10


@task(priority=PREFILL_PRIORITY)
def prefill(job_id: int) -> str:
    """Make suggestions for the waiting images of one project."""
    return jobs.do_job(job_id, mask_jobs.prefill_project)


@task(priority=jobs.JOB_PRIORITY)
def annotate_automatically(job_id: int) -> str:
    """Let the model annotate images of one project."""
    return jobs.do_job(job_id, mask_jobs.annotate_project)


@task(priority=jobs.JOB_PRIORITY)
def embed_again(job_id: int) -> str:
    """Compute the embeddings of a newly pinned model version."""
    return jobs.do_job(job_id, mask_jobs.embed_project)


@task(priority=PREFILL_PRIORITY)
def count_figures(job_id: int) -> str:
    """Count the masks of a project whose figures are far behind."""
    return jobs.do_job(job_id, mask_jobs.count_project)
