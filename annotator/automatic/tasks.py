"""Background tasks of this room; each does one job."""

from django_tasks import task

from annotator.automatic import mask_jobs, reembedding, unused_embeddings
from annotator.jobs import services as jobs


@task(priority=jobs.NEXT_IMAGES_PRIORITY)
def prefill(job_id: int) -> str:
    """Make suggestions for the waiting images of one project."""
    return jobs.do_job(job_id, mask_jobs.prefill_project)


@task(priority=jobs.JOB_PRIORITY)
def annotate_automatically(job_id: int) -> str:
    """Let the model annotate images of one project."""
    return jobs.do_job(job_id, mask_jobs.annotate_project)


@task(priority=jobs.JOB_PRIORITY)
def embed_again(job_id: int) -> str:
    """Compute the embeddings of a newly chosen model version."""
    return jobs.do_job(job_id, reembedding.embed_photos)


@task(priority=jobs.JOB_PRIORITY)
def clear_embeddings(job_id: int) -> str:
    """Clear the embeddings of a version that nobody uses."""
    return jobs.do_job(job_id, unused_embeddings.clear_version)
