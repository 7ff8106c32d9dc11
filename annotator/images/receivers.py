"""What this room does when others change: hints and tiles after an embedding, brightness after the bin.

Every process imports this at its start, so what decodes photos is imported inside the functions.
"""

from django.dispatch import receiver

from annotator.images.models import Image
from annotator.inference.crop_names import FULL
from annotator.inference.models import EmbeddingStatus, ModelVersion
from annotator.inference.signals import embedding_changed
from annotator.live.hints import send_hint
from annotator.projects.models import Project
from annotator.projects.signals import project_restored


@receiver(embedding_changed)
def tell_projects(sender: object, *, sha256: str, crop_box: str, status: str, **kwargs: object) -> None:
    """Send `embedding.progress` for each image with that content; tiles and crops are nobody's progress."""
    if crop_box != FULL:
        return
    for image_id, project_id in Image.objects.filter(picture=sha256).values_list("pk", "project_id"):
        send_hint(project_id, "embedding.progress", image_id=image_id, status=status, crop_box=crop_box)


@receiver(embedding_changed)
def go_on_with_tiles(
    sender: object, *, sha256: str, model_version: str, crop_box: str, status: str, **kwargs: object
) -> None:
    """Ask for a photo's tiles once the whole of it is encoded."""
    if crop_box != FULL or status != EmbeddingStatus.READY:
        return
    from annotator.inference.tiles import request_tiles

    size = Image.objects.filter(picture=sha256).values_list("height", "width").first()
    version = ModelVersion.objects.filter(version=model_version).first()
    if size is not None and version is not None:
        request_tiles(sha256, size, version)


@receiver(project_restored)
def go_on_with_brightness(sender: object, *, project: Project, **kwargs: object) -> None:
    """Go on with photos that were being made anew when their project went into the bin."""
    from annotator.images.brightness import start_showing_anew

    start_showing_anew(project)
