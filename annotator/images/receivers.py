"""Turn what inference did to a photo's content into hints for every project that holds the photo."""

from typing import Any

from django.dispatch import receiver

from annotator.images.models import Image
from annotator.inference.signals import embedding_changed
from annotator.live.hints import send_hint


@receiver(embedding_changed)
def tell_projects(sender: Any, *, sha256: str, crop_box: str, status: str, **kwargs: Any) -> None:
    """Send `embedding.progress` for each image with that content."""
    for image_id, project_id in Image.objects.filter(sha256=sha256).values_list("pk", "project_id"):
        send_hint(project_id, "embedding.progress", image_id=image_id, status=status, crop_box=crop_box)
