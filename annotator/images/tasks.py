"""Background tasks of this room; what they do is in the services."""

from django_tasks import task

from annotator.images import services


@task()
def prepare_image(image_id: int) -> str:
    """Make preview and tiles of one image."""
    return services.prepare_image(image_id)
