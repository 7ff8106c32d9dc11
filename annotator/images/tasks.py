"""Background tasks of this room."""

from django_tasks import task

from annotator.images import services
from annotator.jobs.services import do_job


@task()
def show_photos_anew(job_id: int) -> str:
    """Show the photos of a project as its brightness says now."""
    from annotator.images.brightness_job import apply_brightness  # it asks for tasks of its own

    return do_job(job_id, apply_brightness)


@task()
def prepare_image(image_id: int) -> str:
    """Make preview and tiles of one image."""
    return services.prepare_image(image_id)
