"""The background task of a change of brightness. Apart from tasks.py, whose task it asks for."""

from django_tasks import task

from annotator.images.brightness_job import apply_brightness
from annotator.jobs.services import do_job


@task()
def show_photos_anew(job_id: int) -> str:
    """Show the photos of a project as its brightness says now."""
    return do_job(job_id, apply_brightness)
